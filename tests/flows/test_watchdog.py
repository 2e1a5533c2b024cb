"""Parts that are stuck, one at a time: the watchdog falls silent and says which."""

import pytest
import trio

from gateway.store.rounds import Rounds
from tests.flows.test_operator import silence
from tests.flows.world import FRENCH


@pytest.fixture
def hasty(monkeypatch):
    """Put up with a complaint for a third of a second."""
    monkeypatch.setattr("gateway.observe.pulse.PATIENCE", 0.3)
    monkeypatch.setattr("gateway.observe.pulse._LOOK", 0.05)
    monkeypatch.setattr("gateway.store.rounds._LATE", 0.3)
    monkeypatch.setattr("gateway.binds.door._TURN", 0.3)


@pytest.fixture
def fair(hasty, monkeypatch):
    """Put up with a complaint for as long as a busy machine may keep us waiting, and for longer where it stops us."""
    monkeypatch.setattr("gateway.observe.pulse.PATIENCE", 1.0)
    monkeypatch.setattr("gateway.observe.pulse._MISSED", 0.2)
    monkeypatch.setattr("gateway.store.rounds._LATE", 1.0)


async def stuck(world, part):
    """Return why a part is stuck as soon as it is; on a busy machine others may be so for a moment."""
    return await world.eventually(lambda: world.gateway._watchdog.stuck.get(part))


async def test_nothing_is_stuck(world, fair):
    """Under traffic, and without any, with an operator that is down or does not answer, no part is stuck."""
    await world.start()
    app = await world.app()
    for _ in range(20):
        await app.accepted(FRENCH)
    await trio.sleep(1.2)
    world.orange.answer = silence
    for _ in range(3):
        await app.accepted(FRENCH)
    await trio.sleep(1.2)
    await world.close("orange", world.orange)
    await app.accepted(FRENCH)
    await trio.sleep(1.2)
    await world.eventually(lambda: world.gateway.not_ready() == {})
    assert world.events("part_stuck") == []


async def test_store_that_is_stuck(world, hasty, monkeypatch):
    """A commit that does not end is the store's fault."""
    await world.start()
    ends = trio.Event()

    async def hang(_self):
        await ends.wait()

    monkeypatch.setattr(Rounds, "_round", hang)
    assert "no commit ends" in await stuck(world, "store")
    assert "store" in world.gateway.not_ready()
    monkeypatch.undo()
    ends.set()
    await world.eventually(lambda: world.events("part_moves_again"))


async def test_database_that_cannot_be_had_is_nobodys_fault(world, fair):
    """A store that answers, if only to say that it cannot, is not stuck: to start again would mend nothing."""
    await world.start()
    app = await world.app()
    with world.full():
        await app.submit(FRENCH)
        await trio.sleep(2.5)
    assert world.events("part_stuck") == []


async def test_listener_that_is_stuck(world, hasty, monkeypatch):
    """A listener that accepts nobody any more is stuck."""

    async def accept(_self):
        with trio.CancelScope(shield=True):
            await ends.wait()

    ends = trio.Event()
    monkeypatch.setattr("gateway.ports.Port.accept", accept)
    await world.start()
    assert await stuck(world, "listener") == "nobody is accepted"
    ends.set()
    monkeypatch.undo()


async def test_supervisor_that_is_stuck(world, hasty, monkeypatch):
    """A supervisor that does not try to connect again when it should is stuck, and named by its operator."""
    ends = trio.Event()

    async def hang(_self):
        with trio.CancelScope(shield=True):
            await ends.wait()
        raise OSError("it was only a test")

    monkeypatch.setattr("gateway.binds.connector._CONNECT_TIME", 0.1)
    await world.start()
    monkeypatch.setattr("gateway.binds.connector.Connector._connect", hang)
    await world.close("orange", world.orange)
    assert await stuck(world, "operator orange") == "is not connected to again"
    ends.set()
    monkeypatch.undo()


async def test_session_whose_clock_nobody_watches(world, hasty, monkeypatch):
    """A link to an operator whose timers are not served any more is stuck."""
    await world.start()
    [link] = world.gateway._peers.connectors["orange"].links
    monkeypatch.setattr(link.session, "next_deadline", lambda: trio.current_time() - 60)
    monkeypatch.setattr(link.session, "handle_timer", lambda _now: [])
    assert await stuck(world, "operator orange") == "nobody watches its clock"


@pytest.mark.parametrize("place", ["memory", "spool"])
async def test_dispatcher_that_is_stuck(world, hasty, monkeypatch, place):
    """A lane whose rows could be sent, or claimed, and are not is stuck."""
    await world.start()
    app = await world.app()
    lane = world.gateway.lanes["operator/orange"]
    if place == "memory":
        monkeypatch.setattr(lane, "_fill", lambda _link, _now: None)
        reason = "rows wait in memory and are not sent"
    else:
        monkeypatch.setattr(lane._claims, "takes", lambda _queue, _count: False)
        monkeypatch.setattr(lane, "_claim", trio.sleep_forever)
        reason = "rows wait in the spool and are not claimed"
    await app.accepted(FRENCH)
    assert (await stuck(world, "lane operator/orange")).startswith(reason)

"""Stopping: what was taken is answered, everybody is left politely, and what is left over is still there next time."""

import pytest
import trio

from gateway.demo.loopback import free_port
from gateway.smpp import status
from tests.flows.peers import PATIENCE, App, Operator
from tests.flows.test_operator import accept, silence
from tests.flows.world import FRENCH, OTHER_FRENCH


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Give peers a minute for their last answers."""
    monkeypatch.setattr("gateway.app._PATIENCE", PATIENCE)


@pytest.fixture
def impatient(monkeypatch):
    """Give peers a tenth of a second for their last answers."""
    monkeypatch.setattr("gateway.app._PATIENCE", 0.1)


def spool(world):
    """Return message and lane of everything that is left to be sent."""
    return world.rows("SELECT message, lane FROM spool")


async def submit(app, answers, to=FRENCH):
    """Submit a text and keep the answer."""
    answers.append(await app.submit(to, registered_delivery=1))
    app.changes.tell()


async def test_idle(world):
    """A gateway with nothing to do unbinds from its operator and its apps, and ends (idea 106)."""
    await world.start()
    app = await world.app()
    world.ask_to_stop()
    await app.gone()
    await world.stopped()
    await world.orange.wait_for(lambda: not world.orange.links)
    assert [event["reason"] for event in world.events("app_unbound")] == ["unbound"]
    assert [event["reason"] for event in world.events("operator_unbound")] == ["unbound"]


async def test_accepted_is_answered(world):
    """Submissions that were on their way to the disk are committed and answered, later ones are refused."""
    await world.start()
    app = await world.app()
    answers = []
    with world.locked():
        world.nursery.start_soon(submit, app, answers)
        await app.heard()
        world.ask_to_stop()
        await world.draining()
        late = await app.submit(FRENCH, "late")
    await app.gone()
    await world.stopped()
    assert (late.status, [answer.status for answer in answers]) == (status.ESME_RSYSERR, [status.ESME_ROK])
    ids = [f"{message:016x}" for (message,) in world.rows("SELECT id FROM message")]
    assert ids == [answers[0].fields["message_id"]]


async def test_no_new_binds(world):
    """While the gateway drains nobody new is let in."""
    await world.start(smpp={"listen": [f"127.0.0.1:{free_port()}"]})  # where nobody else will listen then
    app = await world.app()
    with world.locked():
        world.nursery.start_soon(submit, app, [])
        await app.heard()
        world.ask_to_stop()
        await world.draining()
        with pytest.raises(OSError, match="connect"):
            await world.nursery.start(App("bank").run, world.address)
    await world.stopped()


async def test_what_is_on_its_way_is_settled(world):
    """The operator's last answers are waited for; what it took is not sent again by the next run."""
    await world.start()
    world.orange.reports = None
    world.orange.answer = silence
    app = await world.app()
    first = await app.accepted(FRENCH)
    await world.orange.received(1)
    world.ask_to_stop()
    await app.gone()
    world.orange.release()
    await world.stopped()
    assert spool(world) == []
    world.orange.answer = accept
    await world.start_gateway({"orange": world.orange})
    await world.usable("orange")
    app = await world.app()
    second = await app.accepted(OTHER_FRENCH)
    await world.orange.wait_for(lambda: len(world.orange.taken) == 2)
    for remote, _ in list(world.orange.taken):
        await world.orange.report(remote)
    assert [each.message_id for each in await app.receipts(2)] == [first, second]


async def test_peers_that_do_not_answer(world, impatient):
    """Peers that do not answer hold nothing up; what they have not answered is sent by the next run."""
    await world.start()
    world.orange.answer = silence
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    world.ask_to_stop()
    await world.stopped()
    assert spool(world) == [(int(message_id, 16), "operator/orange")]
    world.orange.answer = accept
    await world.start_gateway({"orange": world.orange})
    app = await world.app()
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def test_app_that_does_not_answer(world, impatient):
    """A receipt that an app has not answered is delivered again by the next run (idea 119)."""
    await world.start()
    app = await world.app()
    app.answer = silence
    message_id = await app.accepted(FRENCH)
    await app.received(1)
    world.ask_to_stop()
    await world.stopped()
    await world.start_gateway({"orange": world.orange})
    app = await world.app()
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def test_nothing_is_lost_in_the_queue(world, impatient):
    """What was waiting for an operator that is down is sent by the next run, in its order."""
    await world.start()
    await world.close("orange", world.orange)
    app = await world.app()
    numbers = [f"336000000{number:02}" for number in range(20)]
    for number in numbers:
        await app.accepted(number, registered_delivery=0)
    world.ask_to_stop()
    await world.stopped()
    assert len(spool(world)) == 20
    await world.start()
    assert [text.destination for text in await world.orange.texts(20)] == numbers


async def test_strangers_are_cut_off(world, impatient):
    """Apps that never bound, and operators that never answered our bind, hold nothing up."""
    mute = Operator()
    mute.lets_in = None
    await world.nursery.start(world.orange.run)
    await world.nursery.start(mute.run)
    await world.start_gateway({"orange": world.orange, "mute": mute})
    await world.usable("orange")
    await mute.wait_for(lambda: mute.links)
    stranger = await trio.open_tcp_stream(*world.address)
    world.ask_to_stop()
    await world.stopped()
    await stranger.aclose()


async def test_stop_answered_while_stopping(world):
    """A STOP that arrives just before the end is in the database, or was not acknowledged."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, registered_delivery=0)
    await world.settled()
    answers = []

    async def text():
        answers.append(await world.orange.deliver(FRENCH, b"STOP"))

    with world.locked():
        world.nursery.start_soon(text)
        await world.orange.heard()
        world.ask_to_stop()
        await world.draining()
    await world.stopped()
    await world.eventually(lambda: answers)
    acknowledged = answers[0] is not None and answers[0].status == status.ESME_ROK
    assert acknowledged == bool(world.rows("SELECT * FROM blacklist")) == bool(world.rows("SELECT * FROM ledger"))
    assert acknowledged

"""Another configuration while the gateway runs: whom it concerns feels it, all others go on undisturbed."""

from functools import partial

import pytest
import trio

from gateway.smpp import status
from tests.flows.peers import PATIENCE, App, Operator
from tests.flows.test_operator import silence
from tests.flows.world import FRENCH, GERMAN
from tests.web.receiver import Receiver
from tests.web.test_webhooks import put


def settings(operator, **more):
    """Say how an operator of these tests is bound to."""
    reconnect = {"initial": "20ms", "maximum": "50ms"}
    who = {"system_id": "gw", "password": "secret"}
    return {"host": "127.0.0.1", "port": operator.port, **who, "reconnect": reconnect, **more}


@pytest.fixture
def other(world):
    """Open another operator, which the gateway does not know yet."""

    async def other():
        operator = Operator()
        await world.nursery.start(operator.run)
        return operator

    return other


async def test_texts_and_limits(world):
    """Texts, limits and hours count from the next message on, on sessions that go on."""
    await world.start()
    app = await world.app()
    assert await world.reload(
        accounts={"shop": {"max_segments": 1, "overflow": "reject"}},
        opt_out={"mention": {"web": "stop.example"}},
    )
    await app.accepted(GERMAN, "Hallo")
    [text] = await world.orange.texts(1)
    assert text.text == "Hallo stop.example"
    assert (await app.submit(FRENCH, "x" * 160)).status == 0x411
    assert (world.events("app_unbound"), world.events("operator_unbound")) == ([], [])


async def test_rate_of_an_account(world):
    """A new rate holds at once: who asks for more is throttled, and no longer once it is lifted."""
    await world.start()
    app = await world.app()
    await world.reload(accounts={"shop": {"rate": 1}})
    with trio.fail_after(PATIENCE):
        while (await app.submit(FRENCH)).status != status.ESME_RTHROTTLED:
            pass
    await world.reload(accounts={"shop": {"rate": None}})
    assert {(await app.submit(FRENCH)).status for _ in range(5)} == {status.ESME_ROK}


async def test_window_of_an_operator(world):
    """A new window holds for the links that there are."""
    await world.start()
    world.orange.answer = silence
    await world.reload(operators={"orange": {"window": 2}})
    app = await world.app()
    for _ in range(5):
        await app.accepted(FRENCH)
    assert len(await world.orange.received(2)) == 2
    await world.reload(operators={"orange": {"window": 4}})
    assert len(await world.orange.received(4)) == 4
    assert world.events("operator_unbound") == []


async def test_new_account(world):
    """An account that is new may bind, and gets its receipts."""
    await world.start()
    assert await world.refused(App("kiosk")) == status.ESME_RINVSYSID
    await world.reload(accounts={"kiosk": {"password": "secret"}})
    app = await world.app("kiosk")
    message_id = await app.accepted(FRENCH)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


@pytest.mark.parametrize("change", [None, {"password": "other"}, {"allow_from": ["10.0.0.0/8"]}])
async def test_account_that_may_bind_no_more(world, change):
    """An account that is gone, has another password or may not bind from there: its apps are unbound, no others."""
    await world.start()
    shop, bank = await world.app("shop"), await world.app("bank")
    await world.reload(accounts={"shop": change})
    await shop.gone()
    await bank.accepted(FRENCH)
    assert [each["account"] for each in world.events("app_let_go")] == ["shop"]
    refusals = {None: status.ESME_RINVSYSID, "password": status.ESME_RINVPASWD, "allow_from": status.ESME_RBINDFAIL}
    assert await world.refused(App("shop")) == refusals[next(iter(change)) if change else None]


async def test_account_that_is_let_go_is_answered(world):
    """What an app that is let go has handed in is committed and answered before it is unbound."""
    await world.start()
    app = await world.app()
    answers = []

    async def submit():
        answers.append(await app.submit(FRENCH))
        app.changes.tell()

    with world.locked():
        world.nursery.start_soon(submit)
        await app.heard()
        world.nursery.start_soon(partial(world.reload, accounts={"shop": None}))
    await app.gone()
    assert [each.status for each in answers] == [status.ESME_ROK]
    assert [text.destination for text in await world.orange.texts(1)] == [FRENCH]


async def test_account_that_comes_back(world):
    """What waits for an account that is gone waits on, and is delivered when it is back."""
    await world.start()
    world.orange.reports = None
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)
    await world.reload(accounts={"shop": None})
    await app.gone()
    await world.eventually(lambda: "account/shop" not in world.gateway.lanes)
    await world.orange.report(world.orange.taken[0][0])
    await world.reload(accounts={"shop": {"password": "secret"}})
    app = await world.app()
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def test_operator_that_is_new(world, other):
    """A new operator is bound to, and routes that name it lead there; the one before it keeps its link."""
    await world.start()
    app, sfr = await world.app(), await other()
    await world.reload(
        operators={"sfr": settings(sfr)},
        routes=[{"prefixes": ["33"], "operators": ["sfr"]}, {"prefixes": [""], "operators": ["orange"]}],
    )
    await world.usable("sfr")
    await app.accepted(FRENCH)
    await app.accepted(GERMAN)
    assert [text.destination for text in await sfr.texts(1)] == [FRENCH]
    assert [text.destination for text in await world.orange.texts(1)] == [GERMAN]
    assert len(await app.receipts(2)) == 2
    assert world.events("operator_unbound") == []


async def test_operator_that_is_gone(world, other, monkeypatch):
    """An operator that is gone is left politely; what it had is settled, what waited for it goes to today's routes."""
    monkeypatch.setattr("gateway.app._PATIENCE", PATIENCE)  # its last answer comes when the test says
    await world.start()
    sfr = await other()
    world.orange.answer = silence
    await world.reload(operators={"orange": {"window": 1}})
    app = await world.app()
    first, second = await app.accepted(FRENCH), await app.accepted(FRENCH)
    await world.orange.received(1)
    await world.reload(
        operators={"orange": None, "sfr": settings(sfr)}, routes=[{"prefixes": [""], "operators": ["sfr"]}]
    )
    await sfr.texts(1)
    world.orange.release()
    await world.orange.wait_for(lambda: not world.orange.links)
    await world.eventually(lambda: "operator/orange" not in world.gateway.lanes)
    assert [event["reason"] for event in world.events("operator_unbound")] == ["unbound"]
    await world.settled()
    assert (len(world.orange.taken), len(sfr.taken)) == (1, 1)
    assert {first, second} == {f"{message:016x}" for (message,) in world.rows("SELECT id FROM message")}


async def test_operator_that_is_bound_to_another_way(world, other):
    """An operator that has moved is left at its old address before it is bound to at its new one; nothing is lost."""
    await world.start()
    app, moved = await world.app(), await other()
    await world.reload(operators={"orange": {"port": moved.port}})
    await moved.bound()
    assert all(link.session.finished for link in world.orange.links)
    await world.usable("orange")
    await app.accepted(FRENCH)
    assert [text.destination for text in await moved.texts(1)] == [FRENCH]


async def test_reload_upon_reload(world, other):
    """Reloads that follow upon each other end where the last one says, with one link and no other."""
    await world.start()
    moved = await other()
    for port in [moved.port, world.orange.port] * 3 + [moved.port]:
        await world.reload(operators={"orange": {"port": port}})
    await world.eventually(lambda: not world.gateway._peers._leaving)
    await world.usable("orange")
    await world.orange.wait_for(lambda: not world.orange.links)
    await moved.wait_for(lambda: [link.session.bound for link in moved.links] == [True])


async def test_what_wants_a_restart_is_named(world):
    """Keys that cannot change while we run are named in the log; the rest of the file holds."""
    await world.start()
    assert await world.reload(node="gw2", smpp={"listen": ["127.0.0.1:1"]}, accounts={"bank": {"rate": 3}})
    [event] = world.events("restart_needed")
    assert event["keys"] == ["node", "smpp.listen"]
    assert (world.gateway.config.node, world.gateway.config.accounts["bank"].rate) == ("gw1", 3)


async def test_traffic_is_not_held_up(world):
    """Reloads in the middle of traffic cost no message and no answer."""
    await world.start()
    app, ids = await world.app(), []

    async def submit():
        ids.extend([await app.accepted(FRENCH) for _ in range(30)])
        app.changes.tell()

    world.nursery.start_soon(submit)
    for turn in range(10):
        assert await world.reload(operators={"orange": {"window": 10 + turn % 2}}, opt_out={"separator": " "})
    await app.wait_for(lambda: len(ids) == 30)
    assert {each.message_id for each in await app.receipts(30)} == set(ids)


async def test_stop_for_an_operator_that_is_gone(world, other):
    """A STOP that came from an operator which is gone by the time it is confirmed takes effect all the same."""
    await world.start()
    sfr, app = await other(), await world.app()
    await app.accepted(FRENCH, registered_delivery=0)
    await world.settled()
    answers = []

    async def text():
        answers.append(await world.orange.deliver(FRENCH, b"STOP"))
        world.orange.changes.tell()

    [link] = world.gateway._peers.connectors["orange"].links
    async with world.gateway.store.quiet:
        routes = [{"prefixes": [""], "operators": ["sfr"]}]
        world.nursery.start_soon(partial(world.reload, operators={"orange": None, "sfr": settings(sfr)}, routes=routes))
        await world.eventually(lambda: world.gateway.store.quiet.statistics().tasks_waiting)
        world.nursery.start_soon(text)
        await world.eventually(lambda: link.session.owed)
    await world.orange.wait_for(lambda: answers)
    assert answers[0].status == status.ESME_ROK
    assert len(world.rows("SELECT * FROM ledger")) == 1


async def test_webhook_of_an_account(world):
    """A webhook that is new gets events, and one that has moved gets them where it is now."""
    await world.start()
    first, second = Receiver(), Receiver()
    for receiver in (first, second):
        await world.nursery.start(receiver.run)
        hook = {"url": receiver.url, "secret": "whsec_" + "c2VjcmV0" * 4, "private": True}
        assert await world.reload(accounts={"shop": {"webhook": hook}})
        await world.eventually(lambda: not world.gateway._peers._leaving)
        await put(world.gateway.store, FRENCH)
        world.gateway.lanes.look({"webhook/shop": 0})
        await receiver.received(1)
    assert (len(first.posted), len(second.posted)) == (1, 1)
    await world.reload(accounts={"shop": {"webhook": None}})


async def test_what_an_administrator_has_asked_for_stays(world, other):
    """An operator that was suspended stays so, also where it is bound to another way."""
    await world.start()
    moved = await other()
    await world.gateway._operate.suspend_operator("orange")
    await world.reload(operators={"orange": {"port": moved.port}})
    await world.eventually(lambda: len(world.events("operator_bound")) == 2)
    [line] = await world.gateway._operate.operators()
    assert line["state"] == "suspended"
    assert not world.gateway.lanes.usable("operator/orange")


async def test_reload_while_stopping(world, other):
    """Once the gateway stops it takes nothing over any more, and binds to nobody."""
    await world.start()
    app, sfr = await world.app(), await other()
    world.orange.answer = silence
    await app.accepted(FRENCH)
    await world.orange.received(1)
    world.ask_to_stop()
    await world.eventually(lambda: world.events("stopping"))
    assert not await world.reload(operators={"sfr": settings(sfr)})
    world.orange.release()
    await world.stopped()
    assert sfr.links == []


async def test_submission_of_an_account_that_is_gone(world):
    """What an account handed in just before it was taken out is decided after that, and taken all the same."""
    await world.start()
    app, answers = await world.app(), []

    async def submit():
        answers.append(await app.submit(FRENCH))
        app.changes.tell()

    async with world.gateway.store.quiet:
        world.nursery.start_soon(partial(world.reload, accounts={"shop": None}))
        await world.eventually(lambda: world.gateway.store.quiet.statistics().tasks_waiting)
        world.nursery.start_soon(submit)
        await app.heard()
    await app.gone()
    assert [each.status for each in answers] == [status.ESME_ROK]
    assert [text.destination for text in await world.orange.texts(1)] == [FRENCH]

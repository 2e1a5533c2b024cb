"""Several operators: routes by prefix, the next one when one is down, and back."""

from functools import partial

import pytest

from gateway import upkeep
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt
from gateway.store import spool
from gateway.store.spool import Spooled
from tests.flows.peers import Operator
from tests.flows.test_operator import silence
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH


@pytest.fixture
async def sfr(world):
    """Have a second operator, behind the first one on every route."""
    return Operator()


def stray(tx, due):
    """Put a row into the lane of `orange`."""
    spool.add(tx, [Spooled(tx.new_id(), "operator/orange", 0, FRENCH, smpp.SUBMIT_SM, b"", due, tx.now + 60_000)])


@pytest.fixture
async def app(world, sfr):
    """Start everything and bind an app."""
    await world.start({"orange": world.orange, "sfr": sfr})
    return await world.app()


async def test_longest_prefix(world, sfr):
    """The longest prefix decides which operator carries a number."""
    routes = [
        {"prefixes": [""], "operators": ["orange"]},
        {"prefixes": ["49", "337"], "operators": ["sfr"]},
    ]
    await world.start({"orange": world.orange, "sfr": sfr}, routes=routes)
    app = await world.app()
    for number in (FRENCH, OTHER_FRENCH, GERMAN):
        await app.accepted(number)
    assert [text.destination for text in await world.orange.texts(1)] == [FRENCH]
    assert [text.destination for text in await sfr.texts(2)] == [OTHER_FRENCH, GERMAN]


async def test_no_route(world, sfr):
    """A number that no route covers is refused."""
    await world.start(routes=[{"prefixes": ["33"], "operators": ["orange"]}])
    app = await world.app()
    assert (await app.submit(GERMAN)).status == 0x0B
    await app.accepted(FRENCH)


async def test_next_operator_and_back(world, sfr, app):
    """While the first operator is down the next one carries its messages; when it is back it does again."""
    await app.accepted(FRENCH, "one")
    await app.receipts(1)
    await world.close("orange", world.orange)
    await app.accepted(FRENCH, "two")
    await app.receipts(2)
    await world.nursery.start(world.orange.run)
    await world.usable("orange")
    await app.accepted(FRENCH, "three")
    assert [text.text for text in await world.orange.texts(2)] == ["one STOP 36034", "three STOP 36034"]
    assert [text.text for text in await sfr.texts(1)] == ["two STOP 36034"]


@pytest.mark.parametrize("turn", range(5))
async def test_unanswered_goes_to_the_next(world, sfr, app, turn):
    """What the dead operator had not answered, and what it had not got yet, is carried by the next one (idea 73)."""
    world.orange.answer = silence
    ids = [await app.accepted(FRENCH, f"text {number}") for number in range(60)]  # more than the window
    await world.orange.received(50)
    await world.orange.close()
    assert sorted(each.message_id for each in await app.receipts(60)) == ids
    assert len(await sfr.texts(60)) == 60


async def test_first_of_several_to_come_back(world, sfr, app):
    """Messages accepted while every operator is down go to whichever comes back first."""
    await world.close("orange", world.orange)
    await world.close("sfr", sfr)
    ids = [await app.accepted(FRENCH, f"text {number}") for number in range(3)]
    await world.nursery.start(sfr.run)
    assert sorted(each.message_id for each in await app.receipts(3)) == ids
    assert world.orange.requests == []


async def test_same_id_from_two_operators(world, sfr, app):
    """The same message_id from two operators means two messages."""
    world.orange.reports = sfr.reports = None
    first = await app.accepted(FRENCH)
    await world.settled()
    await world.close("orange", world.orange)
    second = await app.accepted(FRENCH)
    await world.settled()
    [(remote, _)] = sfr.taken
    assert remote == world.orange.taken[0][0]
    await sfr.report(remote, receipt.UNDELIVERABLE)
    await world.nursery.start(world.orange.run)
    await world.usable("orange")
    await world.orange.report(remote)
    told = [(each.message_id, each.stat) for each in await app.receipts(2)]
    assert told == [(second, "UNDELIV"), (first, "DELIVRD")]


async def test_lane_that_nobody_takes_over(world, sfr, monkeypatch):
    """A lane of which nobody takes anything over is not looked through again and again, but for what is urgent."""
    monkeypatch.setattr(upkeep, "_REST", 1_000_000)
    monkeypatch.setattr(upkeep, "_PAGE", 1)
    monkeypatch.setattr(upkeep, "_SWEEP", 3_600.0)
    routes = [{"prefixes": ["33"], "operators": ["orange", "sfr"]}, {"prefixes": ["49"], "operators": ["orange"]}]
    await world.start({"orange": world.orange, "sfr": sfr}, routes=routes)
    app = await world.app()
    await world.close("orange", world.orange)
    await app.accepted(GERMAN)
    keeper = world.gateway._upkeep
    await world.eventually(lambda: "operator/orange" in keeper._seen)  # a look under way would end in no rest
    for _ in range(3):
        await keeper.reroute()
    for due in (0, spool.URGENT):
        await world.gateway.store.transact(partial(stray, due=due))
    await keeper.reroute()
    assert world.rows("SELECT number FROM spool WHERE lane = 'operator/orange' ORDER BY id") == [(GERMAN,), (FRENCH,)]
    keeper.routes_changed()
    await world.eventually(lambda: world.rows("SELECT number FROM spool WHERE lane = 'operator/orange'") == [(GERMAN,)])


async def test_operator_that_is_gone(world, sfr):
    """What waits for an operator that is no longer configured is carried by those of today's routes."""
    await world.start()
    app = await world.app()
    await world.close("orange", world.orange)
    ids = [await app.accepted(FRENCH, f"text {number}") for number in range(3)]
    world.ask_to_stop()
    await world.stopped()
    await world.start({"sfr": sfr})
    app = await world.app()
    assert sorted(each.message_id for each in await app.receipts(3)) == ids
    await world.eventually(lambda: world.events("rerouted"))
    assert {event["lane"] for event in world.events("rerouted")} == {"operator/orange"}


async def test_operator_that_is_gone_and_not_replaced(world, sfr):
    """What waits for an operator that is gone and has no successor waits on, and is warned about once."""
    await world.start()
    app = await world.app()
    await world.close("orange", world.orange)
    await app.accepted(FRENCH)
    world.ask_to_stop()
    await world.stopped()
    await world.start({"sfr": sfr}, routes=[{"prefixes": ["49"], "operators": ["sfr"]}])
    for _ in range(3):
        await world.gateway._upkeep.reroute()
    assert [event["lane"] for event in world.events("lane_without_operator")] == ["operator/orange"]
    assert world.rows("SELECT lane FROM spool") == [("operator/orange",)]

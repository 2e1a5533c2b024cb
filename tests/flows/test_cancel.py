"""A STOP, and what is on its way to that number: it is not sent any more, wherever it waits."""

import io

import pytest

from gateway.optout.effect import Decided, opt_out_by_hand
from gateway.optout.importing import WIDTH, Import, Order
from gateway.rules.number import canonical
from gateway.rules.size import Size
from gateway.smpp import receipt, status
from gateway.store.sorting import sorter
from tests.flows.peers import SHORT_CODE, Operator
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

LATER = "000000010000000R"  # in an hour
FORWARD_NOTHING = {"forward_mo": False}  # so that receipts are all that apps get


class Quiet:
    """Watches an import and says nothing."""

    read = added = problem = staticmethod(lambda _what: None)


def silence(_pdu):
    """Leave the request without an answer."""


def accept(_pdu):
    """Answer as operators should."""
    return status.ESME_ROK


async def told(app, count):
    """Return the message_id and state of the first ``count`` receipts, in no order."""
    return sorted((each.message_id, each.stat) for each in await app.receipts(count))


async def stop(operator, words=b"STOP"):
    """Text STOP; it must be taken."""
    assert (await operator.deliver(FRENCH, words)).status == status.ESME_ROK


async def hold(world, app):
    """Have one message to GERMAN on its way, unanswered, so that the rest waits in memory."""
    world.orange.answer = silence
    message_id = await app.accepted(GERMAN, "first")
    await world.orange.received(1)
    return message_id


def release(world, code=status.ESME_ROK):
    """Let the operator go on."""
    world.orange.answer = accept
    while world.orange.unanswered:
        world.orange.release(code)


@pytest.fixture
async def app(world):
    """Start everything with a window of one, and bind an app."""
    world.operator["window"] = 1
    await world.start(accounts={"shop": FORWARD_NOTHING, "bank": FORWARD_NOTHING})
    return await world.app()


async def sent_to(world, count):
    """Return the sources and destinations of the first ``count`` texts that the operator took."""
    return [(text.source, text.destination) for text in await world.orange.texts(count)]


async def test_waiting(world, app):
    """What waits in the spool for its time is cancelled with a receipt; what is for others stays."""
    mine = await app.accepted(FRENCH, "a" * 200, schedule_delivery_time=LATER)
    await app.accepted(OTHER_FRENCH, schedule_delivery_time=LATER)
    await stop(world.orange)
    assert await told(app, 1) == [(mine, "REJECTD")]
    assert await sent_to(world, 1) == [(SHORT_CODE, FRENCH)]
    await world.eventually(lambda: world.rows("SELECT number FROM spool") == [(OTHER_FRENCH,)])


async def test_in_memory(world, app):
    """What waits in memory is cancelled with a receipt, and the confirmation goes out before other marketing."""
    first = await hold(world, app)
    mine = [await app.accepted(FRENCH) for _ in range(2)]
    other = await app.accepted(OTHER_FRENCH)
    await stop(world.orange)
    assert await told(app, 2) == [(each, "REJECTD") for each in mine]
    release(world)
    assert await sent_to(world, 3) == [("SHOP", GERMAN), (SHORT_CODE, FRENCH), ("SHOP", OTHER_FRENCH)]
    assert (await told(app, 4))[:1] == [(first, "DELIVRD")]
    assert other in {each.message_id for each in await app.receipts(4)}
    await world.settled()
    assert len(world.orange.requests) == 3


async def test_confirmation_passes_a_full_spool(world, app):
    """The confirmation goes out before marketing that waits in the spool because memory is full."""
    lane = world.gateway.lanes["operator/orange"]
    lane._claims._room, lane._claims._few = Size(2, 2_048), Size(1, 1_024)
    await hold(world, app)
    for number in range(10):
        await app.accepted(f"336000000{number:02}")
    assert len(lane) < 10
    await stop(world.orange)
    release(world)
    sources = [source for source, _ in await sent_to(world, 12)]
    assert sources.index(SHORT_CODE) == 1


async def test_notification_stays(world, app):
    """A notification that waits for the number is sent all the same, in its turn."""
    bank = await world.app("bank")
    await hold(world, app)
    await app.accepted(FRENCH)
    kept = [await bank.accepted(FRENCH, f"code {number}") for number in range(3)]
    scheduled = await bank.accepted(FRENCH, schedule_delivery_time="000000000001000R")
    await stop(world.orange)
    release(world)
    assert sorted(each.message_id for each in await bank.receipts(4)) == sorted([*kept, scheduled])
    texts = [text.text for text in await world.orange.texts(6)]
    assert [text for text in texts if text.startswith("code")] == ["code 0", "code 1", "code 2"]
    await world.settled()


async def test_stop_all_cancels_notifications(world):
    """STOP TOUT cancels notifications as well, those of the accounts concerned."""
    world.operator["window"] = 1
    await world.start(accounts={"bank": {"mention": True, **FORWARD_NOTHING}})
    bank = await world.app("bank")
    await hold(world, bank)
    message_id = await bank.accepted(FRENCH)
    await stop(world.orange, b"STOP TOUT")
    assert await told(bank, 1) == [(message_id, "REJECTD")]


async def test_other_accounts(world):
    """Only what comes from accounts that the opt-out concerns is cancelled."""
    world.operator["window"] = 1
    other = {"password": "secret", **FORWARD_NOTHING}
    await world.start(accounts={"shop": FORWARD_NOTHING, "other": other}, opt_out={"scope": "last"})
    shop, other = await world.app(), await world.app("other")
    await hold(world, shop)
    kept = await shop.accepted(FRENCH)
    await world.eventually(lambda: world.rows("SELECT count(*) FROM contact WHERE number = '" + FRENCH + "'") == [(1,)])
    gone = await other.accepted(FRENCH)
    await stop(world.orange)
    assert await told(other, 1) == [(gone, "REJECTD")]
    release(world)
    assert (kept, "DELIVRD") in await told(shop, 2)


@pytest.mark.parametrize("code", [status.ESME_RTHROTTLED, status.ESME_RSYSERR])
async def test_comes_back(world, app, code):
    """What was on its way when the STOP came, and is refused for now, is not sent again."""
    world.orange.answer = silence
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    await stop(world.orange)
    release(world, code)
    assert await told(app, 1) == [(message_id, "REJECTD")]
    await world.settled()
    assert [pdu.fields["source_addr"] for pdu in world.orange.requests] == ["SHOP", SHORT_CODE]


async def test_link_breaks(world, app):
    """What was on its way when the STOP came, on a link that broke, is not sent again."""
    world.orange.answer = silence
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    await stop(world.orange)
    world.orange.answer = accept
    world.orange.hang_up()
    assert await told(app, 1) == [(message_id, "REJECTD")]
    await world.settled()
    assert [pdu.fields["source_addr"] for pdu in world.orange.requests] == ["SHOP", SHORT_CODE]


async def opt_out(world):
    """Opt FRENCH out behind the gateway's back, as another process would."""
    number = canonical(FRENCH)
    decided = Decided(number, "shop", "", "asked on the phone")
    await world.gateway.store.transact(lambda tx: opt_out_by_hand(tx, decided))


async def test_opted_out_elsewhere(world, app):
    """What waited in the spool while its number was opted out by another process is not sent."""
    await world.close("orange", world.orange)
    message_id = await app.accepted(FRENCH)
    await opt_out(world)
    await world.nursery.start(world.orange.run)
    assert await told(app, 1) == [(message_id, "REJECTD")]
    assert world.orange.requests == []


async def test_other_node_tells(world, app):
    """What this node has in memory is cancelled when another node says that the number has opted out."""
    await hold(world, app)
    message_id = await app.accepted(FRENCH)
    await opt_out(world)
    world.gateway.store.heard({f"stop/{FRENCH}"})
    assert await told(app, 1) == [(message_id, "REJECTD")]


async def test_nobody_tells(world, app):
    """What a node has in memory is cancelled when a look shows that its number has opted out, though nobody told it."""
    await hold(world, app)
    message_id = await app.accepted(FRENCH)
    await opt_out(world)
    await world.gateway._upkeep.heed()
    assert await told(app, 1) == [(message_id, "REJECTD")]


async def test_imported_elsewhere(world, app):
    """What a node has in memory is cancelled when a look shows that a list with its number was imported."""
    await hold(world, app)
    message_id, other = await app.accepted(FRENCH), await app.accepted(OTHER_FRENCH)
    with sorter(WIDTH) as room:
        work = Import(Order("list.csv", "moved", SHORT_CODE), Quiet(), room)
        work.read(io.BytesIO(FRENCH.encode()))
        assert (await work.add(world.gateway.store.transact, politely=False)).added == 1
    await world.gateway._upkeep.heed()
    assert await told(app, 1) == [(message_id, "REJECTD")]
    release(world)
    assert (other, "DELIVRD") in await told(app, 3)


async def test_stop_through_another_operator(world):
    """A STOP cancels what waits for any operator, also one that is down."""
    sfr = Operator()
    routes = [{"prefixes": [""], "operators": ["orange"]}]
    await world.start({"orange": world.orange, "sfr": sfr}, routes=routes, accounts={"shop": FORWARD_NOTHING})
    app = await world.app()
    await world.close("orange", world.orange)
    message_id = await app.accepted(FRENCH)
    await stop(sfr)
    assert await told(app, 1) == [(message_id, "REJECTD")]


async def begin(world, app):
    """Have the first segment of three taken, and the second on its way."""
    world.orange.answer = lambda _pdu: None if world.orange.taken else status.ESME_ROK
    message_id = await app.accepted(FRENCH, "x" * 400)
    await world.orange.received(2)
    await world.eventually(lambda: len(world.orange.taken) == 1)
    return message_id


async def test_none_goes_half(world, app):
    """A message of which a segment has been taken is finished, as it was; the next one is refused."""
    message_id = await begin(world, app)
    await stop(world.orange)
    release(world)
    assert await told(app, 1) == [(message_id, "DELIVRD")]
    assert [text.segments for text in await world.orange.texts(2) if text.source == "SHOP"] == [3]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT


async def test_first_segment_on_its_way(world, app):
    """A message of which the first segment is on its way, unanswered, is finished as well."""
    world.orange.answer = silence
    message_id = await app.accepted(FRENCH, "x" * 400)
    await world.orange.received(1)
    await stop(world.orange)
    release(world)
    assert await told(app, 1) == [(message_id, "DELIVRD")]


@pytest.mark.parametrize("code", [status.ESME_RSYSERR, status.ESME_RTHROTTLED])
async def test_rest_comes_back(world, app, code):
    """The rest of a message that has begun is sent again until it is taken."""
    message_id = await begin(world, app)
    await stop(world.orange)
    release(world, code)
    await world.eventually(lambda: len(world.orange.requests) > 3)
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET due = 1 WHERE claimed IS NULL"))
    world.gateway.lanes["operator/orange"].look()
    assert await told(app, 1) == [(message_id, "DELIVRD")]


async def test_rest_in_the_spool(world, app):
    """The rest of a message that has begun is finished from the spool, too, over another bind."""
    message_id = await begin(world, app)
    await world.close("orange", world.orange)
    await opt_out(world)
    world.orange.answer = accept
    world.orange.unanswered.clear()
    await world.nursery.start(world.orange.run)
    found = await world.eventually(lambda: [each for each in receipts(app) if each.message_id == message_id])
    assert [each.stat for each in found] == ["DELIVRD"]


def receipts(app):
    """Return the receipts so far, read."""
    return [receipt.read(pdu.fields["short_message"], pdu.tlvs) for pdu in app.requests]


async def test_not_begun(world, app):
    """Of a message of several segments of which none is on its way, nothing is sent."""
    await hold(world, app)
    message_id = await app.accepted(FRENCH, "x" * 400)
    await stop(world.orange)
    assert await told(app, 1) == [(message_id, "REJECTD")]
    release(world)
    await world.settled()
    assert {pdu.fields["destination_addr"] for pdu in world.orange.requests if pdu.fields["source_addr"] == "SHOP"} == {
        GERMAN
    }


async def test_partly_in_memory(world, app):
    """Of a message of which some segments are in memory, none of them sent, and others in the spool, none is sent."""
    lane = world.gateway.lanes["operator/orange"]
    await hold(world, app)
    message_id = await app.accepted(FRENCH, "x" * 400)
    release_one = (
        "UPDATE spool SET claimed = NULL WHERE id = (SELECT max(id) FROM spool WHERE number = '" + FRENCH + "')"
    )
    await world.gateway.store.transact(lambda tx: tx.rows(release_one))
    lane._backlog.take(lambda row: row.id == max(each.id for each in lane._backlog._rows))
    await stop(world.orange)
    assert await told(app, 1) == [(message_id, "REJECTD")]
    await world.eventually(lambda: world.rows("SELECT count(*) FROM spool WHERE account = 'shop'") == [(1,)])

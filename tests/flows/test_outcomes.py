"""What becomes of a message when its operator is slow, silent or odd: one final state, in the end, and a receipt."""

from collections import Counter

import trio

from gateway import settle, upkeep
from gateway.lanes import dispatcher
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.store import messages
from tests.flows.world import FRENCH, OTHER_FRENCH

LONG = "a" * 200  # two segments


def silence(_pdu):
    """Leave the request without an answer."""


async def told(app, count):
    """Return the message_id and state of the first ``count`` receipts, in no order."""
    return sorted((each.message_id, each.stat) for each in await app.receipts(count))


def under(identifier, operator):
    """Let an operator answer every submit_sm with the same message_id, and report nothing."""
    operator.reports = None
    answer = operator.respond

    def respond(link, pdu, code):
        if pdu.command != smpp.SUBMIT_SM:
            answer(link, pdu, code)
            return
        operator.taken.append((identifier, pdu))
        link.respond([(pdu, code, identifier.encode() + b"\0")])

    operator.respond = respond


async def test_validity_ends_in_memory(world, monkeypatch):
    """What waits for its turn in memory is not sent when its validity_period is over, and is reported EXPIRED."""
    monkeypatch.setattr(upkeep, "_SWEEP", 3_600.0)  # or it might be found before its turn comes
    await world.start()
    app = await world.app()
    lane = world.pause("operator/orange")
    sent = [await app.accepted(FRENCH, "in time") for _ in range(3)]
    late = [await app.accepted(FRENCH, "late", validity_period="000000000001000R") for _ in range(3)]
    last = await app.accepted(FRENCH, "patient")
    assert len(lane) == 7
    over = world.gateway.store.clock() + 1_000
    await world.eventually(lambda: world.gateway.store.clock() > over)
    world.go_on(lane)
    expected = [*((each, "DELIVRD") for each in [*sent, last]), *((each, "EXPIRED") for each in late)]
    assert await told(app, 7) == sorted(expected)
    assert [text.text.partition(" ")[0] for text in await world.orange.texts(4)] == ["in", "in", "in", "patient"]
    assert len(world.orange.requests) == 4


async def test_wait_for_the_window_ends(world):
    """What waits for a place in the window ends with its validity, and leaves the next one its place (idea 63)."""
    world.operator = {"window": 1}
    await world.start()
    app = await world.app()
    world.orange.answer = silence
    held = await app.accepted(FRENCH, "held")
    await world.orange.received(1)
    late = await app.accepted(FRENCH, "late", validity_period="000000000001000R")
    last = await app.accepted(FRENCH, "last")
    lane = world.gateway.lanes["operator/orange"]
    await world.eventually(lambda: lane.drop_overdue() or len(lane) < 2)
    assert await told(app, 1) == [(late, "EXPIRED")]
    world.orange.answer = lambda _pdu: status.ESME_ROK
    world.orange.release()
    assert await told(app, 3) == sorted([(held, "DELIVRD"), (late, "EXPIRED"), (last, "DELIVRD")])
    assert len(world.orange.requests) == 2


async def test_each_goes_out_at_its_time(world, monkeypatch):
    """Messages for several instants go out at theirs, without a look into the spool that nothing asked for."""
    monkeypatch.setattr(dispatcher, "_RESCUE", 3_600.0)
    await world.start()
    app = await world.app()
    due = ["000000000002000R", "000000000001000R", "000000000003000R"]
    ids = [await app.accepted(FRENCH, schedule_delivery_time=each) for each in due]
    assert await told(app, 3) == sorted((each, "DELIVRD") for each in ids)


async def test_validity_ends_behind_others(world):
    """What waits in memory behind others is reported EXPIRED when its time is over, and not when its turn comes."""
    await world.start()
    app = await world.app()
    first = await app.accepted(FRENCH)
    await app.receipts(1)
    lane = world.gateway.lanes["operator/orange"]
    lane._throttle.paused_until = trio.current_time() + 3_600
    await app.accepted(FRENCH)
    late = await app.accepted(FRENCH, validity_period="000000000001000R")
    await world.eventually(lambda: lane.drop_overdue() or len(lane) < 2)
    assert await told(app, 2) == [(first, "DELIVRD"), (late, "EXPIRED")]
    assert len(lane) == 1


async def test_account_queue_ends_in_memory(world, monkeypatch):
    """A receipt that waits in memory for its app's window is dropped, and logged, when its time is over."""
    await world.start(delivery={"account_queue": "1h"}, smpp={"response_timeout": "10m"})
    app = await world.app()
    app.answer = silence
    for _ in range(52):  # the window is 50
        await app.accepted(FRENCH)
    await app.received(50)
    lane = world.gateway.lanes["account/shop"]
    await world.eventually(lambda: len(lane) == 2)
    later = world.gateway.store.clock() + 7_200_000
    monkeypatch.setattr(world.gateway.store, "clock", lambda: later)
    lane.drop_overdue()
    assert len(lane) == 0
    await world.eventually(lambda: world.events("undelivered_dropped"))
    assert len(app.requests) == 50


async def test_unanswered_waits_before_it_is_sent_again(world, monkeypatch):
    """An operator that answers nothing is not asked again at once, and a message ends EXPIRED when its time is over."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 300.0)
    await world.start()
    world.orange.answer = silence
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    world.time_out("operator/orange")
    await world.eventually(lambda: world.rows("SELECT attempts FROM spool WHERE claimed IS NULL") == [(1,)])
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET expires = 1"))
    await world.gateway._upkeep.sweep()
    assert await told(app, 1) == [(message_id, "EXPIRED")]
    assert len(world.orange.requests) == 1


def sweep(world):
    """Let the gateway look for what is overdue."""
    world.nursery.start_soon(world.gateway._upkeep.sweep)


async def test_app_that_answers_nothing(world, monkeypatch):
    """A receipt that its app does not answer in time is not sent again at once."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 300.0)
    await world.start()
    app = await world.app()
    app.answer = silence
    await app.accepted(FRENCH)
    await app.received(1)
    world.time_out("account/shop")
    await world.eventually(lambda: world.rows("SELECT attempts FROM spool WHERE claimed IS NULL") == [(1,)])
    assert len(app.requests) == 1


async def test_throttled_operator_is_not_hammered(world):
    """An operator that takes two at a time and refuses the rest gets one request after each pause, not a window."""
    await world.start()
    app = await world.app()
    answers, burst = Counter(), []

    def answer(_pdu):
        now = trio.current_time()
        if not burst or now - burst[0] > 0.1:
            burst.clear()
        burst.append(now)
        code = status.ESME_ROK if len(burst) <= 2 else status.ESME_RTHROTTLED
        answers[code] += 1
        return code

    world.orange.answer = answer
    with world.locked():  # so that one commit brings them all
        for number in range(12):
            world.nursery.start_soon(app.accepted, f"336000000{number:02}")
        await app.wait_for(lambda: app.links[0].session.in_flight == 12)
    await world.orange.texts(12)
    assert answers[status.ESME_RTHROTTLED] <= 10 + 2 * 5


async def test_receipt_with_a_long_error(world):
    """A receipt whose err is a sentence is passed on with its beginning, early or late, and nothing stands still."""
    world.orange.reports = None
    await world.start()
    app = await world.app()
    first = await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)
    await world.orange.report("1001", receipt.UNDELIVERABLE, "x" * 60)
    world.orange.answer = silence
    second = await app.accepted(FRENCH)
    await world.orange.received(2)
    await world.orange.report("1002", receipt.UNDELIVERABLE, "y" * 60)
    world.orange.release()
    told = {each.message_id: each.err for each in await app.receipts(2)}
    assert told == {first: "x" * 10, second: "y" * 10}
    assert world.gateway.lanes["operator/orange"]._unsettled == 0


async def test_outcome_that_cannot_be_told(world, monkeypatch, log):
    """Where writing a receipt fails, its message ends without one, its row is gone, and the lane goes on."""
    await world.start()
    app = await world.app()
    monkeypatch.setattr(world.gateway._operator_outcomes._home, "_keep", "no number")
    world.orange.answer = lambda _pdu: status.ESME_RINVDSTADR
    await app.accepted(FRENCH)
    await world.eventually(lambda: world.rows("SELECT state FROM message") == [(messages.REJECTED,)])
    assert world.rows("SELECT * FROM spool") == []
    await world.eventually(lambda: world.gateway.lanes["operator/orange"]._unsettled == 0)
    assert [event["event"] for event in log if event.pop("exc_info", None)] == ["store_work_failed"]
    assert len(world.events("settle_failed")) == 1


async def test_outcome_that_cannot_be_settled(world, monkeypatch, log):
    """Where settling itself fails, again and again, the lane goes on all the same, and the row waits for a restart."""
    world.operator["window"] = 1
    await world.start()
    app = await world.app()
    real = settle.sent.taken

    def taken(tx, rows):
        if any(key == "1001" for _, key, _ in rows):
            raise ZeroDivisionError
        return real(tx, rows)

    monkeypatch.setattr(settle.sent, "taken", taken)
    await app.accepted(FRENCH)
    second = await app.accepted(OTHER_FRENCH)
    assert await told(app, 1) == [(second, "DELIVRD")]
    assert world.rows("SELECT count(*) FROM spool WHERE number = '" + FRENCH + "' AND claimed IS NOT NULL") == [(1,)]
    assert {event["event"] for event in log if event.pop("exc_info", None)} == {"store_work_failed"}
    assert len(world.events("settle_failed")) == 2


async def test_one_receipt_twice_and_early(world):
    """A segment that is reported twice before its response counts once: its message waits for the other segment."""
    world.orange.reports = None
    await world.start()
    world.orange.answer = silence
    app = await world.app()
    message_id = await app.accepted(FRENCH, LONG)
    await world.orange.received(2)
    await world.orange.report("1001", receipt.UNKNOWN)
    await world.orange.report("1001")
    await world.orange.report("1001")
    world.orange.release()
    await world.eventually(lambda: world.rows("SELECT open FROM message") == [(1,)])
    world.orange.release()
    await world.orange.wait_for(lambda: len(world.orange.taken) == 2)
    await world.orange.report("1002", receipt.EXPIRED)
    assert await told(app, 1) == [(message_id, "EXPIRED")]


async def test_segments_under_one_id(world):
    """An operator that takes all segments of a message under one id and reports once ends it."""
    under("77", world.orange)
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH, LONG)
    await world.eventually(lambda: world.rows("SELECT segments FROM sent") == [(2,)])
    await world.orange.report("77")
    assert await told(app, 1) == [(message_id, "DELIVRD")]


async def test_id_used_again(world):
    """When an operator gives an id to another message, the older one ends UNKNOWN, and the receipt is the newer's."""
    under("77", world.orange)
    await world.start()
    app = await world.app()
    ids = []
    for _ in range(3):
        ids.append(await app.accepted(FRENCH))
        await world.orange.wait_for(lambda: len(world.orange.taken) == len(ids))
    assert await told(app, 2) == [(ids[0], "UNKNOWN"), (ids[1], "UNKNOWN")]
    await world.orange.report("77")
    assert (await told(app, 3))[2] == (ids[2], "DELIVRD")


async def test_never_reported(world):
    """A message that its operator took and never reported on, or not for good, ends UNKNOWN after `report_wait`."""
    world.orange.reports = None
    await world.start(delivery={"report_wait": "300ms"})
    app = await world.app()
    ids = [await app.accepted(FRENCH, LONG), await app.accepted(OTHER_FRENCH)]
    await world.orange.wait_for(lambda: len(world.orange.taken) == 3)
    await world.orange.report("1003", receipt.ACCEPTED)
    await world.eventually(lambda: sweep(world) or len(app.requests) >= 2)
    assert await told(app, 2) == [(each, "UNKNOWN") for each in ids]
    assert world.rows("SELECT * FROM sent") == []


async def test_receipt_that_nobody_asked_for(world):
    """Where neither app nor operator is to have receipts, a message ends ACCEPTED once it is taken."""
    world.operator["receipts"] = False
    world.orange.reports = None
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, registered_delivery=0x10)  # intermediate notifications alone
    await world.eventually(lambda: world.rows("SELECT state FROM message") == [(messages.ACCEPTED,)])
    assert world.rows("SELECT * FROM sent") == []
    assert [pdu.fields["registered_delivery"] for _, pdu in world.orange.taken] == [0]


async def test_metrics(world):
    """A scrape shows the links of each peer, what is in memory for it, what it left unanswered, and its reports."""
    world.operator |= {"binds": 2, "window": 1}
    world.orange.reports = None
    await world.start()
    await world.eventually(lambda: world.gateway._peers.connectors["orange"].bound == 2)
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)
    await world.orange.report("1001", receipt.UNDELIVERABLE)
    world.orange.answer = silence
    for _ in range(5):
        await app.accepted(FRENCH)
    await world.orange.received(3)
    await world.eventually(lambda: len(world.gateway.lanes["operator/orange"]) == 3)
    shown = await metrics(world)
    assert shown['stopgate_links_bound{name="orange",side="operator"}'] == 2
    assert shown['stopgate_links_bound{name="shop",side="account"}'] == 1
    assert shown['stopgate_queue_ready{name="orange",side="operator"}'] == 3
    assert shown['stopgate_receipts_total{operator="orange",state="UNDELIV"}'] == 1
    world.orange.hang_up()
    await world.orange.received(5)
    assert (await metrics(world))['stopgate_unanswered_total{name="orange",side="operator"}'] == 2


async def metrics(world):
    """Scrape; returns each sample's value by its name and labels."""
    text = (await trio.to_thread.run_sync(world.gateway._render)).decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}

"""The link to an operator: kept alive, slowed down when asked, and nothing on it forgotten."""

import pytest
import trio

from gateway import settle
from gateway.lanes import sender
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from tests.flows.world import FRENCH, OTHER_FRENCH

NUMBERS = [f"336000000{number:02}" for number in range(5)]


def accept(_pdu):
    """Answer as operators should."""
    return status.ESME_ROK


def silence(_pdu):
    """Leave the request without an answer."""


def one_after_another(*codes):
    """Answer with these statuses, and then with ESME_ROK for ever."""
    left = list(codes)
    return lambda _pdu: left.pop(0) if left else status.ESME_ROK


async def test_reconnects(world):
    """An operator that hangs up is bound to again, and what is submitted meanwhile is sent (idea 107)."""
    await world.start()
    app = await world.app()
    for number in NUMBERS:
        world.orange.hang_up()
        await app.accepted(number)
    taken = lambda: {pdu.fields["destination_addr"] for _, pdu in world.orange.taken}  # noqa: E731 (some twice, perhaps)
    await world.orange.wait_for(lambda: taken() == set(NUMBERS))


async def test_link_that_breaks_under_load(world):
    """However often the link breaks under load, every message is sent and gets exactly one receipt (ideas 72, 74)."""
    await world.start()
    app = await world.app()
    ids = []

    async def submit(text):
        ids.append(await app.accepted(FRENCH, text))

    for burst in range(5):
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(submit, f"{burst}-{number}")
            await world.orange.received(len(world.orange.requests) + 20)
            world.orange.hang_up()
    told = [each.message_id for each in await app.receipts(200)]
    await world.settled()
    assert sorted(told) == sorted(ids)
    assert len(app.requests) == 200
    assert len({pdu.fields["short_message"] for _, pdu in world.orange.taken}) == 200


async def test_accepted_while_the_operator_is_down(world):
    """Messages accepted while every operator is down are sent, in their order, when one returns (idea 88)."""
    await world.start()
    app = await world.app()
    await world.close("orange", world.orange)
    ids = [await app.accepted(number) for number in NUMBERS]
    await world.nursery.start(world.orange.run)
    assert [text.destination for text in await world.orange.texts(5)] == NUMBERS
    assert sorted(each.message_id for each in await app.receipts(5)) == ids


async def test_operator_that_does_not_let_us_in(world):
    """An operator that refuses the bind is asked again until it lets us in."""
    await world.start()
    app = await world.app()
    world.orange.lets_in = False
    world.orange.hang_up()
    await world.eventually(lambda: len(world.events("operator_refused")) > 1)
    message_id = await app.accepted(FRENCH)
    world.orange.lets_in = True
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def test_one_that_breaks_every_link(world, monkeypatch):
    """A message at which its operator hangs up, every time, keeps no others from being sent, and is tried again."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 0.2)
    await world.start()
    breaks = True

    def answer(pdu):
        if breaks and pdu.fields["destination_addr"] == FRENCH:
            world.orange.hang_up()
            return None
        return status.ESME_ROK if world.orange.links else None

    world.orange.answer = answer
    app = await world.app()
    ids = [await app.accepted(number) for number in [FRENCH, *NUMBERS]]
    assert sorted(each.message_id for each in await app.receipts(5)) == sorted(ids[1:])
    breaks = False
    assert (await app.receipts(6))[5].message_id == ids[0]


async def test_unanswered_is_sent_again(world):
    """A message that was on its way when the link broke is sent again and reported once (idea 89)."""
    await world.start()
    app = await world.app()
    world.orange.answer = silence
    first = await app.accepted(FRENCH, "again")
    await world.orange.received(1)
    world.orange.answer = accept
    world.orange.hang_up()
    await world.orange.received(2)
    assert world.orange.requests[0].fields == world.orange.requests[1].fields
    second = await app.accepted(OTHER_FRENCH)
    assert [each.message_id for each in await app.receipts(2)] == [first, second]


async def test_unanswered_fails_where_asked(world):
    """With `uncertain: fail` a message that was on its way when the link broke ends as undeliverable (idea 89)."""
    world.operator["uncertain"] = "fail"
    await world.start()
    app = await world.app()
    world.orange.answer = silence
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    world.orange.hang_up()
    [report] = await app.receipts(1)
    assert (report.message_id, report.stat, report.err) == (message_id, "UNDELIV", "0FE")


async def test_unanswered_in_time(world):
    """A message that the operator does not answer within response_timeout is sent again."""
    world.operator["response_timeout"] = "300ms"
    await world.start()
    app = await world.app()
    world.orange.answer = silence
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    world.orange.answer = accept
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def unanswered(world, text="Bonjour", segments=1):
    """Start a gateway; it accepts a message that its operator gets and does not answer."""
    await world.start()
    app = await world.app()
    world.orange.answer = silence
    message_id = await app.accepted(FRENCH, text)
    await world.orange.received(segments)
    return app, message_id


async def test_answered_late(world, monkeypatch):
    """What an operator takes after all, while it waits to be sent again, is not, and is known by its id (idea 67)."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 300.0)
    app, message_id = await unanswered(world)
    world.time_out("operator/orange")
    await world.eventually(lambda: world.rows("SELECT attempts FROM spool WHERE claimed IS NULL") == [(1,)])
    world.orange.release()
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    await world.settled()
    assert len(world.orange.requests) == 1


async def test_answered_late_before_the_commit(world, monkeypatch):
    """What an operator takes after all, while we have given it up and not committed that, is not sent again."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 300.0)
    app, message_id = await unanswered(world)
    lane = world.gateway.lanes["operator/orange"]
    with world.locked():
        world.time_out(lane.name)
        assert lane.load().unsettled == 1
        world.orange.release()
        await world.eventually(lambda: lane.load().unsettled == 2)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    await world.settled()
    assert len(world.orange.requests) == 1


async def test_answered_late_and_sent_again(world, monkeypatch):
    """What was sent again before its first answer came ends once, by that answer; the other is ignored (idea 67)."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 0.1)
    app, message_id = await unanswered(world)
    world.time_out("operator/orange")
    await world.orange.received(2)
    world.orange.release()
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    world.orange.release(status.ESME_RTHROTTLED)
    await world.orange.report("of nothing")  # comes behind that answer, and is answered with the commit that settles it
    await world.settled()
    assert len(world.gateway.lanes["operator/orange"]) == 0
    assert (len(world.orange.requests), len(app.requests)) == (2, 1)


async def test_two_answers_in_one_commit(world, monkeypatch):
    """A segment that was sent twice, and answered twice before that is committed, counts once, by its first answer."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 0.01)
    world.orange.reports = None
    await unanswered(world, "x" * 200, segments=2)
    lane = world.gateway.lanes["operator/orange"]
    world.time_out(lane.name)
    await world.orange.received(4)
    first = world.orange.requests[0].fields["short_message"]
    with world.locked():
        for link, pdu in world.orange.unanswered:
            if pdu.fields["short_message"] == first:
                world.orange.respond(link, pdu, status.ESME_ROK)
        await world.eventually(lambda: lane.load().unsettled >= 2)
    await world.eventually(lambda: world.rows("SELECT remote_id FROM sent"))
    assert world.rows("SELECT remote_id FROM sent") == [("1001",)]


@pytest.mark.parametrize("code", [status.ESME_RTHROTTLED, status.ESME_RMSGQFUL])
async def test_slowed_down(world, code):
    """An operator that has too much is left alone for a while; then everything goes on in its order (ideas 79, 83)."""
    world.operator["window"] = 1
    await world.start()
    world.orange.answer = one_after_another(status.ESME_ROK, code, code)
    app = await world.app()
    for number in NUMBERS:
        await app.accepted(number)
    await world.orange.texts(5)
    sent = [pdu.fields["destination_addr"] for pdu in world.orange.requests]
    assert sent == [NUMBERS[0], NUMBERS[1], NUMBERS[1], *NUMBERS[1:]]
    assert [event["seconds"] > 0 for event in world.events("lane_slowed")] == [True, True]
    counted = f'stopgate_segments_sent_total{{operator="orange",status="0x{code:x}"}} 2.0'
    assert counted in world.gateway.metrics.render().decode()


@pytest.mark.parametrize("code", [status.ESME_RTHROTTLED, status.ESME_RMSGQFUL])
async def test_one_that_is_always_too_much(world, monkeypatch, code):
    """A message that its operator calls too much again and again does not hold up the others, and is tried again."""
    monkeypatch.setattr(sender, "_SHORTEST", 0.002)
    monkeypatch.setattr(sender, "_LONGEST", 0.02)
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 0.01)
    await world.start()
    full = True
    world.orange.answer = lambda pdu: code if full and pdu.fields["destination_addr"] == FRENCH else status.ESME_ROK
    app = await world.app()
    stuck = await app.accepted(FRENCH)
    ids = [await app.accepted(number) for number in NUMBERS]
    assert sorted(each.message_id for each in await app.receipts(5)) == sorted(ids)
    full = False
    assert (await app.receipts(6))[5].message_id == stuck


async def test_all_of_a_window_refused(world):
    """Messages that were refused together are sent again together, in their order, after one pause (ideas 71, 81)."""
    await world.start()
    world.orange.answer = silence
    app = await world.app()
    for number in NUMBERS:
        await app.accepted(number)
    await world.orange.received(5)
    world.orange.answer = accept
    for _ in NUMBERS:
        world.orange.release(status.ESME_RTHROTTLED)
    assert [text.destination for text in await world.orange.texts(5)] == NUMBERS
    assert len(world.events("lane_slowed")) == 1


@pytest.mark.parametrize("code", [status.ESME_RINVDSTADR, status.ESME_RINVSRCADR, 0x4E1])
async def test_permanent_status(world, code):
    """A status that no patience changes ends the message; its receipt is REJECTD with that status."""
    await world.start()
    world.orange.answer = one_after_another(code)
    app = await world.app()
    first, second = await app.accepted(FRENCH), await app.accepted(OTHER_FRENCH)
    told = {each.message_id: (each.stat, each.err) for each in await app.receipts(2)}
    assert told == {first: ("REJECTD", f"{code:03X}"), second: ("DELIVRD", "000")}
    assert len(world.orange.requests) == 2


async def test_refused_for_now(world, monkeypatch):
    """A message that the operator cannot take now is tried again later, and others pass it."""
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 300.0)
    await world.start()
    world.orange.answer = one_after_another(status.ESME_RSYSERR)
    app = await world.app()
    first, second = await app.accepted(FRENCH), await app.accepted(OTHER_FRENCH)
    assert [each.message_id for each in await app.receipts(1)] == [second]
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET due = 0"))
    world.gateway.lanes["operator/orange"].look()
    assert (await app.receipts(2))[1].message_id == first


@pytest.mark.parametrize("window", [1, 2])
async def test_window(world, window):
    """Never more than `window` segments wait for their answers; each answer makes room for one more (ideas 62, 70)."""
    world.operator["window"] = window
    await world.start()
    world.orange.answer = silence
    app = await world.app()
    for number in NUMBERS:
        await app.accepted(number)
    for answered in range(5 - window):
        await world.orange.received(window + answered)
        assert len(world.orange.unanswered) == window
        world.orange.release()
    await world.orange.received(5)


async def test_receipt_overtakes_its_response(world):
    """A receipt that arrives before the submit_sm_resp it belongs to is kept and matched (idea 113)."""
    world.orange.reports = None
    await world.start()
    world.orange.answer = silence
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    assert (await world.orange.report("1001", receipt.UNDELIVERABLE, "007")).status == status.ESME_ROK
    world.orange.release()
    [report] = await app.receipts(1)
    assert (report.message_id, report.stat, report.err) == (message_id, "UNDELIV", "007")
    assert world.rows("SELECT count(*) FROM parked") == [(0,)]


async def test_receipts_spell_ids_otherwise(world):
    """An operator that answers in hexadecimal and reports in decimal digits is understood where configured."""
    world.operator["message_id"] = "decimal"
    world.orange.reports = None
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)  # under 1001, which is hexadecimal for 4097
    await world.orange.report(str(0x1001))
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def test_unknown_receipt(world):
    """Receipts for unknown ids, and receipts that say nothing, are acknowledged and change nothing (idea 114)."""
    await world.start()
    assert (await world.orange.report("424242")).status == status.ESME_ROK
    answer = await world.orange.deliver(FRENCH, b"hello", to="SHOP", esm_class=0x04)
    assert answer.status == status.ESME_ROK
    app = await world.app()
    await app.accepted(FRENCH)
    await app.receipts(1)


async def test_pair(world):
    """A pair of binds sends on the transmitter and hears on the receiver."""
    world.operator["bind"] = "pair"
    await world.start()
    await world.orange.bound(2)
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def three_binds(world):
    """Start with three binds to the operator, and return the lane that uses all of them."""
    world.operator["binds"] = 3
    await world.start()
    lane = world.gateway.lanes["operator/orange"]
    await world.eventually(lambda: len(lane.links) == 3)
    await world.usable("orange")
    return lane


async def test_several_binds(world):
    """Several binds to one operator share what is to be sent; one that breaks does not stop the others (idea 110)."""
    lane = await three_binds(world)
    world.orange.answer = silence
    app = await world.app()
    for number in NUMBERS:
        await app.accepted(number)
        lane.pump()  # nothing is there to be sent, so it is nobody's turn
        lane.pump()
    await world.orange.received(5)
    carried = {pdu.fields["destination_addr"]: link for link, pdu in world.orange.unanswered}
    links = [carried[number] for number in NUMBERS]
    assert len(set(links[:3])) == 3
    assert links[3:] == links[:2]
    world.orange.answer = accept
    broken = world.orange.links[0]
    broken.close("the test hangs up")
    lost = [pdu.fields["destination_addr"] for link, pdu in world.orange.unanswered if link is broken]
    assert sorted(text.destination for text in await world.orange.texts(len(lost))) == sorted(lost)


async def test_what_operators_may_not_ask(world):
    """A request that an operator has no business to send is refused, and the link goes on."""
    await world.start()
    body = smpp.encode_body(
        smpp.QUERY_SM, {"message_id": "1", "source_addr_ton": 0, "source_addr_npi": 0, "source_addr": ""}
    )
    answer = await world.orange.ask(world.orange.links[0], smpp.QUERY_SM, body)
    assert answer.status in (status.ESME_RINVBNDSTS, status.ESME_RINVCMDID)
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.texts(1)

"""What an app may ask beside submit_sm: data_sm, submit_multi, query_sm, cancel_sm, replace_sm; and alerts for it."""

import pytest
import trio.testing

from gateway.optout.effect import Decided, opt_out_by_hand
from gateway.rules.number import canonical
from gateway.rules.times import read_time, write_time
from gateway.simulate.peer import RECEIPT_ASKED, message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.events import Request
from gateway.smpp.pdu import DistributionList, Sme, Tag
from gateway.smpp.text import Alphabet, encode_text
from gateway.store import purging
from gateway.submissions import action, manage
from tests.flows.peers import SHORT_CODE, Operator, tlv
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

SOURCE = {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "SHOP"}
ENROUTE, DELIVERED, DELETED, REJECTED = 1, 2, 4, 8
HOUR = 3_600_000  # milliseconds


def to(number):
    """Return the fields of a destination."""
    return {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": number}


async def ask(app, command, tlvs=b"", **fields):
    """Send a request and return its response."""
    return await app.ask(app.links[0], command, smpp.encode_body(command, {**SOURCE, **fields}) + tlvs)


async def data_sm(app, number, text, tlvs=b"", **fields):
    """Send a data_sm."""
    content = {"service_type": "", "esm_class": 0, "registered_delivery": 1, "data_coding": 0, **to(number), **fields}
    payload = tlv(Tag.message_payload, encode_text(text, Alphabet.GSM7))
    return await ask(app, smpp.DATA_SM, payload + tlvs, **content)


def is_about(validity, seconds):
    """Say whether a relative time is what was asked for but for some seconds, which a busy machine may have taken."""
    return validity.endswith("R") and -1 <= seconds - read_time(validity, 0) // 1_000 < 30


async def submit_multi(app, destinations, text="Soldes", **fields):
    """Send a submit_multi."""
    content = TEMPLATE | {"dest_address": destinations, "short_message": encode_text(text, Alphabet.GSM7), **fields}
    return await ask(app, smpp.SUBMIT_MULTI, **content)


TEMPLATE = {
    "service_type": "",
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": RECEIPT_ASKED,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
}


async def query(app, identifier, **fields):
    """Ask for the state of a message."""
    return await ask(app, smpp.QUERY_SM, message_id=identifier, **fields)


async def cancel(app, identifier="", number="", **fields):
    """Cancel a message by its id, or those to a number."""
    return await ask(app, smpp.CANCEL_SM, service_type="", message_id=identifier, **{**to(number), **fields})


async def replace(app, identifier, text, **fields):
    """Give a message another text."""
    content = {name: TEMPLATE[name] for name in ("schedule_delivery_time", "validity_period", "sm_default_msg_id")}
    content |= {"registered_delivery": 1, "short_message": encode_text(text, Alphabet.GSM7), **fields}
    return await ask(app, smpp.REPLACE_SM, message_id=identifier, **content)


@pytest.fixture
async def waiting(world):
    """Start a gateway whose operator is not there, with an app: whatever it submits waits."""
    await world.start()
    await world.close("orange", world.orange)
    return await world.app()


@pytest.fixture
async def app(world):
    """Start everything and bind an app."""
    await world.start()
    return await world.app()


async def test_data_sm(world, app):
    """A data_sm is a submission like any other: mention, receipt, and what it does not name gets its default."""
    answer = await data_sm(app, FRENCH, "Soldes")
    assert answer.status == status.ESME_ROK
    [text] = await world.orange.texts(1)
    assert text.text == "Soldes STOP 36034"
    [report] = await app.receipts(1)
    assert (report.message_id, report.stat) == (answer.fields["message_id"], "DELIVRD")


async def test_time_to_live(world, waiting):
    """What says its time to live, and no validity_period, is valid for so long; else for as long as we say."""
    await data_sm(waiting, FRENCH, "Soldes", tlv(Tag.qos_time_to_live, (90).to_bytes(4, "big")))
    await data_sm(waiting, FRENCH, "Soldes")
    [(brief,), (usual,)] = world.rows(
        "SELECT expires - (SELECT submitted FROM message WHERE id = message) FROM spool ORDER BY message"
    )
    assert abs(90_000 - brief) < 60_000  # from its arrival on, which is a bit before its commit, by clocks that round
    assert abs(48 * 3_600_000 - usual) < 60_000


async def test_operator_is_told_the_validity(world, app):
    """An operator is told for how long an app wants a message to be valid, and nothing where the app did not say."""
    await app.accepted(FRENCH, "Soldes", validity_period="000000000500000R")
    await data_sm(app, FRENCH, "Soldes", tlv(Tag.qos_time_to_live, (90).to_bytes(4, "big")))
    await app.accepted(FRENCH, "Soldes")
    await world.orange.texts(3)
    long, brief, unsaid = (pdu.fields["validity_period"] for _, pdu in world.orange.taken)
    assert (is_about(long, 300), is_about(brief, 90), unsaid) == (True, True, "")


async def test_operator_is_told_what_remains(world, waiting):
    """What has waited for a dead operator is handed over with what remains of its validity, of each way to say it."""
    await waiting.accepted(FRENCH, "Soldes " * 30, validity_period="000000010000000R")
    await waiting.accepted(FRENCH, validity_period=write_time(world.gateway.store.clock() + HOUR))
    await data_sm(waiting, FRENCH, "Soldes", tlv(Tag.qos_time_to_live, (3_600).to_bytes(4, "big")))
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET expires = expires - 3000000"))
    await world.nursery.start(world.orange.run)
    await world.orange.texts(3)
    told = [pdu.fields["validity_period"] for _, pdu in world.orange.taken]
    assert [is_about(each, 600) for each in told] == [True] * 4, told


async def test_what_remains_when_it_is_sent_again(world, monkeypatch):
    """What was sent and never answered is sent again with what remains by then, and not at all when that is nothing."""
    await world.start()
    app = await world.app()
    world.orange.answer = lambda _pdu: None
    brief = await app.accepted(FRENCH, "brief", validity_period="000000004000000R")
    await app.accepted(FRENCH, "long", validity_period="000000010000000R")
    await world.orange.received(2)
    later = world.gateway.store.clock() + 3_000_000
    monkeypatch.setattr(world.gateway.store, "clock", lambda: later)
    await world.close("orange", world.orange)
    await world.nursery.start(world.orange.run)
    *_, again = await world.orange.received(3)
    assert is_about(again.fields["validity_period"], 600)
    [report] = await app.receipts(1)
    assert (report.message_id, report.stat) == (brief, "EXPIRED")
    assert len(world.orange.requests) == 3


async def test_each_operator_is_told_its_way(world):
    """What one operator did not take is told to the next one in the way of that one, as the configuration is now."""
    sfr = Operator()
    await world.start({"orange": world.orange, "sfr": sfr}, operators={"sfr": {"validity": "none"}})
    app = await world.app()
    await world.close("orange", world.orange)
    await world.close("sfr", sfr)
    await app.accepted(FRENCH, validity_period="350102030405004+")
    await world.reload(operators={"sfr": {"validity": "absolute"}})
    await world.nursery.start(sfr.run)
    await sfr.texts(1)
    assert [pdu.fields["validity_period"] for _, pdu in sfr.taken] == ["350102020405000+"]


async def test_operator_is_not_told_the_validity(world):
    """An operator that wants none is told none."""
    world.operator["validity"] = "none"
    await world.start()
    await (await world.app()).accepted(FRENCH, validity_period="000000000500000R")
    await world.orange.texts(1)
    assert [pdu.fields["validity_period"] for _, pdu in world.orange.taken] == [""]


async def test_absolute_validity(world):
    """An instant is told as that instant in UTC, of every segment of a message in parts, too."""
    world.operator["validity"] = "absolute"
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, "Soldes! " * 30, validity_period="350102030405004+")
    await world.orange.texts(1)
    assert [pdu.fields["validity_period"] for _, pdu in world.orange.taken] == ["350102020405000+"] * 2


async def test_data_sm_without_a_text(app):
    """A data_sm whose number is none, or too long for a submit_sm, is refused with the field's status."""
    assert (await data_sm(app, "abc", "Soldes")).status == status.ESME_RINVDSTADR
    assert (await data_sm(app, "3" * 30, "Soldes")).status == status.ESME_RINVDSTADR


async def test_submit_multi(world, app):
    """Each destination of a submit_multi gets the mention of its territory, and its receipt under the one id."""
    answer = await submit_multi(app, [Sme(1, 1, FRENCH), Sme(1, 1, GERMAN)])
    assert (answer.status, answer.fields["unsuccess_sme"]) == (status.ESME_ROK, [])
    texts = {text.destination: text.text for text in await world.orange.texts(2)}
    assert texts == {FRENCH: "Soldes STOP 36034", GERMAN: "Soldes no-sms.eu"}
    reports = await app.receipts(2)
    assert {report.message_id for report in reports} == {answer.fields["message_id"]}
    assert {pdu.fields["source_addr"] for pdu in app.requests} == {FRENCH, GERMAN}


async def test_submit_multi_refused_one_by_one(world, app):
    """Destinations that are refused are listed, each with its reason; the others are sent."""
    await app.accepted(FRENCH, registered_delivery=0)
    await world.orange.texts(1)  # for a STOP cancels what still waits
    assert (await world.orange.deliver(FRENCH, b"STOP", to=SHORT_CODE)).status == status.ESME_ROK
    destinations = [Sme(1, 1, FRENCH), Sme(1, 1, "12"), DistributionList("friends"), Sme(1, 1, OTHER_FRENCH)]
    answer = await submit_multi(app, destinations)
    assert answer.status == status.ESME_ROK
    refused = {each.destination_addr: each.error_status_code for each in answer.fields["unsuccess_sme"]}
    assert refused == {
        FRENCH: status.OPTED_OUT,
        "12": status.ESME_RINVDSTADR,
        "friends": status.ESME_RCNTSUBDL,
    }
    assert [text.destination for text in (await world.orange.texts(3))[2:]] == [OTHER_FRENCH]


async def test_submit_multi_that_nobody_gets(app):
    """A submit_multi of which every destination is refused for one reason is refused for that reason."""
    answer = await submit_multi(app, [DistributionList("friends"), DistributionList("family")])
    assert answer.status == status.ESME_RCNTSUBDL


async def test_query(world, waiting):
    """query_sm tells the state of a message, before and after its end."""
    identifier = await waiting.accepted(FRENCH)
    answer = await query(waiting, identifier)
    assert (answer.fields["message_state"], answer.fields["final_date"]) == (ENROUTE, "")
    assert (await cancel(waiting, identifier, FRENCH)).status == status.ESME_ROK
    answer = await query(waiting, identifier)
    assert answer.fields["message_id"] == identifier
    assert answer.fields["message_state"] == DELETED
    assert answer.fields["final_date"]


async def test_query_of_what_its_number_refuses(world):
    """A message that is refused by a receipt has ended: query_sm tells when, and it is forgotten in its time."""
    await world.start(accounts={"shop": {"on_opted_out": "receipt"}})
    app = await world.app()
    number = canonical(FRENCH)
    await world.gateway.store.transact(
        lambda tx: opt_out_by_hand(tx, Decided(number, "shop", "36034", "by letter", "cli"))
    )
    identifier = await app.accepted(FRENCH)
    [report] = await app.receipts(1)
    answer = await query(app, identifier)
    assert (report.state, answer.fields["message_state"], answer.fields["error_code"]) == (REJECTED, REJECTED, 255)
    assert answer.fields["final_date"]
    later = world.gateway.store.clock() + HOUR
    purged = await world.gateway.store.transact(lambda tx: purging.messages(tx, purging.START, later, 10))
    assert purged.gone == 1


async def test_query_of_what_is_delivered(app):
    """query_sm tells that a message was delivered, and without error."""
    identifier = await app.accepted(FRENCH)
    await app.receipts(1)
    answer = await query(app, identifier)
    assert (answer.fields["message_state"], answer.fields["error_code"]) == (DELIVERED, 0)


async def test_of_others(world, app):
    """A message of another account, or from another source, is unknown to whoever asks."""
    identifier = await app.accepted(FRENCH)
    bank = await world.app("bank")
    for asks in (query, cancel):
        assert (await asks(bank, identifier)).status == status.ESME_RINVMSGID
        assert (await asks(app, identifier, source_addr="OTHER")).status == status.ESME_RINVMSGID
        assert (await asks(app, "0123456789abcdef")).status == status.ESME_RINVMSGID
    assert (await replace(bank, identifier, "Autre")).status == status.ESME_RINVMSGID


async def test_cancel(world, waiting):
    """A message that waits is cancelled: it ends DELETED, says so in its receipt, and is never sent."""
    identifier, other = await waiting.accepted(FRENCH), await waiting.accepted(OTHER_FRENCH)
    assert (await cancel(waiting, identifier, FRENCH)).status == status.ESME_ROK
    [report] = await waiting.receipts(1)
    assert (report.message_id, report.state) == (identifier, receipt.DELETED)
    assert (await cancel(waiting, identifier, FRENCH)).status == status.ESME_RCANCELFAIL
    assert world.rows("SELECT number FROM spool WHERE number <> ''") == [(OTHER_FRENCH,)]
    assert (await query(waiting, other)).fields["message_state"] == ENROUTE


async def test_cancel_by_address(world, waiting):
    """cancel_sm without an id cancels what waits from that source to that number, and nothing else."""
    for _ in range(2):
        await waiting.accepted(FRENCH, "Soldes" * 40)
    await waiting.accepted(FRENCH, source="OTHER")
    await waiting.accepted(OTHER_FRENCH)
    assert (await cancel(waiting, number=FRENCH)).status == status.ESME_ROK
    assert {report.state for report in await waiting.receipts(2)} == {receipt.DELETED}
    assert sorted(world.rows("SELECT number FROM spool WHERE number <> ''")) == [(FRENCH,), (OTHER_FRENCH,)]
    assert (await cancel(waiting, number=GERMAN)).status == status.ESME_RCANCELFAIL


async def test_cancel_by_address_page_by_page(world, waiting, monkeypatch):
    """However many messages a cancel_sm means, all that are there when it comes are cancelled; it is answered once."""
    monkeypatch.setattr(action, "_PAGE", 2)
    bank = await world.app("bank")
    mine = []
    for number in range(9):
        mine.append(await waiting.accepted(FRENCH, "Soldes" * 40 if number % 2 else "Soldes"))
        await waiting.accepted(FRENCH, source="OTHER")
        await bank.accepted(FRENCH)
    answers = []

    async def ask():
        answers.append(await cancel(waiting, number=FRENCH))

    world.nursery.start_soon(ask)
    await waiting.receipts(1)
    late = await waiting.accepted(FRENCH)
    assert sorted(report.message_id for report in await waiting.receipts(9)) == sorted(mine)
    await world.eventually(lambda: answers)
    assert [answer.status for answer in answers] == [status.ESME_ROK]
    assert world.rows("SELECT state, count(*) FROM message GROUP BY state ORDER BY state") == [(1, 19), (4, 9)]
    assert (await query(waiting, late)).fields["message_state"] == ENROUTE
    assert (await cancel(waiting, number=FRENCH)).status == status.ESME_ROK
    assert (await cancel(waiting, number=FRENCH)).status == status.ESME_RCANCELFAIL


async def crowded(world):
    """Have one message on its way, unanswered, and four in memory; returns their app, and their ids."""
    world.operator["window"] = 1
    await world.start()
    world.orange.answer = lambda _pdu: None
    app = await world.app()
    ids = [await app.accepted(FRENCH) for _ in range(5)]
    await world.orange.received(1)
    return app, ids


async def all_but_the_first_were_deleted(world, ids):
    """Let the operator go on: it must get nothing more, for the others are deleted."""
    world.orange.answer = lambda _pdu: status.ESME_ROK
    world.orange.release()
    await world.settled()
    assert len(world.orange.requests) == 1
    states = world.rows("SELECT id, state FROM message ORDER BY id")
    assert [f"{row:016x}" for row, state in states if state == DELETED] == ids[1:]


async def test_cancel_by_address_in_memory_page_by_page(world, monkeypatch):
    """What waits in memory is cancelled, whichever page it is on, and what is on its way is not."""
    monkeypatch.setattr(action, "_PAGE", 1)
    app, ids = await crowded(world)
    answers = [(await cancel(app, number=FRENCH)).status for _ in range(2)]
    assert answers == [status.ESME_ROK, status.ESME_RCANCELFAIL]
    await all_but_the_first_were_deleted(world, ids)


async def test_cancel_with_a_number(waiting):
    """A cancel_sm with an id and a number means the message only where it is for that number."""
    answer = await submit_multi(waiting, [Sme(1, 1, FRENCH), Sme(1, 1, GERMAN)])
    identifier = answer.fields["message_id"]
    assert (await cancel(waiting, identifier, OTHER_FRENCH)).status == status.ESME_RINVMSGID
    assert (await cancel(waiting, identifier, GERMAN)).status == status.ESME_ROK
    [report] = await waiting.receipts(1)
    assert report.state == receipt.DELETED
    assert (await query(waiting, identifier)).fields["message_state"] == ENROUTE
    assert (await cancel(waiting, identifier, "", dest_addr_ton=0, dest_addr_npi=0)).status == status.ESME_ROK


async def test_cancel_leaves_others_alone(world):
    """A cancel_sm for a number moves nothing that another account has on its way there."""
    world.operator["window"] = 1
    await world.start()
    world.orange.answer = lambda _pdu: None
    bank, shop = await world.app("bank"), await world.app()
    for text in ("one", "two", "three"):
        await bank.accepted(FRENCH, text)
    await world.orange.received(1)
    lane = world.gateway.lanes["operator/orange"]
    await world.eventually(lambda: len(lane) == 2)
    assert (await cancel(shop, number=FRENCH)).status == status.ESME_RCANCELFAIL
    assert len(lane) == 2
    world.orange.answer = lambda _pdu: status.ESME_ROK
    world.orange.release()
    assert [text.text for text in await world.orange.texts(3)] == ["one", "two", "three"]


async def test_destination_that_is_none(world, app):
    """An address of a submit_multi that is empty or too long says nothing about the others."""
    answer = await submit_multi(app, [Sme(1, 1, ""), Sme(1, 1, FRENCH), DistributionList("")])
    assert answer.status == status.ESME_ROK
    refused = [each.error_status_code for each in answer.fields["unsuccess_sme"]]
    assert refused == [status.ESME_RINVDSTADR, status.ESME_RINVDLNAME]
    assert len(await world.orange.texts(1)) == 1


async def test_too_late(app):
    """What has been sent can be neither cancelled nor replaced."""
    identifier = await app.accepted(FRENCH)
    await app.receipts(1)
    assert (await cancel(app, identifier, FRENCH)).status == status.ESME_RCANCELFAIL
    assert (await replace(app, identifier, "Autre")).status == status.ESME_RREPLACEFAIL


async def test_in_memory(world, app):
    """What this node holds in memory and has not sent is cancelled like what waits in the spool."""
    await world.orange.close()
    await world.nursery.start(world.orange.run)
    world.orange.answer = lambda _pdu: None
    await world.usable("orange")
    identifiers = [await app.accepted(FRENCH) for _ in range(60)]  # more than the window of 50
    await world.orange.wait_for(lambda: len(world.orange.unanswered) == 50)
    assert (await cancel(app, identifiers[0], FRENCH)).status == status.ESME_RCANCELFAIL
    assert (await cancel(app, identifiers[-1], FRENCH)).status == status.ESME_ROK
    world.orange.answer = lambda _pdu: status.ESME_ROK
    while world.orange.unanswered:
        world.orange.release()
    await app.receipts(60)
    assert len(world.orange.taken) == 59


async def test_replace(world, waiting):
    """A message that waits gets another text, with the mention, in as few segments as that takes."""
    identifier = await waiting.accepted(FRENCH, "Soldes" * 40)
    assert (await replace(waiting, identifier, "Autre")).status == status.ESME_ROK
    assert world.rows("SELECT segments, open FROM message") == [(1, 1)]
    [body] = [body for (body,) in world.rows("SELECT body FROM spool")]
    assert b"Autre STOP 36034" in bytes(body)


async def test_replaced_validity(world, waiting):
    """A message that is replaced keeps its validity, or takes the new one, also for its operator."""
    first = await waiting.accepted(FRENCH, validity_period="370102030405004+")
    second = await waiting.accepted(FRENCH, validity_period="000000001000000R")
    await replace(waiting, first, "Un", validity_period="000000000200000R")
    await replace(waiting, second, "Deux")
    await world.nursery.start(world.orange.run)
    await world.orange.texts(2)
    one, two = (pdu.fields["validity_period"] for _, pdu in world.orange.taken)
    assert (is_about(one, 120), is_about(two, 600)) == (True, True)


async def test_replaced_by_something_refused(waiting):
    """A text that would be refused as a submission is refused as a replacement, and the message stays as it was."""
    identifier = await waiting.accepted(FRENCH)
    answer = await replace(waiting, identifier, "Autre", validity_period="000101000000000+")
    assert answer.status == status.ESME_RINVEXPIRY
    assert (await query(waiting, identifier)).fields["message_state"] == ENROUTE


async def test_alert(world, app):
    """An alert_notification goes to the account that asked for news of that number with set_dpf, once."""
    await app.submit(FRENCH, tlvs=tlv(Tag.set_dpf, b"\1"))
    [link] = world.orange.links
    alert = {"esme_addr_ton": 5, "esme_addr_npi": 0, "esme_addr": "gw"}
    source = {"source_addr_ton": 1, "source_addr_npi": 1, "source_addr": FRENCH}
    body = smpp.encode_body(smpp.ALERT_NOTIFICATION, {**source, **alert}) + tlv(Tag.ms_availability_status, b"\0")
    link.send([Request(smpp.ALERT_NOTIFICATION, body)])
    [told] = await app.received(1)
    assert told.command == smpp.ALERT_NOTIFICATION
    assert (told.fields["source_addr"], told.fields["esme_addr"]) == (FRENCH, "SHOP")
    link.send([Request(smpp.ALERT_NOTIFICATION, body)])
    await world.eventually(lambda: world.events("alert_unasked"))
    assert len(app.requests) == 1


@pytest.mark.parametrize("way", ["submit_sm", "data_sm", "submit_multi"])
async def test_travels_through(world, app, way):
    """service_type, source, protocol_id, priority_flag and vendor TLVs reach the operator as the app wrote them."""
    tlvs = tlv(0x1500, b"vendor") + tlv(Tag.user_message_reference, b"\0\7")
    fields = {"service_type": "WAP", "source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "33700000000"}
    more = {"protocol_id": 0x41, "priority_flag": 2}
    if way == "submit_sm":
        body = message_body(smpp.SUBMIT_SM, ("SHOP", FRENCH), {"short_message": b"Soldes"}, None)
        plain = smpp.decode(smpp.header(len(body), smpp.SUBMIT_SM, 0, 1) + body).fields
        body = smpp.encode_body(smpp.SUBMIT_SM, {**plain, **fields, **more, "registered_delivery": 1}) + tlvs
        answer = await app.ask(app.links[0], smpp.SUBMIT_SM, body)
    elif way == "data_sm":
        more = {}
        answer = await data_sm(app, FRENCH, "Soldes", tlvs, **fields)
    else:
        content = {
            **SOURCE,
            **TEMPLATE,
            **fields,
            **more,
            "dest_address": [Sme(1, 1, FRENCH)],
            "short_message": b"Soldes",
        }
        body = smpp.encode_body(smpp.SUBMIT_MULTI, {**TEMPLATE, **content}) + tlvs
        answer = await app.ask(app.links[0], smpp.SUBMIT_MULTI, body)
    assert answer.status == status.ESME_ROK
    await world.orange.texts(1)
    [(_, sent)] = world.orange.taken
    assert {name: sent.fields[name] for name in {**fields, **more}} == {**fields, **more}
    assert sent.tlv(0x1500) == b"vendor"
    [told] = await app.received(1)
    assert told.tlv(Tag.user_message_reference) == b"\0\7"


@pytest.mark.parametrize("looks_first", [True, False], ids=["after the look", "with the look"])
async def test_cancel_while_rows_are_claimed(world, looks_first):
    """What a lane is just taking into memory when a cancel_sm by addresses comes is cancelled, and never sent."""
    app, ids = await crowded(world)
    lane, store, answers = world.gateway.lanes["operator/orange"], world.gateway.store, []
    [looking] = [each for each in store._batches if each.rank == manage._RANK_LOOK]

    async def ask():
        answers.append(await cancel(app, number=FRENCH))

    async def has_asked():
        world.nursery.start_soon(ask)
        await world.eventually(lambda: looking.waiting)

    async with store.quiet:
        lane.withdraw(lambda _row: True)  # in the next round all waits, and is claimed in the one after that
        if looks_first:
            await has_asked()
        await trio.testing.wait_all_tasks_blocked()
    async with store.quiet:
        await world.eventually(lambda: lane._claims._claiming)
        if not looks_first:
            await has_asked()
    await world.eventually(lambda: answers)
    assert [answer.status for answer in answers] == [status.ESME_ROK]
    await all_but_the_first_were_deleted(world, ids)

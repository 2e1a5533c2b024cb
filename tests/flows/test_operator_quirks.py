"""What operators do otherwise than the specification has it: where the configuration says so it is understood."""

import pytest

from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.peers import RECEIPT, SHORT_CODE, Operator
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

UUID = "BC59B8AA-2fd2-4035-8113-19301e050079"
LONG = "123456789012345678901234567890123456"  # more than 64 bits


class Naming(Operator):
    """An operator that gives the messages that it takes ids of a test's choice, and reports by hand."""

    def __init__(self, ids):
        super().__init__()
        self.reports = None
        self.ids = list(ids)

    def respond(self, link, pdu, code):
        """Answer a submit_sm with the next id."""
        if pdu.command != smpp.SUBMIT_SM or code != status.ESME_ROK:
            super().respond(link, pdu, code)
            return
        self.taken.append((self.ids[0], pdu))
        link.respond([(pdu, code, self.ids.pop(0).encode() + b"\0")])

    async def tell(self, text_id="", tlv_id="", *, fields=None, state="DELIVRD", more=""):
        """Send a receipt with these ids, in its text and in its TLV, and return the response."""
        text = f"id:{text_id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:{state} err:000 text:"
        content = {"esm_class": RECEIPT, "short_message": (text + more).encode() if text_id else b"", **(fields or {})}
        body = message_body(smpp.DELIVER_SM, (FRENCH, "SHOP"), content, None)
        if tlv_id:
            value = tlv_id.encode() + b"\0"
            body += b"\0\x1e" + len(value).to_bytes(2, "big") + value + b"\x04\x27\0\x01\x02"
        return await self.ask(self._receivers()[0], smpp.DELIVER_SM, body)


@pytest.mark.parametrize(
    ("settings", "answered", "text_id", "tlv_id"),
    [
        ({}, "1854209028", "1854209028", ""),
        ({}, "0001854209028", "1854209028", ""),
        ({}, "1854209028", "0000001854209028", ""),
        ({}, "13006ac1", "13006AC1", ""),
        ({}, "13006AC1", "", "13006ac1"),
        ({}, "6E84FC04", "1854209028", "6e84fc04"),
        ({}, UUID, UUID.lower(), ""),
        ({}, LONG, "00" + LONG, ""),
        ({}, "x" * 64, "x" * 64, "x" * 64),
        ({"message_id": "decimal"}, "6E84FC04", "1854209028", ""),
        ({"message_id": "decimal"}, "006e84fc04", "0001854209028", ""),
        ({"message_id": "decimal"}, "6E84FC04", "1854209028", "6E84FC04"),
        ({"message_id": "decimal"}, LONG, LONG, ""),
        ({"message_id": "hex"}, "1854209028", "6E84FC04", ""),
        ({"message_id": "hex"}, "1854209028", "006e84fc04", "1854209028"),
        ({"message_id": "hex"}, "1854209028", "6E84FC04", "6e84fc04"),
        ({"message_id": "hex"}, UUID, UUID.lower(), ""),
        ({"receipt_id": "text"}, "59113978", "0059113978", "38601fa"),
        ({"receipt_id": "tlv"}, "38601FA", "59113978", "38601fa"),
        ({"receipt_id": "tlv", "message_id": "hex"}, "59113978", "", "38601fa"),
        ({"receipt_id": "tlv", "message_id": "decimal"}, "38601fa", "other", "0059113978"),
        ({"receipt_id": "text", "message_id": "decimal"}, "38601fa", "0059113978", "38601fa0"),
    ],
)
async def test_ids(world, settings, answered, text_id, tlv_id):
    """However an operator spells an id in its answer, in a receipt's text and in its TLV, it is one (idea 116)."""
    world.operator.update(settings)
    world.orange = Naming([answered])
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)
    assert (await world.orange.tell(text_id, tlv_id)).status == status.ESME_ROK
    assert [(each.message_id, each.stat) for each in await app.receipts(1)] == [(message_id, "DELIVRD")]


@pytest.mark.parametrize(
    ("message_id", "answered", "told"),
    [("auto", "10", "16"), ("auto", "a", "10"), ("decimal", "10", "10"), ("hex", "10", "10")],
)
async def test_another_radix_is_another_message(world, message_id, answered, told):
    """An id is never read in a radix that the configuration does not name: it might be another message's."""
    world.operator["message_id"] = message_id
    world.orange = Naming([answered])
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)
    await world.orange.tell(told)
    await world.settled()
    assert (app.requests, world.rows("SELECT count(*) FROM parked")) == ([], [(1,)])


@pytest.mark.parametrize(("receipts_by", "known"), [("esm_class", False), ("content", True)])
@pytest.mark.parametrize(("text_id", "tlv_id"), [("77", ""), ("", "77"), ("77", "77")])
async def test_receipts_without_their_mark(world, receipts_by, known, text_id, tlv_id):
    """A receipt that has no mark in esm_class is one only for an operator that is known to leave it out."""
    world.operator["receipts_by"] = receipts_by
    world.orange = Naming(["77", "78"])
    await world.start()
    app = await world.app()
    ids = [await app.accepted(number) for number in (FRENCH, OTHER_FRENCH)]
    await world.orange.wait_for(lambda: len(world.orange.taken) == 2)
    answer = await world.orange.tell(text_id, tlv_id, fields={"esm_class": 0})
    await world.orange.tell("78")
    told = [each.message_id for each in await app.receipts(1 + known)]
    assert (answer.status, told) == (status.ESME_ROK, ids if known else ids[1:])


@pytest.mark.parametrize("words", [b"STOP id:77 stat:DELIVRD", b"id: mon stat: STOP", b"Stop", b"id:77 STOP"])
async def test_texts_are_no_receipts(world, words):
    """Where receipts are told by their content, what a subscriber texts to the code is heard as before."""
    world.operator["receipts_by"] = "content"
    world.orange = Naming(["77", "78"])
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.wait_for(lambda: world.orange.taken)
    assert (await world.orange.deliver(FRENCH, words)).status == status.ESME_ROK
    [copy] = await app.received(1)
    assert (copy.fields["short_message"], copy.fields["esm_class"]) == (words, 0)


async def test_stop_within_a_receipt(world):
    """The message's text that a receipt repeats, STOP and short code in it, opts nobody out (idea 126)."""
    world.operator["receipts_by"] = "content"
    world.orange = Naming(["77", "78"])
    await world.start()
    app = await world.app()
    for number, (remote, fields) in enumerate({"77": {}, "78": {"esm_class": 0}}.items(), 1):
        await app.accepted(FRENCH)
        await world.orange.wait_for(lambda number=number: len(world.orange.taken) == number)
        await world.orange.tell(remote, fields={"destination_addr": SHORT_CODE, **fields}, more="STOP 36034")
        await app.receipts(number)
    assert world.rows("SELECT count(*) FROM blacklist") == [(0,)]


@pytest.mark.parametrize("body", [b"", b"\0", b"id77\0", b"no end", b"\x04\x27\0\x01\x02", b"id\0\x04\x27\0\x09"])
async def test_errors_with_a_body(world, body):
    """An error counts whatever body comes with it, and no id in it is remembered (idea 42)."""
    world.orange = Naming([])
    await world.start()
    app = await world.app()
    world.orange.answer = lambda _pdu: None
    message_id = await app.accepted(FRENCH)
    await world.orange.received(1)
    link, pdu = world.orange.unanswered.popleft()
    link.session.owed -= 1
    link.session._out.append(
        smpp.header(len(body), pdu.command | smpp.RESPONSE, status.ESME_RINVDSTADR, pdu.sequence) + body
    )
    link._to_write.set()
    [report] = await app.receipts(1)
    assert (report.message_id, report.stat, report.err) == (message_id, "REJECTD", "00B")
    assert world.rows("SELECT count(*) FROM sent") == [(0,)]


@pytest.mark.parametrize(("octets", "alphabet"), [("Arrêt".encode("latin-1"), "latin1"), (b"Arr\x5et", "gsm")])
async def test_data_coding_0(world, octets, alphabet):
    """A text in data_coding 0 is read in the alphabet that the operator means by it."""
    world.operator["default_alphabet"] = alphabet
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.texts(1)
    await world.orange.deliver(FRENCH, octets)
    await app.wait_for(lambda: any(pdu.fields["short_message"] == octets for pdu in app.requests))
    assert world.rows("SELECT count(*) FROM evidence") == [(1,)]


async def test_latin_1_goes_out_as_it_came_in(world):
    """To an operator whose data_coding 0 is Latin-1 a text is written in Latin-1."""
    world.operator["default_alphabet"] = "latin1"
    await world.start()
    app = await world.app()
    await app.accepted(GERMAN, "Größe é")
    [pdu] = await world.orange.received(1)
    assert (pdu.fields["data_coding"], pdu.fields["short_message"]) in (
        (0, "Größe é no-sms.eu".encode("latin-1")),
        (3, "Größe é no-sms.eu".encode("latin-1")),
    )


async def test_receipt_in_ucs2_and_in_data_sm(world):
    """A receipt in UCS-2, and one in a data_sm, are read (idea 124)."""
    world.orange = Naming(["77", "78"])
    await world.start()
    app = await world.app()
    ids = [await app.accepted(number) for number in (FRENCH, OTHER_FRENCH)]
    await world.orange.wait_for(lambda: len(world.orange.taken) == 2)
    text = "id:77 sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"
    ucs2 = {"data_coding": 8, "short_message": text.encode("utf-16-be")}
    assert (await world.orange.tell("77", fields=ucs2)).status == status.ESME_ROK
    body = data_sm("SHOP", text.replace("77", "78").encode(), RECEIPT)
    answer = await world.orange.ask(world.orange.links[0], smpp.DATA_SM, body)
    assert (answer.command, answer.status) == (smpp.DATA_SM | smpp.RESPONSE, status.ESME_ROK)
    assert [each.message_id for each in await app.receipts(2)] == ids


def data_sm(to, octets, esm_class=0):
    """Write the body of a data_sm from a subscriber."""
    names = {"service_type": "", "source_addr": FRENCH, "destination_addr": to}
    numbers = dict.fromkeys(("source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi"), 1)
    rest = {"esm_class": esm_class, "registered_delivery": 0, "data_coding": 0}
    return smpp.encode_body(smpp.DATA_SM, {**names, **numbers, **rest}, [(0x0424, octets)])


@pytest.mark.parametrize("how", ["data_sm", "message_payload"])
async def test_stop_in_other_ways(world, how):
    """A STOP in a data_sm, or in message_payload, is heard, and answered under its own command (idea 125)."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await app.receipts(1)
    command = smpp.DATA_SM if how == "data_sm" else smpp.DELIVER_SM
    payload = message_body(command, (FRENCH, SHORT_CODE), {"short_message": b""}, b"STOP") if how != "data_sm" else None
    answer = await world.orange.ask(world.orange.links[0], command, payload or data_sm(SHORT_CODE, b"STOP"))
    assert (answer.command, answer.status) == (command | smpp.RESPONSE, status.ESME_ROK)
    assert (await app.submit(FRENCH)).status == 0x410


async def test_progress_is_not_the_end(world):
    """Receipts of progress change nothing, and the final one is forwarded, once (ideas 115, 117)."""
    world.orange = Naming(["77", "78"])
    await world.start()
    app = await world.app()
    ids = [await app.accepted(number) for number in (FRENCH, OTHER_FRENCH)]
    await world.orange.wait_for(lambda: len(world.orange.taken) == 2)
    for state in ("ENROUTE", "ACCEPTD", "UNKNOWN", "DELIVRD", "DELIVRD", "UNDELIV"):
        assert (await world.orange.tell("77", state=state)).status == status.ESME_ROK
    await world.orange.tell("78")
    assert [(each.message_id, each.stat) for each in await app.receipts(2)] == [(each, "DELIVRD") for each in ids]
    await world.settled()
    assert len(app.requests) == 2


async def test_throttled_within_a_message(world):
    """A part that is refused for now goes again before the parts behind it, and none before it does (ideas 80, 84)."""
    world.operator["window"] = 1
    await world.start()
    codes = [status.ESME_ROK, status.ESME_RTHROTTLED]
    world.orange.answer = lambda _pdu: codes.pop(0) if codes else status.ESME_ROK
    app = await world.app()
    message_id = await app.accepted(FRENCH, "x" * 400)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    assert [pdu.fields["short_message"][5] for pdu in world.orange.requests] == [1, 2, 2, 3]


async def test_link_lost_while_slowed_down(world):
    """A link that ends while its lane pauses takes nothing with it: all is sent after the next bind (ideas 82, 84)."""
    await world.start()
    codes = [status.ESME_RTHROTTLED]
    world.orange.answer = lambda _pdu: codes.pop(0) if codes else status.ESME_ROK
    app = await world.app()
    ids = [await app.accepted(FRENCH)]
    await world.eventually(lambda: world.events("lane_slowed"))
    world.orange.hang_up()
    ids.append(await app.accepted(OTHER_FRENCH))
    assert sorted(each.message_id for each in await app.receipts(2)) == ids


async def test_alert_notification(world):
    """An alert_notification is counted, not answered, and the link goes on."""
    await world.start()
    names = {"source_addr": FRENCH, "esme_addr": SHORT_CODE}
    numbers = dict.fromkeys(("source_addr_ton", "source_addr_npi", "esme_addr_ton", "esme_addr_npi"), 1)
    body = smpp.encode_body(smpp.ALERT_NOTIFICATION, {**names, **numbers}, [(0x0422, b"\0")])
    [link] = world.orange.links
    link.session._out.append(smpp.header(len(body), smpp.ALERT_NOTIFICATION, 0, 9) + body)
    await (await world.app()).accepted(FRENCH)
    counted = b'stopgate_inbound_total{kind="alert",operator="orange"} 1.0'
    await world.eventually(lambda: counted in world.gateway.metrics.render())
    assert world.orange.links == [link]

"""Submissions: what an upstream app hands in, what the operator gets, what comes home."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.text import Alphabet
from tests.flows.peers import tlv
from tests.flows.world import FRENCH, GERMAN

LEAVE_OUT, APPEND = tlv(smpp.Tag.optout_mention, b"\0"), tlv(smpp.Tag.optout_mention, b"\1")


async def test_short_text(world):
    """A short text reaches the operator once, with its mention, and is answered with an id of ours."""
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH, "Soldes")
    [text] = await world.orange.texts(1)
    assert (text.source, text.destination, text.text) == ("SHOP", FRENCH, "Soldes STOP 36034")
    assert int(message_id, 16) == world.rows("SELECT id FROM message")[0][0]
    assert len(message_id) == 16


async def test_long_text(world):
    """A message_payload is cut into segments, the mention once, at the end; one response, one receipt (idea 121)."""
    await world.start()
    app = await world.app()
    words = "abcdefghi " * 40
    message_id = await app.accepted(FRENCH, words.rstrip())
    [text] = await world.orange.texts(1)
    assert (text.text, text.segments) == (words + "STOP 36034", 3)
    [first] = await app.receipts(1)
    assert (first.message_id, first.state) == (message_id, receipt.DELIVERED)
    second = await app.accepted(FRENCH)
    assert [each.message_id for each in await app.receipts(2)] == [message_id, second]


@pytest.mark.parametrize("failing", [0, 1, 2])
async def test_receipts_are_folded(world, failing):
    """One segment that cannot be delivered, whichever it is, makes one receipt with its state and error (idea 121)."""
    world.orange.reports = None
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH, "x" * 400)
    await world.orange.wait_for(lambda: len(world.orange.taken) == 3)
    for index, (remote, _) in enumerate(list(world.orange.taken)):
        bad = index == failing
        await world.orange.report(remote, receipt.UNDELIVERABLE if bad else receipt.DELIVERED, "042" if bad else "000")
    second = await app.accepted(FRENCH)
    await world.orange.report((await world.orange.wait_for(lambda: world.orange.taken[3:]))[0][0])
    seen = [(each.message_id, each.stat, each.err) for each in await app.receipts(2)]
    assert seen == [(message_id, "UNDELIV", "042"), (second, "DELIVRD", "000")]


async def test_receipt_form(world):
    """A receipt names our id in its text and its TLVs, and goes back the way the message came."""
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH, "Bonjour")
    [pdu] = await app.received(1)
    assert pdu.command == smpp.DELIVER_SM
    assert (pdu.fields["source_addr"], pdu.fields["destination_addr"]) == (FRENCH, "SHOP")
    assert pdu.fields["esm_class"] == 0x04
    assert pdu.tlv(smpp.Tag.receipted_message_id) == message_id.encode() + b"\0"
    assert pdu.tlv_int(smpp.Tag.message_state) == receipt.DELIVERED
    words = pdu.fields["short_message"].decode()
    assert words.startswith(f"id:{message_id} sub:001 dlvrd:001 submit date:")
    assert words.endswith(" stat:DELIVRD err:000 text:Bonjour")


@pytest.mark.parametrize(
    ("asked", "state", "told"),
    [
        (0, receipt.DELIVERED, False),
        (0, receipt.UNDELIVERABLE, False),
        (1, receipt.DELIVERED, True),
        (1, receipt.UNDELIVERABLE, True),
        (2, receipt.DELIVERED, False),
        (2, receipt.UNDELIVERABLE, True),
        (0x11, receipt.DELIVERED, True),
        (0x12, receipt.DELIVERED, False),
    ],
)
async def test_registered_delivery(world, asked, state, told):
    """A receipt comes only as registered_delivery asks: never, always, or on failure (idea 118)."""
    world.orange.reports = None
    await world.start()
    app = await world.app()
    first = await app.accepted(FRENCH, registered_delivery=asked)
    second = await app.accepted(FRENCH)
    taken = await world.orange.wait_for(lambda: world.orange.taken[1:] and list(world.orange.taken))
    await world.orange.report(taken[0][0], state)
    await world.orange.report(taken[1][0])
    expected = [first, second] if told else [second]
    assert [each.message_id for each in await app.receipts(len(expected))] == expected


@pytest.mark.parametrize(
    ("number", "mention"),
    [
        (FRENCH, "STOP 36034"),
        ("33712345678", "STOP 36034"),
        (GERMAN, "no-sms.eu"),
        ("33694123456", "no-sms.eu"),
        ("594694123456", "no-sms.eu"),
        ("262692123456", "no-sms.eu"),
        ("37761234567", "no-sms.eu"),
    ],
    ids=["France", "France, 07", "Germany", "Guiana as France", "Guiana", "Réunion", "Monaco"],
)
async def test_mention_by_territory(world, number, mention):
    """Metropolitan France gets the short code, everybody else the web address."""
    await world.start()
    app = await world.app()
    await app.accepted(number, "Soldes")
    [text] = await world.orange.texts(1)
    assert (text.destination, text.text) == (number, f"Soldes {mention}")


@pytest.mark.parametrize(
    ("account", "mention", "tlvs", "expected"),
    [
        ("bank", False, b"", "Code 1234"),
        ("bank", False, LEAVE_OUT, "Code 1234"),
        ("bank", False, APPEND, "Code 1234 STOP 36034"),
        ("bank", True, b"", "Code 1234 STOP 36034"),
        ("bank", True, LEAVE_OUT, "Code 1234"),
        ("shop", True, APPEND, "Code 1234 STOP 36034"),
    ],
)
async def test_mention_switch(world, account, mention, tlvs, expected):
    """The TLV optout_mention wins over the account's setting, and does not travel on."""
    await world.start(accounts={"bank": {"mention": mention}})
    app = await world.app(account)
    await app.accepted(FRENCH, "Code 1234", tlvs=tlvs)
    [text] = await world.orange.texts(1)
    assert text.text == expected
    assert world.orange.taken[0][1].tlv(smpp.Tag.optout_mention) is None


REFUSALS = {
    "marketing without its mention": (FRENCH, {"tlvs": LEAVE_OUT}, status.MENTION_REQUIRED),
    "binary marketing": (FRENCH, {"text": b"\1\2\3", "data_coding": 4}, status.NOT_TEXT),
    "a port's message": (FRENCH, {"text": b"\x06\x05\x04\x0b\x84\x0b\x84xyz", "esm_class": 0x40}, status.NOT_TEXT),
    "a port beside it": (FRENCH, {"tlvs": tlv(smpp.Tag.destination_port, b"\x0b\x84")}, status.NOT_TEXT),
    "no such wish": (FRENCH, {"tlvs": tlv(smpp.Tag.optout_mention, b"\2")}, status.ESME_RINVOPTPARAMVAL),
    "a wish without a word": (FRENCH, {"tlvs": tlv(smpp.Tag.optout_mention, b"")}, status.ESME_RINVPARLEN),
    "too short a time to live": (FRENCH, {"tlvs": tlv(smpp.Tag.qos_time_to_live, b"\0\1")}, status.ESME_RINVPARLEN),
    "no time to live": (FRENCH, {"tlvs": tlv(smpp.Tag.qos_time_to_live, bytes(4))}, status.ESME_RINVEXPIRY),
    "no room for the mention": (FRENCH, {"text": "x" * 300}, status.MENTION_DOES_NOT_FIT),
    "letters for a number": ("somebody", {}, status.ESME_RINVDSTADR),
    "no number": ("", {}, status.ESME_RINVDSTADR),
    "too short a number": ("336", {}, status.ESME_RINVDSTADR),
    "no time": (FRENCH, {"schedule_delivery_time": "991332000000000+"}, status.ESME_RINVSCHED),
    "no such day": (FRENCH, {"schedule_delivery_time": "270230000000000+"}, status.ESME_RINVSCHED),
    "no validity": (FRENCH, {"validity_period": "tomorrow at nine"}, status.ESME_RINVEXPIRY),
    "validity in the past": (FRENCH, {"validity_period": "200101000000000+"}, status.ESME_RINVEXPIRY),
}


@pytest.mark.parametrize(("to", "content", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_refusals(world, to, content, code):
    """What cannot be sent is refused with its own status; nothing of it is kept, and the next message passes."""
    await world.start(accounts={"shop": {"max_segments": 2, "overflow": "extend"}})
    app = await world.app()
    response = await app.submit(to, **content)
    assert status.name(response.status) == status.name(code)
    await app.accepted(FRENCH, "next")
    assert [text.text for text in await world.orange.texts(1)] == ["next STOP 36034"]
    assert world.rows("SELECT count(*) FROM message") == [(1,)]


async def test_binary_notification(world):
    """A notification that is not text passes as it is."""
    await world.start()
    app = await world.app("bank")
    octets = b"\x06\x05\x04\x0b\x84\x0b\x84\x00\xffxyz"
    await app.accepted(FRENCH, octets, esm_class=0x40, data_coding=4)
    [(_, pdu)] = await world.orange.wait_for(lambda: world.orange.taken)
    assert (pdu.fields["short_message"], pdu.fields["esm_class"], pdu.fields["data_coding"]) == (octets, 0x40, 4)


async def test_long_binary_notification(world):
    """A notification that is not text and too long for short_message travels on in message_payload."""
    await world.start()
    app = await world.app("bank")
    octets = bytes(range(256)) * 2
    message_id = await app.accepted(FRENCH, octets, data_coding=4)
    [(_, pdu)] = await world.orange.wait_for(lambda: world.orange.taken)
    assert (pdu.fields["short_message"], pdu.tlv(smpp.Tag.message_payload)) == (b"", octets)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


async def test_text_that_the_operator_keeps(world):
    """A notification without a text names one that the operator keeps; marketing may not: nobody knows what it says."""
    await world.start()
    app, shop = await world.app("bank"), await world.app()
    await app.accepted(FRENCH, "", sm_default_msg_id=5)
    await app.accepted(FRENCH, "mine", sm_default_msg_id=5)
    assert (await shop.submit(FRENCH, "", sm_default_msg_id=5)).status == status.NOT_TEXT
    assert [pdu.fields["sm_default_msg_id"] for pdu in await world.orange.received(2)] == [5, 0]


async def test_references_after_a_restart(world):
    """Long messages to one number have different references, also when the gateway has started again between them.

    Of 16 bits: after a restart they begin with the milliseconds, whose lower 8 bits may be the same by chance.
    """
    world.operator["long_messages"] = "udh16"
    await world.start()
    references = set()
    for turn in range(1, 4):
        app = await world.app()
        await app.accepted(FRENCH, "a" * 200)
        first, second = (await world.orange.received(2 * turn))[-2:]
        assert first.fields["short_message"][3:5] == second.fields["short_message"][3:5]
        references.add(first.fields["short_message"][3:5])
        world.ask_to_stop()
        await world.stopped()
        await world.start_gateway({"orange": world.orange})
        await world.usable("orange")
    assert len(references) == 3


async def test_clock_set_back(world, monkeypatch):
    """What was accepted before the clock was set back by an hour is sent at once all the same."""
    await world.start()
    await world.close("orange", world.orange)
    app = await world.app()
    ahead = SimpleNamespace(time_ns=lambda: time.time_ns() + 3_600 * 10**9, perf_counter=time.perf_counter)
    with monkeypatch.context() as patch:
        patch.setattr("gateway.store.sqlite.time", ahead)
        await app.accepted(FRENCH, "before")
    await app.accepted(FRENCH, "after")
    await world.nursery.start(world.orange.run)
    assert [text.text.partition(" ")[0] for text in await world.orange.texts(2)] == ["before", "after"]
    await app.receipts(2)


@pytest.mark.parametrize(
    ("octets", "data_coding", "alphabet"),
    [
        ("Déjà".encode("latin-1"), 3, Alphabet.GSM7),
        ("Déjà".encode("utf-16-be"), 8, Alphabet.GSM7),
        ("Привет".encode("utf-16-be"), 8, Alphabet.UCS2),
    ],
)
async def test_alphabets(world, octets, data_coding, alphabet):
    """A text goes out in GSM-7 whenever all of it can, whatever it came in."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, octets, data_coding=data_coding)
    [text] = await world.orange.texts(1)
    words = octets.decode("latin-1" if data_coding == 3 else "utf-16-be")
    assert (text.text, text.alphabet) == (f"{words} STOP 36034", alphabet)


async def test_receipt_waits_for_the_app(world):
    """A receipt for an account that is not bound waits, and goes to the next bind that can receive (idea 120)."""
    world.orange.reports = None
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    await app.links[0].part(1)
    [(remote, _)] = await world.orange.wait_for(lambda: world.orange.taken)
    await world.orange.report(remote)
    transmitter = await world.app(bind=smpp.BIND_TRANSMITTER)
    receiver = await world.app(bind=smpp.BIND_RECEIVER)
    assert [each.message_id for each in await receiver.receipts(1)] == [message_id]
    assert transmitter.requests == []
    assert (await receiver.submit(FRENCH)).status == status.ESME_RINVBNDSTS


async def test_app_refuses_a_receipt(world):
    """A receipt that the app cannot take now comes again; one that it will never take does not."""
    await world.start()
    app = await world.app()
    codes = iter([status.ESME_RX_T_APPN, status.ESME_ROK, status.ESME_RX_P_APPN, status.ESME_ROK])
    app.answer = lambda _pdu: next(codes)
    first = await app.accepted(FRENCH)
    await app.received(2)
    second = await app.accepted(FRENCH)
    await app.received(3)
    third = await app.accepted(FRENCH)
    assert [each.message_id for each in await app.receipts(4)] == [first, first, second, third]
    await world.settled()


async def test_expired(world):
    """A message that no operator took within its validity ends as EXPIRED and is not sent any more (idea 87)."""
    await world.start(delivery={"validity": "2s"})
    await world.close("orange", world.orange)
    app = await world.app()
    late = await app.accepted(FRENCH, "late")
    while not app.requests:
        await world.gateway._upkeep.sweep()
    await world.nursery.start(world.orange.run)
    await world.usable("orange")
    punctual = await app.accepted(FRENCH, "punctual", validity_period="000000010000000R")  # however busy the machine
    assert [(each.message_id, each.stat) for each in await app.receipts(2)] == [
        (late, "EXPIRED"),
        (punctual, "DELIVRD"),
    ]
    assert [text.text for text in await world.orange.texts(1)] == ["punctual STOP 36034"]


async def test_scheduled(world):
    """A message with a schedule_delivery_time waits for it, and others pass."""
    await world.start()
    app = await world.app()
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    await app.accepted(FRENCH, "tomorrow", schedule_delivery_time="000001000000000R")
    await app.accepted(FRENCH, "soon", schedule_delivery_time=f"{soon:%y%m%d%H%M%S}000+")
    await app.accepted(FRENCH, "now")
    assert {text.text for text in await world.orange.texts(2)} == {"now STOP 36034", "soon STOP 36034"}
    assert datetime.now(UTC) >= soon

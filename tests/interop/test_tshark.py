"""tshark, the reader of captures, on what the gateway writes to both sides: what must be in it, and no complaint."""

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.peers import App, submit_sm
from tests.flows.world import FRENCH, GERMAN
from tests.interop.tshark import Reading
from tests.interop.wire import APPS, OPERATORS, Piece, Recording

pytestmark = pytest.mark.usefixtures("tshark_installed")

RESPONSE = smpp.RESPONSE
LONG = "Soldes d'été à -50 %, " * 10


@pytest.fixture
async def app(nursery, site, orange):
    """Start everything, with an app of our own bound to the gateway process."""
    app = App()
    assert (await nursery.start(app.run, site.address)).status == status.ESME_ROK
    return app


async def read(site):
    """Stop the gateway and return everything as tshark reads it: without complaint, and every PDU of it."""
    await site.stop()
    reading = site.read()
    assert reading.complaints == []
    for wire in (APPS, OPERATORS):
        for upward in (True, False):
            commands = [int(pdu["command_id"], 16) for pdu in reading.sent(wire, upward=upward)]
            assert commands == [command for command, _ in site.recording.headers(wire, upward=upward)]
            assert commands
    return reading


def values(pdus, *names):
    """Return the values of some fields, PDU by PDU."""
    return [tuple(pdu.get(name) for name in names) for pdu in pdus]


async def test_parties(site, orange, app):
    """Binds, their responses and the unbinds of a gateway that stops are what they should be, on both sides."""
    reading = await read(site)
    [bind] = reading.sent(OPERATORS, upward=True, command=smpp.BIND_TRANSCEIVER)
    assert values([bind], "system_id", "password", "interface_version") == [("gw", "secret", "52")]
    [answer] = reading.sent(APPS, upward=False, command=smpp.BIND_TRANSCEIVER | RESPONSE)
    assert values([answer], "command_status", "system_id", "SC_interface_version") == [("0x00000000", "stopgate", "52")]
    for wire, upward in ((OPERATORS, True), (APPS, False)):
        assert len(reading.sent(wire, upward=upward, command=smpp.UNBIND)) == 1
        assert len(reading.sent(wire, upward=not upward, command=smpp.UNBIND | RESPONSE)) == 1


async def test_marketing(site, orange, app):
    """Texts to the operator and receipts to the app have the fields of SMPP 3.4, in GSM-7, in UCS-2 and in parts."""
    french = await app.accepted(FRENCH, "Soldes -50")
    german = await app.accepted(GERMAN, "Привет".encode("utf-16-be"), data_coding=8)
    long = await app.accepted(FRENCH, LONG)
    await app.received(3)
    reading = await read(site)
    sent = reading.sent(OPERATORS, upward=True, command=smpp.SUBMIT_SM)
    fields = ("source_addr", "source_addr_ton", "destination_addr", "dest_addr_ton", "data_coding", "regdel.receipt")
    assert values(sent, *fields) == [
        ("SHOP", "0x05", FRENCH, "0x01", "0x00", "0x01"),
        ("SHOP", "0x05", GERMAN, "0x01", "0x08", "0x01"),
        ("SHOP", "0x05", FRENCH, "0x01", "0x00", "0x01"),
        ("SHOP", "0x05", FRENCH, "0x01", "0x00", "0x01"),
    ]
    assert values(sent[:2], "message_text") == [("Soldes -50 STOP 36034",), ("Привет no-sms.eu",)]
    answers = reading.sent(APPS, upward=False, command=smpp.SUBMIT_SM | RESPONSE)
    assert values(answers, "command_status", "message_id") == [("0x00000000", each) for each in (french, german, long)]
    receipts = reading.sent(APPS, upward=False, command=smpp.DELIVER_SM)
    assert set(values(receipts, "esm.submit.msg_type", "message_state")) == {("0x01", "2")}
    assert {pdu["receipted_message_id"] for pdu in receipts} == {french, german, long}


async def test_stop(site, orange, app):
    """A STOP, its confirmation, its copy and the refusals that follow are read as such."""
    await app.accepted(FRENCH, "Soldes", registered_delivery=0)
    await orange.texts(1)
    assert (await orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    await orange.texts(2)
    await app.received(1)
    await app.submit(FRENCH)
    await app.submit("nobody")
    reading = await read(site)
    [_, confirmation] = reading.sent(OPERATORS, upward=True, command=smpp.SUBMIT_SM)
    assert values([confirmation], "source_addr", "destination_addr") == [("36034", FRENCH)]
    [copy] = reading.sent(APPS, upward=False, command=smpp.DELIVER_SM)
    assert values([copy], "source_addr", "destination_addr", "message_text") == [(FRENCH, "36034", "STOP")]
    answers = reading.sent(APPS, upward=False, command=smpp.SUBMIT_SM | RESPONSE)
    assert values(answers, "command_status") == [("0x00000000",), ("0x00000410",), ("0x0000000b",)]


def test_what_is_wrong_is_complained_of(tmp_path):
    """The same reading complains of a submit_sm whose last TLV says that it is longer than it is."""
    recording = Recording()
    body = submit_sm(FRENCH, tlvs=b"\x02\x0c\0\x09")
    recording.add(Piece(APPS, 1, True, smpp.header(len(body), smpp.SUBMIT_SM, 0, 1) + body))
    recording.write(tmp_path / "wrong.pcap")
    [[complaint]] = Reading(tmp_path / "wrong.pcap").complaints
    assert "Malformed" in complaint

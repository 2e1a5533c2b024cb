"""Bad input on the wire, from either side: answered as it deserves, and nobody else notices."""

import csv
import struct
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.peers import App, submit_sm
from tests.flows.world import FRENCH, OTHER_FRENCH

CORPUS = Path(__file__).parents[2] / "../shared/data/pdus.tsv"
SUBMIT = submit_sm(FRENCH)


def frame(command, body=b"", *, sequence=7, length=None):
    """Write a frame, with a wrong length where wanted."""
    return struct.pack(">4I", 16 + len(body) if length is None else length, command, 0, sequence) + body


class Raw:
    """A bound connection on which a test writes whatever it likes."""

    def __init__(self, stream):
        self.stream = stream
        self.octets = bytearray()

    async def response(self):
        """Return command, status and sequence of the next response; None when the connection has ended."""
        with trio.fail_after(5):
            while len(self.octets) < 16 or len(self.octets) < int.from_bytes(self.octets[:4], "big"):
                try:
                    data = await self.stream.receive_some()
                except trio.BrokenResourceError:
                    return None
                if not data:
                    return None
                self.octets += data
        length, *header = struct.unpack_from(">4I", self.octets)
        del self.octets[:length]
        return tuple(header)

    async def answer_to(self, octets):
        """Write ``octets`` and return what comes back."""
        await self.stream.send_all(octets)
        return await self.response()


async def connected(world):
    """Connect without binding."""
    return Raw(await trio.open_tcp_stream(*world.address))


async def bound(world):
    """Bind a raw connection."""
    raw = await connected(world)
    fields = {"system_id": "shop", "password": "secret", "system_type": "", "interface_version": 0x34}
    fields |= {"addr_ton": 0, "addr_npi": 0, "address_range": ""}
    body = smpp.encode_body(smpp.BIND_TRANSCEIVER, fields)
    assert (await raw.answer_to(frame(smpp.BIND_TRANSCEIVER, body)))[1] == status.ESME_ROK
    return raw


ANSWERED = {
    "unknown command": (frame(0x0666, b"abc"), (smpp.GENERIC_NACK, status.ESME_RINVCMDID, 7)),
    "body cut short": (frame(smpp.SUBMIT_SM, SUBMIT[:20]), (0x80000004, status.ESME_RINVCMDLEN, 7)),
    "no body": (frame(smpp.SUBMIT_SM), (0x80000004, status.ESME_RINVCMDLEN, 7)),
    "TLV cut short": (frame(smpp.SUBMIT_SM, SUBMIT + b"\4\x24\0\x09xy"), (0x80000004, 0xC0, 7)),
    "request of the other side": (
        frame(smpp.DELIVER_SM, message_body(smpp.DELIVER_SM, (FRENCH, "1"), {}, None)),
        (0x80000005, status.ESME_RINVBNDSTS, 7),
    ),
    "request that we do not serve": (
        frame(smpp.CANCEL_SM, bytes(9)),
        (0x80000008, status.ESME_RINVCMDID, 7),
    ),
    "enquire_link with a body": (frame(smpp.ENQUIRE_LINK, b"xyz"), (0x80000015, status.ESME_ROK, 7)),
    "sequence_number 0": (frame(smpp.ENQUIRE_LINK, sequence=0), (0x80000015, status.ESME_ROK, 0)),
    "highest sequence_number": (frame(smpp.ENQUIRE_LINK, sequence=0xFFFFFFFF), (0x80000015, 0, 0xFFFFFFFF)),
}


@pytest.mark.parametrize(("octets", "expected"), ANSWERED.values(), ids=ANSWERED)
async def test_answered(world, octets, expected):
    """A PDU that cannot be served is answered with its status, and the session goes on."""
    await world.start()
    raw = await bound(world)
    assert await raw.answer_to(octets) == expected
    assert (await raw.answer_to(frame(smpp.SUBMIT_SM, SUBMIT, sequence=8)))[1:] == (status.ESME_ROK, 8)


@pytest.mark.parametrize("length", [0, 4, 15, 70_001, 0x7FFFFFFF, 0xFFFFFFFF])
async def test_absurd_length(world, length):
    """A command_length that cannot be ends its own session, with a generic_nack; others go on."""
    await world.start()
    other = await world.app()
    raw = await bound(world)
    answer = await raw.answer_to(frame(smpp.ENQUIRE_LINK, length=length))
    assert answer == (smpp.GENERIC_NACK, status.ESME_RINVCMDLEN, 7)
    assert await raw.response() is None
    await other.accepted(FRENCH)
    await world.orange.texts(1)


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
async def test_another_protocol(world, octets):
    """Who speaks another protocol is disconnected."""
    await world.start()
    raw = await connected(world)
    answer = await raw.answer_to(octets)
    assert answer is None or answer[0] == smpp.GENERIC_NACK
    assert await raw.response() is None


async def test_submission_without_a_bind(world):
    """A submit_sm before any bind is refused and not kept."""
    await world.start()
    raw = await connected(world)
    assert (await raw.answer_to(frame(smpp.SUBMIT_SM, SUBMIT)))[1] == status.ESME_RINVBNDSTS
    assert world.rows("SELECT * FROM message") == []


async def test_octet_by_octet(world):
    """A PDU is understood however the network cuts it."""
    await world.start()
    raw = await bound(world)
    for octet in frame(smpp.SUBMIT_SM, SUBMIT):
        await raw.stream.send_all(bytes([octet]))
    assert (await raw.response())[1] == status.ESME_ROK


async def test_nobody_binds(world):
    """A connection that does not bind in time is closed."""
    await world.start(smpp={"session_init_timeout": "50ms"})
    raw = await connected(world)
    assert await raw.response() is None


async def test_app_that_answers_what_nobody_asked(world):
    """Responses to nothing are ignored."""
    await world.start()
    raw = await bound(world)
    for command in (smpp.DELIVER_SM, smpp.SUBMIT_SM, smpp.BIND_TRANSCEIVER, smpp.UNBIND, 0):
        await raw.stream.send_all(frame(command | smpp.RESPONSE, b"", sequence=99))
    assert await raw.answer_to(frame(smpp.ENQUIRE_LINK)) == (0x80000015, 0, 7)


def rows():
    """Return every PDU of the corpus as octets, by name."""
    if not CORPUS.exists():
        return []
    with CORPUS.open(newline="") as lines:
        return [bytes.fromhex(row["hex"]) for row in csv.DictReader(lines, delimiter="\t")]


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared corpus of PDUs is not here")
async def test_corpus_upstream(world):
    """Every PDU of the corpus, valid or not, sent by an app: no traceback, and other sessions go on."""
    await world.start(accounts={"shop": {"max_binds": 10_000}})
    other = await world.app("bank")
    for octets in rows():
        raw = await bound(world)
        await raw.stream.send_all(octets + frame(smpp.UNBIND))
        while await raw.response() is not None:
            pass
        await raw.stream.aclose()
    await other.accepted(OTHER_FRENCH)

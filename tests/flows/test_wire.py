"""Bad input on the wire, from either side: answered as it deserves, and nobody else notices."""

import csv
import random
import struct
from pathlib import Path

import pytest
import trio

from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.peers import PATIENCE, SHORT_CODE, submit_sm
from tests.flows.world import FRENCH, OTHER_FRENCH

CORPUS = Path(__file__).parents[2].parent / "shared" / "data" / "pdus.tsv"
needs_corpus = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of PDUs is not beside this checkout")
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
        with trio.fail_after(PATIENCE):
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


@pytest.fixture
async def connected(world):
    """Give a way to connect without binding."""
    opened = []

    async def connect():
        opened.append(await trio.open_tcp_stream(*world.address))
        return Raw(opened[-1])

    yield connect
    for stream in opened:
        await trio.aclose_forcefully(stream)


@pytest.fixture
async def bound(connected):
    """Give a way to connect and bind."""

    async def bind():
        raw = await connected()
        fields = {"system_id": "shop", "password": "secret", "system_type": "", "interface_version": 0x34}
        body = smpp.encode_body(smpp.BIND_TRANSCEIVER, {**fields, "addr_ton": 0, "addr_npi": 0, "address_range": ""})
        assert (await raw.answer_to(frame(smpp.BIND_TRANSCEIVER, body)))[1] == status.ESME_ROK
        return raw

    return bind


ANSWERED = {
    "unknown command": (frame(0x0666, b"abc"), (smpp.GENERIC_NACK, status.ESME_RINVCMDID, 7)),
    "body cut short": (frame(smpp.SUBMIT_SM, SUBMIT[:20]), (0x80000004, status.ESME_RINVCMDLEN, 7)),
    "no body": (frame(smpp.SUBMIT_SM), (0x80000004, status.ESME_RINVCMDLEN, 7)),
    "TLV cut short": (frame(smpp.SUBMIT_SM, SUBMIT + b"\4\x24\0\x09xy"), (0x80000004, 0xC0, 7)),
    "request of the other side": (
        frame(smpp.DELIVER_SM, message_body(smpp.DELIVER_SM, (FRENCH, "1"), {}, None)),
        (0x80000005, status.ESME_RINVBNDSTS, 7),
    ),
    "cancel_sm that names nothing": (
        frame(smpp.CANCEL_SM, bytes(8)),
        (0x80000008, status.ESME_RINVDSTADR, 7),
    ),
    "enquire_link with a body": (frame(smpp.ENQUIRE_LINK, b"xyz"), (0x80000015, status.ESME_ROK, 7)),
    "sequence_number 0": (frame(smpp.ENQUIRE_LINK, sequence=0), (0x80000015, status.ESME_ROK, 0)),
    "highest sequence_number": (frame(smpp.ENQUIRE_LINK, sequence=0xFFFFFFFF), (0x80000015, 0, 0xFFFFFFFF)),
}


@pytest.mark.parametrize(("octets", "expected"), ANSWERED.values(), ids=ANSWERED)
async def test_answered(world, octets, expected, bound):
    """A PDU that cannot be served is answered with its status, and the session goes on."""
    await world.start()
    raw = await bound()
    assert await raw.answer_to(octets) == expected
    assert (await raw.answer_to(frame(smpp.SUBMIT_SM, SUBMIT, sequence=8)))[1:] == (status.ESME_ROK, 8)


@pytest.mark.parametrize("length", [0, 4, 15, 70_001, 0x7FFFFFFF, 0xFFFFFFFF])
async def test_absurd_length(world, length, bound):
    """A command_length that cannot be ends its own session, with a generic_nack; others go on."""
    await world.start()
    other = await world.app()
    raw = await bound()
    answer = await raw.answer_to(frame(smpp.ENQUIRE_LINK, length=length))
    assert answer == (smpp.GENERIC_NACK, status.ESME_RINVCMDLEN, 7)
    assert await raw.response() is None
    await other.accepted(FRENCH)
    await world.orange.texts(1)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 2775\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    ],
    ids=["HTTP", "TLS", "PROXY 1", "PROXY 2"],
)
async def test_another_protocol(world, octets, connected):
    """Who speaks another protocol, or one before ours, is disconnected (idea 28)."""
    await world.start()
    raw = await connected()
    answer = await raw.answer_to(octets)
    assert answer is None or answer[0] == smpp.GENERIC_NACK
    assert await raw.response() is None


async def test_submission_without_a_bind(world, connected):
    """A submit_sm before any bind is refused and not kept."""
    await world.start()
    raw = await connected()
    assert (await raw.answer_to(frame(smpp.SUBMIT_SM, SUBMIT)))[1] == status.ESME_RINVBNDSTS
    assert world.rows("SELECT * FROM message") == []


async def test_octet_by_octet(world, bound):
    """A PDU is understood however the network cuts it."""
    await world.start()
    raw = await bound()
    for octet in frame(smpp.SUBMIT_SM, SUBMIT):
        await raw.stream.send_all(bytes([octet]))
    assert (await raw.response())[1] == status.ESME_ROK


async def test_nobody_binds(world, connected):
    """A connection that does not bind in time is closed."""
    await world.start(smpp={"session_init_timeout": "50ms"})
    raw = await connected()
    assert await raw.response() is None


async def test_app_that_answers_what_nobody_asked(world, bound):
    """Responses to nothing are ignored."""
    await world.start()
    raw = await bound()
    for command in (smpp.DELIVER_SM, smpp.SUBMIT_SM, smpp.BIND_TRANSCEIVER, smpp.UNBIND, 0):
        await raw.stream.send_all(frame(command | smpp.RESPONSE, b"", sequence=99))
    assert await raw.answer_to(frame(smpp.ENQUIRE_LINK)) == (0x80000015, 0, 7)


def corpus():
    """Return every PDU of the corpus that is all there, or claims what can never come."""
    if not CORPUS.exists():
        return []
    with CORPUS.open(encoding="utf-8", newline="") as lines:
        rows = [bytes.fromhex(row["hex"]) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    lengths = [int.from_bytes(octets[:4], "big") for octets in rows]
    return [row for row, length in zip(rows, lengths, strict=True) if length == len(row) or not 16 <= length <= 70_000]


@needs_corpus
async def test_corpus_from_an_app(world, bound):
    """Whatever PDU of the corpus an app sends, valid or not, other sessions go on."""
    await world.start(accounts={"shop": {"max_binds": 10}})
    other = await world.app("bank")
    for octets in corpus():
        raw = await bound()
        await raw.stream.send_all(octets + frame(smpp.UNBIND))
        while await raw.response() is not None:
            pass
    message_id = await other.accepted(OTHER_FRENCH)
    assert [each.message_id for each in await other.receipts(1)] == [message_id]


def _only_one(links):
    """Return the one link there is once it is bound and no other is left."""
    return links[0] if len(links) == 1 and links[0].session.bound else None


@needs_corpus
async def test_corpus_from_an_operator(world):
    """Whatever PDU of the corpus an operator sends, valid or not, it is bound to afterwards, or again."""
    world.operator["reconnect"] = {"initial": "1ms", "maximum": "1ms"}
    world.orange.answer = lambda pdu: status.ESME_ROK if pdu.command == smpp.SUBMIT_SM else status.ESME_RINVCMDID
    await world.start()
    for octets in corpus():
        link = await world.orange.wait_for(lambda: _only_one(world.orange.links))
        link.session._out.append(octets)
        await world.orange.ask(link, smpp.QUERY_SM, bytes(4))
        if not world.gateway.lanes.usable("operator/orange"):
            await world.orange.wait_for(lambda link=link: link not in world.orange.links)
    app = await world.app()
    message_id = await app.accepted(OTHER_FRENCH)
    assert message_id in {each.message_id for each in await app.receipts(1)}


def damaged(body, count):
    """Return ``count`` copies of a body, a few octets of each changed, the same ones every time."""
    chance = random.Random(body)
    for _ in range(count):
        octets = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.choice([0, 1, 8, 0x40, 0x80, 0xFF, chance.randrange(256)])
        yield bytes(octets)


async def test_damaged_submissions(world, bound):
    """Each of many damaged submit_sm gets exactly one response, and the session goes on (idea 40)."""
    await world.start()
    links = list(world.orange.links)
    raw = await bound()
    body = submit_sm(FRENCH, "Bonjour {€}", registered_delivery=0, validity_period="000001000000000R")
    sequences = range(1_000, 1_400)
    for sequence, octets in zip(sequences, damaged(body, len(sequences)), strict=True):
        answer = await raw.answer_to(frame(smpp.SUBMIT_SM, octets, sequence=sequence))
        while answer[0] & smpp.RESPONSE == 0:  # a receipt: the damage may have asked for one
            answer = await raw.response()
        assert (answer[0], answer[2]) == (0x80000004, sequence)
    assert world.orange.links == links
    await (await world.app()).accepted(FRENCH)


async def test_damaged_deliveries(world):
    """Each of many damaged deliver_sm gets exactly one response, and the session goes on."""
    await world.start()
    body = message_body(smpp.DELIVER_SM, (FRENCH, SHORT_CODE), {"short_message": b"STOP"}, None)
    report = {"esm_class": 4, "short_message": b"id:1001 sub:001 dlvrd:001 stat:DELIVRD err:000 text:x"}
    receipt = message_body(smpp.DELIVER_SM, (FRENCH, "SHOP"), report, None)
    [link] = world.orange.links
    for octets in (*damaged(body, 200), *damaged(receipt, 200)):
        answer = await world.orange.ask(link, smpp.DELIVER_SM, octets)
        assert answer.command == 0x80000005
        assert answer.status != status.ESME_RX_T_APPN
    assert world.orange.links == [link]

"""A link on a stream in memory, in virtual time: what its peer does, or does not do, ends it in time and once."""

from contextlib import suppress

import pytest
import trio
from trio.testing import lockstep_stream_pair, memory_stream_pair

from gateway import link as links
from gateway.link import Link
from gateway.smpp import inbox
from gateway.smpp import pdu as smpp
from gateway.smpp.events import Answered, Ended, Request, RequestReceived
from gateway.smpp.frame import Frames
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from gateway.smpp.timers import Limits
from tests.smpp.sessions import SM, request

LIMITS = Limits(session_init=10, enquire_link=30, inactivity=300, response=20)
MOST, READ = links._MAX_UNWRITTEN, links._READ_SIZE
DELIVER = Request(smpp.DELIVER_SM, smpp.encode_body(smpp.DELIVER_SM, SM), "ours")


class Played:
    """A link of the message centre that lets everybody in, where it judges at all, and answers every submit_sm."""

    def __init__(self, stream, *, judges=True):
        self.events = []
        self._judges = judges
        self.link = Link(stream, Session(Role.MC, LIMITS, trio.current_time()), self._handle)

    def _handle(self, link, events):
        self.events += events
        for event in events:
            if isinstance(event, RequestReceived) and event.pdu.command == smpp.BIND_TRANSCEIVER:
                if self._judges:
                    link.accept_bind(event.pdu, "stopgate")
            elif isinstance(event, RequestReceived):
                link.respond([(event.pdu, 0, b"id\0")])

    def reasons(self):
        """Return why the session ended, each time that it did."""
        return [event.reason for event in self.events if isinstance(event, Ended)]


async def bound(nursery, pair=memory_stream_pair):
    """Return a link that serves, and the stream of its peer, which has bound."""
    ours, theirs = pair()
    played = Played(ours)
    nursery.start_soon(played.link.run)
    await theirs.send_all(request(smpp.BIND_TRANSCEIVER))
    await read(theirs, 1)
    return played, theirs


async def read(stream, count):
    """Return the first ``count`` PDUs from a stream."""
    frames, found = Frames(), []
    while len(found) < count:
        frames.feed(await stream.receive_some())
        found += [smpp.decode(frame) for frame in frames]
    return found


async def test_a_peer_that_is_gone_without_a_word(autojump_clock, nursery):
    """A half-open connection ends after the silence and the response timer, with what was open (idea 61)."""
    played, _theirs = await bound(nursery)
    played.link.send([DELIVER])
    began = trio.current_time()
    await played.link._gone.wait()
    assert trio.current_time() - began == pytest.approx(50, abs=1.1)
    assert played.reasons() == ["no answer to enquire_link"]


async def test_a_peer_that_never_reads(autojump_clock, nursery):
    """A peer whose reads have stopped, so that our answers cannot leave, ends in bounded time (ideas 54, 90)."""
    played, theirs = await bound(nursery, lockstep_stream_pair)
    await theirs.send_all(request(smpp.ENQUIRE_LINK, 2))
    began = trio.current_time()
    await played.link._gone.wait()
    assert trio.current_time() - began <= 60
    assert played.reasons() == ["no answer to enquire_link"]


@pytest.mark.parametrize("command", [smpp.ENQUIRE_LINK, smpp.SUBMIT_SM, 0x00000077])
async def test_a_peer_that_asks_and_never_reads(autojump_clock, nursery, command):
    """We stop reading from a peer that does not read our answers, then end it for its silence (idea 90)."""
    played, theirs = await bound(nursery, lockstep_stream_pair)
    frames = b"".join(smpp.header(0, command, 0, number) for number in range(1, 4_000))
    sent = most = 0
    with suppress(trio.BrokenResourceError):  # in the end we hang up
        while True:
            await theirs.send_all(frames)
            sent += len(frames)
            most = max(most, played.link.session.unwritten)
    assert played.reasons() == ["no answer to enquire_link"]
    assert 0 < sent < MOST + 6 * READ
    assert MOST / 2 < most < MOST + 2 * READ


async def test_a_peer_that_does_not_wait_for_its_bind(autojump_clock, nursery):
    """While a bind is judged we soon read no further, however much the peer sends behind it."""
    ours, theirs = lockstep_stream_pair()
    played = Played(ours, judges=False)
    nursery.start_soon(played.link.run)
    began, sent = trio.current_time(), 0
    await theirs.send_all(request(smpp.BIND_TRANSCEIVER))
    with suppress(trio.BrokenResourceError):  # in the end we hang up
        while True:
            await theirs.send_all(smpp.header(0, smpp.SUBMIT_SM, 0, 2) * 64)
            sent += 1_024
    assert 0 < sent <= inbox._MOST_HELD + READ
    assert played.reasons() == ["bind not answered in time"]
    assert trio.current_time() - began == pytest.approx(LIMITS.response, abs=6)


async def test_requests_to_a_peer_that_never_reads(autojump_clock, nursery):
    """What we send to a peer that never reads ends with it."""
    played, _theirs = await bound(nursery, lockstep_stream_pair)
    played.link.send([DELIVER] * 50)
    await played.link._gone.wait()
    assert played.reasons() == ["no answer to enquire_link"]
    assert [event.unanswered for event in played.events if isinstance(event, Ended)] == [[]]


async def test_pdus_of_many_tasks_never_mix(autojump_clock, nursery):
    """Eight tasks that send at once write whole PDUs (idea 75)."""
    played, theirs = await bound(nursery)

    async def send():
        for _ in range(50):
            played.link.send([DELIVER])
            await trio.lowlevel.checkpoint()

    for _ in range(8):
        nursery.start_soon(send)
    pdus = await read(theirs, 400)
    assert {pdu.command for pdu in pdus} == {smpp.DELIVER_SM}
    assert [pdu.sequence for pdu in pdus] == list(range(1, 401))


async def test_unbind_resp_is_written_before_the_end(autojump_clock, nursery):
    """Who unbinds reads the unbind_resp, and then the end of the stream (idea 98)."""
    played, theirs = await bound(nursery)
    await theirs.send_all(request(smpp.SUBMIT_SM, 2) + request(smpp.UNBIND, 3))
    assert [pdu.command for pdu in await read(theirs, 2)] == [0x80000004, 0x80000006]
    assert await theirs.receive_some() == b""
    assert played.reasons() == ["the peer unbound"]


async def test_closing_twice_is_closing_once(autojump_clock, nursery):
    """A link that is closed again, asked to unbind or sent answers after its end tells of one end (idea 103)."""
    played, _theirs = await bound(nursery)
    for _ in range(2):
        played.link.close("enough")
        played.link.unbind()
    await played.link._gone.wait()
    await played.link.part(1)
    assert played.reasons() == ["enough"]


async def test_closing_what_never_ran():
    """A link that never served may be closed (idea 103)."""
    played = Played(memory_stream_pair()[0])
    played.link.close("never")
    assert played.reasons() == ["never"]


@pytest.mark.parametrize("politely", [True, False])
async def test_a_peer_that_closes_ends_it_once(autojump_clock, nursery, politely):
    """A peer that hangs up, with or without an unbind, is told of once (ideas 97, 104)."""
    played, theirs = await bound(nursery)
    if politely:
        played.link.unbind()
        await read(theirs, 1)
    await theirs.aclose()
    await played.link._gone.wait()
    assert len(played.reasons()) == 1


async def test_a_hung_peer_does_not_keep_us_from_parting(autojump_clock, nursery):
    """A peer that neither answers nor unbinds is left after the patience for each step (ideas 58, 106)."""
    played, _theirs = await bound(nursery)
    played.link.send([DELIVER])
    began = trio.current_time()
    await played.link.part(5)
    assert trio.current_time() - began == pytest.approx(10, abs=0.1)
    assert [event.unanswered for event in played.events if isinstance(event, Ended)] == [[DELIVER]]


async def test_sending_and_closing_at_once(autojump_clock, nursery):
    """Requests sent until the very end are answered or handed over, each once (idea 74)."""
    played, theirs = await bound(nursery)
    requests = [DELIVER._replace(context=number) for number in range(100)]
    played.link.send(requests)
    await theirs.send_all(b"".join(smpp.response(smpp.DELIVER_SM, number, 0, b"\0") for number in range(1, 41)))
    await trio.testing.wait_all_tasks_blocked()
    played.link.close("enough")
    answered = [event.request.context for event in played.events if isinstance(event, Answered)]
    [left] = [event.unanswered for event in played.events if isinstance(event, Ended)]
    assert sorted(answered + [each.context for each in left]) == list(range(100))


async def test_a_stranger_who_talks_too_much(autojump_clock, nursery):
    """Who sends one enquire_link after the other instead of binding is answered for a while, and then hung up on."""
    ours, theirs = memory_stream_pair()
    played = Played(ours)
    nursery.start_soon(played.link.run)
    await theirs.send_all(request(smpp.ENQUIRE_LINK) * 3_000)
    assert len(await read(theirs, 2_000)) >= 2_000
    with trio.fail_after(9):
        while await theirs.receive_some():
            pass
    assert played.reasons() == ["too much before a bind"]


async def test_what_many_strangers_say_is_taken_little_by_little(autojump_clock, nursery):
    """However much a stranger sends at once, others have their turn after some of it."""
    ours, theirs = memory_stream_pair()
    played = Played(ours)
    await theirs.send_all(request(smpp.ENQUIRE_LINK) * 1_000)
    nursery.start_soon(played.link.run)
    assert len(await read(theirs, 1)) < 100


@pytest.mark.parametrize("command", [0x666, smpp.ENQUIRE_LINK])
async def test_junk_is_read_at_a_pace(autojump_clock, nursery, command):
    """PDUs of no use are each answered, no more than 2,000 of them a second (idea 56)."""
    _, theirs = await bound(nursery)
    began = trio.current_time()
    await theirs.send_all(smpp.header(0, command, 0, 7) * 4_000)
    assert len(await read(theirs, 4_000)) == 4_000
    assert 1.5 < trio.current_time() - began < 5

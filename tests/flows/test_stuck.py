"""Peers that stop reading: a link with one ends in time, whatever it still had to say."""

import socket
from contextlib import suppress

import trio
from trio.testing import lockstep_stream_pair

from gateway import link as links
from gateway.link import Link
from gateway.smpp import pdu as smpp
from gateway.smpp.events import Ended
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from gateway.smpp.timers import Limits

ENQUIRY = smpp.header(0, smpp.ENQUIRE_LINK, 0, 1)


class Stuck:
    """A link over a stream on which every octet waits for the peer to read it, as over a full socket."""

    def __init__(self):
        ours, self.peer = lockstep_stream_pair()
        self.ended = []
        self.link = Link(ours, Session(Role.MC, Limits(), trio.current_time()), self._handle)

    def _handle(self, _link, events):
        self.ended += [event.reason for event in events if isinstance(event, Ended)]

    async def answer_is_stuck(self):
        """Ask something and do not read the answer."""
        await self.peer.send_all(ENQUIRY)
        await trio.testing.wait_all_tasks_blocked()


async def test_last_words_have_their_time(nursery, autojump_clock):
    """A session that ends while the peer does not read is over after the flush time, and not before."""
    stuck = Stuck()
    with trio.CancelScope() as waiting:
        nursery.start_soon(run, stuck.link, waiting)
        await stuck.answer_is_stuck()
        began = trio.current_time()
        stuck.link.close("the test has enough")
        await trio.sleep(60)
    assert waiting.cancelled_caught
    assert (stuck.ended, trio.current_time() - began) == (["the test has enough"], links._FLUSH_TIME)


async def run(link, waiting):
    """Run a link, and say when it has ended."""
    await link.run()
    waiting.cancel()


async def test_last_words_leave(nursery, autojump_clock):
    """A peer that reads within the flush time gets everything, in one piece, and then the end."""
    stuck = Stuck()
    nursery.start_soon(stuck.link.run)
    await stuck.answer_is_stuck()
    stuck.link.unbind()
    stuck.link.close("the test has enough")
    await trio.sleep(links._FLUSH_TIME / 2)
    got = b""
    while octets := await stuck.peer.receive_some(1_000):
        got += octets
    assert got[4:8] == (smpp.ENQUIRE_LINK | smpp.RESPONSE).to_bytes(4, "big")


async def test_operator_that_stops_reading_is_bound_anew(world, monkeypatch):
    """An operator that floods and never reads costs one link, not the bind: the gateway hangs up and binds again."""
    monkeypatch.setattr(links, "_FLUSH_TIME", 0.1)
    operator = Flood()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listeners[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the least there is: soon full
    operator.port = listeners[0].socket.getsockname()[1]
    world.nursery.start_soon(trio.serve_listeners, operator.serve, listeners)
    world.operator = {"enquire_link": "50ms", "response_timeout": "100ms"}
    await world.start_gateway({"orange": operator})
    await world.eventually(lambda: operator.binds > 1)
    assert world.events("operator_unbound")


class Flood:
    """An operator that lets everybody in, asks without end and never reads."""

    def __init__(self):
        self.binds = 0
        self.port = 0

    async def serve(self, stream):
        """Take the bind, then only write, and keep the connection open."""
        await stream.receive_some(1_000)
        self.binds += 1
        body = smpp.encode_body(smpp.BIND_TRANSCEIVER | smpp.RESPONSE, {"system_id": "flood"})
        await stream.send_all(smpp.header(len(body), smpp.BIND_TRANSCEIVER | smpp.RESPONSE, 0, 1) + body)
        with suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(ENQUIRY * 1_000)

"""A peer that never reads: what waits for it has a limit, and then so has its life."""

from contextlib import suppress

import pytest
import trio
import trio.testing

from gateway import link as link_module
from gateway.link import Link
from gateway.smpp import pdu as smpp
from gateway.smpp.events import Ended, Request
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from gateway.smpp.timers import NEVER, Limits

LIMIT = link_module._MAX_UNWRITTEN
READ = link_module._READ_SIZE


class Owner:
    """Remembers the largest amount that waited, and how the link ended."""

    def __init__(self):
        self.most = 0
        self.reason = None

    def handle(self, link, events):
        """Look at the link whenever it has something to tell."""
        self.most = max(self.most, link.session.unwritten)
        for event in events:
            if isinstance(event, Ended):
                self.reason = event.reason


@pytest.mark.parametrize("command", [smpp.ENQUIRE_LINK, smpp.SUBMIT_SM, 0x00000077])
async def test_flood_of_requests(autojump_clock, nursery, command):
    """We stop reading from a peer that does not read our answers, and end it when it leaves enquire_link unanswered."""
    peer, ours = trio.testing.lockstep_stream_pair()
    owner = Owner()
    session = Session(Role.MC, Limits(NEVER, 30.0, NEVER, 30.0), trio.current_time())
    link = Link(ours, session, owner.handle)
    sent = 0

    async def flood():
        nonlocal sent
        frames = b"".join(smpp.header(0, command, 0, number) for number in range(1, 4_000))
        with suppress(trio.BrokenResourceError):  # in the end we hang up
            while True:
                await peer.send_all(frames)
                sent += len(frames)
                owner.most = max(owner.most, session.unwritten)

    nursery.start_soon(flood)
    with trio.fail_after(300):
        await link.run()
    assert owner.reason == "no answer to enquire_link"
    assert 0 < sent < LIMIT + 6 * READ
    assert LIMIT < owner.most < LIMIT + 2 * READ


async def test_buffered_input(autojump_clock, nursery):
    """While a bind is judged we read no further, however much the peer sends behind it."""
    peer, ours = trio.testing.lockstep_stream_pair()
    owner = Owner()
    session = Session(Role.MC, Limits(10.0, NEVER, NEVER, 30.0), trio.current_time())
    fields = {"system_id": "shop", "password": "p", "system_type": "", "interface_version": 0x34}
    body = smpp.encode_body(smpp.BIND_TRANSCEIVER, {**fields, "addr_ton": 0, "addr_npi": 0, "address_range": ""})
    bind = smpp.header(len(body), smpp.BIND_TRANSCEIVER, 0, 1) + body

    async def flood():
        with pytest.raises(trio.BrokenResourceError):
            await peer.send_all(bind + b"\0" * 10_000_000)

    nursery.start_soon(flood)
    started = trio.current_time()
    await Link(ours, session, owner.handle).run()
    assert session._frames.buffered <= READ
    assert owner.reason == "bind not answered in time"
    assert trio.current_time() - started == pytest.approx(35.0, abs=6.0)


async def test_requests_to_a_peer_that_never_reads(autojump_clock, nursery):
    """What we send to a peer that never reads ends with it."""
    peer, ours = trio.testing.lockstep_stream_pair()
    owner = Owner()
    session = Session(Role.MC, Limits(NEVER, 30.0, NEVER, 30.0), trio.current_time())
    link = Link(ours, session, owner.handle)
    link.send([Request(smpp.DELIVER_SM, b"\0" * 1_000)] * 50)
    await link.run()
    assert owner.reason == "no answer to enquire_link"
    assert peer is not None

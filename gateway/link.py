"""One SMPP session on one live stream: read, write, watch the clock, close. Nothing else happens here.

A link never interprets a PDU. Its owner is told of events by a plain function call, which must not wait; what takes
time is queued by the owner and answered later with :meth:`Link.respond`. Everything that becomes ready in one turn of
the event loop leaves in one write. While the peer owes us reading, or we owe it ``window`` responses, we stop reading:
TCP does the rest.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from typing import TYPE_CHECKING

import structlog
import trio

from gateway.smpp.events import Ended, Odd
from gateway.smpp.layout import HEADER_LENGTH
from gateway.smpp.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.smpp.events import Event, Request
    from gateway.smpp.pdu import Pdu
    from gateway.smpp.session import Session

_log = structlog.get_logger()
_READ_SIZE = 4_096  # octets that one peer gets read in one turn of the event loop; junk costs up to 1 µs for two
_STRANGERS_READ = 1_024  # as much, of one that has not bound
_STRANGERS_LIMIT = 32_768  # octets that a peer may write before it has bound
_REST = 0.000_5  # seconds that a peer is not read for each PDU of no use, so that junk never fills the event loop
_LONG_REST = 0.005  # the same after octets that told nothing; those that come meanwhile are read at once
_STRANGERS_REST = 0.5  # at most as much, for one that has not bound; by chance, so that many do not wake us together
_MAX_UNWRITTEN = 262_144  # octets that may wait for a peer that does not read; then we stop reading, too
_GOODBYE = 1.0  # seconds that TLS may take to say that it ends
_FLUSH_TIME = 5.0  # seconds that a last word may take to leave
_SHORT = 0.02  # seconds between looks at what is still owed
_numbers = itertools.count(1)
_TICK = 1.0  # no timer of SMPP needs to be truer than this


class Link:
    """A session joined to a stream.

    Args:
        stream: any trio stream: TCP, TLS or memory.
        session: a fresh session.
        handle: told of every batch of events, in order; it must not block. The last event is always one ``Ended``.
        name: whose link it is, for logs and metrics.

    Attributes:
        number: what tells it from all others of this process, in the log.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        session: Session,
        handle: Callable[[Link, list[Event]], None],
        name: str = "",
    ) -> None:
        self.session = session
        self.name = name
        self.number = next(_numbers)
        self._stream = stream
        self._handle = handle
        self._to_write = trio.Event()
        self._may_read = trio.Event()
        self._gone = trio.Event()
        self._writing = trio.CancelScope()
        self._strange = 0  # octets that the peer has written before its bind
        self._untold: list[Event] = []
        self._telling = False

    # Used by the owner

    def send(self, requests: Iterable[Request]) -> None:
        """Send requests; each answer, expiry or loss arrives as an event."""
        now = trio.current_time()
        for request in requests:
            self.session.send_request(request, now)
        self._to_write.set()

    def respond(self, responses: Iterable[tuple[Pdu, int, bytes]]) -> None:
        """Send responses, given as (request, command_status, body); a link that has ended forgets them."""
        if self.session.finished:
            return
        events: list[Event] = []
        respond = self.session.send_response
        for request, code, body in responses:
            events += respond(request, code, body)
        self._after(events)

    def accept_bind(self, request: Pdu, system_id: str) -> None:
        """Let the peer in."""
        if not self.session.finished:
            self._after(self.session.accept_bind(request, system_id, trio.current_time()))

    def refuse_bind(self, request: Pdu, code: int) -> None:
        """Keep the peer out and hang up."""
        if not self.session.finished:
            self._after([self.session.refuse_bind(request, code)])

    def unbind(self) -> None:
        """Part politely: the session ends with the peer's answer or the response timer."""
        if not self.session.finished:
            self.session.unbind(trio.current_time())
            self._to_write.set()

    async def part(self, patience: float) -> None:
        """Wait until neither side owes an answer, then unbind; each step takes ``patience`` seconds at most."""
        with trio.move_on_after(patience):
            # The pure session has counters, and nothing to wait for.
            while not self.session.finished and (self.session.owed or self.session.in_flight):  # noqa: ASYNC110 (see above)
                await trio.sleep(_SHORT)
        self.unbind()
        with trio.move_on_after(patience):
            await self._gone.wait()
        self.close("no answer to unbind")

    def close(self, reason: str) -> None:
        """End the session now; what is written already still leaves."""
        self._end(reason)

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.observe.pulse`); nothing when all is well."""
        if self.session.finished:
            return "a session has ended and is not let go of"
        return "nobody watches its clock" if trio.current_time() > self.session.next_deadline() + _TICK else ""

    # Run by a nursery

    async def run(self) -> None:
        """Serve the stream until the session ends; never raises for anything the peer does."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_clock)
                nursery.start_soon(self._read)
                await self._write()
                nursery.cancel_scope.cancel()
        except* Exception:  # noqa: BLE001 (a defect that one peer provokes must not reach the others)
            _log.exception("link_failed", peer=self.name, link=self.number)
        finally:
            self._end("stopped")
            self._gone.set()
            self._handle = _tell_nobody
            with trio.move_on_after(_GOODBYE, shield=True):
                await self._stream.aclose()

    async def _read(self) -> None:
        reason = "closed by the peer"
        with contextlib.suppress(trio.ClosedResourceError):
            try:
                while not self.session.finished:
                    while self._held_up():
                        await self._may_read.wait()
                        self._may_read = trio.Event()
                    strange = self.session.state is State.OPEN
                    data = await self._stream.receive_some(_STRANGERS_READ if strange else _READ_SIZE)
                    if not data:
                        break
                    await trio.sleep(self._take(bytes(data)))
            except trio.BrokenResourceError as error:
                reason = f"connection lost: {error.__cause__ or error}"
        self._end(reason)

    def _take(self, data: bytes) -> float:
        """Let the session have what was read; returns for how many seconds the peer is not read next."""
        unwritten = self.session.unwritten
        events = self.session.receive_data(data, trio.current_time())
        told = (self.session.unwritten - unwritten) // HEADER_LENGTH  # what was answered by the session alone
        rest = _REST * max(sum(isinstance(event, Odd) for event in events), told - 1)  # one enquire_link is of use
        if not events and self.session.owed < self.session.window:  # otherwise it is held back, and we are to answer
            strange = self.session.state is State.OPEN
            rest = random.uniform(0.0, _STRANGERS_REST) if strange else max(_LONG_REST, rest)  # noqa: S311 (no secret)
        self._after(events)
        if self.session.state is State.OPEN:
            self._strange += len(data)
            if self._strange > _STRANGERS_LIMIT:
                self.close("too much before a bind")
        return rest

    def _held_up(self) -> bool:
        return not self.session.finished and (self.session.blocked or self.session.unwritten > _MAX_UNWRITTEN)

    async def _write(self) -> None:
        """Write whatever is ready until the session has ended and its last words are out, or have had their time."""
        try:
            with self._writing:
                while not self.session.finished or self.session.unwritten:
                    await self._to_write.wait()
                    self._to_write = trio.Event()
                    await self._stream.send_all(self.session.data_to_send())
                    self._may_read.set()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._end(f"connection lost: {error.__cause__ or error}")

    async def _watch_clock(self) -> None:
        while not self.session.finished:
            now = trio.current_time()
            if now >= self.session.next_deadline():
                self._after(self.session.handle_timer(now))
            await trio.sleep(max(0.0, min(_TICK, self.session.next_deadline() - now)))

    def _after(self, events: list[Event]) -> None:
        """Tell the owner, and go on with what waited behind the window.

        What the owner does may lead to more events: they are told when it returns, never within.
        """
        self._to_write.set()
        self._untold += events
        if self._telling:
            return
        self._telling = True
        try:
            while self._go_on():
                events, self._untold = self._untold, []
                self._tell(events)
        finally:
            self._telling = False
        if self.session.finished:  # the writer may be at it, and stuck
            self._writing.deadline = min(self._writing.deadline, trio.current_time() + _FLUSH_TIME)
        if not self.session.blocked:
            self._may_read.set()

    def _go_on(self) -> bool:
        self._untold += self.session.receive_data(b"", trio.current_time())
        return bool(self._untold)

    def _tell(self, events: list[Event]) -> None:
        try:
            self._handle(self, events)
        except Exception:  # noqa: BLE001 (a defect that one peer provokes must not reach the others)
            _log.exception("link_failed", peer=self.name, link=self.number)
            ended: list[Event] = [event for event in events if isinstance(event, Ended)]
            if not self.session.finished:
                ended = [self.session.end("a defect of ours")]
            self._untold = [] if ended == events else ended  # that it is over is the one thing the owner has to know

    def _end(self, reason: str) -> None:
        if not self.session.finished:
            self._after([self.session.end(reason)])


def _tell_nobody(_link: Link, _events: list[Event]) -> None:
    """Take the place of an owner who has been told of the end: so neither keeps the other, or a collector, busy."""

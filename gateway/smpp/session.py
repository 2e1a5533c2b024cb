"""The SMPP session: octets and the clock in, events and octets out; the same machine for both roles.

A session never waits, reads a socket or looks at a clock, so every situation can be played in a test. Its rules:

* what may be said when stands in :mod:`gateway.smpp.state`, nowhere else;
* every request that we hand to the owner gets exactly one response, and responses are never answered;
* an unusable length ends the session, anything else that is wrong is answered and survived (``facts``: section 7);
* while the owner owes ``window`` responses, or is still judging a bind, no further request is taken from the buffer:
  it waits there, in order (:attr:`Session.blocked`);
* requests of ours that nobody answered are handed back when the session ends, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Event, Expired, Odd, Request, RequestReceived
from gateway.smpp.frame import FrameError, Frames
from gateway.smpp.pdu import RESPONSE, Pdu, PduError
from gateway.smpp.state import ALLOWED, BINDS, BOUND, Move, Role, State, move
from gateway.smpp.timers import NEVER, Limits, Timers
from gateway.smpp.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NOT_TRANSACTIONS = frozenset({smpp.ENQUIRE_LINK, smpp.UNBIND})
_WITHOUT_RESPONSE = frozenset({smpp.OUTBIND, smpp.ALERT_NOTIFICATION})


class Session:
    """One SMPP session.

    Args:
        role: who we are on it.
        limits: the timers, in seconds.
        now: the present instant, on the clock that later calls use.
        window: how many of the peer's requests may wait for our responses.
        max_pdu: the longest PDU taken from the peer, in octets.
    """

    def __init__(self, role: Role, limits: Limits, now: float, window: int = 100, max_pdu: int = 70_000) -> None:
        self.role = role
        self.state = State.OPEN
        self.peer_version = 0
        self.window = window  # how many of the peer's requests may wait for our responses
        self.owed = 0  # the peer's requests that wait for a response of ours
        self._judging_bind = False
        self._frames = Frames(max_pdu)
        self._pending = Window(limits.response)
        self._timers = Timers(limits, now)
        self._out: list[bytes] = []
        self._unbind_owed: int | None = None  # the sequence_number under which the peer asked to unbind
        self._allowed = ALLOWED[role, self.state]

    # What the owner may ask

    @property
    def in_flight(self) -> int:
        """How many of our requests wait for an answer."""
        return len(self._pending)

    @property
    def pending(self) -> Iterator[Request]:
        """Our requests that wait for an answer, oldest first."""
        return iter(self._pending)

    @property
    def blocked(self) -> bool:
        """Whether requests of the peer wait in the buffer until responses have been sent."""
        return self._judging_bind or self.owed >= self.window

    @property
    def finished(self) -> bool:
        """Whether the connection is to be closed as soon as :meth:`data_to_send` has been written."""
        return self.state is State.CLOSED

    @property
    def bound(self) -> bool:
        """Whether the session is bound, in any of the three ways."""
        return self.state in BOUND

    @property
    def unwritten(self) -> int:
        """How many octets wait for :meth:`data_to_send`."""
        return sum(map(len, self._out))

    def data_to_send(self) -> bytes:
        """Return the octets that are to be written now, and forget them."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # Receiving

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take octets from the peer (none: go on with what is buffered) and say what they meant."""
        events: list[Event] = []
        if data:
            self._timers.heard = now
            self._frames.feed(data)
        try:
            while self.owed < self.window and not self._judging_bind and self.state is not State.CLOSED:
                frame = self._frames.next()
                if frame is None:
                    break
                self._receive_frame(frame, now, events)
        except FrameError as error:
            self._out.append(smpp.header(0, smpp.GENERIC_NACK, error.status, error.sequence))
            events.append(self.end(str(error)))
        return events

    def _receive_frame(self, frame: bytes, now: float, events: list[Event]) -> None:
        try:
            pdu = smpp.decode(frame)
        except PduError as error:
            self._refuse_damaged(error, events)
            return
        if pdu.command & RESPONSE:
            self._receive_response(pdu, now, events)
        else:
            self._receive_request(pdu, now, events)

    def _refuse_damaged(self, error: PduError, events: list[Event]) -> None:
        events.append(Odd(str(error)))
        if error.command & RESPONSE:
            request = self._pending.close(error.sequence)
            if request is not None:  # it was carried out (an error's body is never read), only the words are lost
                events.append(Answered(request, Pdu(error.command, error.sequence)))
        elif error.command in _WITHOUT_RESPONSE:
            return
        elif error.command in smpp.NAMES:
            self._out.append(smpp.response(error.command, error.sequence, error.status))
        else:
            self._out.append(smpp.header(0, smpp.GENERIC_NACK, error.status, error.sequence))

    def _receive_request(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        command = pdu.command
        if command not in self._allowed:
            self._refuse_state(pdu, events)
        elif command == smpp.ENQUIRE_LINK:
            self._out.append(smpp.response(command, pdu.sequence))
        elif command == smpp.UNBIND:
            self._receive_unbind(pdu, events)
        else:
            self._timers.worked = now
            if command in BINDS:
                self._judging_bind = True
                self._timers.judging(now)
            if command not in _WITHOUT_RESPONSE:
                self.owed += 1
            events.append(RequestReceived(pdu))

    def _refuse_state(self, pdu: Pdu, events: list[Event]) -> None:
        if self._unbind_owed is not None or pdu.command in _WITHOUT_RESPONSE:
            return  # who has asked to unbind is owed nothing for what comes after
        code = status.ESME_RALYBND if pdu.command in BINDS and self.bound else status.ESME_RINVBNDSTS
        self._out.append(smpp.response(pdu.command, pdu.sequence, code))
        events.append(Odd(f"{smpp.NAMES[pdu.command]} in state {self.state}"))

    def _receive_unbind(self, pdu: Pdu, events: list[Event]) -> None:
        self._unbind_owed = pdu.sequence
        if self.state is not State.UNBINDING:
            self._move(Move.UNBIND)
        self._answer_unbind(events)

    def _answer_unbind(self, events: list[Event]) -> None:
        """Answer the peer's unbind once nothing else is owed to it, and end."""
        if self._unbind_owed is not None and self.owed == 0 and not self.finished:
            self._out.append(smpp.response(smpp.UNBIND, self._unbind_owed))
            events.append(self.end("the peer unbound"))

    def _receive_response(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        request = self._pending.close(pdu.sequence)
        if request is None:
            events.append(Odd(f"unexpected {smpp.NAMES[pdu.command]} {pdu.sequence}"))
        elif request.command == smpp.ENQUIRE_LINK:
            self._timers.asked = NEVER
        elif request.command == smpp.UNBIND:
            events.append(self.end("unbound"))
        else:
            self._timers.worked = now
            if pdu.command != request.command | RESPONSE and pdu.command != smpp.GENERIC_NACK:
                events.append(Odd(f"{smpp.NAMES[request.command]} answered by {smpp.NAMES[pdu.command]}"))
                pdu = Pdu(smpp.GENERIC_NACK, pdu.sequence, status.ESME_RINVCMDID)
            elif request.command in BINDS and pdu.status == status.ESME_ROK:
                self._enter(BINDS[request.command], now, pdu.tlv_int(smpp.Tag.sc_interface_version))
            events.append(Answered(request, pdu))

    # Sending

    def send_request(self, request: Request, now: float) -> int:
        """Number and queue ``request``; returns its sequence_number."""
        sequence = self._pending.open(request, now)
        self._out.append(smpp.header(len(request.body), request.command, 0, sequence) + request.body)
        if request.command not in _NOT_TRANSACTIONS:
            self._timers.worked = now
        return sequence

    def send_response(self, request: Pdu, code: int = status.ESME_ROK, body: bytes = b"") -> Sequence[Event]:
        """Queue the one response owed to ``request``; an error carries no body (SMPP 3.4 section 4.4.2).

        Returns what follows from it: when it was the last one owed to a peer that unbinds, the end.
        """
        self.owed -= 1
        self._out.append(smpp.response(request.command, request.sequence, code, body))
        if self._unbind_owed is None:
            return ()
        events: list[Event] = []
        self._answer_unbind(events)
        return events

    def accept_bind(self, request: Pdu, system_id: str, now: float) -> list[Event]:
        """Let the peer in: its bind_resp carries our system_id and, from version 3.4 on, sc_interface_version."""
        self._judging_bind = False
        self.owed -= 1
        version = request.fields["interface_version"]
        tlvs = [(int(smpp.Tag.sc_interface_version), b"\x34")] if version >= smpp.VERSION_34 else []
        body = smpp.encode_body(request.command | RESPONSE, {"system_id": system_id}, tlvs)
        self._out.append(smpp.response(request.command, request.sequence, status.ESME_ROK, body))
        if self.state is State.OPEN:  # the peer may have unbound meanwhile
            self._enter(BINDS[request.command], now, version)
        return self.receive_data(b"", now)

    def refuse_bind(self, request: Pdu, code: int) -> Ended:
        """Keep the peer out: bind_resp with ``code``, then the end."""
        self._judging_bind = False
        self.owed -= 1
        self._out.append(smpp.response(request.command, request.sequence, code))
        return self.end(f"bind refused with {status.name(code)}")

    def unbind(self, now: float) -> None:
        """Ask the peer to part; its answer, or the response timer, ends the session."""
        if self.state not in (State.UNBINDING, State.CLOSED):
            self._move(Move.UNBIND)
            self.send_request(Request(smpp.UNBIND), now)

    def end(self, reason: str) -> Ended:
        """End the session and hand over what is unanswered."""
        self._move(Move.END)
        unanswered = [request for request in self._pending.clear() if request.command not in _NOT_TRANSACTIONS]
        return Ended(reason, unanswered)

    # Time

    def next_deadline(self) -> float:
        """Return when :meth:`handle_timer` is to be called at the latest."""
        return min(self._timers.next_deadline(), self._pending.next_deadline())

    def handle_timer(self, now: float) -> list[Event]:
        """Do what time demands: expire requests, ask whether the peer lives, end what is dead."""
        checks = (self._check_init, self._check_responses, self._check_silence, self._check_idle)
        events: list[Event] = []
        for check in checks:
            if not self.finished:
                check(now, events)
        return events

    def _check_init(self, now: float, events: list[Event]) -> None:
        if now >= self._timers.init_deadline:
            events.append(self.end("bind not answered in time" if self._judging_bind else "no bind in time"))

    def _check_responses(self, now: float, events: list[Event]) -> None:
        for request in self._pending.expire(now):
            if request.command == smpp.ENQUIRE_LINK:
                # Anything heard since then proves life as well as the answer would have.
                dead = self._timers.heard <= self._timers.asked
                self._timers.asked = NEVER
                if dead and not self.finished:
                    events.append(self.end("no answer to enquire_link"))
            elif request.command == smpp.UNBIND:
                if not self.finished:
                    events.append(self.end("no answer to unbind"))
            else:
                events.append(Expired(request))

    def _check_silence(self, now: float, _events: list[Event]) -> None:
        if now >= self._timers.enquire_due() and self.state is not State.UNBINDING:
            self._timers.asked = now
            self.send_request(Request(smpp.ENQUIRE_LINK), now)

    def _check_idle(self, now: float, events: list[Event]) -> None:
        if now >= self._timers.idle_due() and self.state is not State.UNBINDING:
            events.append(Odd("no transaction in time"))
            self.unbind(now)

    # State

    def _enter(self, what: Move, now: float, version: int | None) -> None:
        self._move(what)
        self._timers.bound(now)
        self.peer_version = version or 0

    def _move(self, what: Move) -> None:
        self.state = move(self.state, what)
        self._allowed = ALLOWED[self.role, self.state]

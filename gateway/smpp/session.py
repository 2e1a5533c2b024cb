"""The SMPP session: octets and the clock in, events and octets out; the same machine for both roles.

A session never waits, reads a socket or looks at a clock, so every situation can be played in a test. Its rules:

* what may be said when stands in :mod:`gateway.smpp.state`, nowhere else;
* every request that we hand to the owner gets exactly one response, and responses are never answered;
* an unusable length ends the session, anything else that is wrong is answered and survived;
* beyond ``window`` owed responses, and behind a bind that is judged, requests wait; what needs no window passes them;
* a peer below version 3.4 is sent no TLVs (section 3.4);
* requests of ours that nobody answered are handed back when the session ends, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Event, Expired, Late, Odd, Request, RequestReceived
from gateway.smpp.frame import FrameError
from gateway.smpp.inbox import Inbox
from gateway.smpp.older import bind_resp_body, without_tlvs
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
        self.takes_tlvs = True  # whether the peer is of version 3.4 or above, as far as it said
        self.window = window  # how many of the peer's requests may wait for our responses
        self.owed = 0  # the peer's requests that wait for a response of ours
        self._judging_bind = False
        self._inbox = Inbox(max_pdu)
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
        """Whether nothing more is taken from the peer until responses have been sent."""
        return self._inbox.full

    @property
    def finished(self) -> bool:
        """Whether the connection is to be closed as soon as :meth:`data_to_send` has been written."""
        return self.state is State.CLOSED

    @property
    def bound(self) -> bool:
        """Whether the session is bound, in any of the three ways."""
        return self.state in BOUND

    @property
    def lasted(self) -> float:
        """How many seconds after the bind the peer was last heard; 0 when it never bound."""
        return self._timers.lasted

    @property
    def unwritten(self) -> int:
        """How many octets wait for :meth:`data_to_send`."""
        return sum(map(len, self._out))

    def data_to_send(self) -> bytes:
        """Return the octets that are to be written now, and forget them."""
        out, self._out = self._out, []
        return b"".join(out)

    # Receiving

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take octets from the peer (none: go on with what is buffered) and say what they meant."""
        events: list[Event] = []
        if data and not self.finished:
            self._timers.heard = now
            self._inbox.feed(data)
        try:
            while self.state is not State.CLOSED and (
                frame := self._inbox.next(holding=self._judging_bind or self.owed >= self.window)
            ):
                self._receive_frame(frame, now, events)
        except FrameError as error:
            self._out.append(smpp.header(0, smpp.GENERIC_NACK, error.status, error.sequence))
            events.append(self.end(str(error)))
        return events

    def _receive_frame(self, frame: bytes, now: float, events: list[Event]) -> None:
        try:
            pdu = smpp.decode(frame)
        except PduError as error:
            self._receive_damaged(error, now, events)
            return
        if pdu.command & RESPONSE:
            self._receive_response(pdu, now, events)
        else:
            self._receive_request(pdu, now, events)

    def _receive_damaged(self, error: PduError, now: float, events: list[Event]) -> None:
        events.append(Odd(str(error)))
        if error.command & RESPONSE:  # it was carried out (an error's body is never read), only the words are lost
            self._receive_response(Pdu(error.command, error.sequence), now, events)
        elif error.command not in smpp.NAMES:
            self._out.append(smpp.header(0, smpp.GENERIC_NACK, error.status, error.sequence))
        elif error.command not in _WITHOUT_RESPONSE:
            self._out.append(smpp.response(error.command, error.sequence, error.status))

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
        events += self._answer_unbind()

    def _answer_unbind(self) -> list[Event]:
        """Answer the peer's unbind once nothing else is owed to it, and end."""
        if self._unbind_owed is None or self.owed or self.finished:
            return []
        self._out.append(smpp.response(smpp.UNBIND, self._unbind_owed))
        return [self.end("the peer unbound")]

    def _receive_response(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        closed = self._pending.close(pdu.sequence)
        if closed is None:
            late = self._pending.late(pdu)
            events.append(Late(late, pdu) if late else Odd(f"unexpected {pdu.name} {pdu.sequence}"))
            return
        request, since = closed
        if request.command == smpp.ENQUIRE_LINK:
            self._timers.asked = NEVER
        elif request.command == smpp.UNBIND:
            events.append(self.end("unbound"))
        else:
            self._timers.worked = now
            if pdu.command != request.command | RESPONSE and (pdu.command != smpp.GENERIC_NACK or not pdu.status):
                events.append(Odd(f"{smpp.NAMES[request.command]} answered by {pdu.name}"))
                pdu = Pdu(smpp.GENERIC_NACK, pdu.sequence, status.ESME_RINVCMDID)
            elif request.command in BINDS and pdu.status == status.ESME_ROK and self.state is State.OPEN:
                self._enter(BINDS[request.command], now, pdu.tlv_int(smpp.Tag.sc_interface_version))
            events.append(Answered(request, pdu, now - since))

    # Sending

    def send_request(self, request: Request, now: float) -> int:
        """Number and queue ``request``; returns its sequence_number."""
        sequence = self._pending.open(request, now)
        if request.command in _WITHOUT_RESPONSE:
            self._pending.close(sequence)
        body = request.body if self.takes_tlvs else without_tlvs(request.command, request.body)
        self._out.append(smpp.header(len(body), request.command, 0, sequence) + body)
        if request.command not in _NOT_TRANSACTIONS:
            self._timers.worked = now
        return sequence

    def send_response(self, request: Pdu, code: int = status.ESME_ROK, body: bytes = b"") -> Sequence[Event]:
        """Queue the one response owed to ``request``; an error carries no body (SMPP 3.4 section 4.4.2).

        Returns what follows from it: when it was the last one owed to a peer that unbinds, the end.
        """
        self.owed -= 1
        self._out.append(smpp.response(request.command, request.sequence, code, body))
        return () if self._unbind_owed is None else self._answer_unbind()

    def accept_bind(self, request: Pdu, system_id: str, now: float) -> list[Event]:
        """Let the peer in: its bind_resp carries our system_id and, from version 3.4 on, sc_interface_version."""
        self._judging_bind = False
        self.owed -= 1
        version, body = request.fields["interface_version"], bind_resp_body(request, system_id)
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
        events: list[Event] = []
        for check in (self._check_init, self._check_responses, self._check_silence, self._check_idle):
            if not self.finished:
                check(now, events)
        return events

    def _check_init(self, now: float, events: list[Event]) -> None:
        if now >= self._timers.init_deadline:
            events.append(self.end("bind not answered in time" if self._judging_bind else "no bind in time"))

    def _check_responses(self, now: float, events: list[Event]) -> None:
        late = self._pending.expire(now)
        events += [Expired(request) for request in late if request.command not in _NOT_TRANSACTIONS]
        questions = {request.command for request in late} & _NOT_TRANSACTIONS
        # Anything heard since we asked proves life as well; and whom we do not read, we cannot call silent.
        silent = self._timers.heard <= self._timers.asked and not self.blocked
        if smpp.ENQUIRE_LINK in questions:
            self._timers.asked = NEVER
        if smpp.UNBIND in questions:
            events.append(self.end("no answer to unbind"))
        elif smpp.ENQUIRE_LINK in questions and silent:
            events.append(self.end("no answer to enquire_link"))

    def _check_silence(self, now: float, _events: list[Event]) -> None:
        if now >= self._timers.enquire_due():
            self._timers.asked = now
            self.send_request(Request(smpp.ENQUIRE_LINK), now)

    def _check_idle(self, now: float, events: list[Event]) -> None:
        if now >= self._timers.idle_due():
            events.append(Odd("no transaction in time"))
            self.unbind(now)

    def _enter(self, what: Move, now: float, version: int | None) -> None:
        self._move(what)
        self._timers.bound(now)
        # Many message centres of 3.4 leave sc_interface_version out, and take TLVs all the same.
        self.takes_tlvs = version is None or version >= smpp.VERSION_34

    def _move(self, what: Move) -> None:
        self.state = move(self.state, what)
        self._allowed = ALLOWED[self.role, self.state]
        if self.state not in BOUND:
            self._timers.stop()

"""Requests on their way: numbered, remembered until answered, and given up in the order in which they were sent.

The response timer is the same for all requests of a session, so the oldest request is always the next to expire and
no heap is needed: a dict keeps them in order. Sequence numbers run from 1 to 0x7FFFFFFF, begin again at 1 (SMPP 5.0
section 4.7.24) and skip those still in flight. The last few that were given up are remembered, for an answer that comes
late still says what became of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.smpp.events import Request
    from gateway.smpp.pdu import Pdu

LAST_SEQUENCE = 0x7FFFFFFF
_RESPONSE = 0x8000_0000
_REMEMBERED = 1_000  # requests that were given up


class Window:
    """Our unanswered requests.

    Args:
        timeout: seconds that a peer has for its answer.
    """

    __slots__ = ("_given_up", "_pending", "_sequence", "_timeout")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._sequence = 0
        self._pending: dict[int, tuple[Request, float]] = {}
        self._given_up: OrderedDict[int, Request] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[Request]:
        return (request for request, _ in self._pending.values())

    def open(self, request: Request, now: float) -> int:
        """Remember ``request`` and return the sequence_number that it travels under."""
        sequence = self._sequence % LAST_SEQUENCE + 1
        while sequence in self._pending:
            sequence = sequence % LAST_SEQUENCE + 1
        self._sequence = sequence
        self._pending[sequence] = (request, now + self._timeout)
        return sequence

    def close(self, sequence: int) -> tuple[Request, float] | None:
        """Take the request under ``sequence`` out, with when it was sent; None when nothing waits there."""
        entry = self._pending.pop(sequence, None)
        return entry and (entry[0], entry[1] - self._timeout)

    def late(self, response: Pdu) -> Request | None:
        """Return the request that was given up and is answered now, once; None when it is nobody's answer."""
        request = self._given_up.pop(response.sequence, None)
        return request if request and response.command == request.command | _RESPONSE else None

    def next_deadline(self) -> float:
        """Return when the oldest request expires; infinity when none waits."""
        for _, deadline in self._pending.values():
            return deadline
        return float("inf")

    def expire(self, now: float) -> list[Request]:
        """Take out and return every request whose time is up, oldest first."""
        late = []
        for sequence, (request, deadline) in self._pending.items():
            if deadline > now:
                break
            late.append((sequence, request))
        for sequence, request in late:
            del self._pending[sequence]
            self._given_up[sequence] = request
        while len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)
        return [request for _, request in late]

    def clear(self) -> list[Request]:
        """Take out and return everything, oldest first."""
        left = [request for request, _ in self._pending.values()]
        self._pending.clear()
        return left

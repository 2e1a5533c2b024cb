"""The four timers of SMPP 3.4 section 7.2, as plain data and comparisons; whoever holds them passes the clock in."""

from __future__ import annotations

from typing import NamedTuple

NEVER = float("inf")


class Limits(NamedTuple):
    """How long each timer runs, in seconds (NEVER switches one off)."""

    session_init: float = 10.0
    enquire_link: float = 30.0
    inactivity: float = NEVER
    response: float = 30.0


class Timers:
    """Since when the peer has been silent, idle or unbound.

    Any PDU proves that the peer lives (section 4.11); only transactions postpone the inactivity timer. Both questions
    are asked of bound peers only: before that the session_init timer runs, after an unbind the response timer.
    """

    __slots__ = ("_bound_at", "_running", "asked", "heard", "init_deadline", "limits", "worked")

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.init_deadline = now + limits.session_init
        self.heard = now  # the last octets from the peer
        self.worked = now  # the last transaction in either direction
        self.asked = NEVER  # when an enquire_link that is still unanswered went out
        self._bound_at = NEVER
        self._running = False

    def judging(self, now: float) -> None:
        """Stop the session_init timer, for a bind has come; its answer is owed within the response timer."""
        self.init_deadline = now + self.limits.response

    def bound(self, now: float) -> None:
        """Stop the session_init timer, and start the others: the peer has bound."""
        self.init_deadline = NEVER
        self.heard = self.worked = self._bound_at = now
        self._running = True

    def stop(self) -> None:
        """Ask nothing more: the peer is parting."""
        self._running = False

    @property
    def lasted(self) -> float:
        """How many seconds after its bind the peer was last heard; 0 when it never bound."""
        return max(0.0, self.heard - self._bound_at)

    def enquire_due(self) -> float:
        """Return when the silence has lasted long enough for an enquire_link."""
        return self.heard + self.limits.enquire_link if self._running and self.asked == NEVER else NEVER

    def idle_due(self) -> float:
        """Return when the lack of transactions ends the session."""
        return self.worked + self.limits.inactivity if self._running else NEVER

    def next_deadline(self) -> float:
        """Return the earliest instant at which one of these timers fires."""
        return min(self.init_deadline, self.enquire_due(), self.idle_due())

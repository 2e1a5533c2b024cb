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

    Any PDU proves that the peer lives (section 4.11); only transactions postpone the inactivity timer.
    """

    __slots__ = ("asked", "heard", "init_deadline", "limits", "worked")

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.init_deadline = now + limits.session_init
        self.heard = now  # the last octets from the peer
        self.worked = now  # the last transaction in either direction
        self.asked = NEVER  # when an enquire_link that is still unanswered went out

    def judging(self, now: float) -> None:
        """Stop the session_init timer, for a bind has come; its answer is owed within the response timer."""
        self.init_deadline = now + self.limits.response

    def bound(self, now: float) -> None:
        """Stop the session_init timer: the peer has bound."""
        self.init_deadline = NEVER
        self.heard = self.worked = now

    def enquire_due(self) -> float:
        """Return when the silence has lasted long enough for an enquire_link."""
        return NEVER if self.asked != NEVER else self.heard + self.limits.enquire_link

    def idle_due(self) -> float:
        """Return when the lack of transactions ends the session."""
        return NEVER if self.init_deadline != NEVER else self.worked + self.limits.inactivity

    def next_deadline(self) -> float:
        """Return the earliest instant at which one of these timers fires."""
        return min(self.init_deadline, self.enquire_due(), self.idle_due())

"""When the next request may leave, and what follows from the answer to the last one.

The table :data:`NEXT_STEP` is the only place that says what a command_status means for delivery; what it does not name
is permanent. Randomness and the clock are arguments, so every case can be played in a test.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.smpp import status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.rules.times import Spelling


class Step(StrEnum):
    """What to do after a response."""

    DONE = "done"  # the peer has it
    SLOW = "slow"  # the peer has too much of everything: keep the order, slow the whole lane, mostly send this first
    LATER = "later"  # the peer cannot take this one now: try it again later, others may pass
    FAIL = "fail"  # the peer will never take it
    BACK = "back"  # it was not tried, or is to be tried anew: let it wait where others can have it
    EXPIRED = "expired"  # its time was over before it could be sent
    NEXT = "next"  # the peer will never take it, the next one of its route may
    HOLD = "hold"  # the hours are over in which it may be sent: let it wait for the next ones
    REVIEW = "review"  # its number has opted out since it was accepted: send it only if that is not refused


NEXT_STEP: dict[int, Step] = {
    status.ESME_ROK: Step.DONE,
    status.ESME_RTHROTTLED: Step.SLOW,
    status.ESME_RMSGQFUL: Step.SLOW,
    status.ESME_RSYSERR: Step.LATER,
    status.ESME_RSUBMITFAIL: Step.LATER,
    status.ESME_RX_T_APPN: Step.LATER,
    status.ESME_RINVBNDSTS: Step.LATER,
}


def next_step(code: int, own: Mapping[int, Step] = NEXT_STEP) -> Step:
    """Return what a command_status asks for; ``own`` is what counts before the table, which ends in permanent."""
    return own.get(code) or NEXT_STEP.get(code, Step.FAIL)


class Pace(NamedTuple):
    """How fast a lane may be drained.

    ``window`` is unanswered requests per link, ``rate`` segments a second (None: no limit), ``room`` rows in memory,
    ``retry_uncertain`` whether what was sent and never answered is sent again, ``own_steps`` what follows from the
    statuses of this peer that mean something else than elsewhere, ``validity`` how the peer is told until when a row is
    valid (None: rows say nothing of it).
    """

    window: int
    rate: float | None = None
    room: int = 5_000
    retry_uncertain: bool = True
    own_steps: Mapping[int, Step] = NEXT_STEP
    validity: Spelling | None = None


class TokenBucket:
    """A rate in segments a second, with a burst of one second.

    Args:
        rate: segments a second; None: no limit.
        now: the present instant in seconds.

    Attributes:
        rate: what it is now.
    """

    __slots__ = ("_at", "_most", "_tokens", "rate")

    def __init__(self, rate: float | None, now: float) -> None:
        self.rate = rate
        self._tokens = self._most = max(1.0, rate or 0.0)
        self._at = now

    def take(self, segments: int, now: float) -> bool:
        """Take ``segments`` tokens if one is there; a long message goes into debt rather than wait for ever."""
        granted = self.grant(1, now)
        if granted and self.rate is not None:
            self._tokens -= segments - 1
        return bool(granted)

    def grant(self, wanted: int, now: float) -> int:
        """Take up to ``wanted`` tokens, as many whole ones as are there, and return how many that was."""
        if self.rate is None or wanted <= 0:
            return max(0, wanted)
        self._at = min(self._at, now)  # a clock that was set back makes nobody wait
        if now < self.ready_at():
            return 0
        self._save_up(now)
        granted = min(wanted, max(1, int(self._tokens)))
        self._tokens -= granted
        return granted

    def owe(self, segments: int) -> None:
        """Go into debt for ``segments`` beside those that were granted, which turned out to be longer."""
        if self.rate is not None:
            self._tokens -= segments

    def give_back(self, segments: int) -> None:
        """Take back tokens that were granted and not used."""
        self._tokens = min(self._most, self._tokens + segments)

    def change(self, rate: float | None, now: float) -> None:
        """Go on with another rate from ``now`` on; no more than a second's worth of it is ever there."""
        self._at = min(self._at, now)
        self._save_up(now)
        self.rate = rate
        self._most = max(1.0, rate or 0.0)
        self._tokens = min(self._most, self._tokens)

    def _save_up(self, now: float) -> None:
        if self.rate is None:
            self._tokens = self._most
        else:
            self._tokens = min(self._most, self._tokens + (now - self._at) * self.rate)
        self._at = now

    def ready_at(self) -> float:
        """Return the instant from which the next token is there; :meth:`take` agrees to the last bit."""
        if self.rate is None or self._tokens >= 1:
            return self._at
        if not self.rate:
            return math.inf
        return self._at + (1 - self._tokens) / self.rate


class Backoff:
    """Growing pauses with jitter: each about twice the one before, from ``initial`` up to ``maximum`` seconds."""

    __slots__ = ("_initial", "_maximum", "attempts")

    def __init__(self, initial: float, maximum: float) -> None:
        self._initial = initial
        self._maximum = maximum
        self.attempts = 0

    def next(self, chance: float) -> float:
        """Return the next pause; ``chance`` in [0, 1) spreads it over the upper half of its length."""
        pause = pause_after(self.attempts, self._initial, self._maximum, chance)
        self.attempts += 1
        return pause

    def reset(self) -> None:
        """Begin with short pauses again."""
        self.attempts = 0


class Throttle:
    """How a peer that has too much is spared: a pause, then one request, then one more for each round that is taken.

    The pause grows while nothing is taken between two of them and shrinks otherwise, so it finds the length that the
    peer bears. After a full window without a refusal nothing holds back any more.

    Args:
        window: unanswered requests at which all is well again.
        first: seconds of the first pause.
        longest: seconds of the longest.
    """

    __slots__ = ("_first", "_limit", "_longest", "_sent", "_strikes", "_taken", "paused_until", "window")

    def __init__(self, window: int, first: float, longest: float) -> None:
        self.window = window
        self._first = first
        self._longest = longest
        self._limit: float = math.inf
        self._strikes = 0
        self._sent = True  # since the last pause began
        self._taken = 0  # since the limit was last changed
        self.paused_until = -math.inf

    def room(self, in_flight: int) -> float:
        """Return how many more requests may be on their way when ``in_flight`` are."""
        return max(0, self._limit - in_flight)

    def sent(self) -> None:
        """Learn that requests were sent."""
        self._sent = True

    def taken(self) -> None:
        """Learn that the peer had room for a request."""
        if self._limit == math.inf:
            return
        self._taken += 1
        if self._taken >= self._limit:
            self._limit, self._taken = self._limit + 1, 0
        if self._limit > self.window:
            self._limit, self._strikes = math.inf, 0

    def refused(self, now: float, chance: float) -> float:
        """Learn that the peer had too much; returns the pause that begins, 0 when this belongs to the last one.

        Args:
            now: seconds.
            chance: in [0, 1), spreads the pause over the upper half of its length.
        """
        if now < self.paused_until or not self._sent:
            return 0.0
        progress = self._limit > 1 or self._taken
        if self._limit < math.inf:
            self._strikes = max(0, self._strikes - 1) if progress else self._strikes + 1
        pause = pause_after(self._strikes, self._first, self._longest, chance)
        self.paused_until = now + pause
        self._limit, self._taken, self._sent = 1, 0, False
        return pause


def pause_after(attempts: int, initial: float, maximum: float, chance: float) -> float:
    """Return the pause in seconds after ``attempts`` failures, spread over its upper half by ``chance`` in [0, 1)."""
    longest = min(maximum, initial * 2.0 ** min(attempts, 32))
    return longest * (0.5 + chance / 2)

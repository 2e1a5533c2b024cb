"""How often somebody may do something: one token bucket for each key, of which there are never too many.

Keys are what attackers choose (addresses, networks, numbers, names), so those that have been quiet for longest are
forgotten first; a bucket that is forgotten is a full one.
"""

from __future__ import annotations

from collections import OrderedDict

_REMEMBERED = 20_000
_ROUNDING = 1e-9


class Quotas:
    """Quotas of one kind.

    Args:
        burst: how often at once.
        period: in how many seconds as much is allowed again.
        remembered: of how many keys at most.
    """

    def __init__(self, burst: int, period: float, remembered: int = _REMEMBERED) -> None:
        self._burst = burst
        self._each = period / burst
        self._remembered = remembered
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when each bucket is full again

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, key: str, now: float) -> float:
        """Return how many seconds ``key`` has to wait at ``now``; 0: none."""
        return max(0.0, self._full_at.get(key, now) - now - self._each * (self._burst - 1))

    def left(self, key: str, now: float) -> int:
        """Return how often ``key`` may go on at ``now`` without a pause."""
        used = max(0.0, self._full_at.get(key, now) - now) / self._each
        return max(0, int(self._burst - used + _ROUNDING))

    def take(self, key: str, now: float) -> float:
        """Use up one time of ``key``, unless it has to wait; returns for how many seconds."""
        waits = self.wait(key, now)
        if not waits:
            self._full_at[key] = max(self._full_at.pop(key, now), now) + self._each
            if len(self._full_at) > self._remembered:
                self._full_at.popitem(last=False)
        return waits

    def forget(self, key: str) -> None:
        """Give ``key`` everything back."""
        self._full_at.pop(key, None)

"""When the process that serves pages gives way entirely, and when that is too much of a courtesy.

It has a share of the processors at first. Then it runs only while nobody else wants one: whoever sends messages notices
nothing of visitors. Where others want all processors for long, it would never run: as soon as its signs of life come
late it is given up for one that keeps its share for a while.
"""

from __future__ import annotations

_IN_A_ROW = 3  # late signs: one or two may be the machine's, which was paused
_SHARE = 3_600.0  # seconds


class Courtesy:
    """Decides for one process after another.

    Args:
        late: seconds after which a sign of life is late; where anything is left to it, one takes a
            hundredth of that.
    """

    def __init__(self, late: float) -> None:
        self._late = late
        self._row = 0
        self._share_until = 0.0
        self._yields = False

    def begin(self) -> None:
        """Take note that a process begins, with a share."""
        self._yields = False
        self._row = 0

    def asked(self, now: float) -> bool:
        """Say whether the process is to give way from ``now`` on; once only. ``now`` is in seconds."""
        if self._yields or now < self._share_until:
            return False
        self._yields = True
        return True

    def heard(self, after: float, now: float) -> bool:
        """Take note of a sign of life that took ``after`` seconds; returns whether the process is starving."""
        self._row = self._row + 1 if self._yields and after > self._late else 0
        if self._row == _IN_A_ROW:
            self.lost(now)
            return True
        return False

    def lost(self, now: float) -> None:
        """Take note that a process is given up: if it was giving way, the next ones keep their share for a while."""
        if self._yields:
            self._share_until = now + _SHARE

"""When the process that serves pages gives way entirely, and when that is too much of a courtesy.

It has a share of the processors at first. Then it runs only while nobody else wants one: whoever sends messages notices
nothing of visitors. Where others want all processors for long, it would never run: as soon as its signs of life come
late it is given up for one that keeps its share for a while.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LATE, _LAST = 3, 5  # late signs of the last ones: one or two may be the machine's, which was paused
_SHARE = 3_600.0  # seconds


class Courtesy:
    """Decides for one process after another.

    Args:
        late: seconds without a processor after which a sign of life is late; where anything is left to it, one takes
            a hundredth of that.
    """

    def __init__(self, late: float) -> None:
        self._late = late
        self._signs: deque[bool] = deque(maxlen=_LAST)  # whether each was late
        self._share_until = 0.0
        self._asked = False
        self._yields = False

    def begin(self) -> None:
        """Take note that a process begins, with a share."""
        self._asked = False
        self._yields = False
        self._signs.clear()

    def asked(self, now: float) -> bool:
        """Say whether the process is to give way from ``now`` on; once only. ``now`` is in seconds."""
        if self._asked or now < self._share_until:
            return False
        self._asked = self._yields = True
        return True

    def refused(self) -> None:
        """Take note that the process is not let give way: it keeps its share, and its late signs say nothing."""
        self._yields = False

    def heard(self, lacked: float, now: float) -> bool:
        """Take note of a sign of life, and of what the process :func:`lacked` meanwhile; returns whether it starves."""
        self._signs.append(self._yields and lacked > self._late)
        if sum(self._signs) == _LATE:
            self.lost(now)
            return True
        return False

    def lost(self, now: float) -> None:
        """Take note that a process is given up: if it was giving way, the next ones keep their share for a while."""
        if self._yields:
            self._share_until = now + _SHARE


def lacked(took: float, before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return for how many of the seconds that a sign of life took its process had no processor although it wanted one.

    A sign is late, too, where the process itself is busy or was stopped, or where who asked for it was.

    Args:
        took: seconds.
        before: how long each thread had waited for a processor by then; empty: nobody knows.
        after: likewise.
    """
    if not before or not after:
        return took
    return min(took, sum(waited - before.get(thread, 0.0) for thread, waited in after.items()))

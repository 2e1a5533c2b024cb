"""When the process that serves pages gives way entirely, and when that is too much of a courtesy.

It has a share of the processors at first. Then it runs only while nobody else wants one: whoever sends messages notices
nothing of visitors. Where others want all processors, it would hardly ever run, and a page take half a minute: as soon
as the kernel says that it has waited for a processor most of the time, and got next to nothing, it is given up for one
that keeps its share for a while.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOKS = 6  # the last ones; a second apart
_SHARE = 3_600.0  # seconds


class Turn(NamedTuple):
    """How long a thread has run on a processor so far, and how long it has waited for one, in seconds."""

    ran: float
    waited: float


class Courtesy:
    """Decides for one process after another.

    Args:
        wait: seconds, within the last five, that its threads may wait for a processor.
        times: how many times as long as they run they may.
    """

    def __init__(self, wait: float = 2.0, times: float = 50.0) -> None:
        self._wait = wait
        self._times = times
        self._looks: deque[Mapping[str, Turn]] = deque(maxlen=_LOOKS)
        self._share_until = 0.0
        self._asked = False
        self._yields = False

    def begin(self) -> None:
        """Take note that a process begins, with a share."""
        self._asked = False
        self._yields = False
        self._looks.clear()

    def asked(self, now: float) -> bool:
        """Say whether the process is to give way from ``now`` on; once only. ``now`` is in seconds."""
        if self._asked or now < self._share_until:
            return False
        self._asked = self._yields = True
        return True

    def refused(self) -> None:
        """Take note that the process is not let give way: it keeps its share, and however it fares says nothing."""
        self._yields = False

    def looked(self, turns: Mapping[str, Turn], now: float) -> bool:
        """Take note of how its threads have fared so far, once a second; returns whether it starves by giving way."""
        if not self._yields:
            return False
        self._looks.append(turns)
        ran, waited = _growth(self._looks[0], turns)
        if waited >= self._wait and waited >= ran * self._times and len(self._looks) > 1:
            self.lost(now)
            return True
        return False

    def lost(self, now: float) -> None:
        """Take note that a process is given up: if it was giving way, the next ones keep their share for a while."""
        if self._yields:
            self._share_until = now + _SHARE


def _growth(before: Mapping[str, Turn], after: Mapping[str, Turn]) -> Turn:
    """Return what was added meanwhile, of all threads that are still there."""
    none = Turn(0.0, 0.0)
    pairs = [(before.get(thread, none), turn) for thread, turn in after.items()]
    return Turn(sum(now.ran - then.ran for then, now in pairs), sum(now.waited - then.waited for then, now in pairs))

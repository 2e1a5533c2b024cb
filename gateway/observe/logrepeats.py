"""Warnings that come again and again: the first few are said, the rest is counted and summed up in one line.

What makes two warnings the same is their name and whom they are about. Of the same, a few may be said in each span of
time; when it is over, a line ``repeated`` says how many more there were. So a storm of refused binds or a flapping
operator leaves a handful of lines a minute, and nothing is lost but repetition. Billable events, and all that is no
warning or error, pass untouched.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict

SPAN = 60.0  # seconds
SAID = 5  # lines of one kind in each span
_LOUD = frozenset({"warning", "error", "exception", "critical"})
_ABOUT = ("event", "account", "operator", "lane", "reason", "status", "library")
_SUMMARY = "repeated"
_log = structlog.get_logger()

Key = tuple[Any, ...]


class _Kind:
    """One kind of warning within one span."""

    __slots__ = ("began", "count")

    def __init__(self, began: float) -> None:
        self.began = began
        self.count = 0


class _Sum(NamedTuple):
    key: Key
    more: int


class Repeats:
    """A processor for structlog, to be the first of its chain; may be called from any thread.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[Key, _Kind] = {}
        self._look_at = math.inf

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        """Pass an event on, or drop it as one of too many."""
        if event.get("event") == _SUMMARY:
            return event
        now = self._clock()
        for each in self._sums(now):
            self._say(each)
        if method in _LOUD and self._is_too_many(tuple(str(event.get(name, "")) for name in _ABOUT), now):
            raise structlog.DropEvent
        return event

    def _is_too_many(self, key: Key, now: float) -> bool:
        with self._lock:
            kind = self._kinds.setdefault(key, _Kind(now))
            kind.count += 1
            self._look_at = min(self._look_at, kind.began + SPAN)
            return kind.count > SAID

    def _sums(self, now: float) -> list[_Sum]:
        """Take out what was dropped in spans that are over."""
        if now < self._look_at:
            return []
        with self._lock:
            over = {key: kind for key, kind in self._kinds.items() if now >= kind.began + SPAN}
            for key in over:
                del self._kinds[key]
            self._look_at = min((kind.began + SPAN for kind in self._kinds.values()), default=math.inf)
        return [_Sum(key, kind.count - SAID) for key, kind in over.items() if kind.count > SAID]

    def _say(self, each: _Sum) -> None:
        name, *about = each.key
        fields = {field: value for field, value in zip(_ABOUT[1:], about, strict=True) if value}
        _log.warning("repeated", of=name, count=each.more, seconds=int(SPAN), **fields)

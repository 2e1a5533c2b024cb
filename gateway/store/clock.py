"""The clock that all nodes go by, between two moments at which somebody has read it.

An embedded database goes by this machine's clock. A server has one of its own, which every commit shows; since then
time is counted on a clock that nobody sets, and that all processes of a machine share. So where somebody sets this
machine's clock it is no other time for the nodes of a server.
"""

from __future__ import annotations

import time
from typing import NamedTuple

_MILLI = 1_000_000  # nanoseconds


class Seen(NamedTuple):
    """What a server's clock showed, and what the one that nobody sets did at that moment: milliseconds both."""

    shown: int
    then: int


def seen(shown: int) -> Seen:
    """Return that a server's clock shows this at this moment."""
    return Seen(shown, _steady())


def present(last: Seen | None) -> int:
    """Return the present in milliseconds since 1970, UTC; without what was seen ``last`` it is this machine's."""
    if last is None:
        return time.time_ns() // _MILLI
    return last.shown + _steady() - last.then


def _steady() -> int:
    return time.monotonic_ns() // _MILLI

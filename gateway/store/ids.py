"""Identifiers: 64 bits, sortable by time, unique over nodes and restarts.

``milliseconds since 2020 (41 bits) | node number (10 bits) | counter (12 bits)``, so that they stay positive in a
signed 64-bit column until 2089. A node that makes more than 4,096 in a millisecond borrows from the next one; a clock
that jumps back, or a restart, never repeats an identifier because the generator only moves forward from a floor that
the database remembers.
"""

from __future__ import annotations

import re

EPOCH_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
MAX_NODES = 1_024
_COUNTER_BITS = 12
_NODE_BITS = 10
_PER_MS = 1 << _COUNTER_BITS
_WIRE = re.compile(r"[0-7][0-9a-f]{15}")  # positive in 64 bits


class Ids:
    """A generator for one node.

    Args:
        node: the node's number, 0 to 1023.
        floor: the largest identifier that the database holds; new ones are larger.
    """

    def __init__(self, node: int, floor: int = 0) -> None:
        if not 0 <= node < MAX_NODES:
            message = f"node number {node} is not within 0..{MAX_NODES - 1}"
            raise ValueError(message)
        self._node = node << _COUNTER_BITS
        self._ms = (floor >> (_COUNTER_BITS + _NODE_BITS)) + 1
        self._counter = 0

    def advance(self, now_ms: int) -> None:
        """Move on to ``now_ms`` (milliseconds since 1970) unless we are there, or further, already."""
        ms = now_ms - EPOCH_MS
        if ms > self._ms:
            self._ms = ms
            self._counter = 0

    def next(self) -> int:
        """Return a new identifier."""
        if self._counter == _PER_MS:
            self._ms += 1
            self._counter = 0
        value = self._ms << (_COUNTER_BITS + _NODE_BITS) | self._node | self._counter
        self._counter += 1
        return value


def milliseconds(identifier: int) -> int:
    """Return when an identifier was made, in milliseconds since 2020; later ones than the clock says come true soon."""
    return identifier >> (_COUNTER_BITS + _NODE_BITS)


def made_at(identifier: int) -> int:
    """Return when an identifier was made, in milliseconds since 1970, likewise."""
    return milliseconds(identifier) + EPOCH_MS


def first_id(instant: int) -> int:
    """Return what no identifier made at ``instant`` (milliseconds since 1970) or later is less than."""
    return max(instant - EPOCH_MS, 0) << (_COUNTER_BITS + _NODE_BITS)


def wire(identifier: int) -> str:
    """Spell an identifier as upstream apps see it: 16 lower-case hex digits."""
    return f"{identifier:016x}"


def unwire(text: str) -> int | None:
    """Read what :func:`wire` wrote; None for anything else."""
    return int(text, 16) if _WIRE.fullmatch(text) else None

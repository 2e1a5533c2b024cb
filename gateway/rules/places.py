"""How many connections there are, and whether one more is let in.

Three numbers are limited: all connections, those that are not bound, and those not bound from one household. Bound
ones are limited by each account's own number of places besides; what is limited here is what strangers can take.
"""

from __future__ import annotations

from collections import Counter


class Places:
    """Counts of connections, with their limits.

    Args:
        total: connections at most.
        unbound: those of them that are not bound, at most.
        unbound_each: those of the unbound that may come from one household, at most.
    """

    def __init__(self, total: int, unbound: int, unbound_each: int) -> None:
        self._total = total
        self._unbound = unbound
        self._unbound_each = unbound_each
        self._waiting: Counter[str] = Counter()
        self.taken = 0
        self.unbound = 0

    def enter(self, who: str) -> str | None:
        """Take a place for a new connection; returns None, or which limit stands against it and nothing is taken."""
        if self.taken >= self._total:
            return "total"
        if self.unbound >= self._unbound:
            return "unbound"
        if self._waiting[who] >= self._unbound_each:
            return "unbound_address"
        self.taken += 1
        self.unbound += 1
        self._waiting[who] += 1
        return None

    def bind(self, who: str) -> None:
        """Count a connection as bound from now on."""
        self.unbound -= 1
        self._waiting[who] -= 1
        if not self._waiting[who]:
            del self._waiting[who]

    def leave(self, who: str, *, bound: bool) -> None:
        """Give a place back."""
        if not bound:
            self.bind(who)
        self.taken -= 1

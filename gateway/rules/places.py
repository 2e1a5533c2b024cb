"""How many connections there are, and whether one more is let in.

Three numbers are limited: all connections, those that are not bound, and strangers from one household: those that have
not named an account which may come from there. So many apps behind one address can bind at once, while their passwords
are checked. Bound ones are limited by each account's own number of places besides.
"""

from __future__ import annotations

from collections import Counter


class Places:
    """Counts of connections, with their limits.

    Args:
        total: connections at most.
        unbound: those of them that are not bound, at most.
        strangers_each: strangers that may come from one household, at most.
    """

    def __init__(self, total: int, unbound: int, strangers_each: int) -> None:
        self._total = total
        self._unbound = unbound
        self._strangers_each = strangers_each
        self._strangers: Counter[str] = Counter()
        self.taken = 0
        self.unbound = 0

    def enter(self, who: str) -> str | None:
        """Take a place for a new connection; returns None, or which limit stands against it and nothing is taken."""
        if self.taken >= self._total:
            return "total"
        if self.unbound >= self._unbound:
            return "unbound"
        if self._strangers[who] >= self._strangers_each:
            return "unbound_address"
        self.taken += 1
        self.unbound += 1
        self._strangers[who] += 1
        return None

    def know(self, who: str) -> None:
        """Count a stranger as none from now on."""
        self._strangers[who] -= 1
        if not self._strangers[who]:
            del self._strangers[who]

    def bind(self) -> None:
        """Count a connection that is no stranger as bound from now on."""
        self.unbound -= 1

    def leave(self, who: str, *, known: bool, bound: bool) -> None:
        """Give a place back."""
        if not known:
            self.know(who)
        if not bound:
            self.bind()
        self.taken -= 1

"""How many numbers concern an account: counted anew where that takes no time, and of a long list now and then."""

from gateway.store import listing
from gateway.store.base import Snapshot
from gateway.store.blacklist import EVERYBODY

_MANY = 10_000  # entries that are counted in less time than the rest of the page takes
_TRUSTED_FOR = 60.0  # seconds that the count of a longer list is good for


class Counts:
    """The lengths of accounts' lists: a page of a long one would spend most of its time on that."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float]] = {}

    def of(self, snapshot: Snapshot, account: str, now: float) -> int:
        """Return how many entries concern an account; how many a long list had within the last minute.

        Args:
            snapshot: where they are counted.
            account: whose.
            now: seconds, of a clock that is never set.
        """
        count, until = self._known.get(account, (0, 0.0))
        if now >= until:
            count = listing.count(snapshot, [account, EVERYBODY])
            self._known[account] = count, now + (_TRUSTED_FOR if count > _MANY else 0.0)
        return count

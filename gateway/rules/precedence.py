"""Items of one owner that have priorities: the highest first, but every fourth is the oldest, whatever its priority.

So what is urgent overtakes a queue of any length, and yet an item is out at the latest when four times as many have
been drawn as there are items older than it, itself included: the lowest priority waits longer, never for ever.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_OLDEST_EVERY = 4  # draws


class Ranked(Protocol):
    """What has a priority."""

    @property
    def id(self) -> int:
        """The less, the older it is."""

    @property
    def priority(self) -> int:
        """The highest goes first."""


Item = TypeVar("Item", bound=Ranked)


class Precedence(Generic[Item]):
    """A queue by priority; items of one priority leave in the order they came in."""

    __slots__ = ("_choices", "_levels")

    def __init__(self) -> None:
        self._levels: dict[int, deque[Item]] = {}  # none is empty
        self._choices = 0  # draws between several priorities

    def __len__(self) -> int:
        return sum(map(len, self._levels.values()))

    def __bool__(self) -> bool:
        return bool(self._levels)

    def __iter__(self) -> Iterator[Item]:
        """Go through all items, priority by priority."""
        return chain.from_iterable(self._levels.values())

    @property
    def priorities(self) -> list[int]:
        """Those of which there is an item."""
        return list(self._levels)

    def count(self, priority: int) -> int:
        """Return how many items of a priority there are."""
        return len(self._levels.get(priority, ()))

    def of(self, priority: int) -> Collection[Item]:
        """Return the items of a priority, in their order."""
        return self._levels.get(priority, ())

    def append(self, item: Item) -> None:
        """Take an item in, behind the others of its priority."""
        level = self._levels.get(item.priority)
        if level is None:
            self._levels[item.priority] = deque((item,))
        else:
            level.append(item)

    def popleft(self) -> Item:
        """Take out the item that is next.

        Raises:
            IndexError: there is none.
        """
        levels = self._levels
        if len(levels) == 1:
            [priority] = levels
        else:
            priority = self._choose()
        level = levels[priority]
        item = level.popleft()
        if not level:
            del levels[priority]
        return item

    def _choose(self) -> int:
        if not self._levels:
            raise IndexError
        self._choices += 1
        if self._choices % _OLDEST_EVERY:
            return max(self._levels)
        return min(self._levels, key=lambda priority: self._levels[priority][0].id)

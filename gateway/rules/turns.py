"""Items of several owners that wait for one thing: one of each owner in turn, each owner's in an order of their own.

So whoever has ten thousand items waiting delays somebody else's single one by one item, not by ten thousand.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Item = TypeVar("Item")


class Line(Protocol[Item]):
    """The items of one owner, and which of them is next."""

    def append(self, item: Item, /) -> None:
        """Take an item in."""

    def popleft(self) -> Item:
        """Take out the next item."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Item]: ...


Queue = TypeVar("Queue", bound=Line[Any])


class Turns(Generic[Item, Queue]):
    """A queue that serves owners in turn; everything but looking at all of it costs the same however much waits.

    Args:
        owner: says whose an item is.
        line: makes the queue of one owner; in a deque what came first is next.
    """

    __slots__ = ("_count", "_line", "_order", "_owner", "_queues")

    def __init__(self, owner: Callable[[Item], str], line: Callable[[], Queue]) -> None:
        self._owner = owner
        self._line = line
        self._queues: dict[str, Queue] = {}  # none is empty
        self._order: deque[str] = deque()  # whose turn is next
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Go through all items, owner by owner."""
        return chain.from_iterable(self._queues.values())

    @property
    def queues(self) -> Mapping[str, Queue]:
        """The queues of those who have an item here."""
        return self._queues

    def append(self, item: Item) -> None:
        """Take an item in, among its owner's."""
        owner = self._owner(item)
        queue = self._queues.get(owner)
        if queue is None:
            queue = self._queues[owner] = self._line()
            self._order.append(owner)
        queue.append(item)
        self._count += 1

    def extend(self, items: Iterable[Item]) -> None:
        """Take items in, in their order."""
        for item in items:
            self.append(item)

    def popleft(self) -> Item:
        """Take out the next item of the owner whose turn it is.

        Raises:
            IndexError: there is none.
        """
        owner = self._order[0]
        queue = self._queues[owner]
        item: Item = queue.popleft()
        self._count -= 1
        if queue:
            self._order.rotate(-1)
        else:
            del self._queues[owner]
            self._order.popleft()
        return item

"""What the rest of the gateway may ask of a database: one transaction at a time, many pieces of work in each.

The unit of work is a batch. While one commit is under way, whatever arrives waits, and all of it makes up the next
one: no timers, one fsync for many messages. A *flow* (intake of submissions, of inbound PDUs, settling of what was
sent) declares a :class:`Batch`: pure work over a list of items inside the transaction, and what to do once it is
safely on disk. Batches of one round run in the order of their rank: outcomes are settled before receipts are
correlated, so a receipt finds the message that was answered just before it.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from gateway.rules.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from contextlib import AbstractContextManager

    import trio

    from gateway.store.clock import Seen

Item = TypeVar("Item")
Result = TypeVar("Result")
Row = tuple[Any, ...]


class Tx(Protocol):
    """An open transaction: the only way to the tables, and gone when the work returns.

    ``for_update`` and ``skip_locked`` end a SELECT whose rows other nodes must leave alone until the commit, or may be
    busy with; both are empty where the database has one writer.
    """

    for_update: str
    skip_locked: str

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with ``?`` places and return its rows."""

    def each(self, sql: str, rows: Sequence[Row]) -> list[Row]:
        """Run a set-based statement over ``rows``: ``{rows}`` in ``sql`` becomes a query that returns them.

        So it stands where a query may: ``WHERE id IN ({rows})``, ``WITH news (id, state) AS ({rows}) UPDATE …``. Large
        sets are cut into chunks; what the chunks return is joined. No rows: nothing is run. A chunk may be filled up
        with rows of NULLs, so a statement compares with the first column, which no row leaves NULL. The values of one
        column are all of one type: int, str or bytes.
        """

    def insert(self, into: str, rows: Sequence[Row], then: str = "") -> list[Row]:
        """Insert ``rows`` into ``table (columns)``; ``then`` is what follows: ON CONFLICT …, RETURNING …."""

    def lock(self, names: Collection[str], *, shared: bool = False) -> None:
        """Keep transactions that lock one of ``names`` out until the commit; ``shared`` locks bear each other."""

    def notify(self, names: Collection[str]) -> None:
        """Wake the other nodes at the commit, with names that mean something to them; a hint that may be lost."""

    def new_id(self) -> int:
        """Return an identifier that no other row, node or run of the gateway has (see :mod:`gateway.store.ids`)."""

    @property
    def now(self) -> int:
        """The instant of this round: milliseconds since 1970, UTC; one clock for all nodes of a database."""

    @property
    def holder(self) -> int:
        """What the rows that we hold are marked with: new each time that we join the database; 0 before that."""


class Snapshot(Protocol):
    """What the database held at one instant, for reading; it holds nobody up, however long the reading takes."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[Row]:
        """Run one SELECT with ``?`` places; its rows come as they are asked for."""


class Source(Protocol):
    """A connection for reading, which takes one snapshot after another."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Hold one instant of the database until the block ends.

        Raises:
            StoreError: it cannot be read, or is none of ours. Then, or whatever else ends the block early, the source
                is of no further use.
        """

    def fit(self) -> bool:
        """Say whether it can take another snapshot."""

    def close(self) -> None:
        """Let go of the database."""


class StoreError(Exception):
    """The database did not take the work; nothing of it happened."""


class StoreFullError(StoreError):
    """There is no room on the disk."""


class FencedError(StoreError):
    """We are no member of the database any more: others took us for dead and may have taken over our rows."""


class TakenError(StoreError):
    """Another process has joined the database under our name."""


class WorkError(StoreError):
    """One item's own work raised: trying it again would raise again; the log holds the traceback."""


class Batch(Generic[Item]):
    """The items of one flow that wait for the next commit.

    Args:
        work: called inside the transaction with the items; returns whatever ``done`` wants. Pure apart from the Tx.
        done: called after COMMIT, on the event loop, with the items and what ``work`` returned.
        failed: called instead when nothing was committed, with the items and the reason.
        rank: batches of one round run in ascending rank.
        limit: the most items of one round; more would make others wait for longer than it saves.
    """

    def __init__(
        self,
        work: Callable[[Tx, list[Item]], Any],
        done: Callable[[list[Item], Any], None],
        failed: Callable[[list[Item], StoreError], None],
        rank: int = 50,
        limit: int = sys.maxsize,
    ) -> None:
        self.work = work
        self.done = done
        self.failed = failed
        self.rank = rank
        self._limit = limit
        self.waiting: list[Item] | Turns[Item, deque[Item]] = []
        self.wake: Callable[[], None] = lambda: None  # the store's, once attached

    def in_turn(self, owner: Callable[[Item], str]) -> Batch[Item]:
        """Let one owner's items wait for their own kind only: owners are served in turn from now on."""
        self.waiting = Turns(owner, deque)
        return self

    def put(self, item: Item) -> None:
        """Let ``item`` take part in the next commit."""
        if not self.waiting:
            self.wake()
        self.waiting.append(item)

    def put_all(self, items: Sequence[Item]) -> None:
        """Let all of ``items`` take part in the next commit, in their order."""
        if items:
            self.waiting.extend(items)
            self.wake()

    def take(self) -> list[Item]:
        """Hand over what waits, up to the limit: oldest first, or one of each owner in turn."""
        waiting = self.waiting
        if isinstance(waiting, Turns):
            items = [waiting.popleft() for _ in range(min(len(waiting), self._limit))]
        else:
            items, self.waiting = waiting[: self._limit], waiting[self._limit :]
        if self.waiting:
            self.wake()
        return items


class Store(Protocol):
    """A durable store; everything it acknowledges has been committed.

    ``healthy``: the last round was committed. ``shared``: other nodes may work on the same database. ``lease_until``:
    until when (on the event loop's clock) the rows that we hold are surely ours. ``heard`` is called on the event loop
    with the names that other nodes gave to :meth:`Tx.notify`. ``heeded_until``: until when (on that clock) what was
    seen of opt-outs at other nodes is good enough to send by; whoever looks sets it. ``quiet`` is held while a round is
    under way: whoever else holds it may change what work goes by. ``seen``: what the clock showed last.
    """

    healthy: bool
    shared: bool
    lease_until: float
    heeded_until: float
    heard: Callable[[Collection[str]], None]
    quiet: trio.Lock
    seen: Seen | None
    title: str

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.observe.pulse`); nothing when all is well."""

    def clock(self) -> int:
        """Return the present by the one clock of all nodes, as last seen: milliseconds since 1970, UTC."""

    async def join(self) -> None:
        """Become a member: rows that a process of our name held before are given back, and we may hold some.

        Raises:
            TakenError: such a process lives.
            StoreError: the database cannot be had.
        """

    def attach(self, batch: Batch[Any]) -> None:
        """Serve ``batch`` in every round from now on."""

    async def transact(
        self, work: Callable[[Tx], Result], then: Callable[[Result], None] | None = None, rank: int = 0
    ) -> Result:
        """Run ``work`` in the next round and return its result after COMMIT.

        ``then`` is called with it before that, on the event loop: also where whoever called has been cancelled
        meanwhile, for what must follow from a commit. ``rank``: its place among the batches of the round.

        Raises:
            StoreError: nothing of it was committed.
        """

    async def run(self) -> None:
        """Serve rounds until cancelled."""

    def close(self) -> None:
        """Close the database; safe to call twice."""

"""The embedded store: SQLite in WAL mode, one writer thread, one fsync for everything that waits.

``synchronous=FULL`` makes COMMIT return only when the log is on disk, so whatever :meth:`SqliteStore.transact` or a
batch's ``done`` is told has survived. Each piece of work of a round has a SAVEPOINT of its own: one that raises takes
nothing else with it, and a batch that raises is run again item by item, so that only the item at fault is refused.
What it shares with other processes of the same file is :mod:`gateway.store.sqlite_file`'s.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from functools import lru_cache
from itertools import chain, repeat
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import apsw
import structlog
import trio

from gateway.store import nodes
from gateway.store.base import Row, StoreError, WorkError
from gateway.store.ids import Ids
from gateway.store.migrate import migrate
from gateway.store.rounds import Job, Outcome, Rounds
from gateway.store.sqlite_file import (
    EVERYBODYS_TROUBLE,
    Footing,
    copy_log,
    lock,
    map_long_list,
    open_database,
    translate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gateway.store.base import Tx
    from gateway.store.migrate import Place

Result = TypeVar("Result")
_log = structlog.get_logger()

# Rows of one statement: few sizes, so that each stays prepared, and one statement for nearly every set. The driver
# gives the interpreter away for each statement, and under load it takes long to come back.
_SIZES = (1, 4, 16, 48, 128, 256)
_LONG_LOG = 2_000  # pages of 4 KiB
_CHECKPOINT_PAUSE = 0.25  # seconds between looks at the log's length


class SqliteTx:
    """A transaction on the writer's connection (see :class:`gateway.store.base.Tx`); there is only one at a time."""

    for_update = skip_locked = ""

    def __init__(self, connection: apsw.Connection, ids: Ids, holder: int = 0) -> None:
        self._connection = connection
        self.holder = holder
        self.now = time.time_ns() // 1_000_000
        ids.advance(self.now)
        self.new_id = ids.next

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, rows: Sequence[Row]) -> list[Row]:
        """Run a set-based statement over ``rows``, filled up to one of a few sizes with rows of NULLs."""
        found: list[Row] = []
        for start in range(0, len(rows), _SIZES[-1]):
            chunk = rows[start : start + _SIZES[-1]]
            size, width = _SIZES[bisect_left(_SIZES, len(chunk))], len(chunk[0])
            query = f"VALUES {_places(size, width)}"
            values = (*chain.from_iterable(chunk), *repeat(None, (size - len(chunk)) * width))
            found += self._connection.execute(sql.replace("{rows}", query), values)
        return found

    def insert(self, into: str, rows: Sequence[Row], then: str = "") -> list[Row]:
        """Insert ``rows``, leaving out those that only fill up."""
        # WHERE is also what tells ON CONFLICT from a join's ON.
        return self.each(f"INSERT INTO {into} SELECT * FROM ({{rows}}) WHERE column1 IS NOT NULL {then}", rows)  # noqa: S608 (our own names)

    def lock(self, names: Collection[str], *, shared: bool = False) -> None:
        """Do nothing: nobody else writes."""

    def notify(self, names: Collection[str]) -> None:
        """Do nothing: nobody else works here."""


@lru_cache(maxsize=256)
def _places(count: int, width: int) -> str:
    return ", ".join(["(" + ", ".join("?" * width) + ")"] * count)


class SqliteStore(Rounds):
    """A store in one file.

    Args:
        path: the database file; created, mode 0600, when it does not exist. Its folder must exist.
        node: the name of this process among those that share the database.
        observe: told the seconds and the number of items of each commit.

    Raises:
        StoreError: the file cannot be opened, read or written; the sentence says which and what to do.
    """

    def __init__(
        self, path: str | Path, node: str = "gateway", observe: Callable[[float, int], None] | None = None
    ) -> None:
        super().__init__(self._commit_jobs)
        self.path = Path(path)
        self._observe = observe or (lambda _seconds, _items: None)
        self._connection = open_database(self.path)
        self._node, floor = self._begin(node)
        self._footing = Footing(self.path)
        self._ids = Ids(self._node, floor)
        self._holder = 0  # until we join
        self._lock: IO[str] | None = None
        self._wal_pages = 0
        self._log_copied = False
        self._connection.set_wal_hook(self._note_wal)

    def _begin(self, node: str) -> Place:
        try:
            return self._alone(lambda tx: migrate(tx, node), Ids(0))
        except StoreError:
            self._connection.close()
            raise

    def _alone(self, work: Callable[[Tx], Result], ids: Ids) -> Result:
        """Run ``work`` in a transaction outside the rounds."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work(SqliteTx(self._connection, ids))
            self._connection.execute("COMMIT")
        except (apsw.Error, StoreError) as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise translate(error, self.path) from error
        return result

    async def join(self) -> None:
        """Become the one gateway on this file: what an earlier one held waits again.

        Raises:
            TakenError: another process is.
            StoreError: the database cannot be had.
        """
        self._lock = self._lock or lock(self.path)
        self._holder = await self._in_writer(self._alone, self._take_over, self._ids)
        await self._in_writer(map_long_list, self._connection)

    def _take_over(self, tx: Tx) -> int:
        nodes.bury(tx, nodes.signs(tx))
        return nodes.join(tx, self._node, lease=0)

    async def run(self) -> None:
        """Serve rounds until cancelled, and keep the log short in the background."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(super().run)
            nursery.start_soon(self._keep_log_short)

    def close(self) -> None:
        """Close the database; safe to call twice."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    # The write-ahead log

    def _note_wal(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    async def _keep_log_short(self) -> None:
        """Copy the log into the database while commits go on; the writer then has little left to copy and restarts it.

        Left to itself the writer would copy the whole log inside one of its commits, and everybody would wait for it.
        """
        while True:
            await trio.sleep(_CHECKPOINT_PAUSE)
            if self._wal_pages >= _LONG_LOG and not self._log_copied:
                with trio.CancelScope(shield=True):
                    self._log_copied = await trio.to_thread.run_sync(copy_log, self.path)

    # In the writer thread

    def _commit_jobs(self, jobs: list[Job]) -> list[Outcome]:
        started = time.perf_counter()
        connection = self._connection
        if lost := self._footing.lost():
            self._copy_log()
            return self._give_up(jobs, StoreError(lost))
        try:
            connection.execute("BEGIN IMMEDIATE")
            tx = SqliteTx(connection, self._ids, self._holder)
            outcomes = [outcome for job in jobs for outcome in self._run(tx, job)]
            connection.execute("COMMIT")
        except apsw.Error as error:
            return self._give_up(jobs, translate(error, self.path))
        if not self.healthy:
            _log.info("store_recovered", path=str(self.path))
        self.healthy = True
        if self._log_copied:
            self._copy_log()  # the little that was committed meanwhile
        self._observe(time.perf_counter() - started, sum(len(job.items) for job in jobs))
        return outcomes

    def _copy_log(self) -> None:
        """Copy what the log holds into the database; where that is all, the next commit begins the log anew."""
        self._log_copied = False
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:  # another process copies it just now; we shall try again
            return
        except apsw.Error as error:  # the round is committed all the same
            _log.warning("checkpoint_failed", path=str(self.path), reason=str(error))

    def _run(self, tx: SqliteTx, job: Job) -> list[Outcome]:
        """Run one job in a SAVEPOINT; when it raises for a reason of its own, item by item.

        Where SQLite has rolled the whole transaction back (a full disk), the SAVEPOINT is gone and naming it raises: so
        nothing is ever run, let alone committed, outside the transaction.
        """
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            result = job.batch.work(tx, job.items)
        except EVERYBODYS_TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends this piece of work only)
            connection.execute("ROLLBACK TO job; RELEASE job")
            _log.exception("store_work_failed", items=len(job.items))
            if len(job.items) == 1:
                return [Outcome(job.batch, job.items, None, WorkError(f"work failed: {type(error).__name__}: {error}"))]
            return [outcome for item in job.items for outcome in self._run(tx, Job(job.batch, [item]))]
        connection.execute("RELEASE job")
        return [Outcome(job.batch, job.items, result, None)]

    def _give_up(self, jobs: list[Job], error: StoreError) -> list[Outcome]:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        if self.healthy:
            _log.error("store_failed", path=str(self.path), reason=str(error))
        self.healthy = False
        return [Outcome(job.batch, job.items, None, error) for job in jobs]

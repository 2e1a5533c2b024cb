"""The embedded store: SQLite in WAL mode, one writer thread, one fsync for everything that waits.

``synchronous=FULL`` makes COMMIT return only when the log is on disk, so whatever :meth:`SqliteStore.transact` or a
batch's ``done`` is told has survived. Each piece of work of a round has a SAVEPOINT of its own: one that raises takes
nothing else with it, and a batch that raises is run again item by item, so that only the item at fault is refused.
This is the only module that imports a driver of SQLite.
"""

from __future__ import annotations

import os
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import apsw
import structlog
import trio

from gateway.store.base import Batch, Row, StoreError, StoreFullError, Tx
from gateway.store.ids import Ids
from gateway.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")
_log = structlog.get_logger()

_CHUNKS = (256, 64, 16, 4, 1)  # rows per statement: few shapes, so that each stays prepared
_RETRY_PAUSE = 0.25  # seconds before a store that failed is tried again
_SENTENCES = {
    apsw.FullError: "no space left on the disk; free some, the gateway goes on by itself",
    apsw.IOError: "cannot be read or written; check the disk and the system's log",
    apsw.BusyError: "is locked by another process; stop whatever else holds it",
    apsw.ReadOnlyError: "is read-only; check the mount, and the owner and the mode of the file and of its folder",
    apsw.CorruptError: "is damaged; restore a backup",
    apsw.NotADBError: "is not a SQLite database; restore a backup or name another file",
    apsw.CantOpenError: "cannot be opened; the gateway's user must be able to write the folder, too",
}
# Errors of the database itself; any other is the fault of the work that raised it.
_EVERYBODYS_TROUBLE = (*_SENTENCES, apsw.NoMemError, apsw.ProtocolError)
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 8000",
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteTx:
    """A transaction on the writer's connection (see :class:`gateway.store.base.Tx`)."""

    def __init__(self, connection: apsw.Connection, ids: Ids) -> None:
        self._connection = connection
        self._ids = ids
        self.now = time.time_ns() // 1_000_000
        ids.advance(self.now)
        self.new_id = ids.next

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, rows: Sequence[Row]) -> list[Row]:
        """Run a set-based statement over ``rows``, in chunks of a few fixed sizes."""
        found: list[Row] = []
        start, left = 0, len(rows)
        for size in _CHUNKS:
            if left < size:
                continue
            statement = sql.replace("{rows}", _places(size, len(rows[0])))
            while left >= size:
                values = tuple(chain.from_iterable(rows[start : start + size]))
                found += self._connection.execute(statement, values)
                start, left = start + size, left - size
        return found


def _places(count: int, width: int) -> str:
    return ", ".join(["(" + ", ".join("?" * width) + ")"] * count)


class _Job(NamedTuple):
    """One batch and the items that it has in this round."""

    batch: Batch[Any]
    items: list[Any]


class _Outcome(NamedTuple):
    """What became of some of a job's items."""

    batch: Batch[Any]
    items: list[Any]
    result: Any
    error: StoreError | None


class SqliteStore:
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
        self.path = Path(path)
        self.healthy = True
        self._observe = observe or (lambda _seconds, _items: None)
        self._batches: list[Batch[Any]] = []
        self._calls: Batch[_Call] = Batch(_run_calls, _answer_calls, _fail_calls, rank=0)
        self._work = trio.Event()
        self._writer = trio.CapacityLimiter(1)  # its own: commits never queue behind other threads' work
        self._connection = _open(self.path)
        self._ids = self._begin(node)
        self.attach(self._calls)

    def _begin(self, node: str) -> Ids:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            number, floor = migrate(SqliteTx(self._connection, Ids(0)), node)
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            self._connection.close()
            raise _translate(error, self.path) from error
        except StoreError as error:
            self._connection.close()
            raise StoreError(f"{self.path}: {error}") from error
        return Ids(number, floor)

    def attach(self, batch: Batch[Any]) -> None:
        """Serve ``batch`` in every round from now on."""
        self._batches.append(batch)
        self._batches.sort(key=lambda each: each.rank)
        batch.wake = self._wake
        if batch.waiting:
            self._wake()

    def _wake(self) -> None:
        self._work.set()

    async def transact(self, work: Callable[[Tx], Result]) -> Result:
        """Run ``work`` in the next round and return its result after COMMIT."""
        call = _Call(work)
        self._calls.put(call)
        await call.ready.wait()
        return call.outcome()  # type: ignore[no-any-return]  # a call carries any work's result

    async def once(self, work: Callable[[Tx], Result]) -> Result:
        """Run ``work`` in a round of its own, where nothing else serves rounds."""
        call = _Call(work)
        self._calls.put(call)
        await self.round()
        return call.outcome()  # type: ignore[no-any-return]  # a call carries any work's result

    async def run(self) -> None:
        """Serve rounds until cancelled; a round under way is always finished."""
        while True:
            await self._work.wait()
            await self.round()
            if not self.healthy:
                await trio.sleep(_RETRY_PAUSE)

    async def round(self) -> None:
        """Commit everything that waits, and tell each batch."""
        self._work = trio.Event()
        jobs = [_Job(batch, batch.take()) for batch in self._batches if batch.waiting]
        if not jobs:
            return
        with trio.CancelScope(shield=True):
            outcomes = await trio.to_thread.run_sync(self._commit, jobs, limiter=self._writer)
        for outcome in outcomes:
            if outcome.error is None:
                outcome.batch.done(outcome.items, outcome.result)
            else:
                outcome.batch.failed(outcome.items, outcome.error)

    def close(self) -> None:
        """Close the database; safe to call twice."""
        self._connection.close()

    # In the writer thread

    def _commit(self, jobs: list[_Job]) -> list[_Outcome]:
        started = time.perf_counter()
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            tx = SqliteTx(connection, self._ids)
            outcomes = [outcome for job in jobs for outcome in self._run(tx, job)]
            connection.execute("COMMIT")
        except apsw.Error as error:
            return self._give_up(jobs, _translate(error, self.path))
        if not self.healthy:
            _log.info("store_recovered", path=str(self.path))
        self.healthy = True
        self._observe(time.perf_counter() - started, sum(len(job.items) for job in jobs))
        return outcomes

    def _run(self, tx: SqliteTx, job: _Job) -> list[_Outcome]:
        """Run one job in a SAVEPOINT; when it raises for a reason of its own, item by item.

        Where SQLite has rolled the whole transaction back (a full disk), the SAVEPOINT is gone and naming it raises: so
        nothing is ever run, let alone committed, outside the transaction.
        """
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            result = job.batch.work(tx, job.items)
        except _EVERYBODYS_TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends this piece of work only)
            connection.execute("ROLLBACK TO job; RELEASE job")
            _log.exception("store_work_failed", items=len(job.items))
            if len(job.items) == 1:
                return [
                    _Outcome(job.batch, job.items, None, StoreError(f"work failed: {type(error).__name__}: {error}"))
                ]
            return [outcome for item in job.items for outcome in self._run(tx, _Job(job.batch, [item]))]
        connection.execute("RELEASE job")
        return [_Outcome(job.batch, job.items, result, None)]

    def _give_up(self, jobs: list[_Job], error: StoreError) -> list[_Outcome]:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        if self.healthy:
            _log.error("store_failed", path=str(self.path), reason=str(error))
        self.healthy = False
        return [_Outcome(job.batch, job.items, None, error) for job in jobs]


class _Call:
    """One :meth:`SqliteStore.transact` in waiting."""

    def __init__(self, work: Callable[[Tx], Any]) -> None:
        self.work = work
        self.ready = trio.Event()
        self.result: Any = None
        self.error: StoreError | None = None

    def outcome(self) -> Any:  # noqa: ANN401 (whatever the work returned)
        """Return what the work returned, or raise why it was not committed."""
        if self.error is not None:
            raise self.error
        return self.result


def _run_calls(tx: Tx, calls: list[_Call]) -> list[Any]:
    return [call.work(tx) for call in calls]


def _answer_calls(calls: list[_Call], results: list[Any]) -> None:
    for call, result in zip(calls, results, strict=True):
        call.result = result
        call.ready.set()


def _fail_calls(calls: list[_Call], error: StoreError) -> None:
    for call in calls:
        call.error = error
        call.ready.set()


def _open(path: Path) -> apsw.Connection:
    if not path.parent.is_dir():
        raise StoreError(f"{path}: the folder {path.parent} does not exist; create it, owned by the gateway's user")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened for writing: {error.strerror}; check owner and mode") from error
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(2_000)
        for pragma in _PRAGMAS:
            connection.execute(pragma).fetchall()
    except apsw.Error as error:
        connection.close()
        raise _translate(error, path) from error
    return connection


def _translate(error: apsw.Error, path: Path) -> StoreError:
    """Say in one sentence what the database's error means and what to do."""
    kind = StoreFullError if isinstance(error, apsw.FullError) else StoreError
    return kind(f"{path}: {_SENTENCES.get(type(error), error)}")

"""The store that nodes share: PostgreSQL 13 or newer, one connection for rounds, another that listens.

A round is run at once. Only if some work raises is it run again piece by piece, to find the one at fault; and again if
another node's transaction was in the way. So work may be run several times, and only the last time counts.

Each round of a member begins by renewing its lease under its token, which also marks the round: when a connection is
lost while it commits, the mark tells whether it was committed, and nobody is answered before that is known.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import structlog
import trio

from gateway.store import nodes
from gateway.store.base import FencedError, StoreError, TakenError, WorkError
from gateway.store.ids import Ids
from gateway.store.migrate import Place, migrate
from gateway.store.postgres_errors import (
    READ_ONLY,
    AtFaultError,
    Doubt,
    InDoubtError,
    is_conflict,
    is_everybodys,
    translate,
)
from gateway.store.postgres_link import Bounded, Link
from gateway.store.postgres_listen import listen
from gateway.store.postgres_name import keep_name, take_name
from gateway.store.postgres_tx import PostgresTx, in_our_words, tell
from gateway.store.rounds import Job, Outcome, Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")
_log = structlog.get_logger()
_TRIES = 4  # of a round that others are in the way of
_PATIENCE = 5.0  # seconds that a round may take
_MIGRATION_PATIENCE = 600.0
_CLOCK = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_RENEW = (
    f"UPDATE node SET lease = {_CLOCK} + {nodes.LEASE_MS}, round = {{mark}} "  # noqa: S608 (numbers of our own)
    "WHERE number = {node} AND holder = {holder} "
    f"RETURNING {_CLOCK}"
)


class PostgresStore(Rounds):
    """A store on a server.

    Args:
        url: the database, which must exist; its tables are made when they are missing.
        node: the name of this process among those that share the database.
        observe: told the seconds and the number of items of each commit.

    Raises:
        StoreError: the database cannot be had; the sentence says why and what to do.
    """

    shared = True

    def __init__(self, url: str, node: str = "gateway", observe: Callable[[float, int], None] | None = None) -> None:
        super().__init__(self._commit_jobs, nodes.HOLD)
        self._observe = observe or (lambda _seconds, _items: None)
        self._link = Link(url, f"stopgate/{node}")
        self._connection = self._link.connect()
        self._backend = self._connection.info.backend_pid
        self._node, floor = self._begin(node)
        self._ids = Ids(self._node, floor)
        self._holder = 0
        self._offered = 0  # the token of the last attempt to join, whether or not we know that it was committed
        self._doubt: Doubt | None = None

    def _begin(self, node: str) -> Place:
        def work(tx: PostgresTx) -> Place:
            tx.rows("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            return migrate(tx, node, "postgres", in_our_words)

        try:
            return self._alone(work, Ids(0), _MIGRATION_PATIENCE)
        except StoreError:
            self._connection.close()
            raise

    async def join(self) -> None:
        """Become a member under a new token (:meth:`gateway.store.base.Store.join`)."""
        self._holder = await self._in_writer(self._join)

    def _join(self) -> int:
        connection = self._connected()
        if not self._holder:
            take_name(connection, self._node, self._link.label)
        return self._alone(self._take_over, self._ids, _PATIENCE)

    def _take_over(self, tx: PostgresTx) -> int:
        self._ids.advance(tx.now + 1)  # a predecessor that still runs may have made identifiers this instant
        self._offered = nodes.join(tx, self._node, nodes.LEASE_MS)
        return self._offered

    def _alone(self, work: Callable[[PostgresTx], Result], ids: Ids, patience: float) -> Result:
        """Run ``work`` in a transaction outside the rounds."""
        connection = self._connection
        connection.deadline = time.monotonic() + patience
        try:
            connection.execute("BEGIN")
            result = work(PostgresTx(connection, ids, _only(connection.execute(f"SELECT {_CLOCK}"))))
            connection.execute("COMMIT")
        except psycopg.Error as error:
            self._roll_back()
            raise translate(error, self._link.label) from error
        except StoreError as error:
            self._roll_back()
            raise StoreError(f"{self._link.label}: {error}") from error
        return result

    async def run(self) -> None:
        """Serve rounds, and hear what other nodes tell, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, self._link, self._hear)
            await super().run()

    def _hear(self, told: list[psycopg.Notify]) -> None:
        names = {each.payload for each in told if each.pid != self._backend}
        if names:
            self.heard(names)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._connection.close()

    # In the writer thread

    def _commit_jobs(self, jobs: list[Job]) -> list[Outcome]:
        started = time.perf_counter()
        known: list[Outcome] = []
        try:
            self._connected().deadline = time.monotonic() + _PATIENCE
            known = self._find_out()
            outcomes = self._until_committed(jobs)
        except InDoubtError as error:
            self._doubt = error.doubt
            return known + self._give_up([], StoreError(f"{self._link.label}: the connection was lost during a commit"))
        except psycopg.Error as error:
            if error.sqlstate == READ_ONLY:  # a setting that this session would keep for ever
                self._connection.close()
            return known + self._give_up(jobs, translate(error, self._link.label))
        except StoreError as error:
            return known + self._give_up(jobs, error)
        if not self.healthy:
            _log.info("store_recovered", store=self._link.label)
        self.healthy, self.restless = True, False
        self._observe(time.perf_counter() - started, sum(len(job.items) for job in jobs))
        return known + outcomes

    def _give_up(self, jobs: list[Job], error: StoreError) -> list[Outcome]:
        self._roll_back()
        if self.healthy:
            _log.error("store_failed", store=self._link.label, reason=str(error))
        self.healthy = False
        self.restless = not isinstance(error, FencedError)  # a round of its own finds out when all is well again
        return [Outcome(job.batch, job.items, None, error) for job in jobs]

    def _connected(self) -> Bounded:
        if self._connection.closed:
            self._connection = self._link.connect()
            self._backend = self._connection.info.backend_pid
            if self._holder:
                keep_name(self._connection, self._node)
        return self._connection

    def _roll_back(self) -> None:
        connection = self._connection
        if connection.closed or connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            return
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error as error:
            _log.warning("rollback_failed", store=self._link.label, reason=str(error).strip())
            connection.close()  # then the server does it

    def _find_out(self) -> list[Outcome]:
        """Return what became of the round in doubt, if there is one."""
        if self._doubt is None:
            return []
        mark, outcomes = self._doubt
        # Waits for the lost session's end: the round held this row.
        found = self._connection.execute("SELECT round FROM node WHERE number = %s FOR UPDATE", [self._node]).fetchone()
        self._doubt = None
        committed = found == (mark,)
        _log.info("commit_found_out", store=self._link.label, committed=committed)
        if committed:
            return outcomes
        error = StoreError(f"{self._link.label}: the connection was lost during the commit, which was not done")
        return [each if each.error else each._replace(result=None, error=error) for each in outcomes]

    def _until_committed(self, jobs: list[Job]) -> list[Outcome]:
        """Run a round until it is committed: again if others were in the way, by pieces if some work is at fault."""
        attempt, tries = self._at_once, _TRIES
        while True:
            try:
                return attempt(jobs)
            except AtFaultError as error:
                if attempt == self._by_pieces:  # no work was at fault after all
                    raise StoreError(f"{self._link.label}: the commit is refused: {error.__cause__}") from error
                attempt = self._by_pieces
            except psycopg.Error as error:
                tries -= 1
                if not tries or not is_conflict(error):
                    raise
            self._roll_back()

    def _at_once(self, jobs: list[Job]) -> list[Outcome]:
        tx, mark = self._begin_round()
        try:
            outcomes = [Outcome(job.batch, job.items, job.batch.work(tx, job.items), None) for job in jobs]
        except Exception as error:
            raise self._judged(error) from error
        self._end_round(tx, Doubt(mark, outcomes))
        return outcomes

    def _by_pieces(self, jobs: list[Job]) -> list[Outcome]:
        tx, mark = self._begin_round()
        outcomes = [outcome for job in jobs for outcome in self._run(tx, job)]
        self._end_round(tx, Doubt(mark, outcomes))
        return outcomes

    def _begin_round(self) -> tuple[PostgresTx, int]:
        """Begin a transaction; a member renews its lease, or learns that it is a member no more."""
        holder, mark = self._holder, self._ids.next()
        first = _RENEW.format(mark=mark, node=self._node, holder=holder) if holder else f"SELECT {_CLOCK}"
        begun = self._connection.execute(f"BEGIN; {first}")  # together: one round trip
        begun.nextset()
        found = begun.fetchone()
        if found is None:
            raise self._fenced()
        return PostgresTx(self._connection, self._ids, self.told(found[0]), holder), mark if holder else 0

    def _fenced(self) -> StoreError:
        found = self._connection.execute("SELECT holder FROM node WHERE number = %s", [self._node]).fetchone()
        if found and found[0] not in (None, self._offered):
            return TakenError(f"{self._link.label}: another process runs as this node; give each a name of its own")
        return FencedError(f"{self._link.label}: this node was silent for too long, and others took it for dead")

    def _end_round(self, tx: PostgresTx, doubt: Doubt) -> None:
        connection = self._connection
        try:
            ended = connection.execute("COMMIT")
        except psycopg.Error as error:
            if connection.closed and doubt.mark:
                raise InDoubtError(doubt) from error
            if connection.closed:  # a command, which has no mark: somebody looks
                raise StoreError(f"{self._link.label}: lost during the commit; look whether it was done") from error
            raise self._judged(error) from error
        if ended.statusmessage != "COMMIT":  # PostgreSQL makes a ROLLBACK of it when some work has hidden an error
            raise AtFaultError
        tell(connection, tx.told)

    def _judged(self, error: Exception) -> Exception:
        """Return what an error means for the round: itself, or that some work is at fault."""
        if self._connection.closed:
            return error if isinstance(error, psycopg.Error) else psycopg.OperationalError("the connection is lost")
        return error if is_everybodys(error) else AtFaultError()

    def _run(self, tx: PostgresTx, job: Job) -> list[Outcome]:
        """Run one job in a SAVEPOINT; when it raises for a reason of its own, item by item."""
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            result = job.batch.work(tx, job.items)
            connection.execute("RELEASE job")
        except Exception as error:
            judged = self._judged(error)
            if not isinstance(judged, AtFaultError):
                raise judged from error
            connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
            _log.exception("store_work_failed", items=len(job.items))
            if len(job.items) == 1:
                return [Outcome(job.batch, job.items, None, WorkError(f"work failed: {type(error).__name__}: {error}"))]
            return [outcome for item in job.items for outcome in self._run(tx, Job(job.batch, [item]))]
        return [Outcome(job.batch, job.items, result, None)]


def _only(cursor: psycopg.Cursor[Any]) -> int:
    [(value,)] = cursor.fetchall()
    return int(value)

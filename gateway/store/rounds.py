"""Rounds: everything that waits is committed together, and each batch is told what became of its items.

This is the half of a store that knows no database. An engine supplies one function that commits the jobs of a round in
a thread; while it runs, what arrives waits and makes up the next round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import structlog
import trio

from gateway.store.base import Batch, StoreError, TakenError, Tx
from gateway.store.clock import Seen, present, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

Result = TypeVar("Result")
_log = structlog.get_logger()
_LATE = 10.0  # seconds after which a round should have ended: every engine gives up earlier
_RETRY_PAUSE = 0.25  # seconds before a store that failed is tried again


class Job(NamedTuple):
    """One batch and the items that it has in this round."""

    batch: Batch[Any]
    items: list[Any]


class Outcome(NamedTuple):
    """What became of some of a job's items."""

    batch: Batch[Any]
    items: list[Any]
    result: Any
    error: StoreError | None


class Rounds:
    """Serves batches and single calls, a round at a time.

    Args:
        commit: commits the jobs of one round, in a thread; never raises for anything the database or a job does. What
            it cannot tell yet it may return with a later round.
        hold: seconds from the begin of a committed round in which what we hold is surely ours.

    Attributes:
        quiet: held while a round is under way; whoever else holds it may change what work goes by.
    """

    shared = False
    title = "store"

    def __init__(self, commit: Callable[[list[Job]], list[Outcome]], hold: float = math.inf) -> None:
        self.healthy = True
        self.restless = False  # whether rounds go on though nothing waits: something has to be found out
        self.lease_until = -math.inf
        self.heeded_until = math.inf
        self.seen: Seen | None = None
        self.heard: Callable[[Collection[str]], None] = lambda _names: None
        self._commit = commit
        self._hold = hold
        self.quiet = trio.Lock()
        self._waiting_since = math.inf  # since when work waits and no round has ended
        self._batches: list[Batch[Any]] = []
        self._calls: dict[int, Batch[_Call]] = {}  # by rank
        self._work = trio.Event()
        self._writer = trio.CapacityLimiter(1)  # its own: commits never queue behind other threads' work

    def clock(self) -> int:
        """Return the present by the database's clock (:meth:`gateway.store.base.Store.clock`)."""
        return present(self.seen)

    def told(self, now: int) -> int:
        """Learn what the database's clock shows at this moment."""
        self.seen = seen(now)
        return now

    def attach(self, batch: Batch[Any]) -> None:
        """Serve ``batch`` in every round from now on."""
        self._batches.append(batch)
        self._batches.sort(key=lambda each: each.rank)
        batch.wake = self._wake
        if batch.waiting:
            self._wake()

    def _wake(self) -> None:
        self._work.set()
        self._waiting_since = min(self._waiting_since, trio.current_time())

    def complaint(self) -> str:
        """Say what seems to stand still; nothing when work that waits is dealt with, whatever becomes of it."""
        late = trio.current_time() - self._waiting_since > _LATE
        return "work waits, and no commit ends" if late else ""

    async def transact(
        self, work: Callable[[Tx], Result], then: Callable[[Result], None] | None = None, rank: int = 0
    ) -> Result:
        """Run ``work`` in the next round and return its result after COMMIT (see :class:`gateway.store.base.Store`)."""
        call = _Call(work, then)
        self._put(call, rank)
        await call.ready.wait()
        return call.outcome()  # type: ignore[no-any-return]  # a call carries any work's result

    async def once(self, work: Callable[[Tx], Result]) -> Result:
        """Run ``work`` in a round of its own, where nothing else serves rounds."""
        call = _Call(work)
        self._put(call, 0)
        await self.round()
        return call.outcome()  # type: ignore[no-any-return]  # a call carries any work's result

    def _put(self, call: _Call, rank: int) -> None:
        if rank not in self._calls:
            self._calls[rank] = Batch(_run_calls, _answer_calls, _fail_calls, rank)
            self.attach(self._calls[rank])
        self._calls[rank].put(call)

    async def run(self) -> None:
        """Serve rounds until cancelled; a round under way is always finished.

        Raises:
            TakenError: another process works on the database under our name.
        """
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()
            if not self.restless:
                await self._work.wait()
            with trio.CancelScope(shield=True):  # whoever waits for `quiet` has work already
                await self.round()
            if not self.healthy:
                await trio.sleep(_RETRY_PAUSE)

    async def round(self) -> None:
        """Commit everything that waits, and tell each batch."""
        async with self.quiet:
            await self._round()
        waiting = any(batch.waiting for batch in self._batches)
        self._waiting_since = trio.current_time() if waiting else math.inf

    async def _round(self) -> None:
        self._work = trio.Event()
        jobs = [Job(batch, batch.take()) for batch in self._batches if batch.waiting]
        if not jobs and not self.restless:
            return
        started = trio.current_time()
        outcomes = await self._in_writer(self._commit, jobs)
        if self.healthy:
            self.lease_until = started + self._hold
        self._tell(outcomes)
        taken = next((outcome.error for outcome in outcomes if isinstance(outcome.error, TakenError)), None)
        if taken is not None:
            raise taken

    async def _in_writer(self, function: Callable[..., Result], *args: Any) -> Result:  # noqa: ANN401 (whatever it takes)
        """Call ``function`` in the writer's thread, and wait for it come what may."""
        with trio.CancelScope(shield=True):
            return await trio.to_thread.run_sync(function, *args, limiter=self._writer)
        raise AssertionError  # a shielded scope swallows nothing

    def _tell(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            try:
                if outcome.error is None:
                    outcome.batch.done(outcome.items, outcome.result)
                else:
                    outcome.batch.failed(outcome.items, outcome.error)
            except Exception:  # noqa: BLE001 (a defect in one flow must not stop the others: what is committed stays)
                _log.exception("store_follow_up_failed", items=len(outcome.items))


class _Call:
    """One :meth:`Rounds.transact` in waiting."""

    def __init__(self, work: Callable[[Tx], Any], then: Callable[[Any], None] | None = None) -> None:
        self.work = work
        self.then = then
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
        try:
            if call.then is not None:
                call.then(result)
        except Exception:  # noqa: BLE001 (a defect after one call must not stop the others: what is committed stays)
            _log.exception("store_follow_up_failed", items=1)


def _fail_calls(calls: list[_Call], error: StoreError) -> None:
    for call in calls:
        call.error = error
        call.ready.set()

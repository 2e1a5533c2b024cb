"""What must happen without anybody asking: rows leave dead operators for live ones, and old rows end.

Both work on rows that wait in the spool, a page at a time, so traffic goes on in between.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from gateway import ruleset
from gateway.config.models import Operator
from gateway.optout.heard import log_billable
from gateway.settle import note_dropped
from gateway.store import alerts, evidence, held, idempotency, inbound, ledger, messages, sent, spool
from gateway.store.base import StoreError
from gateway.store.messages import Outcome
from gateway.store.outbox import webhook_lane
from gateway.store.spool import account_lane, operator_lane

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gateway.config.models import Config
    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.optout.effect import Heeded
    from gateway.store.base import Store, Tx

_log = structlog.get_logger()
_PAGE = 1_000
_HEED = 0.5  # seconds between looks for opt-outs
_KNOWN = 2.5  # seconds from the begin of a look in which what it has shown is good enough to send by
_OVERLAP_MS = 30_000  # how long a commit may take to show what it decided at its begin
_SWEEP = 5.0  # seconds between looks for what is too old
_REST, _LONGEST_REST = 20, 300.0  # a look through a lane rests for so many times as long as it took; seconds
_GATHER_MS = 60_000  # for which debits of prepaid accounts are summed up
_PARKED_MS = 24 * 3_600 * 1_000
_REPEATS_MS = 48 * 3_600 * 1_000  # for which a request that comes again gets the answer of the first
_READ_MS = 48 * 3_600 * 1_000  # for which a part of a text that comes again is known: as long as operators keep texts
_CROSSED_MS = 60_000  # receipts and outcomes that passed each other unseen did so lately


class Upkeep:
    """Failover and expiry.

    Args:
        config: routes and operators.
        store: whose rows are looked after.
        lanes: which operators are usable.
        home: writes the receipts of what expired.
        late: decide about texts that nobody has read in time, or that were not complete; and what goes on with that.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        lanes: Lanes,
        home: Homeward,
        late: tuple[Sequence[Callable[[Tx, int], Heeded]], Callable[[Heeded], None]],
    ) -> None:
        self._late, self._follow = late
        self._by_name: dict[str, Operator] = {}
        self.configure(config)
        self._store = store
        self._lanes = lanes
        self._home = home
        self._looking = trio.CancelScope()
        self._changed = trio.Event()
        self._heeded: Collection[int] = ()  # opt-outs that we know of, by their evidence
        self._heeded_until = store.clock()
        if store.shared:
            store.heeded_until = -math.inf
        self._stranded: dict[str, list[str]] = {}  # lanes that these operators cannot take over
        self._seen: dict[str, tuple[list[str], float]] = {}  # lanes of which they took none; until when

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._by_name = self._by_name | config.operators  # of those that are gone, too: a look may be under way
        self._operators = list(config.operators)
        self._routing = ruleset.Routing(config)
        self._report_wait = int(config.delivery.report_wait * 1_000)

    def routes_changed(self) -> None:
        """Say that an operator has become usable, or has stopped being so."""
        self._seen.clear()
        self._changed.set()

    async def run(self) -> None:
        """Keep all up until cancelled, or until we leave."""
        with self._looking:
            await self._run()

    def leave(self) -> None:
        """Look no more: we are about to give our token back."""
        self._looking.cancel()

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._reroute_for_ever)
            nursery.start_soon(self._sweep_for_ever)
            nursery.start_soon(self._heed_for_ever)

    # Failover

    async def _reroute_for_ever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            try:
                # A commit first: what the lane has just given back only then waits in the spool, where it can be moved.
                await self._store.transact(lambda _tx: None)
                await self.reroute()
            except StoreError:
                await trio.sleep(1.0)
                self._changed.set()

    async def reroute(self) -> None:
        """Move what waits for operators without a link to the next of its route that has one."""
        usable = [name for name in self._operators if self._lanes.reachable(operator_lane(name))]
        for name in self._operators:
            others = self._alike(name, usable)
            if name not in usable and self._replaceable(name, others):
                await self._evacuate(operator_lane(name), others)
        for lane in await self._store.transact(spool.waiting_lanes):
            if self._is_orphan(lane):
                await self._adopt(lane, usable)

    def _is_orphan(self, lane: str) -> bool:
        """Say whether a lane is that of an operator which is not configured any more, here or at another node."""
        operator = lane.removeprefix(operator_lane(""))
        return operator != lane and operator not in self._operators and lane not in self._lanes.elsewhere

    async def _adopt(self, lane: str, usable: list[str]) -> None:
        """Move what waits for an operator that is gone to those of today's routes.

        Nobody knows any more which alphabet it was written in: the usual one, if there is a choice.
        """
        default = Operator.model_fields["default_alphabet"].default
        usual = [name for name in usable if self._by_name[name].default_alphabet == default]
        if not usable or self._stranded.get(lane) == usable or await self._evacuate(lane, usual or usable):
            return
        if lane not in self._stranded:
            _log.warning("lane_without_operator", lane=lane)
        self._stranded[lane] = usable

    def _alike(self, name: str, usable: list[str]) -> list[str]:
        """Return those of ``usable`` that read what was written for ``name``: data_coding 0 means the same there."""
        return [each for each in usable if ruleset.alike(self._by_name[each], self._by_name[name])]

    def _replaceable(self, name: str, usable: list[str]) -> bool:
        """Say whether any route of an operator has another one that can take its messages."""
        return self._routing.shared(name, usable)

    async def _evacuate(self, lane: str, usable: list[str]) -> int:
        """Move what waits in a lane to the first usable operator of each number's route; returns how much it was.

        A long lane of which nothing can be moved is not looked through again and again, but for its urgent rows.
        """
        began = trio.current_time()
        seen, until = self._seen.get(lane, ([], 0.0))
        rests = seen == usable and began < until
        after: tuple[int, int] | None = (spool.URGENT, 0)
        moved = 0
        while after is not None and not (rests and after[1]):
            page = after
            after, targets = await self._store.transact(lambda tx: self._move_page(tx, lane, usable, page))  # noqa: B023 (run before the next turn)
            moved += len(targets)
            self._lanes.look(dict.fromkeys(targets, 0))
        if moved:
            _log.warning("rerouted", lane=lane, messages=moved)
        if not rests:
            now = trio.current_time()
            rest = min(_LONGEST_REST, _REST * (now - began)) if seen == usable else 0.0  # what is on its way comes soon
            self._seen[lane] = usable, now + rest * (not moved)
        return moved

    def _move_page(
        self, tx: Tx, lane: str, usable: list[str], after: tuple[int, int]
    ) -> tuple[tuple[int, int] | None, list[str]]:
        if self._lanes.reachable(lane):  # it came back meanwhile
            return None, []
        rows = spool.waiting(tx, lane, after, _PAGE)
        moves = []
        for _, row, number, account in rows:
            best = next(iter(self._routing.operators(account, number, usable)), None)
            if best in usable:
                moves.append((row, operator_lane(str(best))))
        spool.move(tx, moves)
        following = (rows[-1][0], rows[-1][1]) if len(rows) == _PAGE else None
        return following, [target for _, target in moves]

    # Opt-outs

    async def _heed_for_ever(self) -> None:
        while True:
            with suppress(StoreError):  # the store has logged it; the next look sees further back
                await self.heed()
            await trio.sleep(_HEED)

    async def heed(self) -> None:
        """See whether numbers have opted out, at another node or from the command line, without our being told."""
        # A clock that was set back must not hide what happens until it is there again.
        began, since = trio.current_time(), min(self._heeded_until, self._store.clock()) - _OVERLAP_MS
        found, now = await self._store.transact(lambda tx: (evidence.stopped_since(tx, since), tx.now))
        new = {number for evidence, number in found.items() if evidence not in self._heeded}
        self._lanes.stop(self._lanes.numbers() | (new - {""}) if "" in new else new)  # "": a list of some length
        self._heeded, self._heeded_until = found.keys(), now
        if self._store.shared:
            late, self._store.heeded_until = self._store.heeded_until < began, began + _KNOWN
            for lane in self._lanes if late else ():
                lane.pump()  # sending has rested

    # Expiry

    async def _sweep_for_ever(self) -> None:
        while True:
            await trio.sleep(_SWEEP)
            try:
                await self.sweep()
                await self.reroute()  # rows that were on their way to a lane while its last link broke
            except StoreError as error:
                _log.warning("sweep_failed", reason=str(error))

    async def sweep(self) -> None:
        """End what waited too long, and look after parked receipts.

        Messages that could not be sent end as EXPIRED, those that were never reported on as UNKNOWN, receipts and texts
        in silence.
        """
        self._lanes.drop_overdue()
        self._lanes.carry_on(await self._store.transact(self._rescue_parked))
        for page in (self._expire_page, self._expire_held, self._give_up_page):
            full = True
            while full:
                full, placed = await self._store.transact(page)
                self._lanes.carry_on(placed)
        while await self._store.transact(self._forget) >= _PAGE:
            pass
        await self._decide_overdue()
        for event in await self._store.transact(lambda tx: ledger.settle_pending(tx, tx.now - _GATHER_MS)):
            log_billable(event, "")

    async def _decide_overdue(self) -> None:
        """Opt out whose texts nobody has read in time, and read those that were not complete in time."""
        for overdue in self._late:
            full = True
            while full:
                heeded, placed = await self._store.transact(partial(self._overdue_page, overdue))
                self._lanes.carry_on(placed)
                self._follow(heeded)
                full = len(heeded.effects) >= _PAGE

    def _overdue_page(self, overdue: Callable[[Tx, int], Heeded], tx: Tx) -> tuple[Heeded, Placed]:
        heeded = overdue(tx, _PAGE)
        return heeded, self._lanes.place(tx, heeded.rows)

    def _expire_held(self, tx: Tx) -> tuple[bool, Placed]:
        """End the parts whose others did not come in time."""
        parts = held.expire(tx, _PAGE)
        finished = messages.settle(tx, [Outcome(part, messages.EXPIRED, final=True) for part in parts])
        return len(parts) >= _PAGE, self._lanes.place(tx, self._home.receipts(tx, finished))

    def _forget(self, tx: Tx) -> int:
        alerts.forget(tx, tx.now - self._report_wait)
        gone = idempotency.forget(tx, tx.now - _REPEATS_MS, _PAGE)
        gone = max(gone, inbound.forget(tx, tx.now - _READ_MS, _PAGE))
        return max(gone, sent.forget_parked(tx, tx.now - _PARKED_MS, _PAGE))

    def _rescue_parked(self, tx: Tx) -> Placed:
        return self._lanes.place(
            tx, self._home.receipts(tx, messages.settle(tx, sent.rescue_parked(tx, tx.now - _CROSSED_MS)))
        )

    def _give_up_page(self, tx: Tx) -> tuple[bool, Placed]:
        outcomes = sent.give_up(tx, tx.now - self._report_wait, _PAGE)
        return len(outcomes) >= _PAGE, self._lanes.place(tx, self._home.receipts(tx, messages.settle(tx, outcomes)))

    def _expire_page(self, tx: Tx) -> tuple[bool, Placed]:
        rows = spool.expire(tx, _PAGE)
        note_dropped(sum(row.lane.startswith((account_lane(""), webhook_lane(""))) for row in rows))
        ended = {row.message for row in rows if row.message}
        finished = messages.settle(tx, [Outcome(message, messages.EXPIRED, final=True) for message in ended])
        spool.remove_message(tx, [each.message.id for each in finished if each.message.segments > 1])
        return len(rows) == _PAGE, self._lanes.place(tx, self._home.receipts(tx, finished))

"""The second half of every dispatch: what a peer's answer means for the spool and for the message.

One transaction for all outcomes that arrived while the last one was committed. A segment that an operator has taken
leaves the spool and is remembered under the operator's id in the same commit, so a receipt always finds it.

What cannot be settled because the work itself raises is tried once more without telling anybody (*bare*). What then
cannot be settled either stays in the spool, held and out of the lane, until this node starts again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import structlog

from gateway import ruleset
from gateway.homeward import wants_receipt
from gateway.lanes import journal
from gateway.optout import confirmation
from gateway.optout.refusals import Refusals, refusal
from gateway.rules.number import canonical
from gateway.rules.pacing import Step, pause_after
from gateway.ruleset import Routing
from gateway.smpp import receipt
from gateway.store import messages, sent, spool
from gateway.store.base import Batch, WorkError
from gateway.store.messages import Outcome
from gateway.submissions.openings import Openings

if TYPE_CHECKING:
    from gateway.config.models import Config, Operator
    from gateway.homeward import Homeward
    from gateway.lanes.backlog import Settled
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.observe.metrics import Metrics
    from gateway.store.base import StoreError, Tx
    from gateway.store.messages import Finished
    from gateway.store.spool import Spooled

_log = structlog.get_logger()
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # seconds between attempts at one message
_UNCERTAIN = "0FE"  # ESME_RDELIVERYFAILURE: sent, never answered, and not to be sent twice
RANK = 10  # before receipts are correlated
_WAITS = frozenset({Step.BACK, Step.LATER, Step.HOLD, Step.NEXT})


Again = dict[str, int]  # for each lane with rows given back, in how many milliseconds the first of them is due


class Result(NamedTuple):
    """What a batch of outcomes led to: receipts, rows given back, rows to be sent after all, messages that ended."""

    placed: Placed
    again: Again
    cleared: list[Spooled]
    finished: list[Finished]


class OperatorOutcomes:
    """Settles what operators answered to submit_sm.

    Args:
        config: the operators.
        lanes: where the receipts of messages that ended go.
        home: writes those receipts.
        metrics: counts segments by operator and status.
    """

    def __init__(self, config: Config, lanes: Lanes, home: Homeward, metrics: Metrics) -> None:
        self._operators: dict[str, Operator] = {}
        self._home = home
        self._lanes = lanes
        self._metrics = metrics
        self.configure(config)
        self.batch: Batch[Settled] = Batch(self._work, self._done, self._failed, RANK)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on; what operators that are gone have still to answer is settled, too."""
        lanes = {spool.operator_lane(name): operator for name, operator in config.operators.items()}
        self._operators = self._operators | lanes
        self._by_name = config.operators
        self._refusals = Refusals(config)
        self._openings = Openings(config)
        self._routing = Routing(config)

    def _work(self, tx: Tx, items: list[Settled]) -> Result:
        items = [self._passed_on(each) if each.step is Step.NEXT else each for each in _one_each(items)]
        begun = {each.item.message for each in items if each.step is Step.DONE and each.item.parts > 1}
        messages.begin(tx, begun)
        items, cleared = self._reviewed(tx, items, begun)
        staying = cleared.keys() | {each.item.id for each in items if each.step in _WAITS}
        ours = spool.remove(tx, [each.item.id for each in items if each.item.id not in staying])
        ended = [each for each in items if each.item.id in ours]  # others are in another node's hands by now
        taken = [each for each in ended if each.step is Step.DONE]
        outcomes = [*self._taken(tx, taken), *(_outcome(each) for each in ended if each.step is not Step.DONE)]
        finished = messages.settle(tx, outcomes)
        spool.remove_message(tx, [each.message.id for each in finished if each.message.segments > 1])
        again = give_back(tx, [self._in_hours(tx, each) for each in items if each.step in _WAITS])
        bare = {each.item.message for each in items if each.bare}
        receipts = self._home.receipts(tx, [each for each in finished if each.message.id not in bare])
        still_held = spool.held(tx, cleared)
        placed = self._lanes.place(tx, receipts)
        return Result(placed, again, [cleared[each] for each in sorted(still_held)], finished)

    def _passed_on(self, refused: Settled) -> Settled:
        """Let what its operator refuses go to the next one of its route that reads it alike; without one it fails."""
        row = refused.item
        own = self._operators[row.lane]
        route = self._routing.operators(row.account, row.number)
        later = route[route.index(own.name) + 1 :] if own.name in route else []
        alike = (spool.operator_lane(each) for each in later if ruleset.alike(own, self._by_name[each]))
        lane = next(alike, None)
        return refused._replace(step=Step.FAIL) if lane is None else refused._replace(item=row._replace(lane=lane))

    def _in_hours(self, tx: Tx, settled: Settled) -> Settled:
        """Let what came up after its hours wait for the next ones."""
        if settled.step is not Step.HOLD:
            return settled
        row = settled.item
        due, closes = self._openings.next(row.account, canonical(row.number), tx.now)
        return settled._replace(item=row._replace(due=due, closes=closes))

    def _reviewed(self, tx: Tx, items: list[Settled], begun: set[int]) -> tuple[list[Settled], dict[int, Spooled]]:
        """Look up what was to be reviewed: what is held back waits, and what may be sent is returned as well, by id."""
        reviewed = [each.item for each in items if each.step is Step.REVIEW]
        if not reviewed:
            return items, {}
        standing = self._refusals.judge(tx, {row.message for row in reviewed}, begun)
        stays = standing.refused | standing.held_until.keys()
        items = [
            each._replace(step=Step.BACK, item=each.item._replace(due=standing.held_until[each.item.message]))
            if each.step is Step.REVIEW and each.item.message in standing.held_until
            else each
            for each in items
        ]
        return items, {row.id: row for row in reviewed if row.message not in stays}

    def _taken(self, tx: Tx, settled: list[Settled]) -> list[Outcome]:
        """Remember what operators hold; returns the outcomes that are known already."""
        known: list[Outcome] = []
        held: list[tuple[str, str, int]] = []
        silent = self._silent(tx, settled)
        for each in settled:
            operator = self._operators[each.item.lane]
            remote = _remote_id(each, operator)
            if remote and each.item.message not in silent:
                held.append((operator.name, remote, each.item.message))
            else:
                known.append(Outcome(each.item.message, messages.ACCEPTED))
        known += sent.taken(tx, held)
        parked = sent.unpark(tx, {(operator, remote) for operator, remote, _ in held})
        early = {(operator, remote): (state, error) for operator, remote, state, error in parked}  # the newest of each
        for key, each_held in sent.report(tx, early.keys()).items():
            known += sent.outcomes_of([each_held], *early[key])
        return known

    def _silent(self, tx: Tx, settled: list[Settled]) -> set[int]:
        """Return the messages for which nobody asked the operator for a receipt."""
        found = messages.get(
            tx, {each.item.message for each in settled if not self._operators[each.item.lane].receipts}
        )
        return {message.id for message in found.values() if not wants_receipt(message.registered)}

    def _done(self, items: list[Settled], result: Result) -> None:
        self._metrics.confirmed(confirmation.states(result.finished))
        if journal.wanted():
            journal.settled(items)
            journal.ended(result.finished)
        for (lane, status), count in _answers(items).items():
            self._metrics.segment_sent(self._operators[lane].name, status, count)
        self._lanes.carry_on(result.placed)
        self._lanes.look(result.again)
        self._lanes.go_on(result.cleared)
        self._lanes.settled(Counter(each.item.lane for each in items))

    def _failed(self, items: list[Settled], error: StoreError) -> None:
        _settle_later(self.batch, self._lanes, items, error)


class AccountOutcomes:
    """Settles what accounts answered to deliver_sm: gone when taken or refused for good, later otherwise.

    Args:
        lanes: where rows that were given back wait.
        metrics: counts deliveries by account and status.
    """

    def __init__(self, lanes: Lanes, metrics: Metrics) -> None:
        self._lanes = lanes
        self._metrics = metrics
        self.batch: Batch[Settled] = Batch(self._work, self._done, self._failed, RANK)

    def _work(self, tx: Tx, items: list[Settled]) -> Again:
        spool.remove(tx, [each.item.id for each in items if each.step not in _WAITS])
        return give_back(tx, [each for each in items if each.step in _WAITS])

    def _done(self, items: list[Settled], again: Again) -> None:
        note_dropped(sum(each.step is Step.EXPIRED for each in items))
        if journal.wanted():
            journal.settled(items)
        for (lane, status), count in _answers(items).items():
            self._metrics.delivered(lane.partition("/")[2], status, count)
        self._lanes.look(again)
        self._lanes.settled(Counter(each.item.lane for each in items))

    def _failed(self, items: list[Settled], error: StoreError) -> None:
        _settle_later(self.batch, self._lanes, items, error)


def _one_each(items: list[Settled]) -> list[Settled]:
    """Return one outcome for each row: an answer that came late says first of all that the operator has it."""
    if len({each.item.id for each in items}) == len(items):
        return items
    found: dict[int, Settled] = {}
    for each in items:
        known = found.setdefault(each.item.id, each)
        if each.step is Step.DONE and known.step is not Step.DONE:
            found[each.item.id] = each
    return list(found.values())


def _settle_later(batch: Batch[Settled], lanes: Lanes, items: list[Settled], error: StoreError) -> None:
    """Keep outcomes, for they stand, until the store takes them; those that it can never take let their lane go on."""
    if not isinstance(error, WorkError):
        batch.put_all(items)
        return
    _log.error("settle_failed", rows=[each.item.id for each in items], reason=str(error))
    batch.put_all([each._replace(bare=True) for each in items if not each.bare])
    lanes.settled(Counter(each.item.lane for each in items if each.bare))


def _answers(items: list[Settled]) -> Counter[tuple[str, int]]:
    """Count what lanes' peers answered, by lane and status."""
    return Counter((each.item.lane, each.response.status) for each in items if each.response is not None)


def give_back(tx: Tx, settled: list[Settled]) -> Again:
    """Let rows wait in the spool: after a growing pause those that are for later, as before those given back."""
    freed: list[Spooled] = []
    lanes: Again = {}
    for each in settled:
        row = each.item
        if each.step is Step.LATER:
            pause = int(pause_after(row.attempts, _FIRST_PAUSE, _LONGEST_PAUSE, row.id % 997 / 997) * 1_000)
            row = row._replace(due=tx.now + pause, attempts=row.attempts + 1)
        freed.append(row)
        wait = max(0, row.due - tx.now)
        lanes[row.lane] = min(wait, lanes.get(row.lane, wait))
    spool.release(tx, freed)
    return lanes


def note_dropped(rows: int) -> None:
    """Log that so many receipts and texts have waited for their accounts for too long."""
    if rows:
        _log.warning("undelivered_dropped", rows=rows)


def _outcome(settled: Settled) -> Outcome:
    """Say what a segment that its operator did not take, or will not get, means for its message."""
    message = settled.item.message
    if settled.step is Step.EXPIRED:
        return Outcome(message, messages.EXPIRED, final=True)
    if settled.step is Step.REVIEW:
        return refusal(message)
    if settled.response is None:
        return Outcome(message, messages.UNDELIVERABLE, _UNCERTAIN)
    return Outcome(message, messages.REJECTED, f"{settled.response.status:03X}")


def _remote_id(settled: Settled, operator: Operator) -> str:
    fields = settled.response.fields if settled.response else {}
    return receipt.key_of_response(fields.get("message_id", ""), operator.message_id)

"""Drains one lane of the spool into the links of one peer: claim, pace, request, settle.

Upstream accounts and operators are both peers, so one :class:`Lane` serves both; what differs is what a success or a
failure means for the message, and that is the settling flow's business (:mod:`gateway.settle`).

Rows reach a lane in two ways. What has just been committed is handed over in memory while there is room and nothing
older of its queue waits in the spool (:meth:`Lane.takes`); everything else waits there and is claimed later, some of
each queue's in order (:mod:`gateway.claims`), so that the flood of one account delays nobody else's rows.
A lane without a link holds nothing in memory: a dead peer costs disk, not memory, and its rows can go elsewhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import structlog
import trio

from gateway.backlog import Backlog, Settled
from gateway.claims import Claims
from gateway.gauges import Load
from gateway.pulse import Pulse
from gateway.rules.pacing import Step, Throttle, TokenBucket, next_step
from gateway.smpp import status
from gateway.smpp.events import Request
from gateway.smpp.vocabulary import ALERT_NOTIFICATION
from gateway.store.base import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from gateway.link import Link
    from gateway.rules.pacing import Pace
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Batch, Store
    from gateway.store.spool import Queue, Spooled

_log = structlog.get_logger()
_LONGEST_CLAIM = 60.0  # seconds
_RESCUE = 10.0  # seconds between looks into the spool that nothing asked for
_SHORTEST, _LONGEST = 0.25, 30.0  # seconds that a peer that says ESME_RTHROTTLED is left alone


class Lane:
    """The memory side of one lane.

    Args:
        name: the lane's name in the spool.
        pace: how fast it may be drained.
        store: where rows are claimed.
        outcomes: the settling flow's batch.

    Attributes:
        links: those in use.
        waited: told for how many seconds each answer was waited for.
    """

    def __init__(self, name: str, pace: Pace, store: Store, outcomes: Batch[Settled]) -> None:
        self.name = name
        self.links: list[Link] = []
        self.waited: Callable[[float], None] = lambda _seconds: None
        self._pace = pace
        self._store = store
        self._outcomes = outcomes
        self._backlog = Backlog()
        self._claims = Claims(name, pace.room, store, self._backlog)
        self._unsettled = 0  # outcomes that are not committed yet
        self._bucket = TokenBucket(pace.rate, trio.current_time())
        self._throttle = Throttle(pace.window, _SHORTEST, _LONGEST)
        self._stir = trio.Event()
        self._other_rate = trio.Event()
        self._lost: set[int] = set()  # rows on their way that others have taken over, or that are settled
        self._sent = 0  # since the last look at the demand
        self._sent_ever = self._turns = 0
        self._pulse = Pulse()
        self._unanswered = 0

    @property
    def title(self) -> str:
        """What signs of life call it."""
        return f"lane {self.name}"

    def __len__(self) -> int:
        return len(self._backlog)

    @property
    def usable(self) -> bool:
        """Whether a link is there that can take messages."""
        return bool(self.links)

    @property
    def idle(self) -> bool:
        """Whether nothing is there that would be lost with the lane."""
        return not (self.links or len(self) or self._unsettled)

    # Rows come in

    def takes(self, queue: Queue, count: int) -> bool:
        """Say whether ``count`` rows of a queue that are being committed may be handed over in memory."""
        return bool(self.links) and self._claims.takes(queue, count)

    def hand_over(self, rows: list[Spooled]) -> None:
        """Take rows that were committed as ours."""
        if self.links:
            self._backlog.add(rows)
            self.pump()
        else:
            self._settle(rows, Step.BACK)

    def look(self, at: float = -math.inf, queue: Queue | None = None) -> None:
        """Say that the spool may hold rows for this lane, from the instant ``at`` on (trio's clock), of this queue."""
        self._claims.look(at, queue)
        self._stir.set()

    def forget(self) -> None:
        """Let go of every row: we were taken for dead, and others may have them. What is on its way is answered yet."""
        self._lost = {request.context.id for link in self.links for request in link.session.pending if request.context}
        self._backlog.take_all()
        self.look()

    def numbers(self) -> set[str]:
        """Return the numbers that rows in memory are for."""
        return self._backlog.numbers()

    def heed(self, stopped: Container[str]) -> None:
        """Review what is for ``stopped`` numbers, which may become more, before it is sent."""
        self._backlog.stopped = stopped

    def stop(self, numbers: Container[str]) -> None:
        """Review now what is for numbers that have just been stopped."""
        self._review(self._backlog.take_stopped(numbers))
        self.pump()

    def _review(self, rows: list[Spooled]) -> None:
        """Have rows reviewed; those of a message of which another segment is on its way go out, for none goes half."""
        under_way = {
            request.context.message for link in self.links for request in link.session.pending if request.context
        }
        for row in rows:
            if row.parts > 1 and row.message in under_way:
                self._backlog.put_reviewed(row)
        self._settle([row for row in rows if row.parts == 1 or row.message not in under_way], Step.REVIEW)

    def go_on(self, rows: list[Spooled]) -> None:
        """Take back rows that were reviewed and may be sent."""
        if self.links:
            for row in rows:
                self._backlog.put_reviewed(row)
            self.pump()
        else:
            self._settle(rows, Step.BACK)

    def drop_overdue(self) -> None:
        """End the rows in memory whose time is over, wherever in the queue they stand."""
        self._settle(self._backlog.take_overdue(self._store.clock()), Step.EXPIRED)

    def withdraw(self, unwanted: Callable[[Spooled], bool]) -> None:
        """Give rows that are not on their way back to the spool, with the next commit."""
        self._settle(self._backlog.take(unwanted), Step.BACK)

    def demand(self) -> int:
        """Return how many segments were sent since the last look, or could be now; never 0: the next may come soon."""
        sent, self._sent = self._sent, 0
        return max(1, sent + len(self))

    def unanswered_since(self) -> int:
        """Return how many requests were sent and never answered since the last look."""
        count, self._unanswered = self._unanswered, 0
        return count

    def set_rate(self, rate: float | None) -> None:
        """Go on at another rate, in segments a second."""
        self._bucket.change(rate, trio.current_time())
        self._other_rate.set()

    @property
    def window(self) -> int:
        """How many requests may wait for an answer, over all links."""
        return self._pace.window * len(self.links)

    def load(self) -> Load:
        """Return what it is busy with now."""
        pause = max(0.0, self._throttle.paused_until - trio.current_time())
        return Load(len(self), self._in_flight(), self._unsettled, pause, self._bucket.rate)

    def set_pace(self, pace: Pace) -> None:
        """Go on at another pace; a rate that is shared with other nodes stays as it is until it is shared out anew."""
        if pace.rate != self._pace.rate:
            self.set_rate(pace.rate)
        self._throttle.window = pace.window
        self._pace = pace
        self.pump()

    # Links come and go

    def attach(self, link: Link) -> None:
        """Use ``link`` from now on."""
        self.links.append(link)
        self.look()

    def detach(self, link: Link, unanswered: list[Request]) -> None:
        """Stop using ``link``; what it had sent and nobody answered is sent again, or failed, as configured."""
        if link in self.links:
            self.links.remove(link)
        for request in unanswered:
            if self._still_ours(request.context):
                self._backlog.put_back(request.context)
        if not self.links:
            self._settle(self._backlog.take_all(), Step.BACK)
        self.pump()

    def _settle(self, rows: list[Spooled], step: Step) -> None:
        self._unsettled += len(rows)
        self._outcomes.put_all([Settled(row, step) for row in rows])

    # Rows go out

    def pump(self) -> None:
        """Send as much as links, windows and the rate allow; never waits. Nothing that may be ours no more."""
        if not self.links:
            return
        now = trio.current_time()
        if self._throttle.paused_until <= now < min(self._store.lease_until, self._store.heeded_until):
            self.links.append(self.links.pop(0))  # every link is first in its turn
            for link in self.links:
                self._fill(link, now)
        if self._claims.wanted() or self._held_up(now):
            self._stir.set()

    def _fill(self, link: Link, now: float) -> None:
        if not link.session.bound:  # who is parting is asked nothing more
            return
        granted = self._bucket.grant(min(self._pace.window - link.session.in_flight, self._open_room(), len(self)), now)
        if granted <= 0:
            return
        drawn = self._backlog.draw(granted, self._store.clock())
        self._bucket.give_back(granted - len(drawn.rows))
        self._settle(drawn.overdue, Step.EXPIRED)
        if drawn.stopped:
            self._review(drawn.stopped)
        self._settle(drawn.late, Step.HOLD)
        if drawn.rows:
            self._sent += len(drawn.rows)
            self._sent_ever += len(drawn.rows)
            self._throttle.sent()
            link.send([Request(row.command, row.body, row) for row in drawn.rows])
            self._settle([row for row in drawn.rows if row.command == ALERT_NOTIFICATION], Step.DONE)  # never answered

    def _open_room(self) -> int:
        """How many more rows may be open at the peer: sent, their outcome not committed. A kill sends these again."""
        in_flight = self._in_flight()
        room = self._pace.window * len(self.links) - in_flight - self._unsettled
        return int(max(0, min(room, self._throttle.room(in_flight))))

    def _in_flight(self) -> int:
        return sum(link.session.in_flight for link in self.links)

    def settled(self, count: int) -> None:
        """Learn that ``count`` outcomes are committed."""
        self._unsettled -= count
        self.pump()

    def _held_up(self, now: float) -> bool:
        """Say whether a pause or the rate, rather than the windows, is what holds rows up."""
        return len(self) > 0 and self._next_turn() > now

    def _next_turn(self) -> float:
        return max(self._throttle.paused_until, self._bucket.ready_at())

    def answered(self, row: Spooled, response: Pdu, seconds: float) -> None:
        """Take the peer's answer to ``row``, which came after so many seconds."""
        self.waited(seconds)
        step = next_step(response.status, self._pace.own_steps)
        if row.id in self._lost:
            self._lost.discard(row.id)
            step = Step.LATER if step is Step.SLOW else step  # not ours to send again; settling finds that out
        if step is Step.SLOW:
            self._slow_down(row, response.status)
            return
        if step is not Step.LATER:
            self._throttle.taken()
        self._unsettled += 1
        self._outcomes.put(Settled(row, step, response))

    def unanswered(self, row: Spooled) -> None:
        """Give up waiting for the peer's answer to ``row``: sent again after a pause, or failed, as configured."""
        if self._still_ours(row):
            self._settle([row], Step.LATER)

    def answered_late(self, row: Spooled, response: Pdu) -> None:
        """Take an answer to a row that we had given up: what the peer has is not sent again, if it only waits for that.

        Where it has been sent again the peer has it twice; it is known by the id that came first.
        """
        if next_step(response.status, self._pace.own_steps) is not Step.DONE:
            return
        self._backlog.take(lambda each: each.id == row.id)
        again = (request.context for link in self.links for request in link.session.pending)
        self._lost |= {each.id for each in again if each is not None and each.id == row.id}
        self._unsettled += 1
        self._outcomes.put(Settled(row, Step.DONE, response))

    def _still_ours(self, row: Spooled) -> bool:
        """Count a row that was sent and never answered; say whether it is to be sent again, by us."""
        self._unanswered += 1
        if row.id in self._lost:
            self._lost.discard(row.id)
            return False
        if not self._pace.retry_uncertain:
            self._settle([row], Step.FAIL)
        return self._pace.retry_uncertain

    def _slow_down(self, row: Spooled, code: int) -> None:
        """Leave the peer alone for a while; the row keeps its place."""
        self._backlog.put_back(row)
        pause = self._throttle.refused(trio.current_time(), chance=row.id % 997 / 997)
        if pause:
            _log.warning("lane_slowed", lane=self.name, status=status.name(code), seconds=round(pause, 2))
        self._stir.set()

    # The lane's own task

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.pulse`); nothing when all is well."""
        if self._pulse.late:
            return "its task does not wake up"
        if self.links and self._claims.wanted():
            return f"rows wait in the spool and are not claimed, after {self._turns} turns"
        now = trio.current_time()
        sending = self._throttle.paused_until <= now < min(self._store.lease_until, self._store.heeded_until)
        if sending and len(self) and self._open_room() and self._bucket.ready_at() <= now and self._free_links():
            return f"rows wait in memory and are not sent, after {self._sent_ever} that were"
        return ""

    def _free_links(self) -> int:
        return sum(link.session.bound and link.session.in_flight < self._pace.window for link in self.links)

    async def run(self) -> None:
        """Claim what waits in the spool, and go on when pauses end; until cancelled."""
        while True:
            self._stir = trio.Event()
            self._turns += 1
            if self.links and self._claims.wanted():
                self._pulse.beat(_LONGEST_CLAIM)
                await self._claim()
            self.pump()
            self._pulse.until(wake_at := self._wake_at())
            with trio.move_on_at(wake_at):
                await self._stir.wait()
            now = trio.current_time()
            if now >= self._claims.look_at or not self._stir.is_set():
                self._claims.look(now)
            if self.links and self._held_up(now):
                self._other_rate = trio.Event()
                self._pulse.until(turn := self._next_turn())
                with trio.move_on_at(turn):
                    await self._other_rate.wait()

    def _wake_at(self) -> float:
        return min(self._claims.look_at, trio.current_time() + _RESCUE) if self.links else math.inf

    async def _claim(self) -> None:
        try:
            claimed = await self._claims.claim()
        except StoreError:
            await trio.sleep(1.0)
            return
        self._review(claimed.suspects)
        self.hand_over(claimed.rows)

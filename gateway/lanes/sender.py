"""Sends the rows that a lane has in memory over the links of one peer, as fast as it bears, and takes its answers.

The window of each link, the rate, pauses that the peer has asked for, and what is not settled yet bound what is on its
way; of several links, whichever has sent nothing for longest is first. What nobody answered is sent again or failed, as
configured. A row leaves as it is in the spool, but for what it says of its validity: that is what remains at this
moment.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from gateway.lanes.backlog import Backlog, Settled
from gateway.observe.gauges import Load
from gateway.rules.pacing import Step, Throttle, TokenBucket, next_step
from gateway.rules.times import write_validity
from gateway.smpp import status
from gateway.smpp.events import Request
from gateway.smpp.splice import with_validity
from gateway.smpp.vocabulary import ALERT_NOTIFICATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.link import Link
    from gateway.rules.pacing import Pace
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Batch, Store
    from gateway.store.spool import Spooled

_log = structlog.get_logger()
_SHORTEST, _LONGEST = 0.25, 30.0  # seconds that a peer that says ESME_RTHROTTLED is left alone
# How often in a row the same one may be refused as too much of everything; then others pass, for it may be it alone.
_PATIENCE = {status.ESME_RTHROTTLED: 10}
_USUAL_PATIENCE = 3
_OCTETS, _LONGEST_SEGMENT = 140, 300  # of a segment; of a body that may be one: what is longer is cut by its operator


class Sender:
    """The sending half of one lane.

    Args:
        name: the lane's name in the spool.
        pace: how fast it may be drained.
        store: says until when rows are surely ours.
        outcomes: the settling flow's batch.

    Attributes:
        links: those in use.
        waited: told for how many seconds each answer was waited for.
        slowed: told the status of each answer that leaves its row where it was, so that nothing is settled.
    """

    def __init__(self, name: str, pace: Pace, store: Store, outcomes: Batch[Settled]) -> None:
        self.name = name
        self.links: list[Link] = []
        self.waited: Callable[[float], None] = lambda _seconds: None
        self.slowed: Callable[[int], None] = lambda _status: None
        self._pace = pace
        self._store = store
        self._outcomes = outcomes
        self._backlog = Backlog()
        self._unsettled = 0  # outcomes that are not committed yet
        self._bucket = TokenBucket(pace.rate, trio.current_time())
        self._throttle = Throttle(pace.window, _SHORTEST, _LONGEST)
        self._refused = 0, 0  # the row that was refused last as too much, and how often without another
        self._other_rate = trio.Event()
        self._lost: set[int] = set()  # rows on their way that others have taken over, or that are settled
        self._sent = 0  # since the last look at the demand
        self._sent_ever = 0
        self._unanswered = 0

    def __len__(self) -> int:
        return len(self._backlog)

    # What others ask

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

    def detach(self, link: Link, unanswered: list[Request]) -> None:
        """Stop using ``link``; what it had sent and nobody answered is sent again, or failed, as configured.

        At once the first time. What ends a link again may be why links end, and lets others pass.
        """
        if link in self.links:
            self.links.remove(link)
        again = [request.context for request in unanswered if self._still_ours(request.context)]
        self._settle([row for row in again if row.attempts], Step.LATER)
        for row in again:
            if not row.attempts:
                self._backlog.put_back(row._replace(attempts=1))
        if not self.links:
            self._settle(self._backlog.take_all(), Step.BACK)
        self.pump()

    def _settle(self, rows: list[Spooled], step: Step) -> None:
        self._unsettled += len(rows)
        self._outcomes.put_all([Settled(row, step) for row in rows])

    # Rows go out

    def pump(self) -> None:
        """Send as much as links, windows and the rate allow; never waits. Nothing that may be ours no more."""
        now = trio.current_time()
        if self._throttle.paused_until <= now < min(self._store.lease_until, self._store.heeded_until):
            used = [link for link in self.links if self._fill(link, now)]
            self.links.sort(key=used.__contains__)  # stable: whoever has sent goes behind who has not

    def _fill(self, link: Link, now: float) -> bool:
        """Send what ``link`` may take; says whether it was anything."""
        if not link.session.bound:  # who is parting is asked nothing more
            return False
        granted = self._bucket.grant(min(self._pace.window - link.session.in_flight, self._open_room(), len(self)), now)
        if granted <= 0:
            return False
        present = self._store.clock()
        drawn = self._backlog.draw(granted, present)
        self._bucket.give_back(granted - len(drawn.rows))
        self._settle(drawn.overdue, Step.EXPIRED)
        if drawn.stopped:
            self._review(drawn.stopped)
        self._settle(drawn.late, Step.HOLD)
        if drawn.rows:
            self._bucket.owe(sum(len(row.body) // _OCTETS for row in drawn.rows if len(row.body) > _LONGEST_SEGMENT))
            self._sent += len(drawn.rows)
            self._sent_ever += len(drawn.rows)
            self._throttle.sent()
            link.send([self._request(row, present) for row in drawn.rows])
            self._settle([row for row in drawn.rows if row.command == ALERT_NOTIFICATION], Step.DONE)  # never answered
        return bool(drawn.rows)

    def _request(self, row: Spooled, present: int) -> Request:
        """Return the request that a row is at this moment: it says for how long it is valid yet."""
        spelling = self._pace.validity
        if spelling is None:
            return Request(row.command, row.body, row)
        write = partial(write_validity, row.expires, present, spelling)
        return Request(row.command, with_validity(row.body, write), row)

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
            self._slow_down(response.status, row)
            if self._keeps_its_place(response.status, row):
                self._backlog.put_back(row)
                self.slowed(response.status)
                return
            step = Step.LATER
        elif step is not Step.LATER:
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

    def _keeps_its_place(self, code: int, row: Spooled) -> bool:
        """Say whether a row that was refused as too much is sent first when the pause is over.

        Not for ever: what a peer calls too much may be the queue of one subscriber. Nor one that others have passed.
        """
        last, times = self._refused
        self._refused = row.id, times + 1 if row.id == last else 1
        return row.attempts <= 1 and self._refused[1] < _PATIENCE.get(code, _USUAL_PATIENCE)

    def _slow_down(self, code: int, row: Spooled) -> None:
        """Leave the peer alone for a while."""
        pause = self._throttle.refused(trio.current_time(), chance=row.id % 997 / 997)
        if pause:
            _log.warning("lane_slowed", lane=self.name, status=status.name(code), seconds=round(pause, 2))

    def _review(self, rows: list[Spooled]) -> None:
        """Have rows reviewed; those of a message of which another segment is on its way go out, for none goes half."""
        under_way = {
            request.context.message for link in self.links for request in link.session.pending if request.context
        }
        for row in rows:
            if row.parts > 1 and row.message in under_way:
                self._backlog.put_reviewed(row)
        self._settle([row for row in rows if row.parts == 1 or row.message not in under_way], Step.REVIEW)

    def stands_still(self) -> bool:
        """Say whether rows are there that could be sent at this moment, which must not last."""
        now = trio.current_time()
        if not self._throttle.paused_until <= now < min(self._store.lease_until, self._store.heeded_until):
            return False
        free = any(link.session.bound and link.session.in_flight < self._pace.window for link in self.links)
        return free and len(self) > 0 and self._open_room() > 0 and self._bucket.ready_at() <= now

"""Drains one lane of the spool into the links of one peer: claims rows, and lets :mod:`gateway.lanes.sender` send them.

Upstream accounts and operators are both peers, so one :class:`Lane` serves both; what differs is what a success or a
failure means for the message, and that is the settling flow's business (:mod:`gateway.settle`).

Rows reach a lane in two ways. What has just been committed is handed over in memory while there is room and nothing
older of its queue waits in the spool (:meth:`Lane.takes`); everything else waits there and is claimed later, some of
each queue's in order (:mod:`gateway.lanes.claims`), so that the flood of one account delays nobody else's rows.
A lane without a link holds nothing in memory: a dead peer costs disk, not memory, and its rows can go elsewhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from gateway.lanes.claims import Claims
from gateway.lanes.sender import Sender
from gateway.observe.pulse import Pulse
from gateway.rules.pacing import Step
from gateway.store.base import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from gateway.lanes.backlog import Settled
    from gateway.lanes.claims import Claimed
    from gateway.link import Link
    from gateway.rules.pacing import Pace
    from gateway.rules.size import Size
    from gateway.store.base import Batch, Store
    from gateway.store.spool import Queue, Spooled

_LONGEST_CLAIM = 60.0  # seconds
_RESCUE = 10.0  # seconds between looks into the spool that nothing asked for


class Lane(Sender):
    """One lane: what it holds in memory, and how rows get there.

    Args:
        name: the lane's name in the spool.
        pace: how fast it may be drained.
        store: where rows are claimed.
        outcomes: the settling flow's batch.
    """

    def __init__(self, name: str, pace: Pace, store: Store, outcomes: Batch[Settled]) -> None:
        super().__init__(name, pace, store, outcomes)
        self._claims = Claims(name, pace.room, store, self._backlog)
        self._stir = trio.Event()
        self._pulse = Pulse()
        self._turns = 0

    @property
    def title(self) -> str:
        """What signs of life call it."""
        return f"lane {self.name}"

    @property
    def usable(self) -> bool:
        """Whether a link is there that can take messages."""
        return bool(self.links)

    @property
    def idle(self) -> bool:
        """Whether nothing is there that would be lost with the lane."""
        return not (self.links or len(self) or self._unsettled)

    # Rows come in

    def takes(self, queue: Queue, rows: Size) -> bool:
        """Say whether so many rows of a queue that are being committed may be handed over in memory."""
        return bool(self.links) and self._claims.takes(queue, rows)

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

    # The lane's own task

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.observe.pulse`); nothing when all is well."""
        if self._pulse.late:
            return "its task does not wake up"
        if self.links and self._claims.wanted():
            return f"rows wait in the spool and are not claimed, after {self._turns} turns"
        return f"rows wait in memory and are not sent, after {self._sent_ever} that were" if self.stands_still() else ""

    def attach(self, link: Link) -> None:
        """Use ``link`` from now on, and see what waits for it."""
        super().attach(link)
        self.look()

    def pump(self) -> None:
        """Send what may be sent, and wake the task when there is more to do than that."""
        if self.links:
            super().pump()
            if self._claims.wanted() or self._held_up(trio.current_time()):
                self._stir.set()

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
            await self._claims.claim(self._take_over)
        except StoreError:
            await trio.sleep(1.0)

    def _take_over(self, claimed: Claimed) -> None:
        self._review(claimed.suspects)
        self.hand_over(claimed.rows)

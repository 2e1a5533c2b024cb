"""What one lane knows of its rows in the spool, and how they get into memory: some of each queue, the oldest.

A queue is what one account has in the lane at one priority, and its rows go out in order. So a new row may go straight
into memory as long as nothing of its own queue waits in the spool; what others have there does not concern it. Memory
is bounded: a lane has room for so many rows, and so many octets of bodies, a kilobyte for each row. Whoever has next to
nothing in it gets a few in even when it is full, and one at least, however long that is.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import trio

from gateway.rules.size import NOTHING, Size
from gateway.store import blacklist, spool
from gateway.store.base import StoreError
from gateway.store.spool import URGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from collections.abc import Set as AbstractSet

    from gateway.lanes.backlog import Backlog
    from gateway.store.base import Store, Tx
    from gateway.store.spool import Queue, Spooled

_OCTETS = 1_024  # of room for each row; most have 200 to 300, and a message_payload has 65,535 at most
_FEW = 0.01  # of the room: what each queue gets although it is full
_SOONEST = 0.25  # seconds until a claim that nothing but rows' time asks for: many may be due one by one
_RANK = 17  # of claims in their round: behind requests to cancel what waits, which would not see what has been claimed
_QUEUES_AT_ONCE = 100  # of one claim: each takes two statements, and other work waits for them


class Room(NamedTuple):
    """What a claim may take: ``free`` in all, ``few`` of each queue that is not among those ``held`` in memory."""

    free: Size
    few: Size
    held: frozenset[Queue]

    def shares(self, waiting: Collection[Queue]) -> dict[Queue, Size]:
        """Share the room equally between queues in which rows wait, first those of which none is in memory."""
        chosen = sorted(waiting, key=self.held.__contains__)[:_QUEUES_AT_ONCE]
        each = self.free.share(max(1, len(chosen)))
        wanted = {queue: each if queue in self.held else each.at_least(self.few) for queue in chosen}
        return {queue: share for queue, share in wanted.items() if share}


class Claimed(NamedTuple):
    """What a claim took: rows, ``suspects`` that are to be reviewed first, and the queues that it left rows of.

    ``wait``: in how many seconds the next row is due that was not due yet; infinite where there is none.
    """

    rows: list[Spooled]
    suspects: list[Spooled]
    left: set[Queue]
    wait: float


def claim(tx: Tx, lane: str, room: Room) -> Claimed:
    """Claim rows of a lane, and tell those apart that are to be reviewed: their number has opted out, or may have."""
    waiting = spool.queues(tx, lane)
    shares = room.shares(waiting)
    taken = {queue: spool.claim(tx, lane, queue, share) for queue, share in shares.items()}
    left = {queue for queue in waiting if queue not in shares or spool.size(taken[queue]).reaches(shares[queue])}
    rows = sorted(chain.from_iterable(taken.values()))
    refusing = blacklist.suspects(tx, {row.number for row in rows if row.number})
    suspects = [row for row in rows if row.number in refusing and row.due != URGENT]
    due = spool.next_due(tx, lane)
    wait = math.inf if due is None else (due - tx.now) / 1_000
    return Claimed([row for row in rows if row.number not in refusing or row.due == URGENT], suspects, left, wait)


class Claims:
    """The claims of one lane.

    Args:
        lane: its name in the spool.
        room: how many rows are held in memory, where they are not long.
        store: where rows are claimed.
        backlog: the rows in memory.

    Attributes:
        look_at: when rows that wait for an instant become due (trio's clock).
    """

    def __init__(self, lane: str, room: int, store: Store, backlog: Backlog) -> None:
        self.look_at = math.inf
        self._lane = lane
        self._room = Size(room, room * _OCTETS)
        few = max(1, int(room * _FEW))
        self._few = Size(few, few * _OCTETS)
        self._store = store
        self._backlog = backlog
        self._unseen = True  # whether rows may be due in the spool that no claim has seen, of whichever queue
        self._behind: AbstractSet[Queue] = frozenset()  # of these rows may be due there
        self._newly: set[Queue] = set()  # those that the claim under way has not seen
        self._claiming = False

    def takes(self, queue: Queue, rows: Size) -> bool:
        """Say whether so many new rows of a queue may go straight into memory.

        Asked inside the transaction, so it only looks at plain values. Rows of one round may overshoot the room.
        """
        if self._unseen or self._claiming or queue in self._behind:
            return False
        if rows.fits(self._room, self._backlog.size):
            return True
        few = self._backlog.count(queue) + rows.rows <= self._few.rows
        return few and rows.fits(self._few, self._backlog.size_of(queue))

    def look(self, at: float, queue: Queue | None = None) -> None:
        """Say that rows wait in the spool from the instant ``at`` on, of this queue or of whichever."""
        if at > trio.current_time():
            self.look_at = min(self.look_at, at)
        elif queue is None:
            self._unseen = True
        else:
            self._behind = self._behind | {queue}
            self._newly.add(queue)

    def wanted(self) -> bool:
        """Say whether it is time for a claim: something is new, there is room, or a queue has run out in memory."""
        if self._claiming:
            return False
        return self._unseen or (
            bool(self._behind) and (bool(self._free()) or not all(map(self._backlog.count, self._behind)))
        )

    def _free(self) -> Size:
        """Return how much room is worth a claim: none until half of it is free."""
        held = self._backlog.size
        return NOTHING if held.reaches(self._room.share(2)) else self._room.less(held)

    async def claim(self, take: Callable[[Claimed], None]) -> None:
        """Claim rows; ``take`` is called with them at the commit, before whoever looks in that round for what is held.

        Raises:
            StoreError: there are none to be had, for now.
        """
        if trio.current_time() >= self.look_at:
            self.look_at = math.inf
        room = Room(self._free(), self._few, self._backlog.queues())
        self._claiming, self._unseen, self._newly = True, False, set()

        def claimed(found: Claimed) -> None:
            self._claiming = False
            self._behind = found.left | self._newly
            self.look_at = min(self.look_at, trio.current_time() + max(_SOONEST, found.wait))
            take(found)

        try:
            await self._store.transact(lambda tx: claim(tx, self._lane, room), claimed, _RANK)
        except StoreError:
            self._claiming, self._unseen = False, True
            raise

"""The rows that one lane has in memory, in the order in which they go out, and what may become of each.

What came back goes out first, and so does what is urgent; of all else, one row of each account in turn, and of each
account's rows higher priorities first, none for ever (:mod:`gateway.rules.precedence`), and those of one priority as
they came in. Whatever must not be sent any more is sorted out as it comes up: what is overdue, what its number may
have refused meanwhile, and what came up after its hours.
"""

from __future__ import annotations

import heapq
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.precedence import Precedence
from gateway.rules.size import NOTHING, Size
from gateway.rules.turns import Turns
from gateway.store import spool
from gateway.store.spool import URGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from gateway.rules.pacing import Step
    from gateway.smpp.pdu import Pdu
    from gateway.store.spool import Queue, Spooled


class Settled(NamedTuple):
    """The end of one attempt, and what the peer said if it answered.

    ``bare``: nobody is to be told of it, because telling has failed before.
    """

    item: Spooled
    step: Step
    response: Pdu | None = None
    bare: bool = False


class Drawn(NamedTuple):
    """Rows from the head of a backlog: those that may be sent, and why others may not."""

    rows: list[Spooled]
    overdue: list[Spooled]
    stopped: list[Spooled]
    late: list[Spooled]


class Backlog:
    """Rows in memory.

    ``stopped`` are numbers that have opted out while rows were in memory: a row to one of them is to be reviewed
    before it is sent, urgent ones apart, which answer the opt-out.
    """

    def __init__(self) -> None:
        self.stopped: Container[str] = frozenset()
        self._rows = _in_turn(())
        self._first: list[tuple[int, int, Spooled]] = []  # a heap
        self._reviewed: set[int] = set()
        self._octets = 0  # of all bodies

    def __len__(self) -> int:
        return len(self._rows) + len(self._first)

    @property
    def size(self) -> Size:
        """How much is here."""
        return Size(len(self), self._octets)

    def add(self, rows: Iterable[Spooled]) -> None:
        """Take rows in."""
        for row in rows:
            if row.due == URGENT:
                self.put_back(row)
            else:
                self._rows.append(row)
                self._octets += len(row.body)

    def numbers(self) -> set[str]:
        """Return the numbers that rows are for."""
        return {row.number for rows in ((row for _, _, row in self._first), self._rows) for row in rows if row.number}

    def count(self, queue: Queue) -> int:
        """Return how many rows of a queue have not been drawn yet."""
        account, priority = queue
        line = self._rows.queues.get(account)
        return line.count(priority) if line else 0

    def size_of(self, queue: Queue) -> Size:
        """Return how much of a queue has not been drawn yet; looks at each of these rows."""
        account, priority = queue
        line = self._rows.queues.get(account)
        return spool.size(line.of(priority)) if line else NOTHING

    def queues(self) -> frozenset[Queue]:
        """Return the queues that have such rows."""
        lines = self._rows.queues.items()
        return frozenset((account, priority) for account, line in lines for priority in line.priorities)

    def put_back(self, row: Spooled) -> None:
        """Take back a row that had been drawn."""
        heapq.heappush(self._first, (row.due, row.id, row))
        self._octets += len(row.body)

    def put_reviewed(self, row: Spooled) -> None:
        """Take back a row that may be sent although its number is among the stopped ones."""
        self._reviewed.add(row.id)
        self.put_back(row)

    def draw(self, count: int, now: int) -> Drawn:
        """Take out the next ``count`` rows that may be sent, and what is between them; ``now`` is in milliseconds."""
        drawn = Drawn([], [], [], [])
        while len(self) and len(drawn.rows) < count:
            row = heapq.heappop(self._first)[2] if self._first else self._rows.popleft()
            self._octets -= len(row.body)
            if row.expires <= now:
                drawn.overdue.append(row)
            elif row.number in self.stopped and self._is_suspect(row):
                drawn.stopped.append(row)
            elif 0 < row.closes <= now:
                drawn.late.append(row)
            else:
                drawn.rows.append(row)
            self._reviewed.discard(row.id)
        return drawn

    def _is_suspect(self, row: Spooled) -> bool:
        return row.due != URGENT and row.id not in self._reviewed

    def take_overdue(self, now: int) -> list[Spooled]:
        """Take out every row whose time is over at ``now``."""
        return self.take(lambda row: row.expires <= now)

    def take_stopped(self, numbers: Container[str]) -> list[Spooled]:
        """Take out every row to one of these numbers that is not urgent."""
        return self.take(lambda row: row.number in numbers and row.due != URGENT)

    def take_all(self) -> list[Spooled]:
        """Take out everything."""
        return self.take(lambda _row: True)

    def take(self, unwanted: Callable[[Spooled], bool]) -> list[Spooled]:
        """Take out every row that is ``unwanted``: what came back in its order, then account by account."""
        taken = [row for _, _, row in sorted(self._first) if unwanted(row)]
        taken += [row for row in self._rows if unwanted(row)]
        if taken:
            gone = {row.id for row in taken}
            self._first = [entry for entry in self._first if entry[1] not in gone]
            heapq.heapify(self._first)
            self._rows = _in_turn(row for row in self._rows if row.id not in gone)
            self._reviewed -= gone
            self._octets -= spool.size(taken).octets
        return taken


def _in_turn(rows: Iterable[Spooled]) -> Turns[Spooled, Precedence[Spooled]]:
    turns: Turns[Spooled, Precedence[Spooled]] = Turns(attrgetter("account"), Precedence)
    turns.extend(rows)
    return turns

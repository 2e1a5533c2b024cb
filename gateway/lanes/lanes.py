"""All lanes of this process: the one way in which rows get into the spool and on to the lanes that carry them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import trio

from gateway.store import spool
from gateway.store.spool import URGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

    from gateway.lanes.dispatcher import Lane
    from gateway.store.base import Tx
    from gateway.store.spool import Queue, Spooled


_STOPPED = "stop/"
_REMEMBERED_STOPS = 100_000  # numbers; what was in memory when they opted out has gone long before they are forgotten


def stop_name(number: str) -> str:
    """Name, for :meth:`Tx.notify`, a number that has opted out."""
    return _STOPPED + number


class Placed(NamedTuple):
    """Rows of one commit: those that lanes hold already, and in how many milliseconds to look for others of a queue."""

    held: dict[str, list[Spooled]]
    waiting: dict[tuple[str, Queue], int]


class Lanes:
    """All lanes of this process, by name, and how rows get into them.

    ``elsewhere`` says how many links the other nodes of the database have, by lane, of all lanes that they know.
    """

    def __init__(self) -> None:
        self.elsewhere: Mapping[str, int] = {}
        self._lanes: dict[str, Lane] = {}
        self._others: dict[str, Callable[[float], None]] = {}
        self._stopped: dict[str, None] = {}  # numbers, the oldest first

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def __getitem__(self, name: str) -> Lane:
        return self._lanes[name]

    def __contains__(self, name: str) -> bool:
        return name in self._lanes

    def add(self, lane: Lane) -> None:
        """Make a lane known."""
        self._lanes[lane.name] = lane
        lane.heed(self._stopped)

    def tell(self, name: str, look: Callable[[float], None]) -> None:
        """Let whoever serves a lane of another kind know, from the spool alone, when rows wait in it (trio's clock)."""
        self._others[name] = look

    def untell(self, name: str) -> None:
        """Let nobody know any more."""
        self._others.pop(name, None)

    def drop(self, lane: Lane) -> None:
        """Forget a lane that is idle and whose peer is gone; its rows wait in the spool."""
        del self._lanes[lane.name]

    def usable(self, name: str) -> bool:
        """Say whether a lane has a link here."""
        lane = self._lanes.get(name)
        return lane is not None and lane.usable

    def reachable(self, name: str) -> bool:
        """Say whether a lane has a link, here or at another node."""
        return self.elsewhere.get(name, 0) > 0 or self.usable(name)

    def place(self, tx: Tx, rows: Iterable[Spooled]) -> Placed:
        """Spool ``rows``: held by us where their lane takes them in memory, waiting otherwise.

        What it returns belongs to :meth:`carry_on`, after the commit.
        """
        queues: dict[tuple[str, Queue], list[Spooled]] = {}
        for row in rows:
            queues.setdefault((row.lane, row.queue), []).append(row)
        held: dict[str, list[Spooled]] = {}
        waiting: dict[tuple[str, Queue], list[Spooled]] = {}
        for (name, queue), group in queues.items():
            urgent = [row for row in group if row.due == URGENT and self.usable(name)]
            others = [row for row in group if row not in urgent] if urgent else group
            if urgent:  # does not wait behind what waits in the spool
                held.setdefault(name, []).extend(urgent)
            if others and self._takes(name, others, tx.now):
                held.setdefault(name, []).extend(others)
            elif others:
                waiting[name, queue] = others
        spool.add(tx, [row for group in held.values() for row in group], held=True)
        spool.add(tx, [row for group in waiting.values() for row in group])
        tx.notify({name for name, _ in waiting if not self.usable(name)})
        return Placed(held, {key: max(0, min(row.due for row in group) - tx.now) for key, group in waiting.items()})

    def _takes(self, name: str, rows: list[Spooled], now: int) -> bool:
        lane = self._lanes.get(name)
        return lane is not None and all(row.due <= now for row in rows) and lane.takes(rows[0].queue, spool.size(rows))

    def carry_on(self, placed: Placed) -> None:
        """Go on with rows that have just been committed."""
        for name, rows in placed.held.items():
            self._lanes[name].hand_over(rows)
        now = trio.current_time()
        for (name, queue), delay in placed.waiting.items():
            if name in self._lanes:
                self._lanes[name].look(now + delay / 1_000, queue)
            elif name in self._others:
                self._others[name](now + delay / 1_000)

    def heard(self, names: Iterable[str]) -> None:
        """Learn from another node that rows wait in lanes of these names, or that numbers have opted out."""
        stopped = {name.removeprefix(_STOPPED) for name in names if name.startswith(_STOPPED)}
        self.stop(stopped)
        self.look(dict.fromkeys(names, 0))

    def stop(self, numbers: Collection[str]) -> None:
        """Learn that numbers have opted out: what is for them is reviewed before it is sent."""
        for number in numbers:
            self._stopped.pop(number, None)
            self._stopped[number] = None
        for number in list(islice(self._stopped, max(0, len(self._stopped) - _REMEMBERED_STOPS))):
            del self._stopped[number]
        if numbers:
            for lane in self:
                lane.stop(numbers)

    def numbers(self) -> set[str]:
        """Return the numbers that rows in memory are for."""
        return set().union(*(lane.numbers() for lane in self))

    def go_on(self, rows: Iterable[Spooled]) -> None:
        """Give rows that were reviewed and may be sent back to their lanes."""
        for row in rows:
            self._lanes[row.lane].go_on([row])

    def forget(self) -> None:
        """Let go of every row that is in memory: others may have taken them over."""
        for lane in self:
            lane.forget()

    def withdraw(self, messages: Container[int], addressed: Container[tuple[str, str]]) -> None:
        """Let segments of these messages, or of an account to a number, wait in the spool, unless on their way."""
        for lane in self:
            lane.withdraw(lambda row: row.message in messages or (row.account, row.number) in addressed)

    def drop_overdue(self) -> None:
        """End the rows in memory whose time is over."""
        for lane in self:
            lane.drop_overdue()

    def look(self, waiting: Mapping[str, int]) -> None:
        """Let lanes look into the spool, each after so many milliseconds."""
        now = trio.current_time()
        for name, delay in waiting.items():
            if name in self._lanes:
                self._lanes[name].look(now + delay / 1_000)
            elif name in self._others:
                self._others[name](now + delay / 1_000)

    def settled(self, counts: Mapping[str, int]) -> None:
        """Tell lanes how many of their outcomes have just been committed."""
        for name, count in counts.items():
            if name in self._lanes:
                self._lanes[name].settled(count)

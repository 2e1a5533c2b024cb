"""This node among its equals: who is linked to whom, who may use how much of a rate, and whose work waits.

Several identical processes may share one database; each looks into it about once a second, in one transaction. It says
how many links it has and learns what the others have; takes its shares of the limits that hold for all nodes together;
finds rows that wait for a link of its own, in case nobody woke it; and takes nodes that it has heard nothing of for as
long as a lease for dead, so that their rows wait again. A node that finds itself taken for dead lets go of what it held
and joins anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from gateway.rules.sharing import Demand
from gateway.store import nodes, spool
from gateway.store.base import Batch, FencedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gateway.lanes.lanes import Lanes
    from gateway.store.base import Store, Tx
    from gateway.store.nodes import Buried, Signs

_log = structlog.get_logger()
BEAT = 1.0  # seconds between looks
_MILLI = 1_000
# Looks come before binds, and both before all else, for everybody locks in one order: how many binds there are a look
# knows from when it was put, and must not say so after a bind that came in since.
_LOOKS, _BINDS = -2, -1


class Limit(NamedTuple):
    """A rate that holds for all nodes together.

    Attributes:
        name: under which nodes share it.
        rate: segments a second.
        wanted: how many segments we would have liked since the last look.
        use: told how many a second we may.
    """

    name: str
    rate: float
    wanted: Callable[[], int]
    use: Callable[[float], None]


class _News(NamedTuple):
    """What one look has shown."""

    elsewhere: dict[str, int]
    shares: dict[str, int]
    ready: list[str]
    buried: list[Buried]
    signs: Signs


class _Look(NamedTuple):
    """What we say in one look; ``silent``: which nodes are dead unless they have shown another sign of life since."""

    links: dict[str, int]
    binds: dict[str, int]
    demands: dict[str, Demand]
    silent: Signs

    def work(self, tx: Tx) -> _News:
        """Say it, and see what the others say."""
        buried = nodes.bury(tx, self.silent)
        tx.notify({lane for each in buried for lane in each.lanes})
        nodes.set_presence(tx, self.links | self.binds)
        shares = nodes.share_out(tx, self.demands)
        ready = spool.ready(tx, [name for name, count in self.links.items() if count])
        return _News(nodes.presence(tx), shares, ready, buried, nodes.signs(tx))


class _Silence:
    """For how long nodes have been silent, as long as we look: all are while the database or the machine is still."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float]] = {}  # the last sign of life of each, and when it was seen first
        self._looked = -math.inf

    def saw(self, signs: Signs, now: float) -> None:
        """Learn what the last signs of life are at ``now``, in seconds; after a pause nobody's silence counts."""
        known = self._known(now)
        self._seen = {
            holder: known[holder] if known.get(holder, (None,))[0] == mark else (mark, now)
            for holder, mark in signs.items()
        }
        self._looked = now

    def broken(self) -> None:
        """Forget what was seen: we could not look."""
        self._seen.clear()

    def too_long(self, now: float) -> Signs:
        """Return those that are silent for longer than their lease."""
        seen = self._known(now).items()
        return {holder: mark for holder, (mark, since) in seen if now - since >= nodes.LEASE_MS / _MILLI}

    def _known(self, now: float) -> dict[int, tuple[int, float]]:
        return self._seen if now - self._looked < nodes.LEASE_MS / _MILLI else {}


class _Asked:
    """Whether an account may have one bind more."""

    def __init__(self, name: str, count: int, most: int) -> None:
        self.name, self.count, self.most = name, count, most
        self.answered = trio.Event()
        self.allowed = False
        self.error: StoreError | None = None


class Membership:
    """The membership of one process.

    Args:
        store: the database, joined already.
        lanes: ours, and told of links elsewhere.
        limits: what is shared.
        changed: called when operators or accounts have become reachable, or stopped being so, at other nodes.
    """

    def __init__(self, store: Store, lanes: Lanes, limits: Iterable[Limit], changed: Callable[[], None]) -> None:
        self._store = store
        self._lanes = lanes
        self.set_limits(limits)
        self._changed = changed
        self._looking = trio.CancelScope()
        self._binds: dict[str, int] = {}
        self._silence = _Silence()
        self._asking: Batch[_Asked] = Batch(self._count, self._counted, self._not_counted, _BINDS)
        store.attach(self._asking)
        store.heard = self.heard

    def set_limits(self, limits: Iterable[Limit]) -> None:
        """Share these limits from now on."""
        self._limits = {limit.name: limit for limit in limits}

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled, started after the first look; where nobody shares the database there is none to see."""
        if self._store.shared:
            await self.beat()
        task_status.started()
        with self._looking:
            while self._store.shared:
                await trio.sleep(BEAT)
                await self.beat()

    def leave(self) -> None:
        """Look no more: we are about to give our token back."""
        self._looking.cancel()

    async def beat(self) -> None:
        """Look once."""
        links = {lane.name: len(lane.links) for lane in self._lanes}
        binds = {_bind_name(account): count for account, count in self._binds.items()}
        demands = {
            limit.name: Demand(int(limit.rate * _MILLI), limit.wanted() * _MILLI) for limit in self._limits.values()
        }
        look = _Look(links, binds, demands, self._silence.too_long(trio.current_time()))
        try:
            news = await self._store.transact(look.work, rank=_LOOKS)
        except FencedError:
            await self._join_anew()
        except StoreError:  # the store has logged it, and says when it is back
            self._silence.broken()
        else:
            self._silence.saw(news.signs, trio.current_time())
            self._learn(news)

    def heard(self, names: Collection[str]) -> None:
        """Learn from another node that rows wait in these lanes, or that numbers have opted out."""
        self._lanes.heard(names)

    # After the commit

    def _learn(self, news: _News) -> None:
        for each in news.buried:
            _log.warning("node_taken_for_dead", node=each.name, lanes=each.lanes)
        changed = _linked(news.elsewhere) != _linked(self._lanes.elsewhere)
        self._lanes.elsewhere = news.elsewhere
        for name, amount in news.shares.items():
            if name in self._limits:  # or it is gone from the configuration meanwhile
                self._limits[name].use(amount / _MILLI)
        self._lanes.look(dict.fromkeys(news.ready, 0))
        for lane in self._lanes:
            lane.pump()  # sending has rested if our lease was in doubt
        if changed:
            self._changed()

    async def _join_anew(self) -> None:
        """Let go of everything that others may have taken over, and become a member again."""
        _log.error("lease_lost", reason="this node was silent for longer than its lease; others have taken over")
        self._silence.broken()
        self._lanes.forget()
        try:
            await self._store.join()
        except StoreError as error:
            _log.error("join_failed", reason=str(error))  # the next look tries again

    # Binds

    async def may_bind(self, account: str, count: int, most: int) -> bool:
        """Say whether ``account`` may have ``count`` binds here, when all nodes together may have ``most``.

        Raises:
            StoreError: nobody can tell.
        """
        self._binds[account] = count
        if count > most or not self._store.shared:
            return count <= most
        asked = _Asked(_bind_name(account), count, most)
        self._asking.put(asked)
        await asked.answered.wait()
        if asked.error is not None:
            raise asked.error
        return asked.allowed

    def _count(self, tx: Tx, asked: list[_Asked]) -> list[bool]:
        """Count the binds at all nodes, in the order asked; all locks are taken at once, so nodes never deadlock."""
        names = {each.name for each in asked}
        tx.lock(names)
        elsewhere = nodes.presence(tx, names)
        allowed = [elsewhere.get(each.name, 0) + each.count <= each.most for each in asked]
        ours = {each.name: each.count - 1 for each in reversed(asked)}
        ours |= {each.name: each.count for each, yes in zip(asked, allowed, strict=True) if yes}
        nodes.set_presence(tx, ours)
        return allowed

    def _counted(self, asked: list[_Asked], allowed: list[bool]) -> None:
        for each, yes in zip(asked, allowed, strict=True):
            each.allowed = yes
            each.answered.set()

    def _not_counted(self, asked: list[_Asked], error: StoreError) -> None:
        for each in asked:
            each.error = error
            each.answered.set()

    def unbound(self, account: str, count: int) -> None:
        """Learn that ``account`` has ``count`` binds here now; the others learn it with the next look."""
        self._binds[account] = count


def _linked(links: Mapping[str, int]) -> set[str]:
    return {name for name, count in links.items() if count}


def _bind_name(account: str) -> str:
    return f"bind/{account}"

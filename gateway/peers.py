"""Everybody whom the configuration names: a lane for each, a customer for each account, a connector for each operator.

An account with a webhook has an outbox as well.

They come and go with the configuration. Who stays keeps its links; who goes is left politely, in the background, and
its lane is forgotten once nothing of it is in memory any more. What still waits for it stays in the spool.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from gateway.binds.connector import Connector
from gateway.lanes.dispatcher import Lane
from gateway.membership import Limit
from gateway.outbox import Outbox
from gateway.rules.pacing import Pace
from gateway.ruleset import pace, profile
from gateway.store.spool import account_lane, operator_lane
from gateway.submissions.submission import Customer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from gateway.config.changes import Changes
    from gateway.config.hooks import Webhook
    from gateway.config.models import Config, Operator
    from gateway.deliver import Deliver
    from gateway.lanes.backlog import Settled
    from gateway.lanes.lanes import Lanes
    from gateway.observe.metrics import Metrics
    from gateway.store.base import Batch, Store

_log = structlog.get_logger()
_ACCOUNT_WINDOW = 50  # deliver_sm on their way on one link of an account
_SHORT = 0.05  # seconds between looks at a lane that is to be forgotten
_AGAIN = 5.0  # seconds until an address that cannot be had is asked for again


class Supplies(NamedTuple):
    """What peers are made with: a database, the batches in which what they answer is settled, the intake of operators.

    ``metrics`` counts; ``changed`` is called when an operator becomes usable or stops being so.
    """

    store: Store
    operator_outcomes: Batch[Settled]
    account_outcomes: Batch[Settled]
    deliver: Deliver
    metrics: Metrics
    changed: Callable[[], None]


class Peers:
    """The peers of one process.

    Args:
        lanes: where theirs belong.
        supplies: what they are made with.

    Attributes:
        customers: the accounts, by name; always this mapping.
        connectors: the operators that we bind to, by name.
    """

    def __init__(self, lanes: Lanes, supplies: Supplies) -> None:
        self.customers: dict[str, Customer] = {}
        self.connectors: dict[str, Connector] = {}
        self._lanes = lanes
        self._supplies = supplies
        self._leaving: set[Connector | Outbox] = set()
        self._outboxes: dict[str, Outbox] = {}  # by account
        self._coming: dict[str, Outbox] = {}  # those of the configuration that is about to hold
        self._scopes: dict[str, trio.CancelScope] = {}  # in which lanes run
        self._nursery: trio.Nursery | None = None
        self._wanted: set[str] = set()  # names of lanes

    def prepare(self, config: Config) -> None:
        """Make what may fail to be made: the outboxes of webhooks that are new.

        Raises:
            OSError: the certificates that one is to trust cannot be read.
        """
        hooks = {name: account.webhook for name, account in config.accounts.items() if account.webhook is not None}
        store, metrics = self._supplies.store, self._supplies.metrics
        self._coming = {
            name: self._outboxes[name] if self._has(name, hook) else Outbox(name, hook, store, metrics)
            for name, hook in hooks.items()
        }

    def _has(self, account: str, hook: Webhook) -> bool:
        return account in self._outboxes and self._outboxes[account].hook == hook

    def configure(self, config: Config) -> None:
        """Go by this configuration in all that takes no time; :meth:`follow` does the rest."""
        for name, operator in config.operators.items():
            self._set_lane(operator_lane(name), pace(operator), self._supplies.operator_outcomes)
        for name, account in config.accounts.items():
            self._set_lane(account_lane(name), Pace(_ACCOUNT_WINDOW), self._supplies.account_outcomes)
            rules = profile(account, config.opt_out)
            self.customers.setdefault(name, Customer(account, rules)).configure(account, rules, self._seconds())
        for name in self.customers.keys() - config.accounts.keys():
            del self.customers[name]
        self._wanted = {*map(operator_lane, config.operators), *map(account_lane, config.accounts)}

    def _set_lane(self, name: str, pace: Pace, outcomes: Batch[Settled]) -> None:
        if name in self._lanes:
            self._lanes[name].set_pace(pace)
            return
        lane = Lane(name, pace, self._supplies.store, outcomes)
        side, _, peer = name.partition("/")
        metrics = self._supplies.metrics
        lane.waited = metrics.waited(side, peer)
        lane.slowed = partial(metrics.segment_sent if name == operator_lane(peer) else metrics.delivered, peer)
        self._lanes.add(lane)
        if self._nursery is not None:
            self._nursery.start_soon(self._run_lane, lane)

    def limits(self, config: Config) -> Iterator[Limit]:
        """Say which rates all nodes share: what operators take, what accounts may hand in."""
        for name, operator in config.operators.items():
            if operator.rate is not None and _binds_to(config, operator):
                lane = self._lanes[operator_lane(name)]
                yield Limit(lane.name, operator.rate, lane.demand, lane.set_rate)
        for name, customer in self.customers.items():
            if customer.account.rate is not None:
                yield Limit(f"rate/{name}", customer.account.rate, customer.demand, partial(self._share, customer))

    def _share(self, customer: Customer, rate: float) -> None:
        customer.bucket.change(rate, self._seconds())

    def _seconds(self) -> float:
        return self._supplies.store.clock() / 1_000

    # Life

    def start_lanes(self, nursery: trio.Nursery) -> None:
        """Let all lanes and outboxes run in ``nursery``, and those that come later."""
        self._nursery = nursery
        for lane in self._lanes:
            nursery.start_soon(self._run_lane, lane)
        self._set_outboxes(0.0)

    async def start_binding(self, config: Config, contexts: Mapping[str, ssl.SSLContext]) -> None:
        """Bind to every operator; returns once every address for outbinds is open.

        Raises:
            OSError: an address cannot be had; the message names it.
        """
        assert self._nursery is not None  # noqa: S101 (lanes run first)
        for name, operator in config.operators.items():
            if _binds_to(config, operator):
                await self._nursery.start(self._connector(name, operator, contexts).run)

    def follow(self, news: Changes, contexts: Mapping[str, ssl.SSLContext], patience: float) -> None:
        """Leave and bind to those whom ``news`` names, in the background; give the others their settings."""
        assert self._nursery is not None  # noqa: S101 (nothing is read again before we have started)
        gone = {name: self.connectors.pop(name) for name in news.ended if name in self.connectors}
        for connector in gone.values():
            self._leaving.add(connector)
            self._nursery.start_soon(self._leave, connector, patience)
        for name, connector in self.connectors.items():
            connector.configure(news.config.operators[name], contexts.get(name))
        for name in news.begun:
            if _binds_to(news.config, news.config.operators[name]):
                connector = self._connector(name, news.config.operators[name], contexts)
                if name in gone:
                    connector.inherit(gone[name])
                self._nursery.start_soon(self._succeed, gone.get(name), connector)
        self._set_outboxes(patience)
        for lane in self._lanes:
            if lane.name not in self._wanted:
                self._nursery.start_soon(self._retire, lane)

    async def drain(self, patience: float) -> None:
        """Leave all operators politely; returns when all links are gone."""
        async with trio.open_nursery() as nursery:
            for each in (*self.connectors.values(), *self._outboxes.values(), *self._leaving):
                nursery.start_soon(each.drain, patience)

    def _connector(self, name: str, operator: Operator, contexts: Mapping[str, ssl.SSLContext]) -> Connector:
        lane = self._lanes[operator_lane(name)]
        connector = Connector(operator, lane, self._supplies.deliver, self._supplies.changed)
        connector.configure(operator, contexts.get(name))
        self.connectors[name] = connector
        return connector

    async def _leave(self, goer: Connector | Outbox, patience: float) -> None:
        await goer.leave(patience)
        self._leaving.discard(goer)

    async def _succeed(self, predecessor: Connector | None, connector: Connector) -> None:
        """Bind as soon as the operator has been left the way that it was bound to before."""
        if predecessor is not None:
            await predecessor.gone.wait()
        while True:
            try:
                await connector.run()
            except OSError as error:
                _log.error("operator_unheard", operator=connector.operator.name, reason=str(error))
                await trio.sleep(_AGAIN)
            else:
                return

    def _set_outboxes(self, patience: float) -> None:
        """Let those outboxes run that were prepared; others end."""
        assert self._nursery is not None  # noqa: S101 (asked once it is there)
        before, self._outboxes = set(self._outboxes.values()), self._coming
        for outbox in before - set(self._outboxes.values()):
            self._lanes.untell(outbox.lane)
            self._leaving.add(outbox)
            self._nursery.start_soon(self._leave, outbox, patience)
        for outbox in set(self._outboxes.values()) - before:
            self._lanes.tell(outbox.lane, outbox.look)
            self._nursery.start_soon(outbox.run)

    async def _run_lane(self, lane: Lane) -> None:
        with trio.CancelScope() as self._scopes[lane.name]:
            await lane.run()

    async def _retire(self, lane: Lane) -> None:
        """Forget a lane as soon as nothing would be lost with it, unless it is wanted again by then."""
        # A lane is busy with others' answers, and has nothing to wait for.
        while not lane.idle:  # noqa: ASYNC110 (see above)
            await trio.sleep(_SHORT)
        if lane.name not in self._wanted and lane.name in self._lanes:
            self._lanes.drop(lane)
            self._scopes.pop(lane.name).cancel()


def _binds_to(config: Config, operator: Operator) -> bool:
    return operator.nodes is None or config.node in operator.nodes

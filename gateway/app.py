"""The composition root: builds every part from the configuration, starts them in order and stops them in order.

Order of life: the store opens and gives back what a dead predecessor held; lanes and connectors start; the listener
opens last, so nobody can hand in what we could not keep. On the way down it is the other way round: no new binds,
nothing new taken, what was taken is answered, operators are left politely, the last outcomes are committed.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import structlog
import trio

from gateway import __version__, control
from gateway.connector import Connector
from gateway.deliver import Deliver
from gateway.dispatcher import Lane
from gateway.door import Door
from gateway.homeward import Homeward
from gateway.lanes import Lanes
from gateway.listener import Listener
from gateway.manage import Manage
from gateway.membership import Limit, Membership
from gateway.metrics import Metrics
from gateway.notify import Notifier, watchdog_interval
from gateway.operate import Operate
from gateway.opt_out import OptOuts
from gateway.outbox import Outbox
from gateway.replace import Replace
from gateway.requests import Requests
from gateway.reviews import Reviews
from gateway.rules import number
from gateway.rules.pacing import Pace
from gateway.ruleset import pace, profile
from gateway.settle import AccountOutcomes, OperatorOutcomes
from gateway.store import nodes, spool
from gateway.store.reading import Reader
from gateway.store.url import open_store
from gateway.submission import Customer
from gateway.submit import Submit
from gateway.tls import TlsError
from gateway.upkeep import Upkeep
from gateway.watch import Watch
from gateway.web.http import Server
from gateway.web.post import Post
from gateway.web.private import private_app
from gateway.web.site import Site, public_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.config import Config, Operator
    from gateway.ports import Port
    from gateway.store.base import Tx

_log = structlog.get_logger()
_PATIENCE = 5.0  # seconds that a peer has for its last answers when we stop
_ACCOUNT_WINDOW = 50  # deliver_sm on their way on one link of an account
# Traffic makes many small objects and hardly a cycle: look for cycles rarely.
_GC_THRESHOLDS = (50_000, 50, 50)


class Gateway:
    """The whole daemon.

    Args:
        config: what to run.

    Raises:
        StoreError: the database cannot be had.
        TlsError: a certificate cannot be used.
    """

    def __init__(self, config: Config) -> None:
        number.prepare()
        self.config = config
        self.metrics = Metrics(config.accounts, config.operators)
        self.store = open_store(config.store, config.node, self.metrics.committed)
        self.lanes = Lanes()
        home = Homeward(config)
        self._operator_outcomes = OperatorOutcomes(config, self.lanes, home, self.metrics)
        self._account_outcomes = AccountOutcomes(self.lanes, self.metrics)
        self._submit = Submit(config, self.lanes, home, self.metrics)
        manage = Manage(Replace(self._submit.judge), self.lanes, home, self.metrics)
        opt_outs = OptOuts(config)
        self._deliver = Deliver(config, self.lanes, home, opt_outs, self.metrics)
        reviewing = (Reviews(opt_outs), self._deliver.follow)
        self._upkeep = Upkeep(config, self.store, self.lanes, home, reviewing)
        self._listening = False
        self._outboxes: list[Outbox] = []
        self._add_lanes()
        self._connectors = [
            Connector(operator, self.lanes[spool.operator_lane(name)], self._deliver, self._upkeep.routes_changed)
            for name, operator in config.operators.items()
            if self._binds_to(operator)
        ]
        customers = {
            name: Customer(account, profile(account, config.opt_out)) for name, account in config.accounts.items()
        }
        self._membership = Membership(self.store, self.lanes, self._limits(customers), self._upkeep.routes_changed)
        self._door = Door(config.smpp, self.metrics)
        requests = Requests(self._submit, manage, self.store.clock)
        self._listener = Listener(self._door, customers, requests, self.lanes, self._membership)
        self._watch = Watch(self.metrics, self.lanes, lambda: self._connectors, self._listener)
        self._operate = Operate(lambda: self._connectors, self._listener, customers, self.lanes)
        self._site = Site(config, self.store, Reader(config.store), customers, Post(requests, self._submit))
        self._web: Server | None = None
        self.web_address: tuple[str, int] | None = None
        for batch in (self._operator_outcomes.batch, self._account_outcomes.batch):
            self.store.attach(batch)
        for intake in (self._submit, self._deliver, self._deliver.alerts):
            self.store.attach(intake.batch)
        for rounds in (manage.looking, manage.acting):
            self.store.attach(rounds)

    def _binds_to(self, operator: Operator) -> bool:
        return operator.nodes is None or self.config.node in operator.nodes

    def _add_lanes(self) -> None:
        store = self.store
        for name, operator in self.config.operators.items():
            lane = Lane(spool.operator_lane(name), pace(operator), store, self._operator_outcomes.batch)
            lane.waited = self.metrics.waited("operator", name)
            self.lanes.add(lane)
        for name in self.config.accounts:
            lane = Lane(spool.account_lane(name), Pace(_ACCOUNT_WINDOW), store, self._account_outcomes.batch)
            lane.waited = self.metrics.waited("account", name)
            self.lanes.add(lane)
        for name, account in self.config.accounts.items():
            if account.webhook is not None:
                outbox = Outbox(name, account.webhook, store, self.metrics)
                self.lanes.tell(outbox.lane, outbox.look)
                self._outboxes.append(outbox)

    def _limits(self, customers: Mapping[str, Customer]) -> Iterator[Limit]:
        """Say which rates all nodes share: what operators take, what accounts may hand in."""
        for name, operator in self.config.operators.items():
            if operator.rate is not None and self._binds_to(operator):
                lane = self.lanes[spool.operator_lane(name)]
                yield Limit(lane.name, operator.rate, lane.demand, lane.set_rate)
        for name, customer in customers.items():
            if customer.account.rate is not None:
                yield Limit(f"rate/{name}", customer.account.rate, customer.demand, customer.bucket.change)

    # Life

    async def run(
        self, stop: trio.Event, *, task_status: trio.TaskStatus[list[tuple[str, int]]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until ``stop`` is set, then drain; started, with the addresses of the SMPP listener, once it is open.

        Raises:
            OSError: an address cannot be had.
        """
        gc.freeze()  # what start-up made lives for ever
        gc.set_threshold(*_GC_THRESHOLDS)
        notifier = Notifier.from_env()
        try:
            async with trio.open_nursery() as nursery:
                await self.store.join()
                nursery.start_soon(self.store.run)
                await nursery.start(self._membership.run)  # nothing is taken in or sent before we know our shares
                addresses = await self._start(nursery)
                nursery.start_soon(_keep_watch, notifier)
                notifier.ready()
                _log.info("started", version=__version__, node=self.config.node, listen=addresses)
                task_status.started(addresses)
                await stop.wait()
                notifier.stopping()
                _log.info("stopping")
                await self._drain()
                nursery.cancel_scope.cancel()
        finally:
            self.store.close()
        _log.info("stopped")

    async def _start(self, nursery: trio.Nursery) -> list[tuple[str, int]]:
        for drain in (*self.lanes, *self._outboxes):
            nursery.start_soon(drain.run)
        nursery.start_soon(self._upkeep.run)
        await self._serve(nursery)
        for connector in self._connectors:
            await nursery.start(connector.run)
        listeners: list[Port] = await nursery.start(self._listener.run)
        self._listening = True
        return [listener.socket.getsockname()[:2] for listener in listeners]

    async def _serve(self, nursery: trio.Nursery) -> None:
        """Open the control socket, the web and the private pages."""
        if self.config.control_socket is not None:
            await nursery.start(control.serve, self.config.control_socket, self._operate.actions)
        if self.config.metrics.listen is not None:
            nursery.start_soon(self._watch.count_for_ever, self.config.store)
            await nursery.start(Server(private_app(self._render, self.not_ready), self.config.metrics.listen).run)
        if self.config.web.listen is not None:
            self._web = Server(public_app(self._site), self.config.web.listen, "web.listen")
            self.web_address = await nursery.start(self._web.run)

    async def _drain(self) -> None:
        self._listening = False
        async with trio.open_nursery() as nursery:
            if self._web is not None:
                nursery.start_soon(self._web.drain, _PATIENCE)
            nursery.start_soon(self._listener.drain, _PATIENCE)
        async with trio.open_nursery() as nursery:
            for connector in self._connectors:
                nursery.start_soon(connector.drain, _PATIENCE)
            for outbox in self._outboxes:
                nursery.start_soon(outbox.drain, _PATIENCE)
        self._membership.leave()
        self._upkeep.leave()
        with trio.move_on_after(_PATIENCE):
            await self.store.transact(self._leave)  # what was put before this is committed with it, or before

    def _leave(self, tx: Tx) -> None:
        if self.store.shared:  # where nobody shares the database, nobody waits for our rows
            nodes.leave(tx)

    async def reload(self) -> None:
        """Read again what may change while we run: certificates. Files that cannot be used leave those in use."""
        try:
            await self._door.reload()
        except TlsError as error:
            _log.error("certificate_refused", section="smpp.tls", reason=str(error))
        for connector in self._connectors:
            try:
                await connector.reload()
            except TlsError as error:
                section = f"operators.{connector.operator.name}.tls"
                _log.error("certificate_refused", section=section, reason=str(error))
        _log.info("reloaded")

    def _render(self) -> bytes:
        """Return the metrics as they are at this moment; called in a thread."""
        return self._watch.render(self.not_ready)

    def not_ready(self) -> dict[str, str]:
        """Say which parts are not ready, and why; empty when all are."""
        missing = {}
        if not self.store.healthy:
            missing["store"] = "the last commit failed; see the log"
        elif trio.current_time() >= self.store.lease_until:
            missing["store"] = "has not answered for longer than our lease; nothing is sent"
        if not self._listening:
            missing["listener"] = "not open"
        return missing


async def _keep_watch(notifier: Notifier) -> None:
    """Tell systemd that the event loop turns."""
    interval = watchdog_interval()
    while interval is not None:
        notifier.watchdog()
        await trio.sleep(interval)

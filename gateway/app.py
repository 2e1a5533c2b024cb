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
from gateway.binds.door import Door
from gateway.binds.listener import Listener
from gateway.binds.requests import Requests
from gateway.config.changes import changes
from gateway.deliver import Deliver
from gateway.desk import Desk
from gateway.homeward import Homeward
from gateway.lanes.lanes import Lanes
from gateway.membership import Membership
from gateway.names import Names
from gateway.observe.metrics import Metrics
from gateway.observe.notify import Notifier, watchdog_interval
from gateway.observe.pulse import Watchdog
from gateway.operate import Operate
from gateway.optout.effect import OptOuts
from gateway.optout.joining import Joining
from gateway.optout.reviews import Reviews
from gateway.peers import Peers, Supplies
from gateway.retention import Retention
from gateway.rules import number
from gateway.settle import AccountOutcomes, OperatorOutcomes
from gateway.store import nodes
from gateway.store.url import open_store
from gateway.submissions.manage import Manage
from gateway.submissions.replace import Replace
from gateway.submissions.submit import Submit
from gateway.timekeeping import Timekeeping
from gateway.tls import Contexts, TlsError, contexts, server_context
from gateway.upkeep import Upkeep
from gateway.watch import Watch
from gateway.web.backend import Engine
from gateway.web.http import Server, open_web
from gateway.web.private import private_app
from gateway.web.process import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.config.models import Config
    from gateway.observe.pulse import Part
    from gateway.ports import Port
    from gateway.store.base import Tx

_log = structlog.get_logger()
_PATIENCE = 5.0  # seconds that a peer has for its last answers when we stop
# Traffic makes many small objects and hardly a cycle, connections that end leave none: so collections are few, none of
# the young takes more than a few milliseconds, and what lasts is looked at rarely.
_GC_THRESHOLDS = (5_000, 10, 50)


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
        self._contexts = contexts(config)
        self.metrics = Metrics(config.accounts, config.operators)
        self.store = open_store(config.store, config.node, self.metrics.committed)
        self.lanes = Lanes()
        self._home = home = Homeward(config)
        self._operator_outcomes = OperatorOutcomes(config, self.lanes, home, self.metrics)
        self._account_outcomes = AccountOutcomes(self.lanes, self.metrics)
        self._submit = Submit(config, self.lanes, home, self.metrics)
        manage = Manage(Replace(self._submit.judge), self.lanes, home, self.metrics)
        self._opt_outs = OptOuts(config)
        self._joining = Joining(config, self._opt_outs)
        self._deliver = Deliver(config, self.lanes, home, self._joining, self.metrics)
        late = ((Reviews(self._opt_outs).overdue, self._joining.overdue), self._deliver.follow)
        self._upkeep = Upkeep(config, self.store, self.lanes, home, late)
        self._listening = trio.Event()
        self._draining = False
        outcomes = self._operator_outcomes.batch, self._account_outcomes.batch
        changed = self._upkeep.routes_changed
        self._peers = Peers(self.lanes, Supplies(self.store, *outcomes, self._deliver, self.metrics, changed))
        self._peers.prepare(config)
        self._peers.configure(config)
        customers = self._peers.customers
        self._membership = Membership(self.store, self.lanes, self._peers.limits(config), changed)
        self._door = Door(config.smpp, self._contexts.server, self.metrics)
        requests = Requests(self._submit, manage, self.store.clock)
        self._listener = Listener(self._door, customers, requests, self.lanes, self._membership)
        self._retention = Retention(config, self.store)
        self._timekeeping = Timekeeping(config, self.store, self.lanes)
        self._watchdog = Watchdog(self._complaints)
        self._watch = Watch(self.metrics, self.lanes, self._peers.connectors.values, self._listener)
        self._operate = Operate(self._peers.connectors.values, self._listener, customers, self.lanes)
        desk = Desk(self._opt_outs, self.store, self.lanes, self._deliver.follow)
        self.backend = Engine(self.store, self._submit, customers, desk, self._operate)
        self._web: WebProcess | None = None
        if config.web.listen is not None:
            if config.web.tls is not None:
                server_context(config.web.tls)  # who serves it reads it again
            self._web = WebProcess(config, config.web.listen, self.backend)
        self.web_address: tuple[str, int] | None = None
        for batch in outcomes:
            self.store.attach(batch)
        for intake in (self._submit, self._deliver, self._deliver.alerts):
            self.store.attach(intake.batch)
        for rounds in (manage.looking, manage.acting):
            self.store.attach(rounds)

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
        Names.install()
        notifier = Notifier.from_env()
        try:
            async with trio.open_nursery() as nursery:
                await self.store.join()
                nursery.start_soon(self.store.run)
                await nursery.start(self._membership.run)  # nothing is taken in or sent before we know our shares
                addresses = await self._start(nursery)
                nursery.start_soon(self._watchdog.run, notifier, watchdog_interval())
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
        self._peers.start_lanes(nursery)
        nursery.start_soon(self._upkeep.run)
        nursery.start_soon(self._retention.run)
        nursery.start_soon(self._timekeeping.run)
        await self._serve(nursery)
        await self._peers.start_binding(self.config, self._contexts.clients)
        listeners: list[Port] = await nursery.start(self._listener.run)
        self._listening.set()
        return [listener.socket.getsockname()[:2] for listener in listeners]

    async def _serve(self, nursery: trio.Nursery) -> None:
        """Open the control socket, the web and the private pages."""
        if self.config.control_socket is not None:
            await nursery.start(control.serve, self.config.control_socket, self._operate.actions)
        if self.config.metrics.listen is not None:
            nursery.start_soon(self._watch.count_for_ever, self.config.store, self.store.clock)
            ports = await open_web("metrics.listen", self.config.metrics.listen)
            await nursery.start(Server(private_app(self._render, self.not_ready)).run, ports)
        if self._web is not None:
            self.web_address = await nursery.start(self._web.run)

    async def _drain(self) -> None:
        self._draining = True
        async with trio.open_nursery() as nursery:
            if self._web is not None:
                nursery.start_soon(self._web.drain, _PATIENCE)
            nursery.start_soon(self._listener.drain, _PATIENCE)
        await self._peers.drain(_PATIENCE)
        self._membership.leave()
        self._upkeep.leave()
        self._retention.leave()
        self._timekeeping.leave()
        with trio.move_on_after(_PATIENCE):
            await self.store.transact(self._leave)  # what was put before this is committed with it, or before

    def _leave(self, tx: Tx) -> None:
        if self.store.shared:  # where nobody shares the database, nobody waits for our rows
            nodes.leave(tx)

    # Reload

    async def reload(self, config: Config) -> bool:
        """Go by another configuration from now on, apart from what needs a restart; sessions that it leaves be go on.

        Returns whether it was taken: certificates that cannot be used leave everything as it was, and who stops goes on
        to stop.
        """
        await self._listening.wait()
        news = changes(self.config, config)
        try:
            made = await trio.to_thread.run_sync(contexts, news.config)
            self._peers.prepare(news.config)
        except (TlsError, OSError) as error:
            _log.error("reload_refused", reason=str(error))
            return False
        async with self.store.quiet:
            if self._draining:
                return False
            self._configure(news.config, made)
        self._listener.let_go(news.unbound, _PATIENCE)
        self._peers.follow(news, made.clients, _PATIENCE)
        self._upkeep.routes_changed()
        if self._web is not None:
            self._web.follow(news.config)
        if news.fixed:
            _log.warning("restart_needed", keys=news.fixed)
        _log.info("reloaded", accounts=sorted(news.unbound), operators=sorted(news.ended | news.begun))
        return True

    def _configure(self, config: Config, made: Contexts) -> None:
        """Let every part go by a configuration; no work is under way in the store meanwhile."""
        self.config = config
        self._contexts = made
        self.metrics.know(config.accounts, config.operators)
        self._peers.configure(config)
        self._membership.set_limits(self._peers.limits(config))
        heard = self._opt_outs, self._joining, self._deliver
        flows = (self._home, self._submit, self._operator_outcomes, *heard, self._upkeep)
        for part in (*flows, self._retention, self._timekeeping):
            part.configure(config)
        self._door.configure(config.smpp, made.server)

    def _render(self) -> bytes:
        """Return the metrics as they are at this moment; called in a thread."""
        return self._watch.render(self.not_ready, self._alive)

    def _alive(self) -> dict[str, bool]:
        """Say of each part that shows signs of life whether it does, and of pages whether they are served."""
        pages = {} if self._web is None else {"web": self._web.serves}
        return {part.title: part.title not in self._watchdog.stuck for part in self._parts()} | pages

    def not_ready(self) -> dict[str, str]:
        """Say which parts are not ready, and why; empty when all are."""
        missing = {}
        if not self.store.healthy:
            missing["store"] = "the last commit failed; see the log"
        elif trio.current_time() >= self.store.lease_until:
            missing["store"] = "has not answered for longer than our lease; nothing is sent"
        if self._draining or not self._listening.is_set():
            missing["listener"] = "not open"
        return {**self._watchdog.stuck, **missing}

    def _parts(self) -> tuple[Part, ...]:
        return (self.store, self._door, self._retention, *self.lanes, *self._peers.connectors.values())

    def _complaints(self) -> Iterator[tuple[str, str]]:
        """Say of each part that seems to stand still at this moment why."""
        for part in self._parts():
            if complaint := part.complaint():
                yield part.title, complaint

"""One gateway and the parties around it, in one process, over loopback sockets and a database."""

import math
import threading
from contextlib import contextmanager

import trio
import trio.testing

from gateway.app import Gateway
from gateway.config.models import Config
from gateway.smpp import status
from gateway.store.reading import Reader
from gateway.web.channel import Channel
from gateway.web.http import Server, open_web
from gateway.web.process import actions
from gateway.web.public import limits, public_app
from gateway.web.site import Site
from gateway.web.worker import RemoteBackend
from tests.flows.peers import PATIENCE, App, Operator

FRENCH, OTHER_FRENCH, GERMAN = "33612345678", "33712345678", "4915112345678"
_SHORT_PAUSE = 0.002


def merged(base, changes):
    """Lay one tree of mappings over another."""
    both = {key: merged((base or {}).get(key), value) for key, value in changes.items() if isinstance(value, dict)}
    return {**(base or {}), **changes, **both}


def without_nothing(settings, sections):
    """Leave out of some sections the names that stand for nothing."""
    return {
        key: {name: each for name, each in value.items() if each is not None} if key in sections else value
        for key, value in settings.items()
    }


class World:
    """A gateway with the marketing account `shop`, the notification account `bank` and the operator `orange`.

    Attributes:
        database: what the gateway keeps, seen from outside.
        orange: the operator of every number.
        operator: what the configuration says of each operator beside how to bind.
        log: what the gateway logged.
        gateway: the gateway, while it runs.
        settings: its configuration, as written.
        apart: whether pages are served by a process of their own, as ever; else here, by the same parts.
        site: what pages here use; None before there are any.
        web_address: where pages are.
    """

    def __init__(self, nursery, database, log):
        self.nursery = nursery
        self.database = database
        self.log = log
        self.orange = Operator()
        self.operator = {}
        self.gateway = None
        self.settings = {}
        self.apart = False
        self.site = self._reader = None
        self.web_address = None
        self.address = None
        self.more_addresses = []
        self._stop = trio.Event()
        self._stopped = trio.Event()

    async def start(self, operators=None, /, **changes):
        """Open `orange`, or all of ``operators``, start a gateway, and wait until it has bound to each of them."""
        operators = {"orange": self.orange} if operators is None else operators
        for operator in operators.values():
            await self.nursery.start(operator.run)
        await self.start_gateway(operators, **changes)
        for name in operators:
            await self.usable(name)

    async def start_gateway(self, operators, /, **changes):
        """Start a gateway that knows ``operators``, open or not."""
        self._stop, self._stopped = trio.Event(), trio.Event()
        self.settings = merged(self._config(operators), changes)
        config = Config.model_validate(self.settings)
        self.gateway = Gateway(self._without_web(config))
        self.address, *self.more_addresses = await self.nursery.start(self._run)
        self.web_address = self.gateway.web_address
        if self.gateway.config is not config:
            await self._open_web(config)

    def _without_web(self, config):
        if self.apart or config.web.listen is None:
            return config
        return config.model_copy(update={"web": config.web.model_copy(update={"listen": None})})

    async def _open_web(self, config):
        here, there = trio.testing.memory_stream_pair()
        channel = Channel(here, {})
        self.nursery.start_soon(channel.run)
        self.nursery.start_soon(Channel(there, actions(self.gateway.backend)).run)
        self.close_reader()
        self._reader = Reader(config.store)
        self.site = Site(self.gateway.config, self._reader, RemoteBackend(channel), nursery=self.nursery)
        ports = await open_web("web.listen", config.web.listen)
        await self.nursery.start(Server(public_app(self.site), limits(config)).run, ports)
        self.web_address = ports[0].socket.getsockname()[:2]

    async def _run(self, task_status):
        await self.gateway.run(self._stop, task_status=task_status)
        self._stopped.set()

    async def reload(self, **changes):
        """Do what SIGHUP does, with ``changes`` laid over the settings (None takes a name out); returns whether."""
        self.settings = without_nothing(merged(self.settings, changes), ("accounts", "operators"))
        taken = await self.gateway.reload(self._without_web(Config.model_validate(self.settings)))
        if self.site is not None:
            self.site.config = self.gateway.config
        return taken

    async def usable(self, operator):
        """Wait until the gateway can send to an operator, and has seen in the spool what waits for it.

        What is accepted from now on goes straight into memory, while there is room and nobody looks again.
        """
        lane = self.gateway.lanes[f"operator/{operator}"]
        await self.eventually(lambda: lane.usable and not lane._claims._unseen and not lane._claims._claiming)

    def time_out(self, lane):
        """Let the time be over that the peer of a lane has to answer what it was sent so far."""
        for link in list(self.gateway.lanes[lane].links):
            link._after(link.session.handle_timer(trio.current_time() + link.session._timers.limits.response))

    def pause(self, lane):
        """Let a lane send nothing until :meth:`go_on`: what is accepted for it waits in memory; returns it."""
        lane = self.gateway.lanes[lane]
        lane._throttle.paused_until = math.inf
        return lane

    def go_on(self, lane):
        """Let a lane send what it may."""
        lane._throttle.paused_until = -math.inf
        lane._other_rate.set()
        lane.pump()

    async def close(self, name, operator):
        """Close an operator and wait until the gateway has noticed."""
        await operator.close()
        await self.eventually(lambda: not self.gateway.lanes.usable(f"operator/{name}"))

    def close_reader(self):
        """Let go of what pages here read from."""
        if self._reader is not None:
            self._reader.close()

    def ask_to_stop(self):
        """Do what SIGTERM does."""
        self._stop.set()

    async def draining(self):
        """Wait until the gateway, which was asked to stop, lets nobody in any more and takes nothing."""
        await self.eventually(lambda: self.gateway._listener._accepting.cancelled_caught)

    async def stopped(self):
        """Wait until the gateway has ended cleanly."""
        with trio.fail_after(2 * PATIENCE):
            await self._stopped.wait()

    async def app(self, system_id="shop", **who):
        """Bind an app that must be let in."""
        app = App(system_id, **who)
        response = await self.nursery.start(app.run, self.address)
        assert response.status == status.ESME_ROK, status.name(response.status)
        return app

    async def refused(self, app):
        """Let an app try to bind; returns the status once its connection has ended."""
        response = await self.nursery.start(app.run, self.address)
        await app.gone()
        return response.status

    async def eventually(self, condition):
        """Return what ``condition`` returns as soon as that is true, for what nobody announces."""
        with trio.fail_after(PATIENCE):
            while not (found := condition()):  # noqa: ASYNC110 (a database has no events)
                await trio.sleep(_SHORT_PAUSE)
        return found

    async def settled(self):
        """Wait until nothing is left to be sent, in either direction."""
        await self.eventually(lambda: self.rows("SELECT count(*) FROM spool") == [(0,)])

    def rows(self, sql):
        """Read the database from outside."""
        return self.database.rows(sql)

    def events(self, name):
        """Return what was logged under one name."""
        return [entry for entry in self.log if entry["event"] == name]

    @contextmanager
    def locked(self):
        """Keep the gateway from committing meanwhile, as a disk that hangs does; a round waits for as long as it takes.

        Another's lock would not do: the gateway gives up after two seconds, which a busy machine may take for anything.
        """
        store, free = self.gateway.store, threading.Event()
        commit = store._commit

        def hanging(jobs):
            free.wait()
            return commit(jobs)

        store._commit = hanging
        try:
            yield
        finally:
            store._commit = commit
            free.set()

    def full(self):
        """Leave the database no room meanwhile."""
        return self.database.full(self.gateway.store)

    def _config(self, operators):
        return {
            "node": "gw1",
            "store": self.database.url,
            "smpp": {"listen": ["127.0.0.1:0"]},
            "web": None,
            "metrics": None,
            "accounts": {
                "shop": {"password": "secret", "rate": None},
                "bank": {"password": "secret", "rate": None, "kind": "notification", "mention": False},
            },
            "operators": {
                name: {
                    "host": "127.0.0.1",
                    "port": operator.port,
                    "system_id": "gw",
                    "password": "secret",
                    "reconnect": {"initial": "20ms", "maximum": "50ms"},
                    **self.operator,
                }
                for name, operator in operators.items()
            },
            "routes": [{"prefixes": [""], "operators": list(operators)}],
        }

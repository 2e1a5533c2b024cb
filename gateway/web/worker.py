"""The process that serves pages: it has HTTP, TLS, templates and everything that reads, and the gateway's ear.

It runs beside the gateway so that no page ever holds up a message, and at a lower priority. It keeps nothing that
matters: whoever kills it takes from visitors what they were just being answered, and the gateway starts another. It
ends when the gateway does, whatever that dies of.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

import structlog
import trio

from gateway.config.models import Log
from gateway.observe import log
from gateway.ports import Port
from gateway.rules import number
from gateway.store.clock import Seen, present
from gateway.store.reading import Reader
from gateway.tls import TlsError, server_context
from gateway.web.channel import Channel
from gateway.web.child import give_way, settle
from gateway.web.http import Server
from gateway.web.public import limits, public_app
from gateway.web.site import Site

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from gateway.config.models import Config
    from gateway.store.base import Tx

Result = TypeVar("Result")
_LOOK = 0.1  # seconds between looks at what goes on
_log = structlog.get_logger()


class RemoteBackend:
    """The gateway, for pages in this process (:class:`gateway.web.backend.Backend`).

    Args:
        channel: leads to it.

    Attributes:
        seen: what the clock of all nodes showed last.
    """

    def __init__(self, channel: Channel) -> None:
        self.seen: Seen | None = None
        self._call = channel.call
        self.submit = partial(channel.call, "submit")
        self.opt_out = partial(channel.call, "opt_out")
        self.decide = partial(channel.call, "decide")
        self.usable = partial(channel.call, "usable")
        self.state = partial(channel.call, "state")
        self.keep_import = partial(channel.call, "keep_import")
        self.kept_import = partial(channel.call, "kept_import")

    def clock(self) -> int:
        """Return the present by the one clock of all nodes."""
        return present(self.seen)

    async def transact(self, work: Callable[[Tx], Result], /) -> Result:
        """Run ``work`` in a transaction of the gateway's."""
        result: Result = await self._call("transact", work)
        return result


class Worker:
    """Serves pages as the gateway tells it to.

    Args:
        stream: leads to the gateway.
        ports: where visitors come in, open already.
        nursery: where everything runs that ends with the visitors.
        work: where that runs which a request has begun and nobody waits for: imports.
    """

    def __init__(
        self, stream: trio.abc.Stream, ports: Sequence[Port], nursery: trio.Nursery, work: trio.Nursery
    ) -> None:
        self._channel = Channel(
            stream,
            {
                "begin": self._begin,
                "follow": self._follow,
                "give_way": self._give_way,
                "beat": self._beat,
                "drain": self._drain,
                "finish": self._finish,
            },
        )
        self._ports = ports
        self._backend = RemoteBackend(self._channel)
        self._nursery = nursery
        self._work = work
        self._begun = trio.Event()
        self._site: Site
        self._server: Server

    async def run(self) -> None:
        """Serve until the gateway lets go of us."""
        await self._channel.run()

    async def _begin(self, config: Config, seen: Seen | None) -> None:
        """Serve by this configuration; the gateway has seen to it that it can be used."""
        log.setup(config.log)
        self._backend.seen = seen
        self._site = Site(config, Reader(config.store), self._backend, nursery=self._work)
        self._server = Server(public_app(self._site), limits(config), _context(config))
        await self._nursery.start(self._server.run, self._ports)
        self._begun.set()

    async def _follow(self, config: Config) -> None:
        """Go by another configuration from now on, and by certificates as they are now."""
        self._site.config = config
        log.set_level(config.log.level)
        try:
            self._server.certified = _context(config)
        except TlsError as error:
            _log.error("web_certificate_refused", reason=str(error))

    async def _give_way(self) -> bool:
        """Run only while nobody else wants the processor; returns whether we may."""
        return give_way()

    async def _beat(self, seen: Seen | None) -> None:
        """Say that we live, and learn what time it is."""
        self._backend.seen = seen

    async def _drain(self, patience: float) -> None:
        """Let everybody be answered, and nobody in; returns when that is done."""
        if self._begun.is_set():
            await self._server.drain(patience)

    async def _finish(self) -> None:
        """Return when nothing goes on any more that was begun by a request."""
        while self._work.child_tasks:  # noqa: ASYNC110 (a nursery tells nobody when it is empty)
            await trio.sleep(_LOOK)


def _context(config: Config) -> ssl.SSLContext | None:
    return None if config.web.tls is None else server_context(config.web.tls)


def serve(descriptors: Sequence[int]) -> NoReturn:
    """Serve pages in this process until the gateway lets go of us.

    Of the descriptors the first leads to the gateway, the others are sockets that listen.
    """
    settle()
    log.setup(Log())  # until we are told how
    number.prepare()
    try:
        trio.run(_serve, descriptors)
    except BaseException:  # noqa: BLE001 (whatever it is, the gateway starts another process)
        _log.exception("web_failed")
    os._exit(1)


async def _serve(descriptors: Sequence[int]) -> None:
    channel, *ports = [trio.socket.from_stdlib_socket(socket.socket(fileno=each)) for each in descriptors]
    listeners = [Port(trio.SocketListener(each)) for each in ports]
    async with trio.open_nursery() as nursery, trio.open_nursery() as work:
        await Worker(trio.SocketStream(channel), listeners, nursery, work).run()
        os._exit(0)  # whoever comes after us needs the ports: threads that read and visitors who do not hold nobody up

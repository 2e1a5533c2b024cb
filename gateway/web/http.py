"""HTTP inside our own nursery: a server that no request can end.

Hypercorn speaks the protocol, one connection at a time; accepting, limits and containment are ours. Hypercorn lets
some errors out (a WebSocket upgrade followed by one octet of rubbish is enough, its issue 225): here they end that
connection and are logged. On the way down whoever is being answered gets the rest of the answer, idle connections are
closed.
"""

import logging
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as Hypercorn
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from starlette.types import ASGIApp

from gateway.observe import log
from gateway.ports import Port, open_port
from gateway.rules.bans import household, origin
from gateway.rules.places import Places
from gateway.tls import TlsError, shake_hands
from gateway.web.bounds import DEFAULT_LIMITS, Attended, Bounded, Limits, PatientStream

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

_log = log.get()
_MOMENT = 1.0  # seconds for who has just come in when we leave
_STREAMS = 10  # requests at once on a connection that has been made one of HTTP/2


async def open_web(key: str, listen: tuple[str, int]) -> list[Port]:
    """Open what the setting ``key`` says; port 0 is any free one.

    Raises:
        OSError: it cannot be had; the message names the address and the setting.
    """
    try:
        return await open_port(*listen)
    except OSError as error:
        raise OSError(error.errno, f"{key}: {error.strerror}") from error


class Server:
    """Serves one application.

    Args:
        app: an ASGI application.
        limits: what clients may take.

    Attributes:
        certified: speaks TLS with them; None: they are spoken to in clear.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits = DEFAULT_LIMITS,
        certified: ssl.SSLContext | None = None,
    ) -> None:
        self.certified = certified
        self._app = Bounded(app, limits)
        self._limits = limits
        self._places = Places(limits.connections, limits.connections, limits.each)
        self._open: dict[WorkerContext, PatientStream] = {}
        self._accepting = trio.CancelScope()
        self._quiet = trio.Event()

    async def run(self, ports: Sequence[Port], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve who comes through some ports until cancelled or drained; nothing that a client sends raises."""
        async with trio.open_nursery() as nursery:
            task_status.started()
            with self._accepting:
                await trio.serve_listeners(self._contain, list(ports), handler_nursery=nursery)
        self._quiet.set()

    async def drain(self, patience: float) -> None:
        """Take no more connections, let what is being answered end within `patience` seconds, and close idle ones.

        Who has only just come in, and been heard nothing of, has a moment to ask for something.
        """
        self._accepting.cancel()
        for context, stream in list(self._open.items()):
            await context.terminate.set()  # what is answered from now on is the last on its connection
            if stream.heard:
                await context.terminated.set()
        with trio.move_on_after(patience):
            with trio.move_on_after(_MOMENT):
                await self._quiet.wait()
            for context in list(self._open):
                await context.terminated.set()
            await self._quiet.wait()

    async def _contain(self, stream: trio.SocketStream) -> None:
        try:
            peer = origin(stream.socket.getpeername()[0])
        except OSError:  # it has left already
            await trio.aclose_forcefully(stream)
            return
        who, known = household(peer), any(peer in network for network in self._limits.proxies)
        if (against := self._places.enter("" if known else who)) is not None:
            _log.warning("http_connection_refused", address=who, reason="too many at once", limit=against)
            await stream.aclose()
            return
        if known:
            self._places.know("")
        try:
            await self._converse(stream, await self._secured(stream))
        except* (TlsError, trio.TooSlowError) as errors:
            _log.debug("http_handshake_failed", errors=[repr(error) for error in _leaves(errors)])
        except* Exception as errors:  # noqa: BLE001 (whatever a client provoked ends its own connection only)
            _log.warning("http_connection_failed", errors=[repr(error) for error in _leaves(errors)])
        finally:
            self._places.leave(who, known=known, bound=False)
            await trio.aclose_forcefully(stream)

    async def _secured(self, stream: trio.SocketStream) -> trio.abc.Stream:
        """Return the stream to talk on: the socket's own, or TLS on it."""
        if self.certified is None:
            return stream
        with trio.fail_after(self._limits.idle_seconds):
            return await shake_hands(stream, self.certified)

    async def _converse(self, stream: trio.SocketStream, spoken: trio.abc.Stream) -> None:
        context = WorkerContext(None)
        app = Attended(self._app, self._limits)
        patient = PatientStream(stream.socket, spoken, self._limits, context)
        server = TCPServer(
            ASGIWrapper(cast("ASGIFramework", app)),
            _hypercorn(self._limits),
            context,
            {},
            cast("trio.SSLStream[trio.SocketStream]", patient),
        )
        self._open[context] = patient
        try:
            with app.patience:
                await server.run()
        finally:
            del self._open[context]


def _hypercorn(limits: Limits) -> Hypercorn:
    config = Hypercorn()
    config.errorlog = logging.getLogger("hypercorn.error")
    config.h11_max_incomplete_size = limits.head
    config.keep_alive_timeout = limits.idle_seconds
    config.include_server_header = False
    config.h2_max_concurrent_streams = _STREAMS
    return config


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in errors.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves

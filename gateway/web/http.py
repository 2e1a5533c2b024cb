"""HTTP inside our own nursery: a server that no request can end, and the private pages for machines.

Hypercorn speaks the protocol, one connection at a time; accepting, limits and containment are ours. Hypercorn lets
some errors out (a WebSocket upgrade followed by one octet of rubbish is enough, its issue 225): here they end that
connection and are logged. Everything a client can hold on to has a limit: connections, the time for a head, for a
request and for taking in a response, the size of a body.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import trio
from h11 import LocalProtocolError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as Hypercorn
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import log
from gateway.ports import open_port

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

_log = log.get()

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# What is raised where the client has left, or has spoilt the conversation, while it is being answered.
_CLIENT_GONE = (LocalProtocolError, ClientDisconnect, trio.BrokenResourceError, trio.ClosedResourceError)
Ready = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Limits:
    """What one client may take: octets of a body and a head, seconds, and how many connections all clients together."""

    body: int = 1_048_576
    head: int = 16_384
    idle_seconds: float = 5.0
    request_seconds: float = 30.0
    send_seconds: float = 10.0
    connections: int = 200


DEFAULT_LIMITS = Limits()


def private_app(render: Callable[[], bytes], ready: Ready) -> Starlette:
    """Build the pages of the metrics listener.

    `/metrics` is what `render` returns (called in a thread), `/healthz` says that the process is alive, `/readyz` is
    200 when `ready` returns nothing, else 503 with what it returns: the part that is not ready and why.
    """

    async def metrics(_request: Request) -> Response:
        return Response(await trio.to_thread.run_sync(render), headers={"content-type": METRICS_TYPE})

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readiness(_request: Request) -> Response:
        missing = dict(ready())
        return JSONResponse(missing, status_code=503 if missing else 200)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", alive), Route("/readyz", readiness)])


class Bounded:
    """An ASGI application whose requests are limited in size (413) and time (503)."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer in the application's place where it hit a limit."""
        try:
            if scope["type"] == "http":
                await self._serve(scope, receive, _Answer(send))
            else:
                await self._app(scope, receive, send)
        except _CLIENT_GONE as error:
            _log.debug("http client gone", reason=repr(error))

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        with trio.move_on_after(self._limits.request_seconds) as scope_of_time:
            try:
                await self._app(scope, _limited(receive, self._limits.body), answer)
            except HTTPException as error:  # raised by `_limited` where the application does not turn it into a page
                await answer.unless_begun(error.status_code, error.detail)
        if scope_of_time.cancelled_caught:
            await answer.unless_begun(503, "took too long")


class _Answer:
    """The way back to the client, which remembers whether anything went along it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def __call__(self, message: Message) -> None:
        self._begun = True
        await self._send(message)

    async def unless_begun(self, status: int, text: str) -> None:
        if not self._begun:
            body = f"{text}\n".encode()
            length = str(len(body)).encode()
            headers = [(b"content-type", b"text/plain"), (b"content-length", length), (b"connection", b"close")]
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            await self._send({"type": "http.response.body", "body": body})


def _limited(receive: Receive, most: int) -> Receive:
    taken = 0

    async def receive_within() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"more than {most} octets")
        return message

    return receive_within


class _PatientStream:
    """A socket stream whose patience with its client ends: with a silent one, and with one that does not read.

    Hypercorn keeps a refused upgrade open until the client goes, keeps a connection whose client has gone until its
    idle time is over, and shields its sending from cancellation: clients could hold on to places, and to the process.
    It also ends a stream on which it is sending: here the end waits for its turn.
    """

    def __init__(self, stream: trio.SocketStream, limits: Limits, context: WorkerContext) -> None:
        self.socket = stream.socket
        self._stream = stream
        self._silence = limits.request_seconds + limits.idle_seconds
        self._sending = limits.send_seconds
        self._turn = trio.Lock()
        self._context = context
        self.aclose = stream.aclose

    async def receive_some(self, most: int) -> bytes:
        octets: bytes | bytearray = b""
        try:
            with trio.move_on_after(self._silence):
                octets = await self._stream.receive_some(most)
        finally:
            if not octets:
                await self._context.terminated.set()  # wakes hypercorn's idle timer, and it alone: one context each
        return bytes(octets)

    async def send_all(self, octets: bytes) -> None:
        with trio.move_on_after(self._sending):
            async with self._turn:
                await self._stream.send_all(octets)
            return
        raise trio.BrokenResourceError("the client does not read")

    async def send_eof(self) -> None:
        async with self._turn:
            await self._stream.send_eof()


async def serve(
    app: ASGIApp,
    listen: tuple[str, int],
    *,
    key: str = "metrics.listen",
    limits: Limits = DEFAULT_LIMITS,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `listen` until cancelled; start it with `nursery.start`, which returns the address bound.

    Raises OSError, which names the address and the setting `key`, when it cannot be had; nothing that a client sends
    raises.
    """
    try:
        listeners = await open_port(*listen)
    except OSError as error:
        raise OSError(error.errno, f"{key}: {error.strerror}") from error
    host, port = listeners[0].socket.getsockname()[:2]
    handle = partial(_contain, Bounded(app, limits), limits, trio.Semaphore(limits.connections))
    task_status.started((host, port))
    await trio.serve_listeners(handle, listeners)


async def _contain(app: ASGIApp, limits: Limits, free: trio.Semaphore, stream: trio.SocketStream) -> None:
    try:
        free.acquire_nowait()
    except trio.WouldBlock:
        _log.warning("http connection refused", reason="too many at once", most=limits.connections)
        await stream.aclose()
        return
    try:
        await _converse(app, limits, stream)
    except* Exception as errors:  # noqa: BLE001 (whatever a client provoked ends its own connection only)
        _log.warning("http connection failed", errors=[repr(error) for error in _leaves(errors)])
    finally:
        free.release()
        await trio.aclose_forcefully(stream)


async def _converse(app: ASGIApp, limits: Limits, stream: trio.SocketStream) -> None:
    context = WorkerContext(None)
    server = TCPServer(
        ASGIWrapper(cast("ASGIFramework", app)),
        _hypercorn(limits),
        context,
        {},
        cast("trio.SSLStream[trio.SocketStream]", _PatientStream(stream, limits, context)),
    )
    await server.run()


def _hypercorn(limits: Limits) -> Hypercorn:
    config = Hypercorn()
    config.errorlog = logging.getLogger("hypercorn.error")
    config.h11_max_incomplete_size = limits.head
    config.keep_alive_timeout = limits.idle_seconds
    config.include_server_header = False
    return config


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in errors.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves

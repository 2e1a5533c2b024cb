"""What a client can hold on to, and for how long: connections, time, octets.

Everything has a limit: the time for a head, for a request and for taking in a response, the size of a body.
"""

import math
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

import trio
from h11 import LocalProtocolError
from hypercorn.trio.worker_context import WorkerContext
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.observe import log

if TYPE_CHECKING:
    from collections.abc import Callable

_log = log.get()

# What is raised where the client has left, or has spoilt the conversation, while it is being answered.
_CLIENT_GONE = (LocalProtocolError, ClientDisconnect, trio.BrokenResourceError, trio.ClosedResourceError)

_UNAVAILABLE = 503
_LENGTHS = {b"content-length", b"transfer-encoding"}  # the two ways to say where a body ends (RFC 9112, 6.1)


@dataclass(frozen=True)
class Limits:
    """What one client may take: octets of a body and a head, seconds, and how many connections all clients together.

    `each` is how many of the connections one household may have, unless it is one of the `proxies`, which everybody
    comes from. `uploads` are the paths whose bodies may have `upload` octets. `request_seconds` is the time until an
    answer begins, and between two pieces of one.
    """

    body: int = 65_536
    uploads: frozenset[str] = frozenset()
    upload: int = 67_108_864
    head: int = 16_384
    idle_seconds: float = 5.0
    request_seconds: float = 30.0
    send_seconds: float = 10.0
    connections: int = 200
    each: int = 50
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()


DEFAULT_LIMITS = Limits()


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
            _log.debug("http_client_gone", reason=repr(error))

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        if {name for name, _value in scope["headers"]} >= _LENGTHS:  # others may see another request behind this one
            await answer.unless_begun(400, "a body has a length or chunks, not both")
            return
        limits = self._limits
        most = limits.upload if scope["path"] in limits.uploads else limits.body
        with trio.move_on_after(limits.request_seconds) as scope_of_time:
            answer.renew = lambda: setattr(scope_of_time, "deadline", trio.current_time() + limits.request_seconds)
            try:
                await self._app(scope, _limited(receive, most), answer)
            except HTTPException as error:  # raised by `_limited` where the application does not turn it into a page
                await answer.unless_begun(error.status_code, error.detail)
        if scope_of_time.cancelled_caught:
            await answer.unless_begun(_UNAVAILABLE, "took too long")


class Attended:
    """An ASGI application for one connection, and how long that lasts: while a request is answered, and a little more.

    Nothing else that a client sends keeps its place, such as the pings of HTTP/2 that hypercorn counts as life.

    Attributes:
        patience: ends the connection.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._seconds = limits.idle_seconds + limits.send_seconds
        self._under_way = 0
        self.patience = trio.CancelScope(deadline=trio.current_time() + self._seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        self._under_way += 1
        self.patience.deadline = math.inf
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.patience.deadline = trio.current_time() + self._seconds


class _Answer:
    """The way back to the client, which remembers whether anything went along it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self.renew: Callable[[], None] = lambda: None  # gives the answer more time

    async def __call__(self, message: Message) -> None:
        self._begun = True
        await self._send(message)
        self.renew()

    async def unless_begun(self, status: int, text: str) -> None:
        if not self._begun:
            body = f"{text}\n".encode()
            length = str(len(body)).encode()
            headers = [(b"content-type", b"text/plain"), (b"content-length", length), (b"connection", b"close")]
            headers += [(b"retry-after", b"5")] if status == _UNAVAILABLE else []
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


class PatientStream:
    """A socket stream whose patience with its client ends: with a silent one, and with one that does not read.

    Hypercorn keeps a refused upgrade open until the client goes, keeps a connection whose client has gone until its
    idle time is over, and shields its sending from cancellation: clients could hold on to places, and to the process.
    It also ends a stream on which it is sending: here the end waits for its turn.

    Attributes:
        heard: whether the client has sent anything yet.
    """

    def __init__(
        self, socket: trio.socket.SocketType, stream: trio.abc.Stream, limits: Limits, context: WorkerContext
    ) -> None:
        self.socket = socket
        self._stream = stream
        self._silence = limits.request_seconds + limits.idle_seconds
        self._sending = limits.send_seconds
        self._turn = trio.Lock()
        self._context = context
        self.heard = False
        self.aclose = stream.aclose

    async def receive_some(self, most: int) -> bytes:
        """Receive; the end of the stream also where the client is silent for too long."""
        if self.heard and self._context.terminate.is_set():  # what it was heard of is under way, and the last
            await self._context.terminated.set()
        octets: bytes | bytearray = b""
        try:
            with trio.move_on_after(self._silence):
                octets = await self._stream.receive_some(most)
        finally:
            self.heard = True
            if not octets:
                await self._context.terminated.set()  # wakes hypercorn's idle timer, and it alone: one context each
        return bytes(octets)

    async def send_all(self, octets: bytes) -> None:
        """Send all of it, or raise BrokenResourceError where the client does not read."""
        with trio.move_on_after(self._sending):
            async with self._turn:
                await self._stream.send_all(octets)
            return
        raise trio.BrokenResourceError("the client does not read")

    async def send_eof(self) -> None:
        """End our side, once what is being sent has been."""
        async with self._turn:
            if isinstance(self._stream, trio.abc.HalfCloseableStream):  # TLS has no half of an end
                await self._stream.send_eof()

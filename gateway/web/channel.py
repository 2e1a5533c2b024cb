"""Calls between two processes of one gateway, both ways over one socket, each answered in its own time.

The other side is trusted as oneself: what is called, with what, and what comes back are pickled. A frame is its length
in four octets and the pickle of a number, of a name (None: it is an answer), and of the pickle of what the call or the
answer holds: where that one cannot be read, the call alone fails. One task writes, so whoever is cancelled leaves no
half frame.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import structlog
import trio

from gateway.store.base import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

Action = Callable[..., Awaitable[Any]]
_log = structlog.get_logger()
_LENGTH = struct.Struct(">I")
_CHUNK = 65_536


class ChannelError(Exception):
    """The other side has gone, and a call is without an answer."""


class _Waiting:
    """Somebody who waits for an answer; ``good`` says whether it is a result or an exception."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answered = trio.Event()
        self.good = False
        self.answer: object = ChannelError("the other process has gone")


class Channel:
    """One end.

    Args:
        stream: leads to the other one.
        actions: what the other side may call, by name.
    """

    def __init__(self, stream: trio.abc.Stream, actions: Mapping[str, Action]) -> None:
        self._stream = stream
        self._actions = actions
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._sender, self._frames_to_send = trio.open_memory_channel[bytes](0)

    async def run(self) -> None:
        """Serve calls and take answers until the other side goes, or until cancelled; the stream is left closed."""
        try:
            async with self._stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                async for number, name, content in self._frames():
                    if name is None:
                        self._take(number, content)
                    else:
                        nursery.start_soon(self._serve, number, name, content)
                nursery.cancel_scope.cancel()
        finally:
            self._frames_to_send.close()
            for waiting in self._waiting.values():
                waiting.answered.set()

    async def call(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 (whatever the action returns)
        """Call an action of the other side; whatever it raises is raised here.

        Whoever is cancelled meanwhile leaves the action to itself.

        Raises:
            ChannelError: the other side has gone.
        """
        number = next(self._numbers)
        waiting = self._waiting[number] = _Waiting(name)
        try:
            if await self._send(_packed(number, name, arguments)):
                await waiting.answered.wait()
        finally:
            del self._waiting[number]
        if isinstance(waiting.answer, Exception) and not waiting.good:
            raise waiting.answer
        return waiting.answer

    def _take(self, number: int, content: bytes) -> None:
        waiting = self._waiting.get(number)
        if waiting is None:
            return
        try:
            waiting.good, waiting.answer = pickle.loads(content)  # noqa: S301 (from a process of our own)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to who called)
            _log.exception("web_call_failed", call=waiting.name)
            waiting.answer = RuntimeError(f"{waiting.name}: an answer that cannot be read: {error!r}")
        waiting.answered.set()

    async def _serve(self, number: int, name: str, content: bytes) -> None:
        try:
            arguments = pickle.loads(content)  # noqa: S301 (from a process of our own)
            frame = _packed(number, None, (True, await self._actions[name](*arguments)))
        except StoreError as error:
            frame = _packed(number, None, (False, error))
        except Exception as error:  # noqa: BLE001 (a defect ends that call only; it is told to who called)
            _log.exception("web_call_failed", call=name)
            frame = _packed(number, None, (False, RuntimeError(f"{name}: {error!r}")))
        await self._send(frame)

    async def _send(self, frame: bytes) -> bool:
        """Have a frame written; says whether there is anybody to read it."""
        try:
            await self._sender.send(frame)
        except trio.BrokenResourceError:
            return False
        return True

    async def _write(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # whoever reads sees that, too
            async for frame in self._frames_to_send:
                await self._stream.send_all(frame)

    async def _frames(self) -> AsyncIterator[tuple[int, str | None, bytes]]:
        buffer = bytearray()
        while octets := await self._more():
            buffer += octets
            while len(buffer) >= _LENGTH.size:
                end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
                if len(buffer) < end:
                    break
                yield pickle.loads(buffer[_LENGTH.size : end])  # noqa: S301 (from a process of our own)
                del buffer[:end]

    async def _more(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(_CHUNK))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""


def _packed(number: int, name: str | None, content: tuple[Any, ...]) -> bytes:
    held = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    octets = pickle.dumps((number, name, held), pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(octets)) + octets

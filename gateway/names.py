"""Names of hosts looked up in threads that nobody else waits for.

The system's resolver takes half a minute to say that no name server answers, cannot be interrupted, and a thread that
nobody waits for any more is busy for as long. So each name has one thread and no more: names that cannot be had hold up
neither those that can, nor passwords and files, which share the other threads. How many names there are, the
configuration says.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")
Found = list[tuple[Any, ...]]  # as socket.getaddrinfo returns it


class Names(trio.abc.HostnameResolver):
    """What Trio asks instead of the resolver of its own."""

    def __init__(self) -> None:
        self._limits: dict[bytes | str | None, trio.CapacityLimiter] = {}

    @classmethod
    def install(cls) -> None:
        """Have this run of Trio look names up like this."""
        trio.socket.set_custom_hostname_resolver(cls())

    async def getaddrinfo(  # noqa: PLR0913, PLR0917 (as Trio calls it)
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 (likewise)
        proto: int = 0,
        flags: int = 0,
    ) -> Found:
        """Look up the addresses of a host; whoever asks for one that is being looked up waits for its turn."""
        return await self._for(host, lambda: socket.getaddrinfo(host, port, family, type, proto, flags))

    async def getnameinfo(self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int) -> tuple[str, str]:
        """Look up the name of an address, likewise."""
        return await self._for(sockaddr[0], lambda: socket.getnameinfo(sockaddr, flags))

    async def _for(self, key: bytes | str | None, look: Callable[[], Answer]) -> Answer:
        limit = self._limits.setdefault(key, trio.CapacityLimiter(1))
        try:
            return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=limit)
        finally:
            if not limit.borrowed_tokens and not limit.statistics().tasks_waiting:
                self._limits.pop(key, None)

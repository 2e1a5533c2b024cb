"""Posts to web servers of others: one attempt, bounded in time and size, and only to whom it is meant for.

Certificates are checked, redirections are not followed, and a name that leads to an address which is not public is
refused unless that is allowed: whoever holds a name must not get us to talk to machines of our own network. The address
that was looked at is the one that is connected to.
"""

from __future__ import annotations

import re
import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, NamedTuple

import httpcore
import trio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_MOST_READ = 65_536  # octets of an answer that are taken, so that the connection can be used again
_IDLE = 30.0  # seconds that a connection is kept for the next request
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_SECONDS = re.compile(r"[0-9]{1,9}")


class PostError(Exception):
    """No answer came; the text says why."""


class Answer(NamedTuple):
    """What the server said: its status, and for how many seconds it asks to be left alone (0: it does not)."""

    status: int
    retry_after: int = 0


class Poster:
    """Posts to one server, over a few connections that are used again.

    Args:
        url: where to.
        at_once: how many connections there may be.
        private: whether the server may have an address that is not public.
        ca: certificates to trust instead of the system's.

    Raises:
        OSError: ``ca`` cannot be read.
    """

    def __init__(self, url: str, at_once: int, ca: Path | None = None, *, private: bool = False) -> None:
        self._url = url
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(cafile=ca),
            max_connections=at_once,
            keepalive_expiry=_IDLE,
            network_backend=_Network(private=private),
        )

    async def post(self, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:  # noqa: ASYNC109 (of all)
        """Post ``body`` and return the answer, ``timeout`` seconds after the beginning at the latest.

        Raises:
            PostError: there was none.
        """
        try:
            with trio.fail_after(timeout):
                return await self._post(headers, body)
        except trio.TooSlowError:
            raise PostError(f"no answer within {timeout:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise PostError(_reason(error)) from error

    async def _post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        taken = 0
        async with self._pool.stream("POST", self._url, headers=list(headers.items()), content=body) as response:
            async for part in response.aiter_stream():
                taken += len(part)
                if taken > _MOST_READ:
                    break
            after = dict(response.headers).get(b"retry-after", b"").decode("latin-1")
            return Answer(response.status, int(after) if _SECONDS.fullmatch(after) else 0)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


def _reason(error: BaseException) -> str:
    """Return what an error says, or the one that led to it: of a failed handshake it is only the latter that knows."""
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if cause is None else str(cause)


class _Network(httpcore.AsyncNetworkBackend):
    """Connects to the addresses of a name that may be connected to, in the resolver's order."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._trio = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to an address of ``host`` that may be connected to.

        Raises:
            ConnectError: there is none, or none answers.
        """
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found if self._private or is_public(str(each[4][0]))]
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no public address, and private is not set")
        for address in addresses[:-1]:
            try:
                return await self._trio.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._trio.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await trio.sleep(seconds)


def is_public(text: str) -> bool:
    """Say whether an address is one of the internet: not ours, not this machine's, nor a wrapping of such a one."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = _wrapped(address)
        if inner is None:
            return address.is_global and not (address.is_multicast or address.is_reserved or address.is_site_local)
        address = inner
    return address.is_global and not address.is_multicast


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that one of IPv6 leads to, through whatever translates or tunnels."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)

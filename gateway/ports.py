"""Addresses to listen on: opened, or refused with a sentence that names the address.

Whoever connects is taken at a pace that leaves the event loop to those who are here already: the system keeps who
waits, up to the backlog. So a storm of connections costs the others nothing, and honest ones in it get in a bit later.
"""

import trio

_BACKLOG = 512
_PACE = 0.004  # seconds between two newcomers: 250 a second


class Port(trio.abc.Listener[trio.SocketStream]):
    """A listening socket.

    Args:
        listener: the one that accepts.
        pace: seconds from one newcomer to the next, at least.

    Attributes:
        socket: what it listens on.
    """

    def __init__(self, listener: trio.SocketListener, pace: float = _PACE) -> None:
        self.socket = listener.socket
        self._listener = listener
        self._pace = pace

    async def accept(self) -> trio.SocketStream:
        """Wait for the pace, then for a newcomer.

        Raises:
            OSError: there is no room for one.
        """
        await trio.sleep(self._pace)
        return await self._listener.accept()

    async def aclose(self) -> None:
        """Listen no more."""
        await self._listener.aclose()


async def open_port(host: str, port: int) -> list[Port]:
    """Listen on an address, on every address of a host's name.

    Raises:
        OSError: the address cannot be had; the message names it.
    """
    try:
        return [Port(each) for each in await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)]
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror or error}") from error

"""Addresses to listen on: opened, or refused with a sentence that names the address.

Whoever connects is taken at a pace that leaves the event loop to those who are here already: the system keeps who
waits, up to the backlog. A pace that was not used is saved up, so that some hundreds of apps that come back at once are
in within the second. Whoever comes for nothing uses up what was saved for many: a storm of strangers costs the others
nothing, and honest ones in it get in a bit later.
"""

import math

import trio

_BACKLOG = 512
_PACE = 0.004  # seconds from one newcomer to the next in the long run: 250 a second
_SAVED = 2.0  # seconds of it that may be saved up: 500 newcomers
_SPACE = 0.001  # seconds between two newcomers at least, for those who are here already
_WASTE = 0.1  # seconds of what was saved up that go with each newcomer who came for nothing


class Port(trio.abc.Listener[trio.SocketStream]):
    """A listening socket.

    Args:
        listener: the one that accepts.
        pace: seconds from one newcomer to the next, in the long run.

    Attributes:
        socket: what it listens on.
    """

    def __init__(self, listener: trio.SocketListener, pace: float = _PACE) -> None:
        self.socket = listener.socket
        self._listener = listener
        self._pace = pace
        self._due = -math.inf  # when the next newcomer would have its turn, had nothing been saved up

    async def accept(self) -> trio.SocketStream:
        """Wait for the pace, then for a newcomer.

        Raises:
            OSError: there is no room for one.
        """
        now = trio.current_time()
        self._due = max(self._due, now - _SAVED) + self._pace
        await trio.sleep(max(_SPACE, self._due - now))
        return await self._listener.accept()

    def waste(self) -> None:
        """Count a newcomer who came for nothing: less than was saved up is left for the next ones."""
        now = trio.current_time()
        if self._due < now:
            self._due = min(max(self._due, now - _SAVED) + _WASTE, now)

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

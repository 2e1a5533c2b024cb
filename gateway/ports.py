"""Addresses to listen on: opened, or refused with a sentence that names the address."""

import trio

_BACKLOG = 512


async def open_port(host: str, port: int) -> list[trio.SocketListener]:
    """Listen on an address, on every address of a host's name.

    Raises:
        OSError: the address cannot be had; the message names it.
    """
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror or error}") from error

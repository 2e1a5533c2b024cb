"""Addresses to listen on: had at once, or refused by name."""

import pytest
import trio

from gateway.ports import open_port


async def test_open_is_accepting():
    """A port that was opened takes connections before anybody serves it (idea 31)."""
    [listener] = await open_port("127.0.0.1", 0)
    async with listener, await trio.open_tcp_stream(*listener.socket.getsockname()) as stream:
        assert stream.socket.getpeername() == listener.socket.getsockname()


async def test_port_that_is_taken():
    """A port that somebody else has is refused with a sentence that names it and says why (idea 30)."""
    [listener] = await open_port("127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    async with listener:
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: .*[Ii]n use"):
            await open_port("127.0.0.1", port)

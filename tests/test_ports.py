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


async def test_newcomers_are_taken_at_a_pace(autojump_clock):
    """A storm of connections is let in at 250 a second, however many wait."""
    [listener] = await open_port("127.0.0.1", 0)
    async with listener:
        waiting = [await trio.open_tcp_stream(*listener.socket.getsockname()) for _ in range(100)]
        began = trio.current_time()
        taken = [await listener.accept() for _ in waiting]
        assert trio.current_time() - began >= 0.39
    for stream in (*waiting, *taken):
        await stream.aclose()

"""Addresses to listen on: had at once, or refused by name."""

import socket

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
    """After a quiet time 500 who come at once are let in within a second; a storm that lasts, 250 a second."""
    [listener] = await open_port("127.0.0.1", 0)
    async with listener:
        first, then = await taking(listener, 500), await taking(listener, 500)
        assert 0.49 <= first <= 0.6
        assert 1.9 <= first + then <= 2.1
        await trio.sleep(1.0)
        assert await taking(listener, 250) <= 0.3


async def test_newcomers_who_came_for_nothing(autojump_clock):
    """Twenty who come for nothing use up what was saved for hundreds; the pace itself they leave to all."""
    [listener] = await open_port("127.0.0.1", 0)
    async with listener:
        for _ in range(20):
            await taking(listener, 1)
            listener.waste()
        assert 0.95 <= await taking(listener, 250) <= 1.05
        listener.waste()
        assert 0.95 <= await taking(listener, 250) <= 1.05


async def taking(listener, count):
    """Let so many connect at once, while the clock stands; returns how long it takes to let them in."""
    began = trio.current_time()
    for some in [50] * (count // 50) or [count]:
        waiting = [socket.create_connection(listener.socket.getsockname()) for _ in range(some)]
        for stream in [await listener.accept() for _ in waiting]:
            await stream.aclose()
        for each in waiting:
            each.close()
    return trio.current_time() - began

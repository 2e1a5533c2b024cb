"""Names of hosts are looked up in threads that nobody else waits for."""

import socket

import pytest
import trio
import trio.testing

from gateway.names import Names
from tests.dead_names import DeadNames

MANY = 60  # more than there are threads for everybody
PATIENCE = 60.0  # seconds for threads to begin


async def look(host):
    """Look a name up; one that cannot be had has no addresses."""
    try:
        return await trio.socket.getaddrinfo(host, 1, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []


async def test_names_that_cannot_be_had_hold_up_nobody(nursery, monkeypatch):
    """However many names hang, another is found, the threads for everybody are free, and each name has one."""
    Names.install()
    with DeadNames().hanging(monkeypatch) as names:
        for number in range(2 * MANY):
            nursery.start_soon(look, f"dead{number % MANY}")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(PATIENCE):
            while len(names.most) < MANY:  # noqa: ASYNC110 (a thread tells nobody)
                await trio.sleep(0.002)
        assert await look("localhost")
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    assert set(names.most.values()) == {1}


async def test_whoever_gives_up_leaves_one_thread_behind(monkeypatch):
    """A look that is given up and begun anew, again and again, keeps one thread busy, and is answered in the end."""
    Names.install()
    with DeadNames().hanging(monkeypatch) as names:
        for _ in range(5):
            with trio.move_on_after(0):
                await look("dead")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look, "dead")
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
    assert await look("dead") == []
    assert names.most["dead"] == 1  # what another test has given up may look for its own names only now


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_names_of_addresses(host):
    """An address has a name: itself, where nobody is to be asked for another."""
    Names.install()
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV  # other names depend on the machine
    assert await trio.socket.getnameinfo((host, 2775), numeric) == (host, "2775")

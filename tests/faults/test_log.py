"""A log that cannot be written costs its lines, which are counted, and nothing else."""

import fcntl
import os
from contextlib import contextmanager

import pytest
import trio

from gateway.demo.loopback import free_port
from gateway.simulate.app import SimulatedApp
from tests.faults.harness import Peers
from tests.faults.process import ACCOUNT, PASSWORD, SIGTERM, Gateway

pytestmark = pytest.mark.faults

PATIENCE = 120.0  # seconds; a busy machine takes its time
ROOM = 4_096  # octets that the pipe holds
BINDS = 40  # each is logged twice


@contextmanager
def unread_pipe():
    """Make a pipe that nobody reads and that holds little."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, ROOM)
    yield writing, lambda: None
    os.close(reading)


@contextmanager
def broken_pipe():
    """Make a pipe whose reader goes away once the gateway runs."""
    reading, writing = os.pipe()
    yield writing, lambda: os.close(reading)


@contextmanager
def full_disk():
    """Open a file on a disk that is full."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor, lambda: None


@pytest.mark.parametrize("output", [unread_pipe, broken_pipe, full_disk])
def test_log_that_cannot_be_written(tmp_path, output):
    """A gateway whose log goes nowhere binds apps, sends, opts out and stops as asked; lost lines are counted."""
    peers = Peers(Gateway(tmp_path))
    peers.gateway.listen = ("127.0.0.1", free_port())
    with output() as (descriptor, turn):
        try:
            dropped, code = trio.run(live_without_log, peers, descriptor, turn)
        finally:
            os.close(descriptor)
    assert (dropped > 0, code, peers.stopped) == (True, 0, ["33612345678"])
    assert [row["number"] for row in peers.gateway.table("ledger", "list")] == peers.stopped


async def live_without_log(peers, descriptor, turn):
    """Play a day in short; returns how many lines were dropped, and the exit status."""
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            peers.gateway.operator = await nursery.start(peers.operator.run)
            peers.gateway.configure()
            await peers.gateway.spawn_into(nursery, descriptor)
            await peers.gateway.ready()
            turn()
            for _ in range(BINDS):
                await bind_and_leave(peers.gateway)
            await peers.operator.wait_for(lambda: peers.operator.bound)
            await peers.opt_out("33612345678")
            dropped = await peers.gateway.metric("stopgate_log_dropped_total")
            code = await peers.gateway.end(SIGTERM)
            nursery.cancel_scope.cancel()
    return dropped, code


async def bind_and_leave(gateway):
    """Be an app for a moment."""
    app = SimulatedApp(ACCOUNT, PASSWORD)
    async with trio.open_nursery() as nursery:
        await nursery.start(app.run, *gateway.address)
        await app.leave()

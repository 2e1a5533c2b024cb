"""What connections cost a gateway: out of descriptors it goes on with what it has, and what ends costs nothing."""

import pytest
import trio

from gateway.demo.loopback import free_port
from gateway.simulate.app import SimulatedApp
from gateway.smpp import status
from tests.faults.harness import Peers
from tests.faults.process import ACCOUNT, PASSWORD, SIGTERM, Gateway

pytestmark = pytest.mark.faults

PATIENCE = 120.0  # seconds; a busy machine takes its time
LIMIT = 40  # descriptors
SPARE = 3  # descriptors that come and go by themselves
MOST_GROWTH = 5_000  # KiB: 8 for each rebind
ABROAD = ["447400123456", "4915112345678", "34612345678", "12025550123", "393312345678"]


def test_out_of_descriptors(tmp_path):
    """While no descriptor is to be had, a bound app submits to countries not met before; afterwards apps bind again."""
    peers = Peers(Gateway(tmp_path))
    peers.gateway.prefix = ["prlimit", f"--nofile={LIMIT}"]
    peers.gateway.listen = ("127.0.0.1", free_port())
    answers, code = trio.run(live_without_descriptors, peers)
    assert (answers, code) == ([status.ESME_ROK] * (len(ABROAD) + 1), 0)


async def live_without_descriptors(peers):
    """Take every descriptor, submit, give them back, bind and submit once more."""
    answers = []
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            peers.gateway.operator = await nursery.start(peers.operator.run)
            peers.gateway.configure()
            await peers.gateway.start(nursery)
            app = SimulatedApp(ACCOUNT, PASSWORD)
            await nursery.start(app.run, *peers.gateway.address)
            await peers.operator.wait_for(lambda: peers.operator.bound)
            idle = [await trio.open_tcp_stream(*peers.gateway.address) for _ in range(LIMIT)]
            await peers.gateway.changes.wait_for(lambda: complaints(peers.gateway))
            answers += [(await app.submit(number, "Hello")).status for number in ABROAD]
            for stream in idle:
                await stream.aclose()
            await app.leave()
            later = SimulatedApp(ACCOUNT, PASSWORD)
            await nursery.start(later.run, *peers.gateway.address)
            answers.append((await later.submit(ABROAD[0], "Hello")).status)
            await later.leave()
            code = await peers.gateway.end(SIGTERM)
            nursery.cancel_scope.cancel()
    return answers, code


def complaints(gateway):
    """Return what the log says of connections that could not be accepted."""
    return [event for event in gateway.events if event["event"] == "connection_refused"]


def test_rebinds(tmp_path):
    """600 apps that bind, and leave or just vanish, leave behind neither descriptors nor memory."""
    before, after = trio.run(rebind, Gateway(tmp_path))
    assert after - before < MOST_GROWTH


async def rebind(gateway):
    """Let apps come and go, 200 at first to fill what is filled once; returns the memory before and after the rest."""
    resident = []
    with trio.fail_after(2 * PATIENCE):
        async with trio.open_nursery() as nursery:
            gateway.configure(accounts={ACCOUNT: {"max_binds": 50}})
            await gateway.start(nursery)
            _, idle = gateway.size()
            for count in (200, 600):
                for number in range(count):
                    await come_and_go(gateway, politely=bool(number % 2))
                while gateway.size()[1] > idle + SPARE:  # noqa: ASYNC110 (nobody announces it)
                    await trio.sleep(0.05)
                resident.append(gateway.size()[0])
            assert await gateway.end(SIGTERM) == 0
            nursery.cancel_scope.cancel()
    return resident


async def come_and_go(gateway, *, politely):
    """Bind, and unbind or drop the connection."""
    app = SimulatedApp(ACCOUNT, PASSWORD)
    async with trio.open_nursery() as nursery:
        await nursery.start(app.run, *gateway.address)
        if politely:
            await app.leave()
        nursery.cancel_scope.cancel()

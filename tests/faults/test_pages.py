"""The process that serves pages, beside a real gateway that is killed or told to stop: it never outlives it."""

import os
from pathlib import Path

import pytest
import trio

from gateway.demo.loopback import free_port
from tests.faults.process import SIGKILL, SIGSTOP, SIGTERM, Gateway, fetch

pytestmark = pytest.mark.faults
BRIEF = 9.0  # seconds, less than a visitor who does not read is borne with
PATIENCE = 60.0  # seconds; a busy machine takes its time


async def serving(gateway, nursery):
    """Start a gateway; returns the process that serves its pages, once it does."""
    await gateway.start(nursery)
    with trio.fail_after(PATIENCE):
        await gateway.changes.wait_for(lambda: [each for each in gateway.events if each["event"] == "web_begun"])
    [begun] = [each for each in gateway.events if each["event"] == "web_begun"]
    return begun["pid"]


async def gone(pid):
    """Wait until a process has ended."""
    with trio.fail_after(PATIENCE):
        while lives(pid):  # noqa: ASYNC110 (nobody tells us)
            await trio.sleep(0.01)


def lives(pid):
    """Say whether a process runs; where the first process buries no orphans, one that has ended is there for ever."""
    try:
        return Path("/proc", str(pid), "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_pages_end_with_the_gateway(tmp_path, nursery):
    """A gateway that is killed again and again has its port when it is back; the last one's pages are gone with it."""
    gateway, web = Gateway(tmp_path), ("127.0.0.1", free_port())
    gateway.configure(web={"listen": "{}:{}".format(*web)})
    for number in (SIGKILL, SIGKILL, SIGTERM):
        pid = await serving(gateway, nursery)
        assert "opt-out" in await trio.to_thread.run_sync(fetch, web, "/opt-out")
        assert await gateway.end(number) == (0 if number == SIGTERM else -number)
    await gone(pid)


async def test_pages_that_nobody_can_hold(tmp_path, nursery):
    """A gateway that is killed takes its pages along, also where a visitor does not read, or where they are stopped."""
    gateway, web = Gateway(tmp_path), ("127.0.0.1", free_port())
    gateway.configure(web={"listen": "{}:{}".format(*web)})
    pid = await serving(gateway, nursery)
    async with await trio.open_tcp_stream(*web) as visitor:
        with trio.move_on_after(1.0):
            while True:
                await visitor.send_all(b"GET /static/figtree.woff2 HTTP/1.1\r\nHost: x\r\n\r\n")
        await gateway.end(SIGKILL)
        with trio.fail_after(BRIEF):
            await gone(pid)
    pid = await serving(gateway, nursery)
    os.kill(pid, SIGSTOP)
    await gateway.end(SIGKILL)
    with trio.fail_after(BRIEF):
        await gone(pid)

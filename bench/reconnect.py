"""500 apps that come back at the same moment: when the last of them is in, and what an honest app notices meanwhile.

Their passwords are in clear, or argon2id hashes of which none, and then all, have been checked before. The gateway is
a process of its own, and so are the 500; the honest app and the operator are this one. `reconnect.py apps PORT` is the
500. An app gives up a try after 10 s, and tries again a second later.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import argon2
import trio
from hostile import bind, latencies, p99

from gateway.demo.process import free_port
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator
from gateway.simulate.peer import PeerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACCOUNTS, SESSIONS_EACH = 100, 5
PASSWORD = "secret"
PATIENCE = 120  # seconds for all of them


def configure(config: Path, operator: tuple[str, int], port: int, *, hashed: bool) -> None:
    """Write a configuration for an honest account and a hundred others."""
    hasher = argon2.PasswordHasher()
    account = {"publisher": "Bench", "rate": None, "max_binds": 64, "window": 100}
    settings = {
        "node": "bench",
        "store": f"sqlite:///{config.parent}/gateway.db",
        "log": {"level": "error"},
        "smpp": {"listen": [f"127.0.0.1:{port}"]},
        "web": {"listen": None},
        "metrics": {"listen": None},
        "accounts": {"honest": {**account, "password": PASSWORD}}
        | {
            f"a{number}": {**account, "password": hasher.hash(PASSWORD) if hashed else PASSWORD}
            for number in range(ACCOUNTS)
        },
        "operators": {
            "bench": {"host": operator[0], "port": operator[1], "system_id": "gw", "password": PASSWORD, "rate": None}
        },
        "routes": [{"prefixes": [""], "operators": ["bench"]}],
    }
    config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML


@asynccontextmanager
async def gateway(*, hashed: bool) -> AsyncIterator[tuple[SimulatedApp, int]]:
    """Run a gateway; gives an honest app that is bound, and the port."""
    operator, app, port = SimulatedOperator("gw", PASSWORD), SimulatedApp("honest", PASSWORD), free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "gateway.yaml")
        async with trio.open_nursery() as nursery:
            configure(config, await nursery.start(operator.run), port, hashed=hashed)
            command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
            process = await trio.lowlevel.open_process(command)
            try:
                await bind(nursery, app, port)
                await latencies(app, 2.0)  # caches, pages, imports
                yield app, port
            finally:
                process.terminate()
                with trio.CancelScope(shield=True):
                    await process.wait()
            nursery.cancel_scope.cancel()


async def storm(title: str, app: SimulatedApp, port: int) -> None:
    """Let all of them come at once, and print when they were in and how the honest app fared meanwhile."""
    usual = p99(await latencies(app, 2.0))
    crowd = await trio.lowlevel.open_process([sys.executable, __file__, "apps", str(port)], stdout=subprocess.PIPE)
    heard = b""
    while not heard.endswith(b"\n"):  # it has started, and begins
        heard += await crowd.stdout.receive_some()
    during = await latencies(app, 2.0)
    found = json.loads(b"".join([data async for data in crowd.stdout]))
    await crowd.wait()
    print(
        f"{ACCOUNTS * SESSIONS_EACH} apps, {title}: half of them bound after {found['half']:.2f} s, the last after"
        f" {found['last']:.2f} s, {found['refused']} tries in vain before that;"
        f" honest p99 undisturbed {usual:.1f} ms, in these 2 s {p99(during):.1f} ms",
        flush=True,
    )
    await trio.sleep(2)  # for the links to end


async def come_back(port: int) -> dict[str, Any]:
    """Bind all of them at once, each again and again until it is in; returns when they were."""
    waits: list[float] = []
    refused = 0
    began, everybody = time.perf_counter(), trio.Event()

    async def come(system_id: str) -> None:
        nonlocal refused
        while True:
            try:
                await nursery.start(SimulatedApp(system_id, PASSWORD).run, "127.0.0.1", port)
            except (PeerError, OSError):
                refused += 1
                await trio.sleep(1.0)
            else:
                waits.append(time.perf_counter() - began)
                if len(waits) == ACCOUNTS * SESSIONS_EACH:
                    everybody.set()
                return

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for number in range(ACCOUNTS * SESSIONS_EACH):
                nursery.start_soon(come, f"a{number % ACCOUNTS}")
            await everybody.wait()
            nursery.cancel_scope.cancel()
    return {"half": statistics.median(waits), "last": max(waits), "refused": refused}


async def measure() -> None:
    """Measure the three storms."""
    async with gateway(hashed=False) as (app, port):
        await storm("passwords in clear", app, port)
    async with gateway(hashed=True) as (app, port):
        await storm("hashes never checked before", app, port)
        await storm("hashes checked before", app, port)


if __name__ == "__main__":
    if sys.argv[1:2] == ["apps"]:
        print(flush=True)
        print(json.dumps(trio.run(come_back, int(sys.argv[2]))))
    else:
        trio.run(measure)

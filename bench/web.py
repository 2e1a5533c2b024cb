"""What the web costs SMPP: the latency of an app's submissions, quiet and under 200 requests a second from outside.

The requests are strangers' pages, an account's own pages (a blacklist of 200,000 numbers, 20,000 messages), previews
while somebody types, and wrong passwords. The gateway is a process of its own, so are the visitors, who yield to the
others (nice). Quiet spells and visited ones take turns, and the median of their ratios counts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import trio
from attackers.visitors import PASSWORD
from hostile import bind, latencies, p99, processor_time, resident

from gateway.demo.loopback import free_port
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator
from gateway.store.blacklist import Entry, add
from gateway.store.messages import Message
from gateway.store.messages import add as add_messages
from gateway.store.url import open_store

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
NUMBERS, MESSAGES, CHUNK = 200_000, 20_000, 1_000
VISITORS = Path(__file__).parent / "attackers" / "visitors.py"
SECRET = "secret"


def configure(folder: Path, operator: tuple[str, int], smpp: int, web: int) -> Path:
    """Write a configuration; returns where."""
    config = folder / "gateway.yaml"
    settings = {
        "node": "bench",
        "store": f"sqlite:///{folder}/gateway.db",
        "log": {"level": "error"},
        "smpp": {"listen": [f"127.0.0.1:{smpp}"]},
        "web": {"listen": f"127.0.0.1:{web}"},
        "metrics": {"listen": None},
        "accounts": {"shop": {"password": SECRET, "web_password": PASSWORD, "publisher": "Bench", "rate": None}},
        "operators": {
            "bench": {"host": operator[0], "port": operator[1], "system_id": "gw", "password": SECRET, "rate": None}
        },
        "routes": [{"prefixes": [""], "operators": ["bench"]}],
    }
    config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    return config


async def fill(folder: Path) -> None:
    """Give the account something to look at."""
    store = open_store(f"sqlite:///{folder}/gateway.db", "bench/fill")
    for start in range(0, NUMBERS, CHUNK):
        numbers = range(33600000000 + start, 33600000000 + start + CHUNK)
        entries = [Entry(str(each), "shop", each % 10**9, "sms", "36034", False, 0) for each in numbers]
        await store.once(lambda tx, entries=entries: add(tx, entries))
    for start in range(0, MESSAGES, CHUNK):
        ids = range(start + 1, start + 1 + CHUNK)
        plain = (5, 0, "SHOP", 1, 1, "33612345678", "33612345678", 1, 0, "appended", "Bonjour", 1, 0, 2)
        rows = [Message(each, "shop", *plain) for each in ids]
        await store.once(lambda tx, rows=rows: add_messages(tx, rows))
    store.close()


async def compare(app: SimulatedApp, web: int, pid: int) -> None:
    """Take turns, and print what came of it."""
    quiet, visited, waited, answered, refused, used = [], [], [], 0, 0, 0.0
    for _ in range(ROUNDS):
        quiet.append(p99(await latencies(app, SECONDS)))
        command = [sys.executable, str(VISITORS), str(web), str(SECONDS + 1)]
        visitors = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        assert visitors.stdout is not None
        await trio.sleep(0.7)  # until they have logged in
        before = processor_time(pid)
        visited.append(p99(await latencies(app, SECONDS)))
        used += processor_time(pid) - before
        good, bad, *times = b"".join([part async for part in visitors.stdout]).split()
        await visitors.wait()
        answered, refused = answered + int(good), refused + int(bad)
        waited.append([float(each) for each in times])
    ratios = sorted(each / usual for each, usual in zip(visited, quiet, strict=True))
    print(
        f"p99 quiet {statistics.median(quiet):.1f} ms, visited {statistics.median(visited):.1f} ms, "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"{(answered + refused) / ROUNDS / (SECONDS + 1):.0f} requests a second, {refused} answered with an error; "
        f"visitors wait {' and '.join(f'{statistics.median(each):.0f}' for each in zip(*waited, strict=True))} ms "
        f"(half, 99 %); gateway {used / ROUNDS / SECONDS:.0%} of a processor, {resident(pid)} MiB"
    )


async def main() -> None:
    """Run it all."""
    with tempfile.TemporaryDirectory() as name:
        folder, smpp, web = Path(name), free_port(), free_port()
        async with trio.open_nursery() as nursery:
            operator = SimulatedOperator("gw", SECRET, 0.05)
            smsc = await nursery.start(operator.run, "127.0.0.1", 0)
            config = configure(folder, smsc, smpp, web)
            await fill(folder)
            command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
            gateway = await trio.lowlevel.open_process(command, stdout=subprocess.DEVNULL)
            try:
                app = SimulatedApp("shop", SECRET)
                await bind(nursery, app, smpp)
                await latencies(app, 1)
                await compare(app, web, gateway.pid)
            finally:
                gateway.terminate()
                with trio.CancelScope(shield=True):
                    await gateway.wait()
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)

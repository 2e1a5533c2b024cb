"""What hostile peers cost the others: the latency of an honest app's submissions, undisturbed and under each attack.

The gateway is a process of its own, so are the attackers, who yield to the others (nice) where they compete for a
processor: what is measured is the gateway's work, not theirs. The honest app and the operator are this process.
Undisturbed rounds and attacked ones take turns and the median of their ratios counts, as machines have moods.
`bench/hostile.py NAME …` measures some of the attacks.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio
from attackers.hostile import ATTACKS, HOSTILE, PASSWORD

from gateway.demo.loopback import free_port
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator

SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
ROUNDS = 5
RATE = 200  # honest submissions a second
HONEST = "shop"
ATTACKER = Path(__file__).parent / "attackers" / "hostile.py"


async def latencies(app: SimulatedApp, seconds: float) -> list[float]:
    """Submit for a while at a steady rate; returns how long each answer took, in milliseconds."""
    took: list[float] = []

    async def submit() -> None:
        began = time.perf_counter()
        await app.submit("33612345678", "Bonjour", receipt_asked=False)
        took.append((time.perf_counter() - began) * 1e3)

    async with trio.open_nursery() as nursery:
        began = trio.current_time()
        for number in range(int(seconds * RATE)):
            await trio.sleep_until(began + number / RATE)
            nursery.start_soon(submit)
    return took


def p99(took: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(took, n=100)[-1]


def resident(pid: int) -> int:
    """Return the memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def configure(config: Path, operator: tuple[str, int], port: int) -> None:
    """Write a configuration for an honest account and one that has gone mad."""
    account = {"password": PASSWORD, "publisher": "Bench", "rate": None, "max_binds": 64}
    smsc = {"host": operator[0], "port": operator[1], "system_id": "gw", "password": PASSWORD, "rate": None}
    settings = {
        "node": "bench",
        "store": f"sqlite:///{config.parent}/gateway.db",
        "log": {"level": "error"},
        "smpp": {"listen": [f"127.0.0.1:{port}"]},
        "web": {"listen": None},
        "metrics": {"listen": None},
        "accounts": {HONEST: account, HOSTILE: account},
        "operators": {"bench": smsc},
        "routes": [{"prefixes": [""], "operators": ["bench"]}],
    }
    config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML


async def measure(names: list[str], config: Path) -> None:
    """Measure each attack against undisturbed rounds before and after it, and print the ratios."""
    operator, app, port = SimulatedOperator("gw", PASSWORD), SimulatedApp(HONEST, PASSWORD), free_port()
    async with trio.open_nursery() as nursery:
        configure(config, await nursery.start(operator.run), port)
        gateway = await trio.lowlevel.open_process([sys.executable, "-m", "gateway", "run", "--config", str(config)])
        try:
            await _bind(nursery, app, port)
            await latencies(app, 2.0)  # caches, pages, imports
            for name in names:
                await _compare(name, app, port, gateway.pid)
        finally:
            gateway.terminate()
            with trio.CancelScope(shield=True):
                await gateway.wait()
        nursery.cancel_scope.cancel()


async def _bind(nursery: trio.Nursery, app: SimulatedApp, port: int) -> None:
    with trio.fail_after(20):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                break
            except OSError:
                await trio.sleep(0.05)
    await nursery.start(app.run, "127.0.0.1", port)


async def _compare(name: str, app: SimulatedApp, port: int, pid: int) -> None:
    rounds = [await _round(name, app, port) for _ in range(ROUNDS)]
    usual, attacked = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
    ratios = sorted(during / before for before, during, _ in rounds)
    ratio = f"ratio {statistics.median(ratios):4.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    tally = f"{sum(done for *_, done in rounds):,} done, gateway {resident(pid)} MiB"
    print(f"{name:10} p99 undisturbed {usual:6.1f} ms, attacked {attacked:6.1f} ms, {ratio}, {tally}", flush=True)


async def _round(name: str, app: SimulatedApp, port: int) -> tuple[float, float, int]:
    """Return both latencies, undisturbed and attacked, and how much the attackers had done."""
    usual = p99(await latencies(app, SECONDS))
    command = [sys.executable, str(ATTACKER), name, str(port)]
    attacker = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    await trio.sleep(0.5)  # it has to start
    attacked = p99(await latencies(app, SECONDS))
    attacker.kill()
    await attacker.wait()
    lines = b"".join([data async for data in attacker.stdout]).split()
    await trio.sleep(0.5)
    return usual, attacked, int(lines[-1]) if lines else 0


def main() -> None:
    """Measure all attacks, or those that are named."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "gateway.yaml")
        trio.run(measure, sys.argv[1:] or list(ATTACKS), config)


if __name__ == "__main__":
    main()

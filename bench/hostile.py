"""What hostile peers cost the others: the latency of an honest app's submissions, undisturbed and under each attack.

The gateway is a process of its own, so are the attackers, who yield to the others (nice) where they compete for a
processor: what is measured is the gateway's work, not theirs. The honest app and the operator are this process.
Undisturbed rounds and attacked ones take turns and the median of their ratios counts, as machines have moods. How busy
the gateway is depends on them less. `elsewhere` is `octets` against a socket that is nobody's: what that attack costs
the machine without us. `cycles` is 10,000 connections, one after the other, dropped at once.
`bench/hostile.py NAME …` measures some of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio
from attackers.hostile import ATTACKS, HOSTILE, PASSWORD

from gateway.demo.loopback import free_port
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator

CYCLES = int(os.environ.get("BENCH_CYCLES", "10000"))
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


def processor_time(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> int:
    """Return how many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


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


class Spell(NamedTuple):
    """A while of honest submissions: their p99 in milliseconds, and what part of a processor the gateway used."""

    p99: float
    busy: float


class Round(NamedTuple):
    """Two spells, undisturbed and attacked, and how much the attackers had done."""

    usual: Spell
    attacked: Spell
    done: int


class Bench:
    """A gateway, an honest app and its operator.

    Args:
        app: the honest app.
        port: where the gateway listens.
        pid: the gateway's process.
    """

    def __init__(self, app: SimulatedApp, port: int, pid: int) -> None:
        self._app = app
        self._port = port
        self._pid = pid

    async def compare(self, name: str) -> None:
        """Measure an attack against undisturbed rounds before and after it, and print the ratios."""
        async with trio.open_nursery() as nursery:
            target = self._port if name != "elsewhere" else await nursery.start(_nobody)
            rounds = [await self._round(name if name != "elsewhere" else "octets", target) for _ in range(ROUNDS)]
            nursery.cancel_scope.cancel()
        spells = ([each.usual for each in rounds], [each.attacked for each in rounds])
        usual, attacked = (statistics.median(spell.p99 for spell in column) for column in spells)
        calm, busy = (statistics.median(spell.busy for spell in column) for column in spells)
        ratios = sorted(each.attacked.p99 / each.usual.p99 for each in rounds)
        ratio = f"ratio {statistics.median(ratios):4.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        tally = f"{sum(each.done for each in rounds):,} done, gateway {resident(self._pid)} MiB"
        took = f"p99 undisturbed {usual:6.1f} ms, attacked {attacked:6.1f} ms"
        print(f"{name:10} {took}, {ratio}, busy {calm:.0%}, attacked {busy:.0%}, {tally}", flush=True)

    async def _round(self, name: str, port: int) -> Round:
        usual = await self._spell()
        command = [sys.executable, str(ATTACKER), name, str(port)]
        attacker = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        await trio.sleep(0.5)  # it has to start
        attacked = await self._spell()
        attacker.kill()
        await attacker.wait()
        lines = b"".join([data async for data in attacker.stdout]).split()
        await trio.sleep(0.5)
        return Round(usual, attacked, int(lines[-1]) if lines else 0)

    async def _spell(self) -> Spell:
        before, began = processor_time(self._pid), time.perf_counter()
        took = await latencies(self._app, SECONDS)
        return Spell(p99(took), (processor_time(self._pid) - before) / (time.perf_counter() - began))

    async def cycles(self) -> None:
        """Drop connections, a tenth as many before, and print what the gateway holds before and after."""
        await self._drop(CYCLES // 10)
        before, files, used = resident(self._pid), descriptors(self._pid), processor_time(self._pid)
        began = time.perf_counter()
        await self._drop(CYCLES)
        seconds, each = time.perf_counter() - began, (processor_time(self._pid) - used) * 1e3 / CYCLES
        await trio.sleep(1)  # for the last of them to end
        print(
            f"{CYCLES:,} connections dropped: {CYCLES / seconds:.0f}/s, {each:.2f} ms of processor time each,"
            f" {before} → {resident(self._pid)} MiB, {files} → {descriptors(self._pid)} files",
            flush=True,
        )

    async def _drop(self, count: int) -> None:
        for _ in range(count):
            await (await trio.open_tcp_stream("127.0.0.1", self._port)).aclose()


async def _nobody(task_status: trio.TaskStatus[int]) -> None:
    """Let whoever connects bind and submit, without looking at it, and answer now and then."""

    async def swallow(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            while await stream.receive_some(4096):
                await stream.send_all(b"\0")
                await trio.sleep(0.005)

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), swallow, 0)
        task_status.started(listener.socket.getsockname()[1])


async def measure(names: list[str], config: Path) -> None:
    """Measure what is named."""
    operator, app, port = SimulatedOperator("gw", PASSWORD), SimulatedApp(HONEST, PASSWORD), free_port()
    async with trio.open_nursery() as nursery:
        configure(config, await nursery.start(operator.run), port)
        gateway = await trio.lowlevel.open_process([sys.executable, "-m", "gateway", "run", "--config", str(config)])
        try:
            await bind(nursery, app, port)
            await latencies(app, 2.0)  # caches, pages, imports
            bench = Bench(app, port, gateway.pid)
            for name in names:
                await (bench.cycles() if name == "cycles" else bench.compare(name))
        finally:
            gateway.terminate()
            with trio.CancelScope(shield=True):
                await gateway.wait()
        nursery.cancel_scope.cancel()


async def bind(nursery: trio.Nursery, app: SimulatedApp, port: int) -> None:
    """Bind an app as soon as a gateway that has just been started listens."""
    with trio.fail_after(20):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                break
            except OSError:
                await trio.sleep(0.05)
    await nursery.start(app.run, "127.0.0.1", port)


def main() -> None:
    """Measure all of it, or what is named."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "gateway.yaml")
        trio.run(measure, sys.argv[1:] or [*ATTACKS, "elsewhere", "cycles"], config)


if __name__ == "__main__":
    main()

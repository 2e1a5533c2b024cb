"""Many at once: 500 sessions and 20 operators, a small account beside a flood, and 10,000 rebinds; one line for each.

Drives the real daemon with smppload, as bench/throughput.py does, and ends likewise where the tool is not at hand. The
small account's figures mean something beside each other: the first of them is what it gets when it is alone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.throughput import smppload, wait_until_open
from gateway.demo.loopback import free_port
from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = os.environ.get("BENCH_SECONDS", "15")
REBINDS = int(os.environ.get("BENCH_REBINDS", "10000"))
ACCOUNTS, SESSIONS_EACH, OPERATORS = 100, 5, 20
FLOOD_SESSIONS, SMALL_RATE = 64, "20"
PAYLOAD = ("--payload", "gsm=70,gsm160=15,ucs2=10", "--intl", "0", "--quiet", "yes")


class Daemon(NamedTuple):
    """A gateway that runs, and the fake operators behind it."""

    tool: str
    app: int
    gateway: subprocess.Popen[bytes]

    def load(self, system_id: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a fake app."""
        target = ("--connect", f"127.0.0.1:{self.app}", "--system-id", system_id)
        return subprocess.Popen([self.tool, "esme", *target, *PAYLOAD, *options], stdout=subprocess.PIPE)

    def size(self) -> tuple[int, int]:
        """Return the gateway's resident KiB and its open files."""
        process = Path("/proc", str(self.gateway.pid))
        lines = process.joinpath("status").read_text(encoding="ascii").splitlines()
        [resident] = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
        return resident, len(list(process.joinpath("fd").iterdir()))


def configuration(folder: str, ports: list[int], big: str, operator_rate: str) -> dict[str, Any]:
    """Return 100 accounts a0 to a99, `big` and `small`, and 20 operators; the first port is our own."""
    account = {"password": "secret", "publisher": "Bench", "rate": None, "window": 100, "max_binds": 64}
    names = [f"op{number}" for number in range(OPERATORS)]
    one = {"host": "127.0.0.1", "system_id": "gw", "password": "secret", "window": 100}
    rates = {"big": None if big == "null" else int(big), "small": None}
    return {
        "node": "bench",
        "store": f"sqlite:///{folder}/gateway.db",
        "log": {"level": "warning"},
        "smpp": {"listen": [f"127.0.0.1:{ports[0]}"]},
        "web": {"listen": None},
        "metrics": {"listen": None},
        "accounts": {f"a{number}": account for number in range(ACCOUNTS)}
        | {name: {**account, "rate": rate} for name, rate in rates.items()},
        "operators": {
            name: {**one, "port": port, "rate": json.loads(operator_rate)}
            for name, port in zip(names, ports[1:], strict=True)
        },
        "routes": [{"prefixes": [str(3360 + number)], "operators": [name]} for number, name in enumerate(names)]
        + [{"prefixes": [""], "operators": names[:1]}],
    }


@contextmanager
def daemon(tool: str, folder: str, big: str = "null", operator_rate: str = "null") -> Iterator[Daemon]:
    """Run a gateway and the fake operators, with their files in ``folder``.

    ``big`` and ``operator_rate`` are the big account's rate and each operator's, in segments a second, or null.
    """
    with ExitStack() as stack:
        app, *operators = ports = [free_port() for _ in range(OPERATORS + 1)]
        config = Path(folder, "gateway.yaml")
        config.write_text(json.dumps(configuration(folder, ports, big, operator_rate)), encoding="utf-8")
        for port in operators:
            smsc = [tool, "smsc", "--listen", f"127.0.0.1:{port}", "--dlr-delay", "100", "--quiet", "yes"]
            _run(stack, [*smsc, "--log", f"{folder}/operator{port}.log"], signal.SIGINT)
        for port in operators:
            wait_until_open(port)
        gateway = _run(stack, [sys.executable, "-m", "gateway", "run", "--config", str(config)], signal.SIGTERM)
        wait_until_open(app)
        time.sleep(1)  # for the binds to the operators
        yield Daemon(tool, app, gateway)


def _run(stack: ExitStack, command: list[str], ending: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def end() -> None:
        process.send_signal(ending)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(end)
    return process


def books(load: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for a fake app and return its books."""
    return dict(json.loads(load.communicate()[0]))


def crowd(tool: str) -> None:
    """500 sessions of 100 accounts, all as fast as a window of four allows, to 20 operators."""
    common = ("--sessions", str(SESSIONS_EACH), "--window", "4", "--seconds", SECONDS, "--warmup", "3", "--drain", "20")
    with tempfile.TemporaryDirectory() as folder:
        acks = [f"{folder}/acks{number}" for number in range(ACCOUNTS)]
        with daemon(tool, folder) as run:
            loads = [
                run.load(
                    f"a{number}", *common, "--acklog", each, "--seed", str(number), "--first-token", f"{number}00000"
                )
                for number, each in enumerate(acks)
            ]
            time.sleep(float(SECONDS) / 2)
            resident, files = run.size()
            found = [books(load) for load in loads]
        logs = ",".join(map(str, Path(folder).glob("operator*.log")))  # whole once the operators have ended
        audit = subprocess.run(
            [tool, "audit", "--acklog", ",".join(acks), "--log", logs], stdout=subprocess.PIPE, check=False
        )
    lost = json.loads(audit.stdout)
    total = {key: sum(each[key] for each in found) for key in ("accept_per_s", "complete_per_s", "dlr_missing")}
    p99 = sorted(each["submit_latency"]["p99_ms"] for each in found)
    served = sorted(each["accepted"] for each in found)
    print(
        f"{ACCOUNTS * SESSIONS_EACH} sessions, {ACCOUNTS} accounts, {OPERATORS} operators:"
        f" {total['accept_per_s']:.0f}/s accepted {total['complete_per_s']:.0f}/s complete"
        f"  each account {served[0]} to {served[-1]} messages, submit p99 {p99[0]:.0f} to {p99[-1]:.0f} ms"
        f"  lost {lost['lost']:.0f} duplicated {lost['duplicated']:.0f}"
        f"  receipts missing {total['dlr_missing']}  {resident // 1024} MiB {files} files",
        flush=True,
    )


def fairness(tool: str) -> None:
    """A small account alone, and beside one that floods: over its rate, without a rate, and beyond the operators'."""
    cases = {
        "alone": ("null", "null", False),
        "the big one is throttled": ("500", "null", True),
        "the big one has no rate": ("null", "null", True),
        "the operators are slow": ("null", "20", True),
    }
    for title, (big, operator_rate, flooded) in cases.items():
        with tempfile.TemporaryDirectory() as folder, daemon(tool, folder, big, operator_rate) as run:
            flood = ("--sessions", str(FLOOD_SESSIONS), "--window", "100", "--seconds", "600", "--drain", "0")
            loads = [run.load("big", *flood)] if flooded else []
            time.sleep(5)  # the flood stands
            small = ("--sessions", "1", "--window", "100", "--rate", SMALL_RATE, "--seconds", SECONDS, "--drain", "20")
            found = books(run.load("small", *small))
            for load in loads:
                load.send_signal(signal.SIGINT)
            beside = sum(books(load)["accept_per_s"] for load in loads)
        submit, receipt = found["submit_latency"], found["dlr_latency"]
        print(
            f"small account, {title}: submit p50 {submit['p50_ms']:.0f} p99 {submit['p99_ms']:.0f} ms"
            f"  receipt p50 {receipt['p50_ms']:.0f} p99 {receipt['p99_ms']:.0f} ms"
            f"  accepted {found['accepted']} of {found['submitted']} {found['errors']} missing {found['dlr_missing']}"
            f"  (the flood: {beside:.0f} answers/s)",
            flush=True,
        )


def rebinds(tool: str) -> None:
    """10,000 binds, each ended by unbind or just dropped, and what the gateway holds before and after."""
    with tempfile.TemporaryDirectory() as folder, daemon(tool, folder) as run:
        for number in range(REBINDS // 10):
            rebind(run.app, number)
        before, files = run.size()
        started = time.monotonic()
        for number in range(REBINDS):
            rebind(run.app, number)
        seconds = time.monotonic() - started
        time.sleep(1)  # for the last links to end
        after, files_after = run.size()
        print(
            f"{REBINDS} rebinds: {REBINDS / seconds:.0f}/s  {before / 1024:.1f} → {after / 1024:.1f} MiB"
            f"  {files} → {files_after} files",
            flush=True,
        )


def rebind(port: int, number: int) -> None:
    """Bind as one of the accounts and part: every other time with unbind."""
    fields = {"system_id": f"a{number % ACCOUNTS}", "password": "secret", "system_type": "", "interface_version": 0x34}
    fields |= {"addr_ton": 0, "addr_npi": 0, "address_range": ""}
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        _ask(connection, smpp.BIND_TRANSCEIVER, smpp.encode_body(smpp.BIND_TRANSCEIVER, fields))
        if number % 2:
            _ask(connection, smpp.UNBIND, b"")


def _ask(connection: socket.socket, command: int, body: bytes) -> None:
    connection.sendall(smpp.header(len(body), command, 0, 1) + body)
    status = int.from_bytes(connection.recv(4096)[8:12])
    if status:
        sys.exit(f"command {command:#x} was refused: {status:#x}")


def main() -> None:
    """Measure all three, or those that are named on the command line."""
    tool = smppload()
    if tool is None:
        print("smppload is not at hand: see bench/throughput.py; nothing measured")
        return
    parts = {"crowd": crowd, "fairness": fairness, "rebinds": rebinds}
    for name in sys.argv[1:] or parts:
        parts[name](tool)


if __name__ == "__main__":
    main()

"""What the soak happens to: a gateway with three apps and two operators, started, loaded, killed, audited."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import trio

from bench.throughput import wait_until_open
from gateway.demo.loopback import free_port

PARTS = 10  # parts of long messages a second
STOPS = 2  # a second at each operator
TOKENS = {"app": 0, "fickle": 60_000_000, "parts": 90_000_000}
_RUN = 10_000  # tokens of one run of the app that vanishes
PAYLOADS = {"app": "gsm=75,gsm160=15,ucs2=10", "fickle": "gsm=1", "parts": "udh=1"}
_TICKS = os.sysconf("SC_CLK_TCK")
_CPU = slice(11, 13)  # utime and stime, after the name, in /proc/PID/stat


class Site:
    """A folder with everything in it.

    Args:
        tool: smppload.
        folder: where files go.

    Attributes:
        ports: where whoever listens does.
    """

    def __init__(self, tool: str, folder: Path) -> None:
        self.tool = tool
        self.folder = folder
        self.ports = {name: free_port() for name in ("apps", "between", "shaky", "steady", "metrics")}
        self._config = folder / "gateway.yaml"
        self._smscs: dict[str, subprocess.Popen[bytes]] = {}
        self._gateway: subprocess.Popen[bytes] | None = None
        self._reloads = 0
        self._acks: list[Path] = []

    def configure(self) -> None:
        """Write the configuration; every other time with other limits, another text and another account."""
        odd = self._reloads % 2
        account = {"password": "secret", "publisher": "Soak", "rate": None, "window": 100, "max_binds": 64}
        peer = {"host": "127.0.0.1", "system_id": "gw", "password": "secret", "rate": None, "response_timeout": "10s"}
        again = {"reconnect": {"initial": "200ms", "maximum": "5s"}}
        settings = {
            "node": "soak",
            "store": f"sqlite:///{self.folder}/gateway.db",
            "log": {"level": "info" if odd else "warning"},
            "smpp": {"listen": [f"127.0.0.1:{self.ports['apps']}"]},
            "web": None,
            "metrics": {"listen": f"127.0.0.1:{self.ports['metrics']}"},
            "delivery": {"report_wait": "3m", "held_parts": "1m"},
            "accounts": {**dict.fromkeys(TOKENS, account), **({"guest": account} if odd else {})},
            "operators": {
                "shaky": {**peer, **again, "port": self.ports["between"], "window": 400 if odd else 500},
                "steady": {**peer, **again, "port": self.ports["steady"], "window": 500 if odd else 400},
            },
            "routes": [
                {"prefixes": ["336"], "operators": ["shaky", "steady"]},
                {"prefixes": [""], "operators": ["steady", "shaky"]},
            ],
        }
        self._config.write_text(json.dumps(settings), encoding="utf-8")
        self._config.chmod(0o600)

    def start(self) -> None:
        """Start both operators and the gateway."""
        faults = {"shaky": (), "steady": ("--syserr", "0.0005", "--msgqful", "0.0005")}
        for name, options in faults.items():
            books = ("--log", str(self.folder / f"{name}.log"), "--quiet", "yes")
            stops = ("--mo-rate", str(STOPS), "--dlr-delay", "100")
            command = [self.tool, "smsc", "--listen", f"127.0.0.1:{self.ports[name]}", *books, *stops, *options]
            self._smscs[name] = subprocess.Popen(command, stdout=(self.folder / f"{name}.json").open("wb"))
            wait_until_open(self.ports[name])
        self.launch()
        wait_until_open(self.ports["apps"])

    # The gateway

    def launch(self) -> None:
        """Start the gateway."""
        self.configure()
        command = [sys.executable, "-m", "gateway", "run", "--config", str(self._config)]
        with (self.folder / "gateway.observe.log").open("ab") as log:
            self._gateway = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        """Kill the gateway."""
        assert self._gateway
        self._gateway.kill()
        self._gateway.wait()

    def reload(self) -> None:
        """Change the configuration and say so, if there is anybody who hears signals yet."""
        self._reloads += 1
        self.configure()
        if self._gateway and (size := self.size()) and size[3] > 1.0:
            self._gateway.send_signal(signal.SIGHUP)

    def size(self) -> tuple[int, int, int, float] | None:
        """Return the gateway's process id, resident KiB, descriptors and seconds of CPU; None while there is none."""
        assert self._gateway
        process = Path("/proc", str(self._gateway.pid))
        try:
            lines = (process / "status").read_text(encoding="ascii").splitlines()
            resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
            ticks = (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[_CPU]
            return self._gateway.pid, resident, len(list((process / "fd").iterdir())), sum(map(int, ticks)) / _TICKS
        except (OSError, StopIteration):
            return None

    def _ask(self, question: str) -> int:
        with closing(sqlite3.connect(f"file:{self.folder}/gateway.db?mode=ro", uri=True, timeout=20)) as database:
            return int(database.execute(question).fetchone()[0])

    def spooled(self) -> int:
        """Return how many rows wait in the spool."""
        return self._ask("SELECT count(*) FROM spool")

    def left(self) -> dict[str, int]:
        """Return what the database holds that is not at its end."""
        return {table: self._ask(f"SELECT count(*) FROM {table}") for table in ("spool", "sent", "held", "parked")}

    # Its peers

    async def load(self, account: str, rate: int, seconds: float, drain: float, run: int = 0) -> dict[str, Any]:
        """Load the gateway as an app does, 0 messages a second being as many as go; returns the app's books."""
        acks = self.folder / f"{account}{run}.acks"
        if account != "parts":  # what it does not finish is rightly never sent
            self._acks.append(acks)
        first = TOKENS[account] + run * _RUN
        command = [
            *(self.tool, "esme", "--connect", f"127.0.0.1:{self.ports['apps']}", "--system-id", account),
            *("--payload", PAYLOADS[account], "--first-token", str(first), "--acklog", str(acks), "--quiet", "yes"),
            *("--seconds", str(seconds), "--drain", str(drain), "--reconnect", "60", "--seed", str(run + 1)),
            *("--sessions", "8" if account == "app" else "2", "--window", "100"),
            *(("--rate", str(rate)) if rate else ()),
        ]
        done = await trio.run_process(command, capture_stdout=True, check=False, deliver_cancel=_kill)
        books: dict[str, Any] = json.loads(done.stdout)
        return books

    def end(self) -> dict[str, Any]:
        """Stop the gateway and the operators; returns their books, the audit and what the ledger says of itself."""
        assert self._gateway
        self._gateway.terminate()
        status = self._gateway.wait(60)
        for smsc in self._smscs.values():
            smsc.send_signal(signal.SIGINT)
            smsc.wait(30)
        logs = ",".join(str(self.folder / f"{name}.log") for name in self._smscs)
        acks = ",".join(str(path) for path in self._acks if path.exists())
        audit = subprocess.run(
            [self.tool, "audit", "--acklog", acks, "--log", logs], stdout=subprocess.PIPE, check=False
        )
        verify = [sys.executable, "-m", "gateway", "ledger", "verify", "--config", str(self._config)]
        operators = {name: json.loads((self.folder / f"{name}.json").read_bytes()) for name in self._smscs}
        return {
            "exit status": status,
            "audit": json.loads(audit.stdout),
            "ledger verify": subprocess.run(verify, stdout=subprocess.PIPE, check=False).returncode,
            "opt-outs": self._ask("SELECT count(*) FROM (SELECT DISTINCT number FROM blacklist)"),
            "billed": self._ask("SELECT count(*) FROM ledger"),
            "messages": self._ask("SELECT count(*) FROM message"),
            "without a final state": self._ask("SELECT count(*) FROM message WHERE state < 2"),
            **operators,
        }


async def _kill(process: trio.Process) -> None:
    process.kill()

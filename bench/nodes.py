"""What PostgreSQL costs: one, two and four nodes on one database, and what each message takes of it.

As in throughput.py smppload is app and operator. The database is a server of our own on this machine, with everything
on that keeps it safe. All of it shares this machine's processors, so more nodes show what they cost rather than what
they bring.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import throughput as single
from gateway.demo.loopback import free_port
from tests import postgres

TOKENS = 20_000_000  # numbers of messages that each app has to itself
OPERATOR_WINDOW = 1_000
NODES = [int(each) for each in os.environ.get("BENCH_NODES", "1 2 4").split()]
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "track_wal_io_timing": "on",
    "max_connections": "60",
}
COUNTS = {
    "commits": "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()",
    "rows inserted": "SELECT sum(n_tup_ins) FROM pg_stat_user_tables",
    "rows updated": "SELECT sum(n_tup_upd) FROM pg_stat_user_tables",
    "of these in place (HOT)": "SELECT sum(n_tup_hot_upd) FROM pg_stat_user_tables",
    "rows deleted": "SELECT sum(n_tup_del) FROM pg_stat_user_tables",
    "WAL octets": "SELECT wal_bytes FROM pg_stat_wal",
    "statements": "SELECT sum(calls) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%'",
}


class Machine:
    """Some gateways on one database, and one operator; a context manager.

    Args:
        tool: smppload.
        store: the database's URL.
        nodes: how many gateways.
    """

    def __init__(self, tool: str, store: str, nodes: int) -> None:
        self.tool = tool
        self.store = store
        self.apps: list[int] = []
        self.gateways: list[subprocess.Popen[bytes]] = []
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._nodes = nodes
        self._operator = free_port()

    def __enter__(self) -> Self:
        sent = str(self.folder / "operator.log")
        listen = f"127.0.0.1:{self._operator}"
        self._smsc = subprocess.Popen(
            [self.tool, "smsc", "--listen", listen, "--dlr-delay", "100", "--log", sent, "--quiet", "yes"],
            stdout=subprocess.PIPE,
        )
        single.wait_until_open(self._operator)
        for number in range(self._nodes):
            self.apps.append(free_port())
            self._configure(number)
            self.gateways.append(self.launch(number))
            single.wait_until_open(self.apps[-1])
        return self

    def _configure(self, number: int) -> None:
        """Write one gateway's configuration; each app has an account of its own, so its receipts come to itself."""
        account = {"password": "secret", "publisher": "Bench", "rate": None, "window": 100, "max_binds": 64}
        operator = {"host": "127.0.0.1", "port": self._operator, "system_id": "gw", "password": "secret"}
        config = {
            "node": f"gw{number + 1}",
            "store": self.store,
            "log": {"level": "warning"},
            "smpp": {"listen": [f"127.0.0.1:{self.apps[number]}"]},
            "web": {"listen": None},
            "metrics": {"listen": None},
            "accounts": {f"app{each + 1}": account for each in range(self._nodes)},
            "operators": {"bench": {**operator, "window": OPERATOR_WINDOW, "rate": None}},
            "routes": [{"prefixes": [""], "operators": ["bench"]}],
        }
        (self.folder / f"gw{number + 1}.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML

    def launch(self, number: int) -> subprocess.Popen[bytes]:
        """Start one gateway."""
        config = self.folder / f"gw{number + 1}.yaml"
        with (self.folder / f"gw{number + 1}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "--config", config], stdout=log, stderr=log
            )

    def load(self, *options: str) -> list[subprocess.Popen[bytes]]:
        """Start one app for each gateway."""
        return [
            subprocess.Popen(
                [
                    *(self.tool, "esme", "--connect", f"127.0.0.1:{port}", "--payload", single.PAYLOAD),
                    *("--system-id", f"app{number + 1}", "--first-token", str(number * TOKENS)),
                    *("--quiet", "yes", "--acklog", str(self.folder / f"acks{number}.log"), *options),
                ],
                stdout=subprocess.PIPE,
            )
            for number, port in enumerate(self.apps)
        ]

    def audit(self) -> dict[str, Any]:
        """Compare the books of all apps with the operator's."""
        acks = ",".join(str(self.folder / f"acks{number}.log") for number in range(self._nodes))
        command = [self.tool, "audit", "--acklog", acks, "--log", str(self.folder / "operator.log")]
        return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout))

    def stop(self) -> None:
        """Stop the gateways, then the operator; its books are complete afterwards."""
        for gateway in self.gateways:
            gateway.terminate()
        for gateway in self.gateways:
            gateway.wait(30)
        self._smsc.send_signal(signal.SIGINT)
        self._smsc.wait(30)

    def __exit__(self, *_: object) -> None:
        for process in (*self.gateways, self._smsc):
            process.kill()
            process.wait()
        self._folder.cleanup()


def counts(server: postgres.Server) -> dict[str, float]:
    """Read the server's counters; those that it does not have are left out."""
    found = {}
    for what, sql in COUNTS.items():
        try:
            found[what] = float(server.execute(sql)[0][0] or 0)
        except postgres.psycopg.Error:  # an extension that is not there
            continue
    return found


def measure(tool: str, server: postgres.Server, nodes: int) -> None:
    """Measure a number of nodes as fast as they go, and print it."""
    space = server.create()
    before = counts(server)
    sessions = str(max(1, single.SESSIONS // nodes))
    options = ["--sessions", sessions, "--window", "100", "--seconds", str(single.SECONDS), "--warmup", "3"]
    with Machine(tool, server.url(space), nodes) as machine:
        runs = [json.loads(app.communicate()[0]) for app in machine.load(*options, "--drain", "20")]
        machine.stop()
        audit = machine.audit()
    after = counts(server)
    server.drop(space)
    messages = sum(run["accepted"] for run in runs)
    print(
        f"{nodes} nodes  {sum(run['accept_per_s'] for run in runs):8.0f}/s accepted"
        f" {sum(run['complete_per_s'] for run in runs):8.0f}/s complete"
        f"  submit p99 {max(run['submit_latency']['p99_ms'] for run in runs):6.1f} ms"
        f"  receipts missing {sum(run['dlr_missing'] for run in runs)} twice"
        f" {sum(run['dlr_duplicate'] for run in runs)}  lost {audit['lost']:.0f}"
        f" duplicated {audit['duplicated']:.0f}"
    )
    print(
        "         for each message: "
        + ", ".join(f"{what} {(after[what] - before[what]) / messages:.2f}" for what in after)
    )


def main() -> None:
    """Measure each number of nodes."""
    tool = single.smppload()
    if tool is None:
        print(
            "smppload is not at hand: set SMPPLOAD to its path, or install cargo beside its sources; nothing measured"
        )
        return
    try:
        with postgres.server(**SETTINGS) as server:
            for nodes in NODES:
                measure(tool, server, nodes)
    except postgres.MissingError as missing:
        print(f"{missing}; nothing measured")


if __name__ == "__main__":
    main()

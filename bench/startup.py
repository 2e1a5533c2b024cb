"""How long the gateway takes to start with many opted-out numbers and a full spool: from its process to `started`.

The database is filled by plain SQL. BENCH_NUMBERS says how many numbers have opted out, BENCH_ROWS how many rows wait,
as many of them as a lane has room for in the hands of a process that was killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway.demo.loopback import free_port
from gateway.store.sqlite import SqliteStore

NUMBERS = int(os.environ.get("BENCH_NUMBERS", "10000000"))
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
RUNS = 3
_HELD = 5_000  # rows in the hands of the process before: as many as a lane has room for
_FILL = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {numbers})
INSERT INTO blacklist (number, account, since, source, code, everything, evidence)
SELECT printf('336%08d', i), '*', i, 'sms', '36034', 0, i FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO spool (id, lane, claimed, due, expires, message, number, command, body, account)
SELECT i, 'operator/op', CASE WHEN i > {held} THEN NULL ELSE {holder} END, 0, 9000000000000, i, printf('336%08d', i), 4,
    zeroblob(120), 'app' FROM n;
"""


def fill(path: Path) -> None:
    """Make a database as a process that was killed would leave it."""
    with closing(SqliteStore(path, "bench")) as store:
        trio.run(store.join)
        holder = store._holder  # noqa: SLF001 (what marks its rows)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(_FILL.format(numbers=NUMBERS, rows=ROWS, held=_HELD, holder=holder))
        connection.execute("COMMIT")


def start(config: Path, folder: Path) -> tuple[float, float]:
    """Start a gateway and kill it; returns the seconds until it said that it has started, and its processor's share."""
    log = folder / "log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "run", "--config", str(config)], stdout=output)
    while b'"started"' not in log.read_bytes():
        if process.poll() is not None:
            sys.exit(log.read_text())
        time.sleep(0.005)
    took = time.monotonic() - began
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    process.send_signal(signal.SIGKILL)  # so that the next start has as much to give back
    process.wait()
    return took, (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def configuration(folder: Path) -> dict[str, Any]:
    """Return one account and one operator that is not there."""
    return {
        "node": "bench",
        "store": f"sqlite:///{folder}/gateway.db",
        "smpp": {"listen": [f"127.0.0.1:{free_port()}"]},
        "web": None,
        "metrics": None,
        "accounts": {"app": {"password": "secret"}},
        "operators": {"op": {"host": "127.0.0.1", "port": free_port(), "system_id": "gw", "password": "secret"}},
        "routes": [{"prefixes": [""], "operators": ["op"]}],
    }


def main() -> None:
    """Fill, start a few times, and print what each took."""
    with tempfile.TemporaryDirectory(prefix="stopgate-bench-") as name:
        folder = Path(name)
        config = folder / "gateway.yaml"
        config.write_text(json.dumps(configuration(folder)))  # JSON is YAML
        began = time.monotonic()
        fill(folder / "gateway.db")
        size = (folder / "gateway.db").stat().st_size / 1e9
        print(f"{NUMBERS:,} numbers and {ROWS:,} rows, {size:.1f} GB, filled in {time.monotonic() - began:.0f} s")
        for run in range(RUNS):
            took, busy = start(config, folder)
            print(f"start {run + 1}: {took:.2f} s, of them {busy:.2f} s of the processor")


if __name__ == "__main__":
    main()

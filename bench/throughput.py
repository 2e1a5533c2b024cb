"""How many messages a second go from app to operator and their receipts back, all durable, and how long each takes.

Drives the real daemon, as a process of its own, with smppload: a fake app and a fake operator that keep books. It is
found through the environment variable SMPPLOAD, or built with cargo from ../shared/tools/smppload; without either this
benchmark says so and ends. Figures of one run belong together: compare ratios, not days.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway.demo.loopback import free_port

SOURCES = Path(__file__).resolve().parents[2] / "shared" / "tools" / "smppload"
CACHE = Path.home() / ".cache" / "smppload"
SECONDS = float(os.environ.get("BENCH_SECONDS", "20"))
SESSIONS, WINDOW = 8, 100
NO_TOOL = "smppload is not at hand: set SMPPLOAD, or install cargo beside its sources; nothing measured"
PAYLOAD = "gsm=70,gsm160=15,ucs2=10,udh=5"
CONFIG = """
node: bench
store: sqlite:///{folder}/gateway.db
log: {{level: warning}}
smpp: {{listen: ["127.0.0.1:{app}"]}}
web: {{listen: null}}
metrics: {{listen: null}}
accounts:
  app: {{password: secret, kind: marketing, publisher: Bench, rate: null, window: {window}, max_binds: 64}}
operators:
  bench: {{host: 127.0.0.1, port: {operator}, system_id: gw, password: secret, window: 1000, rate: null}}
routes:
  - {{prefixes: [""], operators: [bench]}}
"""


def smppload() -> str | None:
    """Return the load tool, building it where it can be built."""
    named = os.environ.get("SMPPLOAD")
    if named or not SOURCES.is_dir() or shutil.which("cargo") is None:
        return named
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--target-dir", str(CACHE)],
        cwd=SOURCES,
        check=True,
    )
    return str(CACHE / "release" / "smppload")


def wait_until_open(port: int) -> None:
    """Wait until somebody listens on ``port``."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"nobody listens on port {port}")


def measure(tool: str, *options: str) -> dict[str, Any]:
    """Run one load through a fresh gateway and return the books of all three, and what the gateway took."""
    with tempfile.TemporaryDirectory() as folder:
        app, operator = free_port(), free_port()
        config = Path(folder, "gateway.yaml")
        config.write_text(CONFIG.format(folder=folder, app=app, operator=operator, window=WINDOW), encoding="utf-8")
        sent, acks = f"{folder}/operator.log", f"{folder}/acks.log"
        smsc = subprocess.Popen(
            [tool, "smsc", "--listen", f"127.0.0.1:{operator}", "--dlr-delay", "100", "--log", sent, "--quiet", "yes"],
            stdout=subprocess.PIPE,
        )
        wait_until_open(operator)
        gateway = subprocess.Popen([sys.executable, "-m", "gateway", "run", "--config", str(config)])
        wait_until_open(app)
        load = ["--sessions", str(SESSIONS), "--window", str(WINDOW), "--payload", PAYLOAD, "--seconds", str(SECONDS)]
        books = ["--acklog", acks, "--quiet", "yes", "--drain", "20", "--warmup", "3"]
        target = ["--connect", f"127.0.0.1:{app}"]
        esme = subprocess.run([tool, "esme", *target, *load, *books, *options], stdout=subprocess.PIPE, check=False)
        memory = resident(gateway.pid)
        gateway.terminate()
        gateway.wait(30)
        smsc.send_signal(signal.SIGINT)
        smsc.wait(30)
        audit = subprocess.run([tool, "audit", "--acklog", acks, "--log", sent], stdout=subprocess.PIPE, check=False)
        return {"esme": json.loads(esme.stdout), "audit": json.loads(audit.stdout), "memory": memory}


def resident(pid: int) -> int:
    """Return the MiB that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def show(title: str, run: dict[str, Any]) -> None:
    """Print one run."""
    esme, audit = run["esme"], run["audit"]
    submit, receipt = esme["submit_latency"], esme["dlr_latency"]
    print(
        f"{title:22} {esme['accept_per_s']:8.0f}/s accepted {esme['complete_per_s']:8.0f}/s complete"
        f"  submit p50 {submit['p50_ms']:6.1f} p99 {submit['p99_ms']:6.1f} ms  receipt p99 {receipt['p99_ms']:6.1f} ms"
        f"  lost {audit['lost']:.0f} duplicated {audit['duplicated']:.0f}"
        f"  receipts missing {esme['dlr_missing']} twice {esme['dlr_duplicate']}  {run['memory']} MiB"
    )


def main() -> None:
    """Measure at full speed, and the latency at half of it."""
    tool = smppload()
    if tool is None:
        print(NO_TOOL)
        return
    full = measure(tool)
    show("as fast as it goes", full)
    half = max(1, int(full["esme"]["complete_per_s"] / 2))
    show(f"at {half}/s", measure(tool, "--rate", str(half)))


if __name__ == "__main__":
    main()

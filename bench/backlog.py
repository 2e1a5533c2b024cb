"""A million messages that wait for an operator that is down, and a million receipts that wait for an app.

Measures what a full spool costs: memory, the time in which an operator that returns gets everything, in order; the time
that an app takes to bind, and what its backlog of receipts does to another account's traffic. The spool is filled
through the store, not through SMPP. BENCH_ROWS says how many; smppload as in bench/throughput.py.
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
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.throughput import NO_TOOL, resident, smppload, wait_until_open
from gateway.demo.loopback import free_port
from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp
from gateway.store import messages, spool
from gateway.store.messages import Message
from gateway.store.spool import Spooled
from gateway.store.url import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.base import Store, Tx

    Maker = Callable[[Tx, int], list[Spooled]]

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
_AT_ONCE = 5_000
_DAY = 86_400_000
_STEP = 10.0  # seconds between two looks


def configuration(folder: str, app: int, operator: int) -> dict[str, Any]:
    """Return two accounts and one operator."""
    account = {"password": "secret", "publisher": "Bench", "rate": None, "window": 100, "max_binds": 64}
    peer = {
        "host": "127.0.0.1",
        "port": operator,
        "system_id": "gw",
        "password": "secret",
        "window": 1000,
        "rate": None,
    }
    return {
        "node": "bench",
        "store": f"sqlite:///{folder}/gateway.db",
        "log": {"level": "error"},
        "smpp": {"listen": [f"127.0.0.1:{app}"]},
        "web": None,
        "metrics": None,
        "accounts": {"big": account, "app": account},
        "operators": {"op": {**peer, "window": 1000, "rate": None, "reconnect": {"initial": "1s", "maximum": "1s"}}},
        "routes": [{"prefixes": [""], "operators": ["op"]}],
    }


def messages_for_an_operator(tx: Tx, first: int) -> list[Spooled]:
    """Return some messages of an account, with their number in the text."""
    rows = []
    for number in range(first, min(first + _AT_ONCE, ROWS)):
        identifier, to = tx.new_id(), f"336{number:08}"
        message = Message(identifier, "big", 5, 0, "BENCH", 1, 1, to, to, tx.now, 0, "appended", "", 1, 1)
        messages.add(tx, [message])
        body = message_body(smpp.SUBMIT_SM, ("BENCH", to), {"short_message": f"{number:08} STOP 36034".encode()}, None)
        lane = spool.operator_lane("op")
        rows.append(Spooled(tx.new_id(), lane, identifier, to, smpp.SUBMIT_SM, body, 0, tx.now + _DAY, account="big"))
    return rows


def receipts_for_an_app(tx: Tx, first: int) -> list[Spooled]:
    """Return some receipts."""
    text = (
        b"id:0123456789abcdef sub:001 dlvrd:001 submit date:2611241200 done date:2611241200 stat:DELIVRD err:000 text:"
    )
    body = message_body(smpp.DELIVER_SM, ("33612345678", "BENCH"), {"short_message": text, "esm_class": 4}, None)
    lane = spool.account_lane("big")
    count = min(_AT_ONCE, ROWS - first)
    return [Spooled(tx.new_id(), lane, 0, "", smpp.DELIVER_SM, body, 0, tx.now + _DAY) for _ in range(count)]


async def fill(store: Store, make: Maker) -> None:
    """Write all rows, some in each commit."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        for first in range(0, ROWS, _AT_ONCE):
            await store.transact(lambda tx: spool.add(tx, make(tx, first)))  # noqa: B023 (run before the next turn)
        nursery.cancel_scope.cancel()


def start(folder: str, make: Maker) -> tuple[subprocess.Popen[bytes], int, int]:
    """Fill a spool and start a gateway on it; returns it, and the ports of the app's and the operator's side."""
    app, operator = free_port(), free_port()
    config = Path(folder, "gateway.yaml")
    settings = configuration(folder, app, operator)
    config.write_text(json.dumps(settings), encoding="utf-8")
    with closing(open_store(settings["store"], "bench", lambda *_: None)) as store:
        trio.run(fill, store, make)
    gateway = subprocess.Popen([sys.executable, "-m", "gateway", "run", "--config", str(config)])
    wait_until_open(app)
    return gateway, app, operator


def spooled(tool: str) -> None:
    """Let an operator return to a full spool."""
    with tempfile.TemporaryDirectory() as folder:
        gateway, _, port = start(folder, messages_for_an_operator)
        time.sleep(_STEP)
        down = resident(gateway.pid)
        log = Path(folder, "operator.log")
        command = [tool, "smsc", "--listen", f"127.0.0.1:{port}", "--dlr", "0", "--log", str(log), "--quiet", "yes"]
        smsc, began, most = subprocess.Popen(command, stdout=subprocess.PIPE), time.monotonic(), down
        count = 0
        while count < ROWS:
            time.sleep(1)
            most = max(most, resident(gateway.pid))
            count = sum(1 for _ in log.open("rb")) if log.exists() else 0
        took = time.monotonic() - began
        _end(gateway, smsc)
        numbers = [bytes.fromhex(line.split()[5])[:8] for line in log.read_text(encoding="ascii").splitlines()]
        order = sum(one > other for one, other in pairwise(numbers))
        print(
            f"{ROWS} messages to an operator that is down: {down} MiB, at most {most} MiB while it takes them, "
            f"{ROWS / took:.0f}/s; {len(set(numbers))} arrived, {len(numbers) - len(set(numbers))} twice, "
            f"{order} out of order"
        )


def waiting(tool: str) -> None:
    """Let an app bind that has a backlog of receipts, beside another that works."""
    for title, rows in (("no receipts wait", 0), (f"{ROWS} receipts wait", ROWS)):
        with tempfile.TemporaryDirectory() as folder:
            make = receipts_for_an_app if rows else lambda _tx, _first: []
            gateway, app, port = start(folder, make)
            smsc = subprocess.Popen(
                [tool, "smsc", "--listen", f"127.0.0.1:{port}", "--quiet", "yes"], stdout=subprocess.PIPE
            )
            wait_until_open(port)
            target = ("--connect", f"127.0.0.1:{app}", "--payload", "gsm=1", "--quiet", "yes", "--drain", "5")
            big = [tool, "esme", *target, "--system-id", "big", "--rate", "1", "--seconds", "20"]
            slow = subprocess.Popen([*big, "--sessions", "1"], stdout=subprocess.PIPE)
            load = [tool, "esme", *target, "--sessions", "4", "--rate", "500", "--seconds", "15", "--warmup", "3"]
            esme = json.loads(subprocess.run(load, stdout=subprocess.PIPE, check=False).stdout)
            slow.wait()
            memory = resident(gateway.pid)
            _end(gateway, smsc)
            submit, receipt = esme["submit_latency"], esme["dlr_latency"]
            print(
                f"{title}: another account at 500/s has submit p99 {submit['p99_ms']:.1f} ms, "
                f"receipt p99 {receipt['p99_ms']:.1f} ms; {memory} MiB"
            )


def _end(gateway: subprocess.Popen[bytes], smsc: subprocess.Popen[bytes]) -> None:
    gateway.terminate()
    gateway.wait(30)
    smsc.send_signal(signal.SIGINT)
    smsc.wait(30)


def main() -> None:
    """Measure both."""
    tool = smppload()
    if tool is None:
        print(NO_TOOL)
        return
    spooled(tool)
    waiting(tool)


if __name__ == "__main__":
    main()

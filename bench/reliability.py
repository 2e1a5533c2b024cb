"""Three nodes on one PostgreSQL under smppload's full load, and what befalls them; what was lost, and what came twice.

The tests (tests/faults/test_nodes.py) judge the same faults under a lighter load, opt-outs included. Here the load is
whatever the machine carries, and each fault is repeated for as long as BENCH_SECONDS says.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import throughput as single
from bench.nodes import SETTINGS, Machine
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = 3
SECONDS = float(os.environ.get("BENCH_SECONDS", "25"))
TAKEOVER = 9.0  # seconds, more than a lease
RATE = os.environ.get("BENCH_RATE", "600")  # messages a second at each node


def kill(machine: Machine, _server: postgres.Server, turn: int) -> None:
    """Kill a node, each in its turn, and start it again."""
    number = turn % NODES
    machine.gateways[number].kill()
    machine.gateways[number].wait()
    time.sleep(random.uniform(0.0, 1.0))
    machine.gateways[number] = machine.launch(number)
    single.wait_until_open(machine.apps[number])


def freeze(machine: Machine, _server: postgres.Server, turn: int) -> None:
    """Freeze a node until others have taken over its work, and wake it."""
    frozen = machine.gateways[turn % NODES]
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(TAKEOVER)
    frozen.send_signal(signal.SIGCONT)


def stop_database(_machine: Machine, server: postgres.Server, turn: int) -> None:
    """Stop PostgreSQL, politely and at once in turn, and start it again."""
    server.stop(("fast", "immediate")[turn % 2])
    time.sleep(random.uniform(0.0, 2.0))
    server.start()


def cut(_machine: Machine, server: postgres.Server, _turn: int) -> None:
    """End all sessions of one node in the database, whatever they are in the middle of."""
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stopgate/gw1'")


FAULTS: dict[str, tuple[Callable[[Machine, postgres.Server, int], None], float]] = {
    "kill -9 of one node": (kill, 3.0),
    "freeze for longer than the lease": (freeze, 5.0),
    "PostgreSQL stopped and started": (stop_database, 5.0),
    "one node's sessions ended": (cut, 0.5),
}


def endure(tool: str, name: str) -> None:
    """Load three nodes while one fault is repeated, and print what became of it."""
    fault, pause = FAULTS[name]
    with postgres.server(**SETTINGS) as server:
        space = server.create()
        with Machine(tool, server.url(space), NODES) as machine:
            options = ("--sessions", "3", "--window", "50", "--rate", RATE, "--seconds", str(SECONDS))
            apps = machine.load(*options, "--reconnect", "60", "--drain", "40")
            ends, turn = time.monotonic() + SECONDS - TAKEOVER, 0
            time.sleep(3)
            while time.monotonic() < ends:
                fault(machine, server, turn)
                turn += 1
                time.sleep(pause * random.uniform(0.5, 1.5))
            runs = [json.loads(app.communicate()[0]) for app in apps]
            machine.stop()
            audit = machine.audit()
        ((parts,),) = server.execute(f"SELECT count(*) FROM {space}.held")
        server.drop(space)
    show(name, turn, runs, audit | {"lost": audit["lost"] - parts, "parts": parts})


def show(name: str, turns: int, runs: list[dict[str, float]], audit: dict[str, float]) -> None:
    """Print one line for one fault; parts that wait for one that was refused, and not sent again, are not lost."""
    total = {
        what: sum(run[what] for run in runs) for what in ("accepted", "unanswered", "dlr_missing", "dlr_duplicate")
    }
    print(
        f"{name:34} {turns:4} times  {total['accepted']:8.0f} accepted {total['unanswered']:6.0f} unanswered"
        f"  lost {audit['lost']:.0f}  duplicated {audit['duplicated']:5.0f}"
        f"  receipts missing {total['dlr_missing'] - audit['parts']:.0f} twice {total['dlr_duplicate']:.0f}"
        f"  waiting {audit['parts']}, parts of messages that are not complete",
        flush=True,
    )


def main() -> None:
    """Endure every fault, or those that the arguments name by a word."""
    tool = single.smppload()
    if tool is None:
        print(single.NO_TOOL)
        return
    try:
        for name in FAULTS:
            if not sys.argv[1:] or any(word in name for word in sys.argv[1:]):
                endure(tool, name)
    except postgres.MissingError as missing:
        print(f"{missing}; nothing measured")


if __name__ == "__main__":
    main()

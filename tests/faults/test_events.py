"""What may befall a machine under load: what was acknowledged holds, and sent again is only what was in doubt."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.faults.endure import LONG, MESSAGES, Books, endure, told
from tests.faults.process import SIGCONT, SIGSTOP
from tests.faults.skewed import SECONDS
from tests.faults.weather import Weather

pytestmark = pytest.mark.faults

HOUR = 3_600  # seconds
LOCKED = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=300)
for _ in range(3):
    database.execute("BEGIN EXCLUSIVE")
    time.sleep(float(sys.argv[2]))
    database.execute("COMMIT")
    time.sleep(1)
"""


@pytest.mark.parametrize("how", [Weather.DOWN, Weather.SILENT], ids=["hangs_up", "falls_silent"])
def test_app_that_vanishes(tmp_path, capsys, how):
    """An app that is gone with answers due loses none of what was answered, and gets its receipts when it is back."""
    times, seconds = (10, 3.0) if LONG else (3, 0.7)

    async def meanwhile(peers):
        for _ in range(times):
            peers.app_side.turn(how)
            await trio.sleep(seconds)
            peers.app_side.turn(Weather.DOWN)  # what fell silent never comes back
            peers.app_side.turn(Weather.FAIR)
            await trio.sleep(seconds)

    books = trio.run(endure, tmp_path, meanwhile)
    told(capsys, f"app: {how.value}, {times} times with answers due", "what was answered holds", books)


def test_database_locked_by_another_process(tmp_path, capsys):
    """While another process keeps the database to itself nothing is promised; then all goes on."""
    seconds = 20.0 if LONG else 3.0

    async def meanwhile(_peers):
        await trio.run_process([sys.executable, "-c", LOCKED, str(tmp_path / "gateway.db"), str(seconds)])

    books = trio.run(endure, tmp_path, meanwhile)
    told(capsys, f"database locked by another process, 3 times for {seconds:.0f} s", "nothing lost", books)


def test_clock_that_jumps(tmp_path, capsys):
    """A clock that goes forward an hour, back two and forward one again loses nothing and repeats no id."""
    seconds = 10.0 if LONG else 1.0
    off = tmp_path / "off"
    off.write_bytes(SECONDS.pack(0))

    async def meanwhile(_peers):
        for jump in (HOUR, -HOUR, 0) * (3 if LONG else 1):
            with off.open("r+b") as file:
                file.write(SECONDS.pack(jump))
            await trio.sleep(seconds)

    def skewed(peers):
        peers.gateway.prefix = [sys.executable, str(Path(__file__).with_name("skewed.py")), str(off)]
        peers.cut = None  # parts an hour apart are no message, they expire

    books = trio.run(endure, tmp_path, meanwhile, skewed)
    told(capsys, "clock: forward an hour, back two, forward one", "nothing lost, nothing twice", books)


def test_stopped_for_a_while(tmp_path, capsys):
    """A process that does not run for a while (SIGSTOP) goes on where it was."""
    seconds = 60.0 if LONG else 3.0

    async def meanwhile(peers):
        peers.gateway.signal(SIGSTOP)
        await trio.sleep(seconds)
        peers.gateway.signal(SIGCONT)

    books = trio.run(endure, tmp_path, meanwhile)
    told(capsys, f"SIGSTOP for {seconds:.0f} s", "nothing lost", books)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace")
@pytest.mark.skipif(not (shutil.which("ip") and shutil.which("unshare")), reason="needs ip and unshare")
def test_network_cut(tmp_path, capsys):
    """A network that is cut without a FIN, and back: what was answered holds, what was in doubt is sent again."""
    seconds = 10.0 if LONG else 3.0
    command = ["unshare", "--net", sys.executable, "-m", "tests.faults.cut", str(tmp_path), str(seconds)]
    if subprocess.run(["unshare", "--net", "true"], check=False).returncode:
        pytest.skip("no network namespace may be made here")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    books = Books(*json.loads(done.stdout))
    assert books.accepted > MESSAGES
    told(capsys, f"network cut without FIN, 3 times for {seconds:.0f} s", "nothing lost", books)

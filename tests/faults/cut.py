"""A trial of its own network: everything in a namespace whose only interface goes down and up again, without a word.

Started by test_events.py in a fresh namespace: ``unshare --net python -m tests.faults.cut FOLDER SECONDS``.
"""

import json
import subprocess
import sys
from pathlib import Path

import trio

from tests.faults.endure import LONG, endure


def loopback(state):
    """Take the interface up or down; what is sent meanwhile is lost, and nobody is told."""
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


async def cut(_peers, seconds):
    """Cut all connections, three times in the long version."""
    for _ in range(3 if LONG else 1):
        loopback("down")
        await trio.sleep(seconds)
        loopback("up")
        await trio.sleep(seconds)


if __name__ == "__main__":
    loopback("up")
    books = trio.run(endure, Path(sys.argv[1]), lambda peers: cut(peers, float(sys.argv[2])))
    print(json.dumps(books))

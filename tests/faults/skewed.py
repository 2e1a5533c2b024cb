"""Runs a command of the gateway by a clock that is off by as many seconds as a file says, from one moment to the next.

skewed.py FILE PYTHON -m gateway …
"""

import mmap
import runpy
import struct
import sys
import time

SECONDS = struct.Struct("<q")


def skew(path):
    """Let the wall clock be off by what the file says now."""
    with open(path, "rb") as file:  # noqa: PTH123 (what mmap wants)
        memory = mmap.mmap(file.fileno(), SECONDS.size, prot=mmap.PROT_READ)
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + SECONDS.unpack_from(memory)[0]
    time.time_ns = lambda: nanoseconds() + SECONDS.unpack_from(memory)[0] * 1_000_000_000


if __name__ == "__main__":
    skew(sys.argv[1])
    sys.argv = sys.argv[4:]
    sys.path.insert(0, "")
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

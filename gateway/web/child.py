"""A process of ours that cannot outlive us, whatever either of us dies of, and whose log comes out within ours.

Signals of a terminal and of systemd go to all processes; here they are blocked from the start: they are for who started
it. What it writes to standard output is read line by line, so two processes never write into each other's lines.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from gateway.web.courtesy import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NOT_ITS_OWN = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP}
_CHUNK = 65_536
_LONGEST = 1 << 20  # octets of a line; a longer one is passed on in pieces
_PR_SET_PDEATHSIG = 1  # prctl(2)
_MILDER = 5  # steps of niceness
_DISPENSABLE = "500"  # of 1,000: who goes first when memory runs out


class Child:
    """A process that was started from the main thread, which it ends with.

    Args:
        command: what it runs; it calls :func:`settle` first.
        descriptors: what it has of ours, beside standard error; further ones are closed.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], descriptors: Sequence[int]) -> None:
        reading, writing = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _NOT_ITS_OWN)
        try:
            # Not in a thread of the pool: the system would take the end of that one for ours.
            self._process = subprocess.Popen(  # noqa: S603 (a command of ours)
                command, stdin=subprocess.DEVNULL, stdout=writing, pass_fds=descriptors
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(writing)
        self._output = trio.lowlevel.FdStream(reading)
        self._line = b""

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def turns(self) -> dict[str, Turn]:
        """Return how each of its threads has fared so far; nothing where nobody knows.

        Source: schedstat of each (the kernel's Documentation/scheduler/sched-stats.rst), whose figures are zero where
        the kernel does not keep them.
        """
        turns = {}
        for thread in Path(f"/proc/{self.pid}/task").glob("*"):
            with suppress(OSError):  # it has just ended
                ran, waited, _times = map(int, (thread / "schedstat").read_text(encoding="ascii").split())
                turns[thread.name] = Turn(ran / 1e9, waited / 1e9)
        return turns if any(turn.ran for turn in turns.values()) else {}

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    async def run(self, tell: Callable[[bytes], None]) -> int:
        """Hand its lines on until it has ended; returns its status. Cancelled, this ends it."""
        try:
            await self._read(tell)
        finally:
            self.kill()
            with trio.CancelScope(shield=True):
                await self._read(tell)  # what it said last
                if self._line:
                    tell(self._line)
                await self._output.aclose()
                status = await trio.to_thread.run_sync(self._process.wait)
        return status

    async def _read(self, tell: Callable[[bytes], None]) -> None:
        async for octets in self._output:
            *lines, self._line = (self._line + octets).split(b"\n")
            if len(self._line) > _LONGEST:
                lines, self._line = [*lines, self._line], b""
            for line in lines:
                tell(line)


def settle() -> None:
    """Make this process, which is a :class:`Child`, one that ends with who started it and that gives way to it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a process that stands still would keep the ports
    with suppress(OSError):  # not everybody is let
        os.nice(_MILDER)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_DISPENSABLE, encoding="ascii")


def give_way() -> bool:
    """Have this process run only while nobody else wants its processor, from now on; returns whether it does.

    Where it may not, nothing changes. Being nice is not enough: a process that has begun is left alone for
    milliseconds, however nice it is (sched(7)).
    """
    try:
        for thread in Path("/proc/self/task").iterdir():  # those to come take after the one that starts them
            with suppress(ProcessLookupError):  # it has just ended
                os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
    except OSError:  # not everybody is let
        return False
    return True

"""A process of ours: its lines come whole, it gives way, and it ends when it is told to."""

import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from gateway.web.child import Child
from gateway.web.courtesy import Turn

LINES = "print('a' * 200_000); print('b'); print('c', end='')"
SETTLED = (
    "import os; from pathlib import Path; from gateway.web.child import settle; settle();"
    "print(os.nice(0), Path('/proc/self/oom_score_adj').read_text())"
)
YIELDING = (
    "import os, threading; from gateway.web.child import give_way;"
    "threads = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(2)];"
    "[thread.start() for thread in threads]; print(give_way());"
    "print(*{os.sched_getscheduler(int(thread)) for thread in os.listdir('/proc/self/task')}, len(threads))"
)
FORBIDDEN = (  # by a seccomp filter, as of a container: load the call's number, compare, refuse, allow
    "import ctypes, errno, os, struct; from gateway.web.child import give_way;"
    "call = {'x86_64': 144, 'aarch64': 119}[os.uname().machine];"
    "code = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (6, 0, 0, 0x50000 | errno.EPERM), (6, 0, 0, 0x7FFF0000)];"
    "code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *each) for each in code));"
    "code = ctypes.create_string_buffer(struct.pack('HP', 4, ctypes.addressof(code))), code;"
    "prctl = ctypes.CDLL(None).prctl;"
    "assert not prctl(38, 1, 0, 0, 0) and not prctl(22, 2, code[0]), 'no filter';"
    "print(give_way(), os.sched_getscheduler(0))"
)
WAITING = "import time; print('here', flush=True); time.sleep(1_000)"


def child(program, *descriptors):
    """Start a process that runs a program."""
    return Child([sys.executable, "-c", program], descriptors)


def opened():
    """Return this process's descriptors."""
    return list(Path("/proc/self/fd").iterdir())


async def test_lines():
    """Whatever it writes comes a line at a time, however long one is, to the very last."""
    lines = []
    assert await child(LINES).run(lines.append) == 0
    assert lines == [b"a" * 200_000, b"b", b"c"]


async def test_gives_way():
    """It has a lower priority than who started it, and goes first when memory runs out."""
    lines = []
    assert await child(SETTLED).run(lines.append) == 0
    assert lines[0].split() == [b"%d" % (os.nice(0) + 5), b"500"]


async def test_gives_way_entirely():
    """All its threads run only while nobody else wants the processor, those that wait for something, too."""
    lines = []
    assert await child(YIELDING).run(lines.append) == 0
    assert lines == [b"True", b"%d 2" % os.SCHED_IDLE]


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="calls have other numbers here")
async def test_may_not_give_way():
    """Where the system does not let it, it says so and keeps its share."""
    lines = []
    assert await child(FORBIDDEN).run(lines.append) == 0
    assert lines == [b"False %d" % os.SCHED_OTHER]


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count turns")
async def test_turns():
    """How long it has run and waited for a processor is known of each of its threads, until it ends."""
    waiting = child(WAITING)
    async with trio.open_nursery() as nursery:

        def heard(_line):
            [(thread, turn)] = waiting.turns().items()
            assert thread == str(waiting.pid)
            assert 0 < turn.ran < trio.current_time()
            assert 0 <= turn.waited < trio.current_time()
            nursery.cancel_scope.cancel()

        nursery.start_soon(waiting.run, heard)
    assert waiting.turns() == {}


@pytest.mark.parametrize(
    ("figures", "turns"),
    [("3000000000 2000000000 7\n", [Turn(3.0, 2.0)]), ("0 2000000000 7\n", []), ("0 0 0\n", [])],
    ids=["counted", "never ran", "not counted"],
)
async def test_figures_of_turns(monkeypatch, figures, turns):
    """What the kernel says is in nanoseconds, running first; figures that are zero are none."""
    waiting = child(WAITING)
    async with trio.open_nursery() as nursery:

        def heard(_line):
            monkeypatch.setattr(Path, "read_text", lambda *_, **__: figures)
            assert list(waiting.turns().values()) == turns
            monkeypatch.undo()
            nursery.cancel_scope.cancel()

        nursery.start_soon(waiting.run, heard)


async def test_signals_for_others():
    """What a terminal sends to all does nothing to it, from its first moment on; who started it still heeds that."""
    before, lines = signal.pthread_sigmask(signal.SIG_BLOCK, ()), []
    waiting = child(WAITING)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(waiting.pid, number)
    async with trio.open_nursery() as nursery:

        def heard(line):
            lines.append(line)
            nursery.cancel_scope.cancel()

        nursery.start_soon(waiting.run, heard)
    assert lines == [b"here"]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


async def test_cancelled():
    """Cancelling who waits for it ends it."""
    waiting = child(WAITING)
    with trio.CancelScope() as scope:
        await waiting.run(lambda _: scope.cancel())
    with pytest.raises(ProcessLookupError):
        os.kill(waiting.pid, 0)


async def test_no_program():
    """What cannot be started says so, and leaves nothing open."""
    before = len(opened())
    with pytest.raises(FileNotFoundError):
        Child(["/nowhere/python"], [])
    assert len(opened()) == before

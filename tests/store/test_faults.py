"""Faults under the store: a full disk, a dying disk, a killed process. Nothing lost was ever acknowledged."""

import os
import signal
import subprocess
import sys
from contextlib import closing

import apsw
import pytest
import trio

from gateway.store.base import StoreError, StoreFullError
from gateway.store.sqlite import SqliteStore
from tests.store.helpers import Flow
from tests.store.members import PATIENCE

DISK = 1 << 20  # octets
PIECE = b"x" * 3_000


async def table(store):
    """Create a table for pieces."""
    await store.once(lambda tx: tx.rows("CREATE TABLE piece (number INTEGER PRIMARY KEY, octets BLOB)"))


def write(tx, items):
    """Write a piece for each item, one statement each."""
    for item in items:
        tx.rows("INSERT INTO piece VALUES (?, ?)", (item, PIECE))


def write_at_once(tx, items):
    """Write a piece for each item, all in one statement."""
    tx.insert("piece", [(item, PIECE) for item in items])


async def pieces(store):
    """Return the numbers of the pieces."""
    return [number for (number,) in await store.once(lambda tx: tx.rows("SELECT number FROM piece ORDER BY number"))]


def numbers(told):
    """Return the items of what a flow was told."""
    return [item for items, _ in told for item in items]


@pytest.fixture
def path(tmp_path):
    """Offer a place for a database."""
    return tmp_path / "gateway.db"


@pytest.fixture
def small_disk(tmp_path):
    """Offer a disk of one mebibyte."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


class DyingDisk(apsw.VFS):
    """A file system on which one operation (xWrite, xSync, …) fails while ``failing`` names it."""

    def __init__(self):
        super().__init__("dying", "unix", makedefault=True)
        self.failing = None

    def xOpen(self, name, flags):  # noqa: N802 (SQLite's name)
        """Open a file of this file system."""
        return DyingFile(self, name, flags)

    def check(self, operation):
        """Fail if this is what fails now."""
        if self.failing == operation:
            raise apsw.IOError(operation)


class DyingFile(apsw.VFSFile):
    """A file on a dying disk."""

    def __init__(self, disk, name, flags):
        super().__init__("unix", name, flags)
        self._disk = disk

    def xWrite(self, octets, offset):  # noqa: N802 (SQLite's name)
        """Write, unless that fails."""
        self._disk.check("xWrite")
        super().xWrite(octets, offset)

    def xSync(self, flags):  # noqa: N802 (SQLite's name)
        """Sync, unless that fails."""
        self._disk.check("xSync")
        super().xSync(flags)


@pytest.fixture
def dying_disk():
    """Put every database opened meanwhile on a disk that can be told to fail."""
    disk = DyingDisk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("work", [write, write_at_once])
async def test_full_database_takes_all_or_nothing(path, work):
    """When the room ends in the middle of a batch, all of it fails with the right reason and none of it is there."""
    with closing(SqliteStore(path)) as store:
        await table(store)
        [(pages,)] = await store.once(lambda tx: tx.rows("PRAGMA page_count"))
        await store.once(lambda tx: tx.rows(f"PRAGMA max_page_count = {pages + 3}"))
        first, second = Flow(work, 10), Flow(work, 20)
        store.attach(first.batch)
        store.attach(second.batch)
        first.batch.put_all(range(16))
        second.batch.put(99)
        await store.round()
        assert first.done == second.done == []
        assert [items for items, _ in first.failed] == [list(range(16))]
        assert [items for items, _ in second.failed] == [[99]]
        assert {type(error) for _, error in first.failed + second.failed} == {StoreFullError}
        assert not store.healthy
        assert await pieces(store) == []
        assert store.healthy


async def test_full_database_that_the_work_hides(path):
    """Work that swallows the database's error, and goes on or raises another, is not committed in part either."""

    def stubborn(tx, items):
        try:
            write(tx, range(10))
        except apsw.FullError:
            if items == ["raises"]:
                raise ValueError from None

    with closing(SqliteStore(path)) as store:
        await table(store)
        [(pages,)] = await store.once(lambda tx: tx.rows("PRAGMA page_count"))
        await store.once(lambda tx: tx.rows(f"PRAGMA max_page_count = {pages + 3}"))
        for item in ("goes on", "raises"):
            flow = Flow(stubborn)
            store.attach(flow.batch)
            flow.batch.put(item)
            await store.round()
            assert flow.done == []
            assert numbers(flow.failed) == [item]
            assert await pieces(store) == []


async def test_full_disk(small_disk, logged):
    """On a full disk nothing is acknowledged and the sentence says so; with room again all goes on by itself."""
    with closing(SqliteStore(small_disk / "gateway.db")) as store:
        await table(store)
        ballast = small_disk / "ballast"
        flow = Flow(write)
        store.attach(flow.batch)
        waiting = 0
        ballast.write_bytes(b"x" * (DISK // 2))
        while not flow.failed:
            flow.batch.put_all(range(waiting, waiting + 10))
            waiting += 10
            await store.round()
        [(_, error)] = flow.failed
        assert isinstance(error, StoreFullError)
        assert str(error).endswith("gateway.db: no space left on the disk; free some, the gateway goes on by itself")
        assert not store.healthy
        ballast.unlink()
        assert await pieces(store) == numbers(flow.done)
        flow.batch.put_all(numbers(flow.failed))
        await store.round()
        assert store.healthy
        assert await pieces(store) == list(range(waiting))
    assert [each["event"] for each in logged] == ["store_failed", "store_recovered"]


async def test_full_disk_is_tried_again(small_disk):
    """A flow that puts failed items back is served as soon as there is room, without anybody asking."""
    told = trio.Event()
    with closing(SqliteStore(small_disk / "gateway.db")) as store:
        await table(store)
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * _room(small_disk))
        flow = Flow(write)

        def failed(items, error):
            flow.failed.append((items, error))
            ballast.unlink(missing_ok=True)
            flow.batch.put_all(items)

        flow.batch.failed = failed
        flow.batch.done = lambda _items, _result: told.set()
        store.attach(flow.batch)
        flow.batch.put_all(range(20))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            with trio.fail_after(PATIENCE):
                await told.wait()
            nursery.cancel_scope.cancel()
        assert len(flow.failed) == 1
        assert await pieces(store) == list(range(20))


def _room(folder):
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def test_full_disk_at_start(small_disk):
    """A disk that is full when we start is reported as such."""
    (small_disk / "ballast").write_bytes(b"x" * _room(small_disk))
    with pytest.raises(StoreError, match=r"gateway\.db: (no space left on the disk|cannot be)"):
        SqliteStore(small_disk / "gateway.db")


@pytest.mark.parametrize("operation", ["xWrite", "xSync"])
async def test_dying_disk(path, dying_disk, operation):
    """A commit that the disk did not write, or did not sync, is not acknowledged; afterwards it can be repeated."""
    with closing(SqliteStore(path)) as store:
        await table(store)
        flow = Flow(write)
        store.attach(flow.batch)
        dying_disk.failing = operation
        flow.batch.put_all([1, 2])
        await store.round()
        assert flow.done == []
        [(items, error)] = flow.failed
        assert items == [1, 2]
        assert "cannot be read or written; check the disk" in str(error)
        assert not store.healthy
        dying_disk.failing = None
        assert await pieces(store) == []
        flow.batch.put_all(items)
        await store.round()
        assert numbers(flow.done) == [1, 2]
        assert store.healthy
        assert await pieces(store) == [1, 2]


ENDLESS = """
import sys
import trio
from gateway.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1])
    await store.once(lambda tx: tx.rows("CREATE TABLE piece (number INTEGER PRIMARY KEY, octets BLOB)"))
    number = 0
    while True:
        number += 1
        await store.once(lambda tx: tx.rows("INSERT INTO piece VALUES (?, zeroblob(3000))", (number,)))
        print(number, flush=True)

trio.run(main)
"""


@pytest.mark.faults
def test_killed(path):
    """After kill -9 in the middle of writing, everything that was acknowledged is there."""
    writer = subprocess.Popen([sys.executable, "-c", ENDLESS, path], stdout=subprocess.PIPE, text=True)
    with writer:
        for _ in range(300):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = 300 + len(writer.stdout.readlines())
    with closing(SqliteStore(path)) as store:
        found = trio.run(pieces, store)
        assert found == list(range(1, len(found) + 1))
        assert acknowledged <= len(found) <= acknowledged + 1

"""The embedded store's own: its file, its locks, and what it says when it cannot have them."""

import os
import stat
import time
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw  # locks within one process hold only within one copy of SQLite
import pytest
import trio

from gateway.store import blacklist, spool, sqlite_file
from gateway.store.base import StoreError, TakenError
from gateway.store.blacklist import Entry
from gateway.store.sqlite import SqliteStore
from tests.store.helpers import Flow, Gate, spooled

NOBODY = 65_534


@contextmanager
def unprivileged():
    """Be an ordinary user for a while: modes do not bind root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder():
    """Offer a folder that everybody may read but only its owner may write, unlike pytest's own."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def path(tmp_path):
    """Offer a place for a database."""
    return tmp_path / "gateway.db"


async def test_files_are_private(path):
    """The database and the files beside it can be read by their owner only, whatever the umask."""
    before = os.umask(0)
    try:
        with closing(SqliteStore(path)) as store:
            await store.once(lambda tx: tx.rows("CREATE TABLE t (a)"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["gateway.db", "gateway.db-wal", "gateway.db-shm"], 0o600)


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
async def test_durability_settings(path, pragma, value):
    """The log is written ahead and synced at every commit, on which every acknowledgement rests."""
    with closing(SqliteStore(path)) as store:
        assert await store.once(lambda tx: tx.rows(f"PRAGMA {pragma}")) == [(value,)]


async def test_done_comes_after_the_commit(path):
    """When a flow is told, another process can see its rows already; while its work runs it cannot."""
    with closing(SqliteStore(path)) as store, closing(apsw.Connection(str(path))) as other:
        await store.once(lambda tx: tx.rows("CREATE TABLE t (a)"))

        def seen():
            return other.execute("SELECT a FROM t").fetchall()

        flow = Flow(lambda tx, items: tx.insert("t", [(item,) for item in items]))
        flow.batch.done = lambda items, _result: flow.done.append((items, seen()))
        store.attach(flow.batch)
        assert seen() == []
        flow.batch.put_all([1, 2])
        await store.round()
    assert flow.done == [([1, 2], [(1,), (2,)])]


async def test_commits_are_observed(path):
    """Who observes is told of each commit: its seconds and the number of items, and nothing of an idle round."""
    observed = []
    with closing(SqliteStore(path, observe=lambda *commit: observed.append(commit))) as store:
        flow = Flow(lambda _tx, _items: None)
        store.attach(flow.batch)
        flow.batch.put_all([1, 2])
        await store.once(lambda _tx: None)
        await store.round()
    [(seconds, items)] = observed
    assert items == 3
    assert seconds > 0


async def test_clock_set_back(path, monkeypatch):
    """A clock that is set back, while we run or before we start again, repeats no identifier."""
    present, made = time.time_ns(), []

    async def make(store, hours_back):
        monkeypatch.setattr(time, "time_ns", lambda: present - hours_back * 3_600 * 10**9)
        row = await store.once(lambda tx: [tx.new_id() for _ in range(5_000)])
        await store.once(lambda tx: spool.add(tx, [spooled(tx, id=row[-1])]))
        made.extend(row)

    for hours_back in (0, 2):
        with closing(SqliteStore(path)) as store:
            await make(store, hours_back)
            await make(store, hours_back + 1)
    assert made == sorted(set(made))


async def test_rounds_never_overlap(path):
    """A round that is asked for while another is under way waits for its end."""
    with closing(SqliteStore(path)) as store:
        gate = Gate()
        async with trio.open_nursery() as nursery:
            insert = "INSERT INTO node (number, name) VALUES (?, ?)"
            nursery.start_soon(store.once, lambda tx: (gate.wait(), tx.rows(insert, (8, "first"))))
            await gate.entered.wait()
            nursery.start_soon(store.once, lambda tx: tx.rows(insert, (9, "second")))
            for _ in range(20):  # as many chances for the second to begin too early
                await trio.to_thread.run_sync(store.path.exists)
            gate.open()
        assert len(await store.once(lambda tx: tx.rows("SELECT name FROM node"))) == 3


async def test_pause_between_attempts(path):
    """A store that fails is tried again after a pause, however eager the flow is."""
    tried, enough = [], trio.Event()
    with closing(SqliteStore(path)) as store, closing(apsw.Connection(str(path))) as other:
        await store.once(lambda tx: tx.rows("PRAGMA busy_timeout = 1"))
        other.execute("BEGIN IMMEDIATE")

        def failed(items, _error):
            tried.append(trio.current_time())
            flow.batch.put_all(items)
            if len(tried) == 2:
                enough.set()

        flow = Flow(lambda _tx, _items: None)
        flow.batch.failed = failed
        store.attach(flow.batch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            flow.batch.put("a")
            await enough.wait()
            nursery.cancel_scope.cancel()
    assert tried[1] - tried[0] >= 0.2


def test_close_twice(path):
    """A store can be closed twice, and leaves nothing but its database behind."""
    store = SqliteStore(path)
    store.close()
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["gateway.db"]


def test_missing_folder(tmp_path):
    """A folder that is not there is named, and not created."""
    with pytest.raises(StoreError, match=r"/none/gateway\.db: the folder .*/none does not exist; create it"):
        SqliteStore(tmp_path / "none" / "gateway.db")
    assert list(tmp_path.iterdir()) == []


def test_folder_instead_of_a_file(tmp_path):
    """A folder is no database."""
    with pytest.raises(StoreError, match="cannot be opened for writing: Is a directory"):
        SqliteStore(tmp_path)


def test_read_only_file(open_folder):
    """A file that we may not write is refused at once, in a sentence that says what to check."""
    path = open_folder / "gateway.db"
    SqliteStore(path).close()
    path.chmod(0o444)
    with unprivileged(), pytest.raises(StoreError, match=r"gateway\.db: cannot be opened for writing: .*check owner"):
        SqliteStore(path)


def test_read_only_folder(open_folder):
    """A folder in which we may not create the database is refused."""
    open_folder.chmod(0o555)
    with unprivileged(), pytest.raises(StoreError, match="cannot be opened for writing: Permission denied"):
        SqliteStore(open_folder / "gateway.db")


def test_read_only_folder_around_a_writable_file(open_folder):
    """A database whose folder takes no log beside it is refused, and the folder is named as the reason."""
    path = open_folder / "gateway.db"
    SqliteStore(path).close()
    path.chmod(0o666)
    open_folder.chmod(0o555)
    with unprivileged(), pytest.raises(StoreError, match=r"is read-only; check .* of its folder"):
        SqliteStore(path)


@pytest.mark.parametrize("octets", [b"node: gw1\n" * 100, b"\0" * 4096, b"SQLite format 4\0" * 64])
def test_no_database(path, octets):
    """A file that is something else is refused and left untouched."""
    path.write_bytes(octets)
    with pytest.raises(StoreError, match=r"gateway\.db: is not a SQLite database; restore a backup"):
        SqliteStore(path)
    assert path.read_bytes() == octets


def test_empty_file(path):
    """An empty file becomes a database, as a new one would."""
    path.touch()
    SqliteStore(path).close()
    assert path.read_bytes().startswith(b"SQLite format 3\0")


def test_damaged(path):
    """A database with a damaged page is refused in a sentence."""
    SqliteStore(path).close()
    octets = path.read_bytes()
    path.write_bytes(octets[:100] + b"\xff" * (len(octets) - 100))
    with pytest.raises(StoreError, match="is damaged; restore a backup"):
        SqliteStore(path)


async def test_locked_while_we_run(path):
    """While another process holds the lock nothing is acknowledged; when it lets go we are well again."""
    with closing(SqliteStore(path)) as store, closing(apsw.Connection(str(path))) as other:
        await store.once(lambda tx: tx.rows("PRAGMA busy_timeout = 1"))
        other.execute("BEGIN IMMEDIATE")
        flow = Flow(lambda tx, _items: tx.rows("INSERT INTO node (number, name) VALUES (9, 'x')"))
        store.attach(flow.batch)
        flow.batch.put("a")
        with pytest.raises(StoreError, match="is locked by another process; stop whatever else holds it"):
            await store.once(lambda tx: tx.rows("INSERT INTO node (number, name) VALUES (8, 'y')"))
        assert [items for items, _ in flow.failed] == [["a"]]
        assert flow.done == []
        assert not store.healthy
        other.execute("ROLLBACK")
        assert await store.once(lambda tx: tx.rows("SELECT name FROM node")) == [("gateway",)]
        assert store.healthy


@pytest.mark.faults
def test_locked_when_we_start(path):
    """A database that another process keeps locked is refused after a while."""
    SqliteStore(path).close()
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="is locked by another process"):
            SqliteStore(path)


async def test_taken_by_whichever_link(path):
    """One file serves one process, whatever link the second one comes by."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    with closing(SqliteStore(path, "gw1")) as store, closing(SqliteStore(link, "gw2")) as other:
        await store.join()
        with pytest.raises(TakenError, match="another gateway runs on this file"):
            await other.join()


async def test_readers_do_not_block(path):
    """Whoever reads the database meanwhile, in however long a transaction, holds nobody up."""
    with closing(SqliteStore(path)) as store, closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM node").fetchall() == [(1,)]
        await store.once(lambda tx: tx.rows("INSERT INTO node (number, name) VALUES (9, 'x')"))
        assert other.execute("SELECT count(*) FROM node").fetchall() == [(1,)]
        other.execute("COMMIT")
        assert other.execute("SELECT count(*) FROM node").fetchall() == [(2,)]


@pytest.mark.parametrize(("entries", "mapped"), [(1, False), (2, True)])
async def test_long_list_is_mapped(tmp_path, monkeypatch, entries, mapped):
    """A gateway reads a database with a long blacklist through the system's memory, and one with a short list not."""
    monkeypatch.setattr(sqlite_file, "_LONG_LIST", 2)
    store = SqliteStore(tmp_path / "gateway.db")
    rows = [Entry(f"3361234567{number}", "*", 1, "cli", "36034", False, 1) for number in range(entries)]
    await store.once(lambda tx: blacklist.add(tx, rows))
    await store.join()
    [(size,)] = store._connection.execute("PRAGMA mmap_size").fetchall()
    assert (size > 0) is mapped
    assert len(await store.once(lambda tx: blacklist.lookup(tx, [row.number for row in rows]))) == entries
    store.close()

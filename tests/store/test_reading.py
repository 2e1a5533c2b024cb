"""The reader of pages: it keeps its connections, as long as they lead to what is there now."""

import gc
from contextlib import closing

import pytest
import trio

from gateway.store import blacklist, listing
from gateway.store.base import StoreError
from gateway.store.blacklist import Entry
from gateway.store.reading import Reader
from gateway.store.url import open_source
from tests.store.helpers import Database
from tests.store.members import PATIENCE, look, until
from tests.store.proxy import Fate, Proxy

ENTRIES = [Entry(f"3361234567{each}", "*", 1, "cli", "36034", False, 1) for each in range(3)]


def numbers(snapshot):
    """Return all numbers on the blacklist."""
    return [entry.number for entry in listing.by_number(snapshot)]


@pytest.fixture
def reader(database):
    """Give a reader of the database."""
    with closing(Reader(database.url)) as reader:
        yield reader


@pytest.fixture
def made(monkeypatch):
    """Count the connections that readers make."""
    made = []
    monkeypatch.setattr("gateway.store.reading.open_source", lambda url: made.append(url) or open_source(url))
    return made


async def test_one_connection_after_another(store, reader, made):
    """What is read next is read through the same connection, and is what is committed by then."""
    assert await reader.read(numbers) == []
    for count in range(1, 4):
        await store.transact(lambda tx, count=count: blacklist.add(tx, ENTRIES[:count]))
        assert await reader.read(numbers) == [entry.number for entry in ENTRIES[:count]]
    assert len(made) == 1


async def test_what_fails_is_not_kept(store, reader, made):
    """After a reading that failed, for whatever reason, the next one has a connection of its own."""
    for work in (lambda snapshot: list(snapshot.rows("SELECT nothing FROM blacklist")), lambda _: 1 / 0):
        with pytest.raises((StoreError, ZeroDivisionError)):
            await reader.read(work)
    assert await reader.read(numbers) == []
    assert len(made) == 3


async def test_list_that_is_taken_slowly(store, reader, made):
    """Whoever takes a list part by part holds no past: each part is read as the list is by then."""
    await store.transact(lambda tx: blacklist.add(tx, ENTRIES[:2]))
    taken = []

    async def sink(octets):
        taken.append(octets)
        await store.transact(lambda tx: blacklist.remove(tx, ENTRIES[0].number, "*"))
        assert await reader.read(numbers) == [ENTRIES[1].number]

    await reader.feed(lambda snapshot, place: (b"%d" % len(numbers(snapshot)), None if place else "more"), sink)
    assert taken == [b"2", b"1"]
    assert len(made) == 1


async def test_half_read(store, reader):
    """A reading that left its rows half read holds no instant: the next one sees what has come since."""
    await store.transact(lambda tx: blacklist.add(tx, ENTRIES[:2]))
    rows = await reader.read(lambda snapshot: half(snapshot.rows("SELECT number FROM blacklist")))
    await store.transact(lambda tx: blacklist.add(tx, ENTRIES))
    assert len(await reader.read(numbers)) == 3
    del rows
    gc.collect()
    assert len(await reader.read(numbers)) == 3


def half(rows):
    """Take the first of some rows, and keep the others to be read."""
    rows = iter(rows)
    next(rows)
    return rows


async def test_another_file_in_its_place(tmp_path):
    """Where the file is another one, or gone, that one is read, or the error says so."""
    path = tmp_path / "gateway.db"
    file = Database(f"sqlite:///{path}")
    async with file.serving() as store:
        await store.transact(lambda tx: blacklist.add(tx, ENTRIES))
    with closing(Reader(file.url)) as reader:
        assert len(await reader.read(numbers)) == 3
        path.rename(tmp_path / "away.db")
        with pytest.raises(StoreError, match="there is no such database"):
            await reader.read(numbers)
        async with file.serving():
            assert await reader.read(numbers) == []


async def test_connection_that_was_lost(shared):
    """Where the server has hung up meanwhile, the next reading connects anew; nobody notices."""
    async with shared.serving():
        with closing(Reader(shared.url)) as reader:
            assert await reader.read(numbers) == []
            readers = "pg_stat_activity WHERE application_name = 'stopgate/reader'"
            look(shared, f"SELECT pg_terminate_backend(pid, 60000) FROM {readers} AND datname = current_database()")
            assert await reader.read(numbers) == []


async def test_server_that_stands_still(server, shared, nursery, monkeypatch):
    """A reading that the server leaves without an answer ends, and nobody waits for its place; others connect anew."""
    monkeypatch.setattr("gateway.store.postgres_snapshot._MOMENTS", 1.0)
    proxy = Proxy(server.over_tcp[1])
    await nursery.start(proxy.run)

    def work(snapshot):
        proxy.next = Fate.FREEZE
        snapshot._connection.patience -= PATIENCE - 0.2  # only with what has frozen
        return numbers(snapshot)

    async with shared.serving():
        with closing(Reader(server.url(shared.space, port=proxy.port), at_once=1)) as reader, trio.fail_after(PATIENCE):
            with pytest.raises(StoreError, match="nothing came back in time"):
                await reader.read(work)
            assert await reader.read(numbers) == []
            proxy.next = Fate.FREEZE
            assert await reader.read(numbers) == []
    nursery.cancel_scope.cancel()


async def test_reader_that_stands_still(shared, monkeypatch):
    """Whoever holds a snapshot and comes back for no more rows is not waited for by the server for ever."""
    monkeypatch.setattr("gateway.store.postgres_snapshot._IDLE", "50ms")
    readers = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stopgate/reader' AND pid = "

    def work(snapshot):
        [(pid,)] = snapshot.rows("SELECT pg_backend_pid()")
        trio.from_thread.run(until, lambda: look(shared, f"{readers}{pid}") == [(0,)])
        return numbers(snapshot)

    async with shared.serving():
        with closing(Reader(shared.url)) as reader, pytest.raises(StoreError, match="had stood still for too long"):
            await reader.read(work)


async def test_closed(store, reader, made):
    """A reader that is closed still reads, and keeps nothing."""
    reader.close()
    for _ in range(2):
        assert await reader.read(numbers) == []
    assert len(made) == 2

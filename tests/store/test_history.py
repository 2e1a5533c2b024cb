"""History and reading: an account's messages, newest first, read beside the writer."""

import csv
from contextlib import closing

import pytest

from gateway.store import history, messages
from gateway.store.base import StoreError
from gateway.store.reading import Reader
from tests.store.helpers import NUMBER, message


async def keep(store, count, **fields):
    """Keep some messages; returns their ids, newest first."""

    def work(tx):
        rows = [message(tx, **fields) for _ in range(count)]
        messages.add(tx, rows)
        return [row.id for row in reversed(rows)]

    return await store.transact(work)


async def test_newest_first(store):
    """Messages of an account come newest first, page by page, those of others not at all."""
    mine = await keep(store, 5, account="shop")
    await keep(store, 3, account="bank")
    pages, before = [], 0
    for _ in range(3):
        page = await store.transact(lambda tx, before=before: history.page(tx, "shop", before, limit=2))
        pages.append([each.id for each in page])
        before = page[-1].id
    assert pages == [mine[:2], mine[2:4], mine[4:]]


async def test_to_one_number(store):
    """Messages to one number are found among all."""
    [wanted] = await keep(store, 1, account="shop", number="4915112345678")
    await keep(store, 3, account="shop", number=NUMBER)
    page = await store.transact(lambda tx: history.page(tx, "shop", number="4915112345678"))
    assert [each.id for each in page] == [wanted]


async def test_outcome(store):
    """What became of a message is told with it, under the id that the account knows."""
    [identifier] = await keep(store, 1, account="shop")
    await store.transact(lambda tx: messages.settle(tx, [messages.Outcome(identifier, messages.DELIVERED)]))
    [past] = await store.transact(lambda tx: history.page(tx, "shop"))
    assert (past.state, past.error, past.known_as) == (messages.DELIVERED, "000", f"{identifier:016x}")
    assert past.done >= past.submitted


async def test_reads_what_is_committed(database, store):
    """A reader sees what has been committed, on a connection of its own."""
    ids = await keep(store, 3, account="shop")
    with closing(Reader(database.url)) as reader:
        found = await reader.read(lambda snapshot: history.page(snapshot, "shop"))
    assert [each.id for each in found] == ids


async def test_feeds_piece_by_piece(database, store):
    """A long answer is handed on part by part; whoever takes it may stop it."""
    ids = await keep(store, 5, account="shop")
    taken = []

    def part(snapshot, before):
        [first] = history.page(snapshot, "shop", before or 0, limit=1)
        return str(first.id).encode(), first.id

    async def sink(octets):
        taken.append(int(octets))
        if len(taken) == 2:
            raise csv.Error

    with closing(Reader(database.url)) as reader, pytest.raises(csv.Error):
        await reader.feed(part, sink)
    assert taken == ids[:2]


async def test_store_that_is_not_there(tmp_path):
    """A store that cannot be read is an error of the store."""
    with pytest.raises(StoreError):
        await Reader(f"sqlite:///{tmp_path}/none.db").read(lambda snapshot: snapshot.rows("SELECT 1"))

"""Reading at leisure: one instant, seen in full, while others write."""

from pathlib import Path

import pytest

from gateway.store import blacklist, listing
from gateway.store.base import StoreError
from gateway.store.blacklist import Entry
from gateway.store.url import read_store

MANY = 5_000


def entries(start):
    """Return many opted-out numbers."""
    return [Entry(f"336{start + each:08}", "*", 1, "cli", "36034", False, 1) for each in range(MANY)]


async def test_reading_holds_nobody_up(database):
    """While a list is half read, commits go on; the list shows what there was when it began, all of it."""
    async with database.serving() as store:
        await store.transact(lambda tx: blacklist.add(tx, entries(0)))
        with read_store(database.url) as snapshot:
            found = listing.by_number(snapshot)
            first = next(found)
            await store.transact(lambda tx: blacklist.add(tx, entries(MANY)))
            assert [first, *found] == entries(0)
        with read_store(database.url) as snapshot:
            assert len(list(listing.by_number(snapshot))) == 2 * MANY


async def test_a_snapshot_changes_nothing(database):
    """A snapshot refuses to write."""
    async with database.serving() as store:
        with pytest.raises(StoreError), read_store(database.url) as snapshot:
            list(snapshot.rows("DELETE FROM blacklist RETURNING number"))
        assert store.healthy


def test_database_of_somebody_else(database):
    """A database without our tables is said to be none of ours."""
    with pytest.raises(StoreError, match="is no database of this release"):
        foreign(database.url)


def foreign(url):
    """Read a table that is not there."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).touch()
    with read_store(url) as snapshot:
        list(listing.by_number(snapshot))

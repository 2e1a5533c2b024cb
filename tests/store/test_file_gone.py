"""A database file that is taken away from under a running store."""

import pytest

from gateway.store import blacklist
from gateway.store.base import StoreError
from gateway.store.blacklist import Entry
from gateway.store.sqlite import SqliteStore

ENTRY = Entry("33612345678", "*", 1, "cli", "36034", False, 1)


async def opt_out(store):
    """Commit something; returns why not, or None."""
    try:
        await store.transact(lambda tx: blacklist.add(tx, [ENTRY]))
    except StoreError as error:
        return str(error)
    return None


@pytest.mark.parametrize("instead", [None, b"", b"another"])
async def test_file_that_is_gone(nursery, tmp_path, logged, instead):
    """Nothing is acknowledged that would go to a file nobody finds again, and once it is back all goes on."""
    path, aside = tmp_path / "gateway.db", tmp_path / "aside.db"
    store = SqliteStore(path)
    nursery.start_soon(store.run)
    assert await opt_out(store) is None
    path.rename(aside)
    if instead is not None:
        path.write_bytes(instead)
    assert "was deleted or replaced under the running gateway" in await opt_out(store)
    assert not store.healthy
    aside.rename(path)
    assert await opt_out(store) is None
    assert store.healthy
    assert [event["event"] for event in logged] == ["store_failed", "store_recovered"]
    nursery.cancel_scope.cancel()
    store.close()

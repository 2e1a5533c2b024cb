"""A database file that is taken away from under a running store."""

import shutil

import pytest

from gateway.store import blacklist, listing
from gateway.store.base import StoreError
from gateway.store.blacklist import Entry
from gateway.store.sqlite import SqliteStore
from gateway.store.url import read_store

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


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("instead", [None, b""])
async def test_log_that_is_gone(nursery, tmp_path, suffix, instead):
    """Where its log is taken away, what was acknowledged is in the database at once, and nothing more is taken."""
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    nursery.start_soon(store.run)
    assert await opt_out(store) is None
    log = path.with_name(f"gateway.db{suffix}")
    log.unlink()
    if instead is not None:
        log.write_bytes(instead)
    refused = await opt_out(store)
    assert refused.startswith(f"{log}: was deleted or replaced under the running gateway; restart that")
    assert not store.healthy
    shutil.copytree(tmp_path, killed := tmp_path / "killed")
    nursery.cancel_scope.cancel()
    store.close()
    for folder in (killed, tmp_path):
        with read_store(f"sqlite:///{folder}/gateway.db") as snapshot:
            assert list(listing.by_number(snapshot)) == [ENTRY]


async def test_folder_that_is_moved(nursery, tmp_path):
    """A folder that is moved under the gateway, and found by the same name again, is the one it was."""
    place, name = tmp_path / "disk", tmp_path / "data"
    place.mkdir()
    name.symlink_to(place)
    store = SqliteStore(name / "gateway.db")
    nursery.start_soon(store.run)
    place.rename(moved := tmp_path / "moved")
    assert "was deleted or replaced" in await opt_out(store)
    name.unlink()
    name.symlink_to(moved)
    assert await opt_out(store) is None
    nursery.cancel_scope.cancel()
    store.close()

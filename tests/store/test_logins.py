"""Logins and settings: what the client area needs to remember, on every engine."""

import pytest

from gateway.store import logins, settings
from gateway.store.logins import Login
from tests.store.helpers import HOUR

LOGIN = Login("digest", "shop", 0, "shop", "proof", 0, 0)


async def begin(store, **fields):
    """Begin a login, now unless it says otherwise."""

    def work(tx):
        login = LOGIN._replace(**{"begun": tx.now, "seen": tx.now, **fields})
        logins.begin(tx, login)
        return login

    return await store.transact(work)


async def there(store, digest="digest"):
    """Return a login as it is kept."""
    return await store.transact(lambda tx: logins.find(tx, digest))


async def test_begins_and_ends(store):
    """A login is found under its digest until it ends."""
    login = await begin(store)
    await begin(store, digest="other")
    assert await there(store) == login
    await store.transact(lambda tx: logins.end(tx, "digest"))
    assert await there(store) is None
    assert await there(store, "other") is not None


async def test_all_of_somebody(store):
    """All logins of somebody end together; an administrator of the same name is somebody else."""
    for digest, who, admin in (("a", "shop", 0), ("b", "shop", 0), ("c", "shop", 1), ("d", "bank", 0)):
        await begin(store, digest=digest, who=who, admin=admin)
    await store.transact(lambda tx: logins.end_all(tx, "shop", 0))
    assert [each for each in "abcd" if await there(store, each)] == ["c", "d"]


async def test_old_ones_are_forgotten(store):
    """Logins that began too long ago, or were not seen for too long, are forgotten."""
    now = (await begin(store, digest="fresh")).begun
    await begin(store, digest="old", begun=now - 2 * HOUR)
    await begin(store, digest="idle", seen=now - 2 * HOUR)
    await store.transact(lambda tx: logins.forget(tx, now - HOUR, now - HOUR))
    assert [each for each in ("fresh", "old", "idle") if await there(store, each)] == ["fresh"]


async def test_seen(store):
    """Being here is noted."""
    await begin(store, seen=5)
    await store.transact(lambda tx: logins.seen(tx, "digest"))
    assert (await there(store)).seen > 5


@pytest.mark.parametrize(("admin", "account"), [(1, "bank"), (0, "shop")])
async def test_only_administrators_look_elsewhere(store, admin, account):
    """An administrator may look at another account; an account stays with its own."""
    await begin(store, admin=admin)
    await store.transact(lambda tx: logins.look_at(tx, "digest", "bank"))
    assert (await there(store)).account == account


async def test_mention(store):
    """An account's switch is what it was set to last; those that have set none have none."""
    for account, on in (("bank", True), ("post", True), ("bank", False)):
        await store.transact(lambda tx, account=account, on=on: settings.set_mention(tx, account, on=on))
    assert await store.transact(lambda tx: settings.mentions(tx, ["bank", "post", "none"])) == {
        "bank": False,
        "post": True,
    }
    assert await store.transact(lambda tx: settings.mention(tx, "bank")) is False
    assert await store.transact(lambda tx: settings.mention(tx, "none")) is None

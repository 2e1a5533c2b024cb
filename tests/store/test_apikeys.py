"""API keys are kept as hashes, end at an instant, and can be revoked."""

from gateway.store import apikeys
from gateway.store.apikeys import ApiKey


def key(tx, account="shop", expires=0):
    """Make a key."""
    identifier = tx.new_id()
    return ApiKey(identifier, account, f"hash-{identifier}", "sg_abc", tx.now, expires)


async def test_rotation(store):
    """Keys of one account end at the same instant, those that end before it and those of others excepted."""

    def work(tx):
        soon, other = key(tx, expires=tx.now + 5), key(tx, "bank")
        for each in (key(tx), soon, other):
            apikeys.add(tx, each)
        return apikeys.expire(tx, "shop", tx.now + 1_000), apikeys.every(tx, "shop"), apikeys.every(tx), tx.now

    changed, own, everyone, now = await store.transact(work)
    assert changed == 1
    assert [each.expires for each in own] == [now + 5, now + 1_000]
    assert [each.expires for each in everyone if each.account == "bank"] == [0]


async def test_revoked(store):
    """A revoked key is gone; one that is not there cannot be revoked."""
    made = await store.transact(lambda tx: ((one := key(tx)) and apikeys.add(tx, one)) or one)
    assert await store.transact(lambda tx: apikeys.revoke(tx, made.id)) is True
    assert await store.transact(lambda tx: apikeys.revoke(tx, made.id)) is False
    assert await store.transact(apikeys.every) == []

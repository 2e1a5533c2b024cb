"""Secrets of the gateway's own are made once, and are the same for everybody who asks."""

from gateway.store import seals


async def test_made_once(store):
    """The first who asks for a secret makes it; all others get the same, and other names other ones."""
    first = await store.transact(lambda tx: seals.shared(tx, "a"))
    assert len(first) == 32
    assert await store.transact(lambda tx: seals.shared(tx, "a")) == first
    assert await store.transact(lambda tx: seals.shared(tx, "b")) != first

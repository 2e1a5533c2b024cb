"""Parts of texts to a code: found by what they have in common, until they are let go."""

from gateway.store import inbound
from gateway.store.inbound import Key, Part
from tests.store.helpers import HOUR, NUMBER

KEY = Key(NUMBER, "36034", 0, 7, 3)


def part(place=1, key=KEY, **changes):
    """Return a part as an operator sent it."""
    return Part(key, place, 2_000, "orange", 1, 1, NUMBER, 0, 1, 0x40, 8, b"\0\xff'")._replace(**changes)


async def add(store, *parts):
    """Keep parts in a transaction of their own."""
    await store.transact(lambda tx: inbound.add(tx, parts))


async def find(store, *keys):
    """Return what waits under keys."""
    return await store.transact(lambda tx: inbound.find(tx, keys))


async def test_find(store):
    """Parts are found under their key by their place, as they came; those of other texts are not among them."""
    other = KEY._replace(reference=8)
    await add(store, part(2), part(), part(key=other), part(key=KEY._replace(number="33700000000")))
    assert await find(store, KEY, KEY._replace(wide=1)) == {KEY: {1: part(), 2: part(2)}}
    assert await find(store) == {}


async def test_remove(store):
    """What is let go is gone, and nothing else."""
    other = KEY._replace(total=2)
    await add(store, part(), part(2), part(key=other))
    await store.transact(lambda tx: inbound.remove(tx, [KEY]))
    assert await find(store, KEY, other) == {other: {1: part(key=other)}}


async def test_overdue(store):
    """Keys whose time is over are named once, some at a time."""
    now = await store.transact(lambda tx: tx.now)
    late, later = KEY._replace(reference=8), KEY._replace(reference=9)
    await add(
        store, part(until=now + HOUR), part(key=late, until=now), part(2, late, until=now), part(key=later, until=1)
    )
    assert set(await store.transact(lambda tx: inbound.overdue(tx, 5))) == {late, later}
    assert len(await store.transact(lambda tx: inbound.overdue(tx, 1))) == 1


async def test_read(store):
    """What has been read is known by place and content, under its key, until it is forgotten."""
    other = part(octets=b"else")
    now = await store.transact(lambda tx: (inbound.remember(tx, [_place(part()), _place(other)]), tx.now)[1])
    found = await store.transact(lambda tx: inbound.already_read(tx, [KEY, KEY._replace(reference=8)]))
    assert found == {_place(part()): now, _place(other): now}
    assert await store.transact(lambda tx: inbound.already_read(tx, [KEY._replace(reference=8)])) == {}
    assert await store.transact(lambda tx: inbound.forget(tx, now, 5)) == 0
    assert await store.transact(lambda tx: inbound.forget(tx, now + 1, 1)) == 1
    assert len(await store.transact(lambda tx: inbound.already_read(tx, [KEY]))) == 1


async def test_read_again(store):
    """What is read again was read when it was last."""
    await store.transact(lambda tx: inbound.remember(tx, [_place(part())]))
    await store.transact(lambda tx: tx.rows("UPDATE inbound_read SET at = 1"))
    now = await store.transact(lambda tx: (inbound.remember(tx, [_place(part())]), tx.now)[1])
    assert await store.transact(lambda tx: inbound.already_read(tx, [KEY])) == {_place(part()): now}


def test_digest():
    """A part that comes again has the same digest, whoever hands it over; one that says something else has another."""
    assert part().digest == part(operator="other", until=1, source_addr="+" + NUMBER).digest
    assert len({part().digest, part(octets=b"").digest, part(data_coding=0).digest, part(esm_class=0).digest}) == 4


def _place(each):
    return each.key, each.place, each.digest

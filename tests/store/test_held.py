"""Held parts: kept until they are complete or overdue, each in the hands of one transaction."""

from gateway.store import held
from gateway.store.held import Key, Part
from tests.store.helpers import HOUR, NUMBER

KEY = Key("shop", NUMBER, "SHOP", 0, 7, 3)


def part(tx, key=KEY, place=1, bundle=None, until=HOUR):
    """Return one part that has ``until`` milliseconds left."""
    identifier = tx.new_id()
    return Part(identifier, bundle or identifier, key, place, tx.now + until, 0, tx.now + HOUR, b"body")


async def keep(store, *keys, **fields):
    """Keep one part under each key; returns them."""

    def work(tx):
        parts = [part(tx, key, **fields) for key in keys]
        held.add(tx, parts)
        return parts

    return await store.transact(work)


async def test_found_under_their_key(store):
    """Parts are found under their whole key and no other, oldest first, as they were kept."""
    others = [KEY._replace(**{name: value}) for name, value in zip(Key._fields, ["a", "1", "B", 1, 8, 4], strict=True)]
    one, *_, two = await keep(store, KEY, *others, KEY)
    assert await store.transact(lambda tx: held.find(tx, [KEY])) == {KEY: [one, two]}
    found = await store.transact(lambda tx: held.find(tx, others))
    assert sorted(found) == sorted(others)


async def test_removed_once(store):
    """A part is let go of once."""
    one, two = await keep(store, KEY, KEY)
    assert await store.transact(lambda tx: held.remove(tx, {one.id, 5})) == {one.id}
    assert await store.transact(lambda tx: held.remove(tx, {one.id, two.id})) == {two.id}


async def test_messages_to(store):
    """The parts for a number are known, and how what was submitted begins."""
    other = KEY._replace(number="4915112345678")
    one, two = await keep(store, KEY, other)
    assert await store.transact(lambda tx: held.messages_to(tx, {NUMBER, "1"})) == {one.id}
    assert await store.transact(lambda tx: held.beginnings(tx, {one.id, 5}, 3)) == {one.id: b"bod"}
    assert await store.transact(lambda tx: held.beginnings(tx, {two.id}, 9)) == {two.id: b"body"}


async def test_messages_of_an_account_to_a_number(store):
    """An account's parts for a number are found in order, from one on, up to one, so many."""
    others = [KEY._replace(account="bank"), KEY._replace(number="4915112345678")]
    ids = [part.id for part in await keep(store, KEY, *others, KEY._replace(reference=1), KEY)]
    mine = [ids[0], *ids[3:]]

    def found(between, limit=9):
        return lambda tx: held.messages_of(tx, (KEY.account, KEY.number), between, limit)

    assert await store.transact(found((0, 2**62))) == mine
    assert await store.transact(found((mine[0], mine[1]))) == mine[1:2]
    assert await store.transact(found((0, 2**62), 2)) == mine[:2]


async def test_expiry(store):
    """What is overdue is not found any more, and ends with all of its bundle, up to a limit, the oldest first."""
    [young] = await keep(store, KEY)
    [late] = await keep(store, KEY, until=-5)
    [later, _] = await keep(store, KEY, KEY._replace(reference=9), until=-3)
    [with_late] = await keep(store, KEY, place=2, bundle=late.bundle)
    assert await store.transact(lambda tx: held.find(tx, [KEY])) == {KEY: [young, with_late]}
    assert await store.transact(lambda tx: held.expire(tx, 1)) == [late.id, with_late.id]
    assert later.id in await store.transact(lambda tx: held.expire(tx, 10))
    assert await store.transact(lambda tx: held.expire(tx, 10)) == []
    assert await store.transact(lambda tx: held.messages_to(tx, {NUMBER})) == {young.id}

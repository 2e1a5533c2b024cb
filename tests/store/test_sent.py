"""What operators hold, by their own identifiers, and receipts that match nothing yet."""

from gateway.store import sent
from gateway.store.messages import DELIVERED, UNKNOWN, Outcome
from gateway.store.sent import Held
from tests.store.helpers import HOUR


async def report(store, keys):
    """Report; returns what was held, without when it was taken, which must have been just now."""
    held, now = await store.transact(lambda tx: (sent.report(tx, keys), tx.now))
    assert all(0 <= now - each.at < HOUR for each in held.values())
    return {key: each._replace(at=0) for key, each in held.items()}


async def test_report(store):
    """A segment is found by its operator and that operator's identifier, once."""
    await store.transact(lambda tx: sent.taken(tx, [("orange", "a1", 7), ("sfr", "a1", 8), ("sfr", "b2", 8)]))
    keys = [("orange", "a1"), ("sfr", "a1"), ("orange", "b2")]
    found = {("orange", "a1"): Held(7, 1), ("sfr", "a1"): Held(8, 1)}
    assert await report(store, keys) == found
    assert await report(store, [*keys, ("sfr", "b2")]) == {("sfr", "b2"): Held(8, 1)}


async def test_rescue(store):
    """A receipt parked lately, while its segment was being settled elsewhere, is matched, once; others stay parked."""
    await store.transact(lambda tx: sent.park(tx, [("orange", "a1", 2, "000"), ("orange", "b2", 5, "001")]))
    await store.transact(lambda tx: sent.taken(tx, [("orange", "a1", 7), ("sfr", "b2", 8)]))
    assert await store.transact(lambda tx: sent.rescue_parked(tx, tx.now + 60_000)) == []
    assert await store.transact(lambda tx: sent.rescue_parked(tx, 0)) == [Outcome(7, 2, "000")]
    assert await store.transact(lambda tx: sent.rescue_parked(tx, 0)) == []
    assert await store.transact(lambda tx: sent.unpark(tx, [("orange", "b2")])) == [("orange", "b2", 5, "001")]


async def test_identifier_used_again(store):
    """When an operator uses an identifier again the newer message is meant; the older one's segments end UNKNOWN."""
    take = lambda *rows: store.transact(lambda tx: sent.taken(tx, [("orange", "a1", each) for each in rows]))  # noqa: E731
    assert await take(7) == []
    assert await take(9) == [Outcome(7, UNKNOWN)]
    assert await take(9, 9, 5, 6, 6) == [
        Outcome(9, UNKNOWN),
        Outcome(9, UNKNOWN),
        Outcome(5, UNKNOWN),
        Outcome(9, UNKNOWN),
    ]
    assert await report(store, [("orange", "a1")]) == {("orange", "a1"): Held(6, 2)}


async def test_segments_under_one_identifier(store):
    """Segments of one message that an operator took under one identifier, at once or one by one, are counted."""
    for _ in range(2):
        await store.transact(lambda tx: sent.taken(tx, [("orange", "a1", 7), ("sfr", "a1", 8), ("orange", "a1", 7)]))
    keys = [("orange", "a1"), ("sfr", "a1")]
    assert await report(store, keys) == {("orange", "a1"): Held(7, 4), ("sfr", "a1"): Held(8, 2)}


async def test_give_up(store):
    """What an operator took before an instant and never reported on ends UNKNOWN, once; what is younger is kept."""
    taken = await store.transact(lambda tx: sent.taken(tx, [("orange", "a1", 7), ("orange", "a1", 7)]) or tx.now)
    await store.transact(lambda tx: sent.taken(tx, [("orange", "b2", 8)]))
    assert await store.transact(lambda tx: sent.give_up(tx, taken, 10)) == []
    await store.transact(lambda tx: tx.rows("UPDATE sent SET at = at - 5 WHERE remote_id = 'a1'"))
    assert await store.transact(lambda tx: sent.give_up(tx, taken, 10)) == [Outcome(7, UNKNOWN)] * 2
    assert await store.transact(lambda tx: sent.give_up(tx, taken, 10)) == []


async def test_parked_receipts(store):
    """A receipt that overtook its response is found once by it, oldest first; others stay parked."""
    first, second, other = (
        ("orange", "a1", UNKNOWN, "001"),
        ("orange", "a1", DELIVERED, "000"),
        ("sfr", "a1", DELIVERED, ""),
    )
    await store.transact(lambda tx: sent.park(tx, [first, second, other]))
    keys = [("orange", "a1"), ("orange", "b2")]
    assert await store.transact(lambda tx: sent.unpark(tx, keys)) == [first, second]
    assert await store.transact(lambda tx: sent.unpark(tx, [*keys, ("sfr", "a1")])) == [other]


async def test_forget_parked(store):
    """Parked receipts are forgotten from the instant given backwards, not after it, up to a limit."""
    old = await store.transact(lambda tx: sent.park(tx, [("orange", "a1", DELIVERED, "")] * 3) or tx.now)
    assert await store.transact(lambda tx: sent.forget_parked(tx, old, 9)) == 0
    assert await store.transact(lambda tx: sent.forget_parked(tx, old + 1, 2)) == 2
    assert await store.transact(lambda tx: sent.forget_parked(tx, old + 1, 2)) == 1
    assert await store.transact(lambda tx: sent.unpark(tx, [("orange", "a1")])) == []

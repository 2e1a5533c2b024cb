"""Evidence: every row vouches for all before it, and a purge takes what they say but not their place."""

import pytest

from gateway.store import blacklist, evidence, reviews
from gateway.store.base import StoreError
from gateway.store.blacklist import Entry
from gateway.store.evidence import HELD, IMPORTED, OPTED_OUT, Evidence, Said
from gateway.store.ids import first_id
from gateway.store.ledger import Link
from gateway.store.reviews import Case
from tests.store.helpers import HOUR, NUMBER


def note(identifier, **changes):
    """Return a text that opted its number out."""
    row = Evidence(
        identifier, 1_000, NUMBER, "36034", "sms", "orange", 8, b"\0S\xff", "stop", "exact", OPTED_OUT, '["shop"]', "n"
    )
    return row._replace(**changes)


async def record(store, *rows):
    """Record in one transaction."""
    await store.transact(lambda tx: evidence.record(tx, rows))


async def verify(store, **how):
    """Recompute the chain."""
    return await store.transact(lambda tx: evidence.verify(tx, **how))


async def test_record(store):
    """Evidence keeps the octets as they came, and an identifier is used once."""
    await record(store, note(9))
    assert await store.transact(lambda tx: evidence.get(tx, [9])) == {9: note(9)}
    assert list(await store.transact(lambda tx: evidence.about(tx, NUMBER))) == [note(9)]
    with pytest.raises(StoreError):
        await record(store, note(9))


async def test_chain(store):
    """Rows follow each other without gaps, whether they came together or one by one, and the chain holds."""
    await record(store, note(1), note(2, octets=b"", note="caf\u00e9"))
    await record(store, note(3))
    await record(store)
    verdict = await verify(store)
    assert (verdict.last.position, verdict.broken) == (3, None)
    first = await verify(store, limit=1)
    assert first.last.position == 1
    assert await verify(store, after=first.last) == verdict


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE evidence SET effect = 'none' WHERE id = 2",
        "UPDATE evidence SET number = '33600000000' WHERE id = 2",
        "UPDATE evidence SET at = 7 WHERE id = 2",
        "UPDATE evidence SET digest = 'f' WHERE id = 2",
        "UPDATE evidence SET hash = 'f' WHERE id = 2",
        "DELETE FROM evidence WHERE id = 2",
        "DELETE FROM evidence WHERE id > 1",
        "UPDATE evidence SET position = 9 WHERE id = 2",
    ],
)
async def test_tampering(store, change):
    """A row that was changed, taken out or put elsewhere is found, by its position."""
    await record(store, note(1), note(2), note(3))
    await store.transact(lambda tx: tx.rows(change))
    assert (await verify(store)).broken == 2


async def test_a_purged_row_says_nothing(store):
    """A row that looks purged and yet says something was changed: a purge is no way round the chain."""
    await record(store, note(1), note(2), note(3))
    await store.transact(lambda tx: tx.rows("UPDATE evidence SET nonce = '', effect = 'none' WHERE id = 2"))
    assert (await verify(store)).broken == 2


async def purge(store, before):
    """Purge what is older than an instant and needed by nobody; returns how many rows that was."""

    def work(tx):
        idle = [row for row, is_idle in evidence.old(tx, 0, before, 10) if is_idle]
        evidence.empty(tx, idle)
        return len(idle)

    return await store.transact(work)


async def test_purge(store):
    """A purge takes what old rows say, but for what an opt-out in force or an open case rests on; the chain holds."""
    old = [await store.transact(lambda tx: tx.new_id()) for _ in range(3)]
    now = await store.transact(lambda tx: tx.now)
    await record(store, *(note(each) for each in old))
    await store.transact(lambda tx: blacklist.add(tx, [Entry(NUMBER, "shop", 1, "sms", "36034", False, old[1])]))
    await store.transact(lambda tx: reviews.add(tx, [Case(NUMBER, "bank", "36034", 1, 2, old[2])]))
    assert [await purge(store, now + HOUR) for _ in range(2)] == [1, 0]
    kept = [each.id for each in await store.transact(lambda tx: list(evidence.about(tx, NUMBER)))]
    assert sorted(kept) == old[1:]
    [purged] = (await store.transact(lambda tx: evidence.get(tx, [old[0]]))).values()
    assert (purged.number, purged.octets, purged.normalised, purged.rule) == ("", b"", "", "purged")
    assert await verify(store) == (Link(3, (await store.transact(evidence.head)).hash), None)


async def test_time_begins_when_an_opt_out_is_lifted(store):
    """Old rows about a number stay for as long as there is a newer one, such as that its opt-out was lifted."""
    now = await store.transact(lambda tx: tx.now)
    old, lifted = first_id(now - 3 * HOUR), first_id(now - HOUR)
    await record(store, note(old), note(lifted, at=now - HOUR, effect="lifted"))
    assert await purge(store, now - 2 * HOUR) == 0
    assert await purge(store, now) == 2


async def test_lists_are_kept(store):
    """A purge leaves the evidence of a list alone: it names no number, and entries that are in force rest on it."""
    now = await store.transact(lambda tx: tx.now)
    await record(store, note(first_id(now - HOUR), number="", effect=IMPORTED))
    assert await store.transact(lambda tx: evidence.old(tx, 0, now, 10)) == []


async def test_stopped_since(store):
    """Numbers that opted out or are held back are found from an instant on; others are not."""
    now = await store.transact(lambda tx: tx.now)
    ids = [first_id(now + offset) for offset in (-HOUR, 0, 1, 2)]
    effects = (OPTED_OUT, OPTED_OUT, HELD, "none")
    await record(store, *(note(each, effect=effect) for each, effect in zip(ids, effects, strict=True)))
    found = await store.transact(lambda tx: evidence.stopped_since(tx, now))
    assert found == {ids[1]: NUMBER, ids[2]: NUMBER}


async def test_said_since(store):
    """What numbers have texted since an instant is counted; what was done by hand, or by others, is not."""
    other = "33700000000"
    await record(
        store,
        *(note(each, at=2_000) for each in (1, 2)),
        note(3, at=2_000, normalised="bonjour"),
        note(4, at=1_999),
        note(5, at=2_000, source="cli"),
        note(6, at=2_000, number="4915112345678"),
        note(7, at=2_000, number=other, code="36111"),
    )
    found = await store.transact(lambda tx: evidence.said_since(tx, {NUMBER, other}, 2_000))
    assert found == {
        Said(NUMBER, "36034", "stop"): 2,
        Said(NUMBER, "36034", "bonjour"): 1,
        Said(other, "36111", "stop"): 1,
    }

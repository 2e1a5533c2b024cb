"""The ledger: rows are only ever added, and each vouches for all before it."""

import hashlib
import json

import pytest

from gateway.store import ledger
from gateway.store.base import StoreError
from gateway.store.ledger import CONFIRMATION, Event
from tests.store.helpers import NUMBER


def event(name, **changes):
    """Return a billable confirmation."""
    return Event(name, 1_000, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", "00f0", 7)._replace(**changes)


async def append(store, *events):
    """Append events in one transaction."""
    await store.transact(lambda tx: ledger.append(tx, events))


def listed(tx):
    """Return all events."""
    return list(ledger.events(tx))


async def hashes(store):
    """Return (position, hash) of every row."""
    return await store.transact(lambda tx: tx.rows("SELECT position, hash FROM ledger ORDER BY position"))


async def test_chain(store):
    """Each row carries the SHA-256 over the one before and itself, from 64 zeros on, without gaps in position."""
    events = [event("a"), event("b", account="b\u00e2nk"), event("c", credits=3)]
    await append(store, *events[:2])
    await append(store, events[2])
    previous, expected = "0" * 64, []
    for position, each in enumerate(events, 1):
        previous = hashlib.sha256(json.dumps([previous, *each], separators=(",", ":")).encode()).hexdigest()
        expected.append((position, previous))
    assert await hashes(store) == expected


@pytest.mark.parametrize("field", Event._fields)
def test_chain_covers_every_field(field):
    """Another value in any field gives another hash, and so does another past."""
    changed = event("a")._replace(**{field: 2 if isinstance(getattr(event("a"), field), int) else "other"})
    assert ledger.chain("0" * 64, changed) != ledger.chain("0" * 64, event("a"))
    assert ledger.chain("1" * 64, event("a")) != ledger.chain("0" * 64, event("a"))


def test_fields_do_not_run_together():
    """Moving characters from one field to the next changes the hash."""
    assert ledger.chain("", event("a", code="36034", source="sms")) != ledger.chain(
        "", event("a", code="36034s", source="ms")
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger SET credits = 0",
        "UPDATE ledger SET credits = credits",
        "DELETE FROM ledger",
        "DELETE FROM ledger WHERE position = 2",
    ],
)
async def test_append_only(store, sql):
    """A row of the ledger can be neither changed nor deleted."""
    await append(store, event("a"), event("b"))
    before = await hashes(store)
    with pytest.raises(StoreError, match="the ledger is append-only"):
        await store.transact(lambda tx: tx.rows(sql))
    assert await hashes(store) == before
    assert store.healthy


async def test_event_is_billed_once(store):
    """An event whose identifier is there already is refused, and the chain goes on without it."""
    await append(store, event("a"))
    with pytest.raises(StoreError):
        await append(store, event("a", credits=2))
    await append(store, event("b"))
    assert [each.id for each in await store.transact(listed)] == ["a", "b"]
    assert [position for position, _ in await hashes(store)] == [1, 2]


async def test_events(store):
    """Events come back as they were, in their order, of one account or all, from an instant to before another."""
    first, second, third = events = [event("c", at=10), event("b", at=20, account="bank"), event("a", at=30)]
    await append(store, *events)

    async def ids(*arguments):
        return list(await store.transact(lambda tx: ledger.events(tx, *arguments)))

    assert await ids() == events
    assert await ids("shop") == [first, third]
    assert await ids("nobody") == []
    assert await ids(None, 10, 20) == [first]
    assert await ids(None, 11) == [second, third]
    assert await ids("shop", 0, 30) == [first]


async def test_platform_is_an_account(store):
    """The platform's own events, whose account has no name, can be asked for."""
    await append(store, event("a"), event("b", account=""))
    assert [each.id for each in await store.transact(lambda tx: list(ledger.events(tx, "")))] == ["b"]


GUARDS = {
    "sqlite": "DROP TRIGGER ledger_keeps_rows; DROP TRIGGER ledger_keeps_words",
    "postgresql": "DROP TRIGGER ledger_keeps_rows ON ledger",
}


async def tamper(store, sql):
    """Change the ledger as somebody could who may do anything to the database."""
    guards = GUARDS["postgresql" if store.shared else "sqlite"]
    await store.transact(lambda tx: (tx.rows(guards), tx.rows(sql)))


async def test_verify(store, monkeypatch):
    """A chain that holds is followed to its end, in one piece or in many."""
    assert await store.transact(ledger.verify) == (ledger.START, None)
    await append(store, *(event(str(number)) for number in range(10)))
    end = (await hashes(store))[-1]
    assert await store.transact(ledger.verify) == (end, None)
    assert await store.transact(ledger.last) == end
    monkeypatch.setattr(ledger, "_PAGE", 3)
    assert await store.transact(ledger.verify) == (end, None)
    assert await ledger.verify_all(store.transact) == (end, None)


async def test_verify_goes_on(store):
    """A look at some rows ends behind the last of them, from where the next one goes on."""
    await append(store, *(event(str(number)) for number in range(5)))
    rows = await hashes(store)
    verdict = await store.transact(lambda tx: ledger.verify(tx, limit=3))
    assert verdict == (rows[2], None)
    assert await store.transact(lambda tx: ledger.verify(tx, verdict.last, 3)) == (rows[4], None)


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE ledger SET credits = 0 WHERE position = 4", 4),
        ("UPDATE ledger SET account = 'bank' WHERE position = 1", 1),
        ("UPDATE ledger SET hash = 'f' || substr(hash, 2) WHERE position = 10", 10),
        ("DELETE FROM ledger WHERE position = 7", 7),
        ("DELETE FROM ledger WHERE position = 10", 10),
        ("DELETE FROM ledger WHERE position >= 5", 5),
        ("DELETE FROM ledger", 1),
        ("DELETE FROM ledger WHERE position < 3", 1),
        ("UPDATE ledger SET position = 11 WHERE position = 10", 10),
        ("UPDATE ledger SET position = -position WHERE position = 2", 2),
    ],
)
async def test_verify_finds_what_was_changed(store, monkeypatch, sql, broken):
    """Whatever was changed, taken out or moved, the first position that is not as it was is named."""
    await append(store, *(event(f"{number:x}", evidence=15) for number in range(10)))
    rows = [ledger.START, *await hashes(store)]
    await tamper(store, sql)
    assert await store.transact(ledger.verify) == (rows[broken - 1], broken)
    monkeypatch.setattr(ledger, "_PAGE", 2)
    assert await ledger.verify_all(store.transact) == (rows[broken - 1], broken)


async def test_verify_after_a_forged_row(store):
    """A row added to the end with a hash that does not follow is found, even where the rows before it hold."""
    await append(store, event("a"))
    await store.transact(lambda tx: tx.rows("INSERT INTO ledger SELECT 2, 'b', at, account, kind, credits, number, code, source, message, evidence, hash, note FROM ledger"))  # fmt: skip # noqa: E501
    assert (await store.transact(ledger.verify)).broken == 2


async def test_verify_misses_what_was_cut_off_before_others_came(store):
    """A row that was cut off at the end is missed also when events were added after it."""
    await append(store, event("a"), event("b"))
    await tamper(store, "DELETE FROM ledger WHERE position = 2")
    await append(store, event("c"))
    assert [position for position, _ in await hashes(store)] == [1, 3]
    assert (await store.transact(ledger.verify)).broken == 2


async def test_follow_up(store):
    """What became of a confirmation is another row, free, that names the event; one that was not billed has none."""
    await append(store, event("a"), event("b", message="00f1"))
    await store.transact(lambda tx: ledger.follow_up(tx, ["00f1", "00f2"]))
    first, second, third = await store.transact(lambda tx: list(ledger.events(tx)))
    assert (first.credits, second.credits, third.credits) == (1, 1, 0)
    assert (third.kind, third.message, third.note) == (ledger.UNDELIVERED, "00f1", "follows b")
    assert third == second._replace(id=third.id, at=third.at, kind=third.kind, credits=0, note=third.note)
    assert (await store.transact(ledger.verify)).broken is None


async def test_page(store):
    """An account's events come newest first, a page at a time, and no event comes twice or is left out."""
    await append(store, *(event(str(number), account="shop" if number % 2 else "bank") for number in range(10)))
    seen, before = [], None
    while True:
        found, before = await store.transact(lambda tx, before=before: ledger.page(tx, "shop", before, 2))
        seen += [each.id for each in found]
        if before is None:
            break
    assert seen == ["9", "7", "5", "3", "1"]
    assert await store.transact(lambda tx: ledger.page(tx, "nobody")) == ([], None)


async def test_totals(store):
    """Events and credits are summed up by account, month in UTC and kind."""
    november, december = 1_764_547_199_999, 1_764_547_200_000
    await append(
        store,
        event("a", at=november),
        event("b", at=december, credits=3),
        event("c", at=december),
        event("d", at=december, kind=ledger.GRANT, credits=-100),
        event("e", at=december, account="bank"),
    )
    shop = [("shop", "2025-11", CONFIRMATION, 1, 1), ("shop", "2025-12", ledger.GRANT, 1, -100)]
    shop.append(("shop", "2025-12", CONFIRMATION, 2, 4))
    assert await store.transact(ledger.totals) == [("bank", "2025-12", CONFIRMATION, 1, 1), *shop]
    assert await store.transact(lambda tx: ledger.totals(tx, "shop", 0, december)) == shop[:1]
    assert await store.transact(lambda tx: ledger.totals(tx, "nobody")) == []

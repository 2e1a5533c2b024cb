"""Cases: what waits for somebody who reads a text, for whom, and until when."""

from gateway.store import evidence, reviews
from gateway.store.blacklist import EVERYBODY
from gateway.store.reviews import Case
from tests.store.helpers import HOUR, NUMBER
from tests.store.test_evidence import note

OTHER = "33700000000"


def case(account="shop", **changes):
    """Return a case about NUMBER."""
    return Case(NUMBER, account, "36034", 1_000, 2_000, 7)._replace(**changes)


async def add(store, *cases):
    """Open cases in a transaction of their own."""
    await store.transact(lambda tx: reviews.add(tx, cases))


async def test_lookup(store):
    """A number is held back from each account until its last case is over, and a little longer."""
    await add(store, case(), case(code="36111", until=9_000), case(EVERYBODY), case(number=OTHER))
    pending = await store.transact(lambda tx: reviews.lookup(tx, {NUMBER}))
    late, early = case(until=9_000).resumes, case().resumes
    assert pending == {(NUMBER, "shop"): late, (NUMBER, EVERYBODY): early}
    assert late > 9_000
    assert reviews.held_until(pending, NUMBER, "shop") == late
    assert reviews.held_until(pending, NUMBER, "bank") == early
    assert reviews.held_until(pending, OTHER, "shop") == 0


async def test_the_first_text_counts(store):
    """A case that is open already keeps its text and its time."""
    await add(store, case())
    await add(store, case(until=9_000, evidence=8))
    assert await store.transact(lambda tx: reviews.of(tx, [NUMBER])) == [case()]


async def test_remove(store):
    """A closed case is gone, and no other."""
    await add(store, case(), case("bank"), case(code="36111"))
    await store.transact(lambda tx: reviews.remove(tx, [case()]))
    assert set(await store.transact(lambda tx: reviews.of(tx, [NUMBER]))) == {case("bank"), case(code="36111")}


async def test_overdue(store):
    """Cases whose time is over are found, the oldest first, some at a time."""
    now = await store.transact(lambda tx: tx.now)
    await add(store, case(until=now - 1), case("bank", until=now - 2), case("other", until=now + HOUR))
    assert [each.account for each in await store.transact(lambda tx: reviews.overdue(tx, 5))] == ["bank", "shop"]
    assert [each.account for each in await store.transact(lambda tx: reviews.overdue(tx, 1))] == ["bank"]


async def test_cases(store):
    """Open cases come with their texts, the most urgent first: all, or what counts for one account."""
    await store.transact(lambda tx: evidence.record(tx, [note(7, effect="held")]))
    await add(store, case(until=3_000), case(EVERYBODY, number=OTHER), case("bank", until=4_000))
    found = list(await store.transact(reviews.cases))
    assert [each.case.account for each in found] == [EVERYBODY, "shop", "bank"]
    assert found[1] == (case(until=3_000), "orange", 8, b"\0S\xff", "stop", "exact", 0)
    mine = await store.transact(lambda tx: list(reviews.cases(tx, "shop")))
    assert [each.case.account for each in mine] == [EVERYBODY, "shop"]
    first = await store.transact(lambda tx: list(reviews.cases(tx, limit=2)))
    last = await store.transact(lambda tx: list(reviews.cases(tx, after=first[-1].place, limit=2)))
    assert first + last == found

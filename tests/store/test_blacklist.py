"""The blacklist: a number is opted out once per account, and only a lift takes it back."""

import pytest

from gateway.store import blacklist, listing, reviews
from gateway.store.blacklist import EVERYBODY, Entry
from gateway.store.reviews import Case
from tests.store.helpers import NUMBER


def entry(number=NUMBER, account="shop", **changes):
    """Return an opt-out by SMS."""
    return Entry(number, account, 1_000, "sms", "36034", False, 7)._replace(**changes)


async def add(store, *entries):
    """Opt out in a transaction of its own."""
    return await store.transact(lambda tx: blacklist.add(tx, entries))


def everything(tx):
    """Return all entries, whole."""
    return list(listing.by_number(tx))


async def lookup(store, *numbers):
    """Look numbers up."""
    return await store.transact(lambda tx: blacklist.lookup(tx, numbers))


async def test_add_and_lookup(store):
    """Entries are found by number, each with its account; other numbers have none."""
    added = await add(store, entry(), entry(account=EVERYBODY, everything=True), entry("4915112345678"))
    assert sorted(added) == [(NUMBER, EVERYBODY), (NUMBER, "shop"), ("4915112345678", "shop")]
    assert await lookup(store, NUMBER, "33700000000") == {(NUMBER, "shop"): False, (NUMBER, EVERYBODY): True}


async def test_repeated(store):
    """A number that is opted out already is not new again, and keeps its first instant and evidence."""
    await add(store, entry())
    assert await add(store, entry(since=2_000, evidence=8), entry(account="bank")) == [(NUMBER, "bank")]
    assert entry() in await store.transact(everything)


async def test_repeated_in_one_batch(store):
    """Two opt-outs of one number in one batch are one."""
    assert await add(store, entry(evidence=1), entry(evidence=2)) == [(NUMBER, "shop")]
    assert [each.evidence for each in await store.transact(everything)] == [1]


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False), (True, True)])
async def test_everything_only_widens(store, first, second):
    """Who refuses all traffic, before or after refusing marketing, goes on refusing all of it."""
    await add(store, entry(everything=first), entry(account="bank"))
    assert await add(store, entry(everything=second)) == []
    assert await lookup(store, NUMBER) == {(NUMBER, "shop"): True, (NUMBER, "bank"): False}


async def test_remove(store):
    """A lift takes out one account's entry and says whether there was one."""
    await add(store, entry(), entry(account="bank"))
    assert await store.transact(lambda tx: blacklist.remove(tx, NUMBER, "shop")) is True
    assert await store.transact(lambda tx: blacklist.remove(tx, NUMBER, "shop")) is False
    assert await lookup(store, NUMBER) == {(NUMBER, "bank"): False}
    assert await add(store, entry()) == [(NUMBER, "shop")]


async def test_many(store):
    """More numbers than one statement takes are added and found all the same."""
    everyone = [f"336{number:08}" for number in range(700)]
    assert len(await add(store, *(entry(number) for number in everyone))) == 700
    assert len(await lookup(store, *everyone, "33700000000")) == 700
    assert await lookup(store) == {}


async def test_suspects(store):
    """Suspect are numbers that have opted out of anything, and those whose text a person is to read."""
    await add(store, entry(), entry(account="bank"))
    await store.transact(lambda tx: reviews.add(tx, [Case("33700000000", "shop", "36034", 1, 2, 3)]))
    found = await store.transact(lambda tx: blacklist.suspects(tx, {NUMBER, "33700000000", "4915112345678"}))
    assert found == {NUMBER, "33700000000"}


async def test_remove_all(store):
    """Several entries are lifted at once; others stay."""
    await add(store, entry(), entry(account="bank"), entry("4915112345678"))
    await store.transact(lambda tx: blacklist.remove_all(tx, {(NUMBER, "shop"), ("4915112345678", "shop")}))
    assert await store.transact(lambda tx: blacklist.of(tx, [NUMBER])) == [entry(account="bank")]


@pytest.mark.parametrize("account", ["shop", EVERYBODY])
@pytest.mark.parametrize("everything", [False, True])
def test_refuses(account, everything):
    """A number refuses marketing of accounts it has opted out of, other traffic if it said so; of others nothing."""
    entries = {(NUMBER, account): everything}
    assert blacklist.refuses(entries, NUMBER, "shop", marketing=True)
    assert blacklist.refuses(entries, NUMBER, "shop", marketing=False) is everything
    assert blacklist.refuses(entries, NUMBER, "bank", marketing=True) is (account == EVERYBODY)
    assert not blacklist.refuses(entries, "4915112345678", "shop", marketing=True)

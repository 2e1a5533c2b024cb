"""The blacklist as people look through it: every entry once, newest first, whatever the pages."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.rules.number import NumberError
from gateway.store import blacklist, listing
from gateway.store.blacklist import EVERYBODY, Entry
from gateway.store.url import read_store
from tests.store.helpers import NUMBER

SHOP = ["shop", EVERYBODY]


def entry(number=NUMBER, account="shop", since=1_000, **changes):
    """Return an opt-out by SMS."""
    return Entry(number, account, since, "sms", "36034", False, 7)._replace(**changes)


async def pages(store, accounts, search="", limit=2):
    """Go through all pages; returns the entries of each."""
    found, after = [], None
    while True:
        page = await store.transact(lambda tx, after=after: listing.page(tx, accounts, search, after, limit))
        found.append(page.entries)
        after = page.next
        if after is None:
            return found


async def test_newest_first(store):
    """An account sees its entries and those for everybody, newest first, and nobody else's."""
    mine = [entry(since=5), entry("33700000000", since=9), entry("33700000001", EVERYBODY, since=7, everything=True)]
    await store.transact(lambda tx: blacklist.add(tx, [*mine, entry(account="bank", since=8)]))
    assert await pages(store, SHOP) == [[mine[1], mine[2]], [mine[0]]]
    assert await store.transact(lambda tx: listing.count(tx, SHOP)) == 3
    assert await store.transact(lambda tx: listing.count(tx, ["nobody"])) == 0
    assert await pages(store, ["nobody"]) == [[]]


async def test_same_instant(store):
    """Entries of one instant, as an import makes them, come once each, however the pages cut them."""
    everyone = [entry(f"3361234567{n}", account) for n in range(5) for account in ("bank", "shop", EVERYBODY)]
    await store.transact(lambda tx: blacklist.add(tx, everyone))
    for limit in (1, 2, 4, 15, 50):
        found = [each for page in await pages(store, ["shop", "bank", EVERYBODY], limit=limit) for each in page]
        assert found == sorted(everyone, key=lambda each: (each.number, each.account), reverse=True)


async def test_list_that_changes_meanwhile(store):
    """Whatever is added and lifted between two pages, what stays is shown once: also behind a mark that is gone."""
    entries = [entry(f"3361234560{n}", since=10 * n) for n in range(10)]
    await store.transact(lambda tx: blacklist.add(tx, entries))
    first = await store.transact(lambda tx: listing.page(tx, SHOP, limit=3))
    assert first.entries == entries[:6:-1]
    gone, newer, older = (entries[7], entries[4]), entry("33700000000", since=1_000), entry("33700000001", since=15)
    await store.transact(lambda tx: [blacklist.remove(tx, each.number, "shop") for each in gone])
    await store.transact(lambda tx: blacklist.add(tx, [newer, older]))
    found, after = [], first.next
    while after is not None:
        page = await store.transact(lambda tx, after=after: listing.page(tx, SHOP, after=after, limit=3))
        found, after = found + page.entries, page.next
    assert found == [entries[6], entries[5], entries[3], entries[2], older, entries[1], entries[0]]


async def test_search(store):
    """A number is found by its beginning, in any spelling of it."""
    await store.transact(lambda tx: blacklist.add(tx, [entry(), entry("33612999999"), entry("594694123456")]))

    async def found(text):
        return {each.number for page in await pages(store, SHOP, listing.digits(text)) for each in page}

    assert await found("06 12") == {NUMBER, "33612999999"}
    assert await found("+33 6 12 34 56 78") == {NUMBER}
    assert await found("06 94") == await found("+594") == {"594694123456"}
    assert await found("0699") == set()
    assert len(await found("")) == 3
    with pytest.raises(NumberError):
        listing.digits("shop")


@pytest.mark.parametrize("mark", ["", "x", "1.2", "a.b.c"])
async def test_no_mark_of_ours(store, mark):
    """What was never the end of a page is refused."""
    with pytest.raises(ValueError, match=r"."):
        listing._read(mark)


async def test_lists(database):
    """All entries come by number, or newest first, those of some accounts newest first, from a snapshot."""
    async with database.serving() as store:
        others = [entry(account="bank"), entry(account="bank", number="33600000000", since=9, everything=True)]
        mine = [entry("33700000000"), entry(since=5), entry(account=EVERYBODY)]
        await store.transact(lambda tx: blacklist.add(tx, [*mine, *others]))
    with read_store(database.url) as snapshot:
        assert list(listing.by_number(snapshot)) == sorted([*mine, *others])
        assert list(listing.newest(snapshot)) == newest_first([*mine, *others])
        assert list(listing.newest(snapshot, SHOP)) == newest_first(mine)
        assert list(listing.newest(snapshot, ["nobody"])) == []
        assert {type(each.everything) for each in listing.newest(snapshot)} == {bool}
        assert len(listing.page(snapshot, SHOP).entries) == 3
        assert listing.count(snapshot, SHOP) == 3


def newest_first(entries):
    """Return entries in the order in which people look through them."""
    return sorted(entries, key=lambda each: (each.since, each.number, each.account), reverse=True)


@pytest.mark.parametrize("read", [listing.newest, listing.by_number, lambda tx: listing.newest(tx, SHOP)])
async def test_lists_begin_at_once(store, monkeypatch, read):
    """However long a list is, its first entry has cost a page, and nothing is sorted; each entry comes once."""
    monkeypatch.setattr(listing, "_AT_ONCE", 100)
    accounts = ["shop", EVERYBODY]
    many = [entry(f"336{number:08}", accounts[number % 2], number // 7) for number in range(1_000)]
    await store.transact(lambda tx: blacklist.add(tx, many))

    def work(tx):
        reader = _Counting(tx)
        found = read(reader)
        first = next(found)
        return reader.seen, [first, *found], reader.plans

    seen, found, plans = await store.transact(work)
    assert seen <= 150
    assert len(found) == len(many)
    assert set(found) == set(many)
    if read is not listing.by_number:
        assert found == newest_first(many)
    assert [plan for plan in plans if "TEMP B-TREE" in plan] == []


class _Counting:
    """A reader that counts rows, and asks SQLite how it finds them."""

    def __init__(self, tx):
        self._tx = tx
        self._sqlite = type(tx).__module__.endswith("sqlite")
        self.seen, self.plans = 0, []

    def rows(self, sql, values=()):
        """Run one SELECT."""
        if self._sqlite:
            self.plans += [row[3] for row in self._tx.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
        found = list(self._tx.rows(sql, values))
        self.seen += len(found)
        return found


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.sets(
        st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from(["shop", "bank", EVERYBODY]), st.integers(1, 3)),
        max_size=12,
    ),
    limit=st.integers(1, 4),
)
def test_pages_are_the_list(rows, limit):
    """Whatever is listed and however it is cut, the pages together are the list, newest first."""
    everyone = {(number, account): entry(number, account, since) for number, account, since in rows}
    found, after = [], None
    with closing(_Rows(everyone.values())) as reader:
        while True:
            page = listing.page(reader, SHOP, "", after, limit)
            found += page.entries
            after = page.next
            if after is None:
                break
    mine = [each for each in everyone.values() if each.account in SHOP]
    assert found == newest_first(mine)


class _Rows:
    """A reader that holds entries in memory."""

    def __init__(self, entries):
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute("CREATE TABLE blacklist (number, account, since, source, code, everything, evidence)")
        self._connection.executemany("INSERT INTO blacklist VALUES (?, ?, ?, ?, ?, ?, ?)", list(entries))

    def close(self):
        """Forget them."""
        self._connection.close()

    def rows(self, sql, values=()):
        """Run one SELECT."""
        return self._connection.execute(sql, values).fetchall()

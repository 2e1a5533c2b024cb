"""Long lists that are read part by part: whoever takes them slowly holds no past, and misses nothing that stays."""

from contextlib import closing

import apsw
import pytest

from gateway.store import blacklist, browse, evidence, ledger, listing, reviews, spool
from gateway.store.blacklist import EVERYBODY, Entry
from gateway.store.browse import Selection
from gateway.store.evidence import Evidence
from gateway.store.ledger import GRANT, Event
from gateway.store.reading import part_by_part
from gateway.store.reviews import Case
from tests.store.helpers import spooled
from tests.store.members import look

MANY = 60
PAGES = {listing: "_AT_ONCE", ledger: "_PAGE", browse: "_AT_ONCE", reviews: "_PAGE"}


def numbers(start, step=1):
    """Return numbers."""
    return [f"336{number:08}" for number in range(start, MANY, step)]


def opt_out(tx, some):
    """Put numbers on the blacklist, by several accounts and at several instants."""
    whose = {number: ("shop", "bank", EVERYBODY)[int(number) % 3] for number in some}
    blacklist.add(tx, [Entry(each, who, int(each) % 7, "sms", "1", False, 1) for each, who in whose.items()])


def allow(tx, some):
    """Take numbers off the blacklist."""
    blacklist.remove_all(tx, [(each, who) for each in some for who in ("shop", "bank", EVERYBODY)])


def bill(tx, some):
    """Write events about numbers."""
    ledger.append(tx, [Event(str(tx.new_id()), 1, "shop", GRANT, 1, each, "", "", "", 0) for each in some])


def spool_rows(tx, some):
    """Put rows to numbers into lanes."""
    spool.add(tx, [spooled(tx, number=each, lane=f"operator/{int(each) % 3}") for each in some])


def send(tx, some):
    """Take rows to numbers out."""
    tx.each("DELETE FROM spool WHERE number IN ({rows})", [(each,) for each in some])


def hold(tx, some):
    """Open cases about numbers."""
    for each in some:
        row = Evidence(tx.new_id(), 1, each, "1", "sms", "orange", 0, b"?", "?", "unclear", "held", "[]")
        evidence.record(tx, [row])
        reviews.add(tx, [Case(each, "shop", "1", 1, int(each) % 7, row.id)])


def decide(tx, some):
    """Close cases about numbers."""
    reviews.remove(tx, [Case(each, "shop", "1", 1, 1, 1) for each in some])


LISTS = {
    "by number": (listing.by_number, opt_out, allow),
    "newest": (listing.newest, opt_out, allow),
    "newest of an account": (lambda parts: listing.newest(parts, ["shop", "bank", EVERYBODY]), opt_out, allow),
    "ledger": (ledger.events, bill, None),
    "ledger of an account": (lambda parts: ledger.events(parts, "shop"), bill, None),
    "spool": (lambda parts: browse.listing(parts, Selection()), spool_rows, send),
    "review": (reviews.every, hold, decide),
}


@pytest.fixture(params=LISTS.values(), ids=LISTS)
def way(request, monkeypatch):
    """Give a list, how rows get into what it lists, and how they go; a page is a few of them."""
    for module, name in PAGES.items():
        monkeypatch.setattr(module, name, 8)
    monkeypatch.setattr(listing, "_AT_LEAST", 4)
    return request.param


def number(row):
    """Return the number that a row is about."""
    return row.case.number if hasattr(row, "case") else row.number


def holds_a_past(database):
    """Say whether anybody who reads a database keeps it from forgetting what has changed."""
    if database.space is not None:
        reading = "application_name = 'stopgate/reader' AND backend_xmin IS NOT NULL"
        ours = f"backend_start > '{database.since}'"  # sessions of earlier tests may not have ended yet
        return look(database, f"SELECT count(*) FROM pg_stat_activity WHERE {reading} AND {ours}") != [(0,)]
    with closing(apsw.Connection(database.url.removeprefix("sqlite:///"))) as connection:
        [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return bool(busy)


async def test_list_that_is_taken_slowly(database, way):
    """Between two rows nothing is held; what stays comes once, and what comes or goes meanwhile at most once."""
    rows, enter, leave = way
    async with database.serving() as store:
        await store.transact(lambda tx: enter(tx, numbers(0, 2)))
        with part_by_part(database.url) as parts:
            found = []
            for row in rows(parts):
                found.append(number(row))
                if len(found) in (1, 11):
                    assert not holds_a_past(database)
                    await store.transact(lambda tx: enter(tx, numbers(len(found), 4)))
                    if leave:
                        await store.transact(lambda tx: leave(tx, numbers(2, 4)))
    assert {each: found.count(each) for each in numbers(0, 4)} == dict.fromkeys(numbers(0, 4), 1)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["ledger", "spool"])
async def test_list_that_grows_as_fast_as_it_is_read(database, monkeypatch, name):
    """What comes behind the end of a list is no part of it: it ends, however slowly it is taken."""
    rows, enter, _ = LISTS[name]
    for module, each in PAGES.items():
        monkeypatch.setattr(module, each, 2)
    async with database.serving() as store:
        await store.transact(lambda tx: enter(tx, numbers(50)))
        with part_by_part(database.url) as parts:
            found = []
            for row in rows(parts):
                found.append(number(row))
                await store.transact(lambda tx: enter(tx, numbers(58)))
    assert found == numbers(50)

"""Lists are taken in whole, on both engines, once or again, and each leaves evidence."""

import csv
import hashlib
import io

import pytest

from gateway.optout import importing
from gateway.optout.importing import WIDTH, Import, Order
from gateway.store import blacklist, evidence, listing
from gateway.store.base import StoreError
from gateway.store.blacklist import EVERYBODY, Entry
from gateway.store.sorting import sorter
from tests.store.conftest import database, logged, store  # noqa: F401 (fixtures)
from tests.store.helpers import NUMBER

ORDER = Order("list.csv", "moved from the old router", "36034", accounts=frozenset({"shop", "bank", EVERYBODY}))


class Watch:
    """Counts."""

    def __init__(self):
        self.octets = self.rows = 0
        self.problems = []

    def read(self, octets):
        """Count octets."""
        self.octets += octets

    def added(self, rows):
        """Count rows."""
        self.rows += rows

    def problem(self, problem):
        """Keep problems."""
        self.problems.append(problem)


async def take_in(store, text, order=ORDER, *, how="add"):  # noqa: F811
    """Import a list; returns the report and what was watched."""
    watch = Watch()
    octets = text if isinstance(text, bytes) else text.encode()
    with sorter(WIDTH) as room:
        work = Import(order, watch, room)
        work.read(io.BytesIO(octets))
        report = await getattr(work, how)(store.transact, politely=False)
    assert watch.octets == len(octets)
    assert report.sha256 == hashlib.sha256(octets).hexdigest()
    assert watch.rows == report.numbers
    assert len(watch.problems) == report.problems
    return report, watch


async def listed(store):  # noqa: F811
    """Return all entries."""
    return await store.transact(lambda tx: list(listing.by_number(tx)))


async def test_list(store):  # noqa: F811
    """Every number of a list is opted out, in any spelling and each once, with evidence that names the list."""
    report, _ = await take_in(store, "0612345679\n06 12 34 56 78\n+33612345678\n0033612345678\n")
    assert (report.rows, report.numbers, report.added, report.problems) == (4, 2, 2, 0)
    first, second = await listed(store)
    assert (first.number, first.account, first.source, first.everything) == (NUMBER, EVERYBODY, "import", False)
    assert second.number == "33612345679"
    [note] = (await store.transact(lambda tx: evidence.get(tx, [first.evidence]))).values()
    assert (note.effect, note.accounts, note.number) == ("imported", '["*"]', "")
    assert note.note == (
        "moved from the old router; 2 numbers from 33612345678 to 33612345679 of list.csv, SHA-256 " + report.sha256
    )
    assert (await store.transact(evidence.verify)).broken is None


async def test_columns(store):  # noqa: F811
    """What a list says beside the number holds: the account, since when, from where, and whether it is for all."""
    text = "number;account;since;source;everything\n0612345678;shop;2025-12-31;crm;yes\n0612345678;bank;;;\n"
    await take_in(store, text)
    bank, shop = await listed(store)
    assert shop[:6] == (NUMBER, "shop", 1_767_139_200_000, "crm", "36034", True)
    assert (bank.account, bank.source, bank.everything) == ("bank", "import", False)


async def test_twice_in_one_list(store):  # noqa: F811
    """Of two rows about one number the one that refuses everything counts, whichever comes first."""
    await take_in(store, "number,everything\n0612345678,false\n0612345678,true\n0712345678,1\n0712345678,0\n")
    assert [each.everything for each in await listed(store)] == [True, True]


async def test_again(store):  # noqa: F811
    """The same import again adds nothing and leaves nothing; a longer list adds the rest."""
    await take_in(store, "0612345678\n")
    before = await listed(store)
    report, _ = await take_in(store, "0612345678\n")
    assert (report.numbers, report.added) == (1, 0)
    assert await listed(store) == before
    assert await store.transact(lambda tx: tx.rows("SELECT count(*) FROM evidence")) == [(1,)]
    report, _ = await take_in(store, "0612345678\n0612345679\n")
    assert (report.numbers, report.added) == (2, 1)


async def test_what_is_there_stays(store):  # noqa: F811
    """A number that has opted out keeps its instant, source and evidence; a list may widen it to all traffic."""
    entry = Entry(NUMBER, EVERYBODY, 1_000, "sms", "36034", False, 7)
    await store.transact(lambda tx: blacklist.add(tx, [entry]))
    await take_in(store, "number,everything\n0612345678,no\n")
    assert await listed(store) == [entry]
    await take_in(store, "number,everything\n0612345678,yes\n")
    assert await listed(store) == [entry._replace(everything=True)]


async def test_rehearsal(store):  # noqa: F811
    """A dry run says what would be added, and adds nothing."""
    await take_in(store, "0612345678\n")
    report, _ = await take_in(store, "0612345678\n0612345679\nabc\n", how="rehearse")
    assert (report.numbers, report.added, report.problems) == (2, 1, 1)
    assert len(await listed(store)) == 1


async def test_problems(store):  # noqa: F811
    """Rows that cannot be used are named by line, counted by reason, and the others are taken."""
    text = 'number,account\n0612345678,\nabc,\n\n"06 12\n34 56 79",\n0612345670,else\n12,\nabd,\n'
    report, watch = await take_in(store, text)
    assert [(each.line, each.row[0]) for each in watch.problems] == [
        (3, "abc"),
        (7, "0612345670"),
        (8, "12"),
        (9, "abd"),
    ]
    assert report.reasons["only digits, spaces and punctuation make up a phone number"] == 2
    assert (report.rows, report.problems, report.added) == (6, 4, 2)
    assert report.first == watch.problems


async def test_one_account(store):  # noqa: F811
    """A list for one account cannot opt numbers out of another's marketing."""
    order = ORDER._replace(account="shop", accounts=frozenset())
    report, watch = await take_in(store, "number,account\n0612345678,bank\n0612345679,shop\n0612345670,\n", order)
    assert (report.added, [each.line for each in watch.problems]) == (2, [2])
    assert {each.account for each in await listed(store)} == {"shop"}


@pytest.mark.parametrize(
    "text",
    [b"", b"\n\n", b"number\n", b"\xef\xbb\xbf", b"\0\0\0\0", b'"0612345678\n' * 50_000, b"\xff\xfe", b"\xff" * 300],
    ids=["nothing", "blank lines", "a header", "a mark", "NULs", "an open quote", "another mark", "no text"],
)
async def test_odd_lists(store, text):  # noqa: F811
    """What is hardly a list is no trouble: it adds nothing."""
    report, _ = await take_in(store, text)
    assert report.added == 0
    assert await listed(store) == []


async def test_quote_that_is_not_closed(store):  # noqa: F811
    """A row that opens a quote and never closes it is one problem, and loses nothing without a word."""
    text = "0612345678\n" + '"0612345679\n' * 20_001 + "0612345670\n"
    report, watch = await take_in(store, text)
    assert report.problems == len(watch.problems) > 0
    assert {"33612345678"} <= {each.number for each in await listed(store)}


async def test_many(store, monkeypatch):  # noqa: F811
    """More numbers than one transaction takes are added in many, in order, each with evidence of its own."""
    monkeypatch.setattr(importing, "AT_ONCE", 100)
    monkeypatch.setattr(importing, "_READ_AT_ONCE", 70)
    text = "".join(f"06{number * 7_919 % 10**8:08}\n" for number in range(1_000))
    report, _ = await take_in(store, text)
    assert (report.rows, report.added) == (1_000, 1_000)
    found = await listed(store)
    assert len({each.number for each in found}) == 1_000
    assert await store.transact(lambda tx: tx.rows("SELECT count(*) FROM evidence")) == [(10,)]


async def test_cut_off(store, monkeypatch):  # noqa: F811
    """What was added before a database failed stays, and the same import again adds the rest."""
    monkeypatch.setattr(importing, "AT_ONCE", 10)
    monkeypatch.setattr(importing, "_PATIENCE", 0.0)
    text = "".join(f"06{number:08}\n" for number in range(35))
    calls = []

    async def transact(work):
        calls.append(work)
        if len(calls) == 3:
            raise StoreError("out of order")
        return await store.transact(work)

    with sorter(WIDTH) as room:
        work = Import(ORDER, Watch(), room)
        work.read(io.BytesIO(text.encode()))
        with pytest.raises(StoreError, match="out of order"):
            await work.add(transact, politely=True)
    assert len(await listed(store)) == 20
    report, _ = await take_in(store, text)
    assert (report.numbers, report.added) == (35, 15)


async def test_patience(store, monkeypatch):  # noqa: F811
    """A database that is busy for a while is waited for."""
    monkeypatch.setattr(importing, "_PAUSE", 0.0)
    failures = [StoreError("is locked by another process")] * 3

    async def transact(work):
        if failures:
            raise failures.pop()
        return await store.transact(work)

    with sorter(WIDTH) as room:
        work = Import(ORDER, Watch(), room)
        work.read(io.BytesIO(b"0612345678\n"))
        assert (await work.add(transact, politely=True)).added == 1


async def test_there_and_back(store):  # noqa: F811
    """What an export writes, an import reads: the same blacklist, evidence apart."""
    entries = [
        Entry(NUMBER, "shop", 5_000, "sms", "36034", False, 7),
        Entry("33712345678", "bank", 5_000, "sms", "36111", False, 8),
        Entry("687751234", EVERYBODY, 6_000, "web", "web", True, 8),
    ]
    await store.transact(lambda tx: blacklist.add(tx, entries))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "account", "since", "source", "short_code", "everything"])
    for each in await listed(store):
        writer.writerow(
            [f"+{each.number}", each.account, "1970-01-01T00:00:05+00:00", each.source, each.code, each.everything]
        )
    await store.transact(lambda tx: tx.rows("DELETE FROM blacklist"))
    await take_in(store, text.getvalue())
    assert [each[:2] + each[3:6] for each in await listed(store)] == [each[:2] + each[3:6] for each in entries]

"""Copying a store: all of it arrives, nothing else is touched, and what differs is said."""

import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import apsw
import psycopg
import pytest
import trio

from gateway.store import (
    alerts,
    apikeys,
    blacklist,
    confirmations,
    contacts,
    copying,
    evidence,
    held,
    idempotency,
    inbound,
    ledger,
    logins,
    messages,
    migrate,
    nodes,
    reviews,
    seals,
    sent,
    settings,
    spool,
)
from gateway.store.alerts import Wish
from gateway.store.base import StoreError, TakenError
from gateway.store.blacklist import Entry
from gateway.store.confirmations import Confirmation
from gateway.store.copying import PAGE
from gateway.store.evidence import Evidence
from gateway.store.ids import MAX_NODES
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.reviews import Case
from gateway.store.tables import COPIED, LEFT
from gateway.store.url import sqlite_path
from tests.store.helpers import DATABASES, NUMBER, PATIENCE, Database, held_by, message, spooled

COPY = [sys.executable, "-m", "gateway", "store", "copy"]
# Copies a few pages and stands still within the next one, so that it never ends before somebody kills it.
ENDLESS = """
import sys, time
from gateway import cli
from gateway.store import copying

append, pages = copying._append, []

def halting(*args):
    pages.append(append(*args))
    if len(pages) > 7:
        time.sleep(3_600)
    return pages[-1]

copying._append = halting
cli.main(sys.argv[1:])
"""
TABLES = {table.name: table for table in COPIED}
SMALL = 7  # rows of a page, so that a few dozen are many pages


class Watcher:
    """Notes what it is told, and calls ``at(what)`` with each stage's name and ``row N``."""

    def __init__(self, at=lambda _what: None):
        self.stages, self.rows = [], 0
        self._at = at

    def begin(self, stage, rows):
        """A stage begins."""
        self.stages.append((stage, rows))
        self.rows = 0
        self._at(stage)

    def advance(self, rows):
        """Rows are done."""
        self.rows += rows
        self._at(self.rows)


class InterruptedCopyError(Exception):
    """The test has seen enough."""


def after(rows):
    """Return a watcher that ends the copy once so many rows have been copied."""

    def look(done):
        if isinstance(done, int) and done >= rows:
            raise InterruptedCopyError

    return Watcher(look)


@pytest.fixture(params=itertools.product(DATABASES, DATABASES), ids="-to-".join)
def pair(request, tmp_path):
    """Offer two empty databases of every pair of engines."""
    source, destination = request.param
    with DATABASES[source](request) as first, second_database(request, destination, tmp_path) as second:
        yield first, second
        first.close()
        second.close()


@pytest.fixture(params=[("sqlite", "postgresql"), ("postgresql", "sqlite")], ids="-to-".join)
def mixed(request, tmp_path):
    """Offer two empty databases of different engines, each way: for what depends on each, and not on the pair."""
    source, destination = request.param
    with DATABASES[source](request) as first, second_database(request, destination, tmp_path) as second:
        yield first, second
        first.close()
        second.close()


@contextmanager
def second_database(request, engine, folder):
    """Offer a database that is not the first of its engine."""
    if engine == "sqlite":
        yield Database(f"sqlite:///{folder}/copy.db")
    else:
        with DATABASES[engine](request) as database:
            yield database


@pytest.fixture
def small_pages(monkeypatch):
    """Make pages small."""
    monkeypatch.setattr(copying, "PAGE", SMALL)


@pytest.fixture
def long_leases(monkeypatch):
    """Have a gateway that has just joined count as alive until somebody looks, however long that takes."""
    monkeypatch.setattr(nodes, "LEASE_MS", 1_000 * PATIENCE)


def fill(tx, count=30):
    """Write ``count`` rows into each table that holds the gateway's work, and a little into all others."""
    held_by(tx, 77)
    rows = [message(tx, excerpt=f"é {at} \\ \" '") for at in range(count)]
    messages.add(tx, rows)
    messages.settle(tx, [messages.Outcome(rows[0].id, messages.DELIVERED)])
    spool.add(tx, [spooled(tx, message=row.id, body=os.urandom(40), lane=f"operator/{row.id % 2}") for row in rows[2:]])
    spool.add(tx, [spooled(tx, message=row.id) for row in rows[:2]], held=True)
    sent.taken(tx, [(f"op{at % 3}", f"{at:x}", row.id) for at, row in enumerate(rows)])
    sent.park(tx, [("op1", f"none{at}", 2, "000") for at in range(count)])
    contacts.touch(tx, [(str(int(NUMBER) + at), "36034", "shop") for at in range(count)])
    contacts.touch(tx, [(str(int(NUMBER) + at), contacts.WEB, "bank") for at in range(count)])
    for at in range(count):
        number, proof = str(int(NUMBER) + at), tx.new_id()
        octets = os.urandom(9)
        note = Evidence(proof, tx.now, number, "36034", "sms", "orange", 0, octets, "stop", "exact", "opt_out", "shop")
        evidence.record(tx, [note])
        blacklist.add(tx, [Entry(number, "shop", tx.now, "sms", "36034", bool(at % 2), proof)])
        billed = Event(f"{proof:016x}", tx.now, "shop", CONFIRMATION, 1, number, "36034", "sms", "00", proof)
        ledger.append(tx, [billed])
        confirmations.add(tx, [Confirmation(tx.new_id(), number, tx.now, "shop", "36034", "orange", proof)])
        reviews.add(tx, [Case(number, "bank", "36034", tx.now, tx.now, proof)])
    text = inbound.Key(NUMBER, "36034", 0, 7, 255)
    inbound.add(tx, [inbound.Part(text, at, 9, "orange", 1, 1, NUMBER, 0, 1, 64, 0, b"x") for at in range(count)])
    inbound.remember(tx, [(text, at, "digest") for at in range(count)])
    key = held.Key("shop", NUMBER, "SHOP", 0, 7, 255)
    held.add(tx, [held.Part(rows[at].id, rows[0].id, key, at, 9, 0, 10, os.urandom(9)) for at in range(count)])
    idempotency.keep(tx, [idempotency.Kept("shop", f"k{at}", "d", at, 0, 7, "appended", 1) for at in range(count)])
    for at in range(count):
        apikeys.add(tx, apikeys.ApiKey(tx.new_id(), "shop", f"h{at}", "sg_", at, 0))
    for at in range(count):
        settings.set_mention(tx, f"account{at}", on=bool(at % 2))
    logins.begin(tx, logins.Login("digest", "shop", 0, "shop", "proof", tx.now, tx.now))
    seals.shared(tx, "opt-out")
    alerts.ask(tx, [Wish(str(int(NUMBER) + at), "shop", 5, 0, "SHOP") for at in range(count)])
    nodes.set_presence(tx, {"account/shop": 3})
    tx.rows("INSERT INTO share (name, holder, amount, wanted) VALUES ('account/shop', 77, 1, 1)")
    tx.rows("INSERT INTO node (number, name, holder, lease, round) VALUES (41, 'gw7', NULL, 5, 6)")


def everything(tx):
    """Return all that has to arrive, by table."""
    return {
        name: tx.rows(f"SELECT {', '.join((*table.key, *table.others))} FROM {name} ORDER BY {', '.join(table.key)}")
        for name, table in TABLES.items()
    }


async def do(database, work, node=migrate.COPYIST):
    """Run ``work`` in a transaction on a database, as a copyist, whose name does not stay, or as a node."""
    with closing(database.open(node)) as store:
        await store.once(lambda tx: tx.rows("DELETE FROM node WHERE name = ?", (migrate.COPYIST,)))
        return await store.once(work)


def aside(database, work):
    """Do the same from another thread, within a test's callback."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(trio.run, do, database, work).result(PATIENCE)


async def copy(pair, watcher=None):
    """Copy the first database of a pair into the second."""
    source, destination = pair
    return await copying.copy(source.url, destination.url, watcher or Watcher())


async def interrupted(pair, rows):
    """Copy until so many rows have arrived."""
    with pytest.raises(ExceptionGroup) as caught:
        await copy(pair, after(rows))
    assert caught.group_contains(InterruptedCopyError)


async def same(pair):
    """Tell whether both databases hold the same."""
    first, second = [await do(database, everything) for database in pair]
    return first == second


COLUMNS = {
    "sqlite": "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns"
    " WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT table_name::text, column_name::text FROM information_schema.columns "
    "WHERE table_schema = current_schema()",
}


async def test_every_table_and_column_is_decided_about(database):
    """Whatever a migration adds is copied, or named among what stays behind."""
    engine = database.url.partition(":")[0]
    found = await do(database, lambda tx: tx.rows(COLUMNS[engine]))
    assert {name for name, _ in found} == {*TABLES, *LEFT}
    decided = {(name, column) for name, (_, *kinds) in TABLES.items() for column in itertools.chain(*kinds)}
    assert {each for each in found if each[0] not in LEFT} == decided


async def test_everything_arrives(pair, small_pages):
    """Every row of every table arrives as it was, and what the report says of it is true."""
    await do(pair[0], fill, "gw1")
    watcher = Watcher()
    report = await copy(pair, watcher)
    assert await same(pair)
    assert report.same
    arrived = {name: len(rows) for name, rows in (await do(pair[1], everything)).items()}
    assert min(arrived.values()) >= 1
    assert {each.table: (each.source, each.destination, each.difference) for each in report.tables} == {
        name: (count, count, "") for name, count in arrived.items()
    }
    assert report.copied == sum(arrived.values()) == watcher.rows
    assert watcher.stages == [("copy", report.copied), ("verify", report.copied)]
    assert report.chain.last == await do(pair[0], ledger.last)


async def test_empty(mixed):
    """A store without a row is copied as well, and can be used afterwards."""
    await do(mixed[0], lambda _tx: None)
    report = await copy(mixed)
    assert report.same
    assert report.copied == 0
    mixed[1].open("gw1")


async def test_nobody_holds_what_has_arrived(pair):
    """What a process held waits at the destination, and no membership, link or share goes along."""
    async with pair[0].serving() as store:
        await store.join()
        await store.transact(fill)
        await store.transact(nodes.leave)
    await copy(pair)
    counts = "SELECT (SELECT count(*) FROM presence), (SELECT count(*) FROM share), (SELECT max(claimed) FROM spool)"
    assert await do(pair[1], lambda tx: tx.rows(counts)) == [(0, 0, None)]
    known = "SELECT number, name, holder, lease, round FROM node ORDER BY number"
    assert await do(pair[1], lambda tx: tx.rows(known)) == [(0, "gw1", None, 0, 0), (41, "gw7", None, 0, 0)]


async def test_identifiers_go_on(mixed):
    """A node keeps its number at the destination, and its identifiers are above all that have arrived."""
    await do(mixed[0], fill)
    await copy(mixed)
    made = await do(mixed[1], lambda tx: tx.new_id(), "gw7")
    assert made >> 12 & MAX_NODES - 1 == 41
    [(largest,)] = await do(mixed[1], lambda tx: tx.rows("SELECT max(id) FROM evidence"))
    assert made > largest


async def test_again(mixed, small_pages):
    """A copy that is complete is verified again, and nothing is copied."""
    await do(mixed[0], fill)
    await copy(mixed)
    report = await copy(mixed)
    assert report.same
    assert report.copied == 0
    mixed[1].open("gw1")


async def test_goes_on(pair, small_pages):
    """An interrupted copy goes on where it stopped, and nobody can use the destination before it is complete."""
    await do(pair[0], fill)
    total = sum(len(rows) for rows in (await do(pair[0], everything)).values())
    for rows in (1, 70, 200):
        await interrupted(pair, rows)
        with pytest.raises(StoreError, match="is an unfinished copy of another; run the same `stopgate store copy`"):
            pair[1].open("gw1")
    there = sum(len(rows) for rows in (await do(pair[1], everything)).values())
    assert 200 <= there < 230
    report = await copy(pair)
    assert report.same
    assert report.copied == total - there
    assert await same(pair)
    pair[1].open("gw1")


async def test_other_data_is_left_alone(mixed):
    """A destination that holds anything else is refused, by table and keys, and stays as it is and usable."""
    await do(mixed[0], fill)
    strange = Entry("33799999999", "*", 5, "cli", "36034", everything=False, evidence=3)
    await do(mixed[1], lambda tx: blacklist.add(tx, [strange]))
    before = await do(mixed[1], everything)
    with pytest.raises(
        StoreError, match=r"destination holds other data .*: table blacklist, keys 33612345678/shop to 33799999999/\*;"
    ):
        await copy(mixed)
    assert await do(mixed[1], everything) == before
    mixed[1].open("gw1")


async def test_source_that_moved_on(mixed, small_pages):
    """When the source has changed since a copy was interrupted, where it has already been copied, that is refused."""
    await do(mixed[0], fill)
    await interrupted(mixed, 200)
    number = str(int(NUMBER) + 3)
    await do(mixed[0], lambda tx: blacklist.remove(tx, number, "shop"))
    with pytest.raises(StoreError, match=rf"table blacklist, keys {number}/shop to"):
        await copy(mixed)


CHANGES = {
    "blacklist": "UPDATE blacklist SET everything = 1 WHERE number = '33612345688'",
    "message": "DELETE FROM message WHERE id = (SELECT max(id) FROM message)",
    "spool": "UPDATE spool SET body = octets FROM evidence WHERE spool.id = (SELECT min(id) FROM spool)",
}


@pytest.mark.parametrize("which", [0, 1], ids=["source", "destination"])
@pytest.mark.parametrize("table", CHANGES)
async def test_difference(mixed, small_pages, table, which):
    """A row that differs when all has been copied is found, and the copy stays unusable."""
    await do(mixed[0], fill)

    def change(what):
        if what == "verify":
            aside(mixed[which], lambda tx: tx.rows(CHANGES[table]))

    report = await copy(mixed, Watcher(change))
    assert not report.same
    assert [each.table for each in report.tables if each.difference] == [table]
    [found] = [each for each in report.tables if each.table == table]
    assert (found.source, found.destination) == {
        ("message", 0): (29, 30),
        ("message", 1): (30, 29),
    }.get((table, which), (30, 30))
    if table == "blacklist":
        assert found.difference == "keys 33612345688/shop to 33612345691/shop"
    with pytest.raises(StoreError, match="unfinished copy"):
        mixed[1].open("gw1")


GUARDS = {
    "sqlite": "DROP TRIGGER ledger_keeps_words",
    "postgresql": "DROP TRIGGER ledger_keeps_rows ON ledger",
}


async def test_chain_is_recomputed(mixed):
    """A ledger that was changed in both stores alike is found by its chain, though the rows are equal."""
    await do(mixed[0], fill)

    def change(what):
        for database in mixed if what == "verify" else ():
            guard = GUARDS[database.url.partition(":")[0]]
            aside(database, lambda tx, guard=guard: tx.rows(guard))
            aside(database, lambda tx: tx.rows("UPDATE ledger SET credits = 0 WHERE position = 4"))

    report = await copy(mixed, Watcher(change))
    assert [each.difference for each in report.tables] == [""] * len(TABLES)
    assert report.chain.broken == 4
    assert not report.same


async def test_broken_ledger(mixed, small_pages):
    """A source whose ledger is broken is not copied."""
    await do(mixed[0], fill)
    await do(mixed[0], lambda tx: tx.rows("INSERT INTO ledger SELECT 99, 'x', at, account, kind, credits, number, code, source, message, evidence, hash, note FROM ledger WHERE position = 3"))  # fmt: skip # noqa: E501
    with pytest.raises(StoreError, match="the source's ledger is broken at position 31; restore a backup"):
        await copy(mixed)
    assert (await do(mixed[1], everything))["message"] == []


@pytest.mark.parametrize("which", [0, 1], ids=["source", "destination"])
async def test_gateway_at_work(pair, long_leases, which):
    """While a gateway works on either store nothing is copied."""
    await do(pair[0], fill)
    role = ["source", "destination"][which]
    async with pair[which].serving() as store:
        await store.join()
        with pytest.raises(StoreError, match=rf"the {role}: .* works on it; stop every gateway on it"):
            await copy(pair)
    assert (await do(pair[1], everything))["message"] == []


async def test_gateway_that_starts_meanwhile(pair, long_leases, small_pages):
    """A gateway cannot start on the source of a copy under way, or the copy ends."""
    await do(pair[0], fill)

    async def join():
        with closing(pair[0].open("gw1")) as store:
            await store.join()

    def start(what):
        if what == "verify":
            with ThreadPoolExecutor(1) as pool:
                pool.submit(trio.run, join).result(PATIENCE)

    sqlite = pair[0].url.startswith("sqlite")
    kind, sentence = (
        (TakenError, "another gateway runs") if sqlite else (StoreError, "^the source: node gw1 works on it")
    )
    with pytest.raises(kind, match=sentence):
        await copy(pair, Watcher(start))


async def test_same_database(database, tmp_path):
    """A database is not copied into itself, whatever it is called."""
    await do(database, fill)
    url = database.url
    if url.startswith("sqlite"):
        file = tmp_path / "gateway.db"
        (tmp_path / "symbolic.db").symlink_to(file)
        (tmp_path / "hard.db").hardlink_to(file)
        names = [f"sqlite:///{tmp_path}/./gateway.db", f"sqlite:///{tmp_path}/symbolic.db"]
    else:
        names = [f"{url}&connect_timeout=9"]
    for name in [url, *names]:
        with pytest.raises(StoreError, match="source and destination are the same database"):
            await copying.copy(url, name, Watcher())
    database.open("gw1")


async def test_missing_source(tmp_path):
    """A source that is not there is not made."""
    with pytest.raises(StoreError, match="the source: there is no such file"):
        await copying.copy(f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db", Watcher())
    assert list(tmp_path.iterdir()) == []


async def test_other_schema(mixed):
    """Stores whose schemas are not the same after both were brought up to date are refused."""
    await do(mixed[0], fill)
    await do(mixed[1], lambda tx: tx.rows("UPDATE migration SET name = 'other' WHERE number = 1"))
    with pytest.raises(StoreError, match="the schemas of source and destination differ"):
        await copy(mixed)


async def test_unfinished_source(mixed):
    """An unfinished copy is no source."""
    await do(mixed[0], fill)
    await do(mixed[0], migrate.begin_copy)
    with pytest.raises(StoreError, match="the source is an unfinished copy itself"):
        await copy(mixed)


async def test_nul(mixed):
    """A text with a NUL arrives, as U+FFFD where the engine cannot hold it."""
    await do(mixed[0], lambda tx: messages.add(tx, [message(tx, excerpt="a\0b")]))
    assert (await copy(mixed)).same
    [(excerpt,)] = await do(mixed[1], lambda tx: tx.rows("SELECT excerpt FROM message"))
    assert excerpt in {"a\0b", "a\ufffdb"}


async def test_no_trace(mixed):
    """Neither store remembers who copied it."""
    await do(mixed[0], fill)
    await copy(mixed)
    for database in mixed:
        assert await do(database, lambda tx: tx.rows("SELECT number, name FROM node")) == [(41, "gw7")]


def rows_at(database):
    """Return how many rows a database holds in its two largest tables, without taking part in it."""
    counts = "SELECT (SELECT count(*) FROM contact) + (SELECT count(*) FROM message)"
    with closing(postgres_or_sqlite(database.url)) as connection:
        try:
            return connection.execute(counts).fetchall()[0][0]
        except (apsw.SQLError, psycopg.errors.UndefinedTable):  # it has not got that far
            return 0


def postgres_or_sqlite(url):
    """Return a connection that only looks."""
    if url.startswith("sqlite"):
        connection = apsw.Connection(str(sqlite_path(url)))
        connection.set_busy_timeout(1_000 * PATIENCE)
        return connection
    return psycopg.connect(url, autocommit=True)


def bulk(tx, many):
    """Write many contacts and a page of messages."""
    contacts.touch(tx, [(f"336{at:09}", "36034", "shop") for at in range(many)])
    messages.add(tx, [message(tx) for _ in range(PAGE)])


@pytest.mark.faults
def test_killed(mixed):
    """A copy that is killed again and again is complete in the end."""
    many = 24 * PAGE  # more than the killed ones copy
    trio.run(do, mixed[0], lambda tx: bulk(tx, many))
    urls = ["--from", mixed[0].url, "--to", mixed[1].url]
    endless = [sys.executable, "-c", ENDLESS, "store", "copy", *urls]
    for goal in (PAGE, 3 * PAGE, 5 * PAGE):
        with subprocess.Popen(endless, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and rows_at(mixed[1]) < goal:  # the look itself takes a moment
                pass
            process.kill()
        assert process.returncode == -9
        reached = rows_at(mixed[1])
        assert goal <= reached < many + PAGE
        assert reached % PAGE == 0
        with pytest.raises(StoreError, match="unfinished copy"):
            mixed[1].open("gw1")
    done = subprocess.run([*COPY, *urls, "--format", "json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    copied = json.loads(done.stdout)["copied"]
    assert many + PAGE - reached - copied in {0, PAGE}  # a server may commit what the killed one had sent
    assert trio.run(same, mixed)

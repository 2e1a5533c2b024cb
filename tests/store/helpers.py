"""What the store's tests share: databases under test, flows that take notes, and plausible rows."""

from __future__ import annotations

import re
import threading
from contextlib import asynccontextmanager, contextmanager

import trio

from gateway.smpp.pdu import SUBMIT_SM
from gateway.store import postgres, postgres_link, postgres_snapshot, spool, sqlite
from gateway.store.base import Batch
from gateway.store.messages import Message
from gateway.store.spool import Spooled
from gateway.store.sqlite_file import open_database
from gateway.store.url import open_store

HOUR = 3_600_000  # milliseconds
PATIENCE = 60  # seconds for what must happen
NUMBER = "33612345678"


class Database:
    """One database, and the stores opened on it; ``space`` is its schema on a server, made at the instant ``since``."""

    def __init__(self, url, space=None, since=None):
        self.url = url
        self.space = space
        self.since = since
        self._opened = []

    def open(self, node="gw1"):
        """Return a store on this database for a node."""
        store = open_store(self.url, node)
        self._opened.append(store)
        return store

    @asynccontextmanager
    async def serving(self, node="gw1"):
        """Open a store and serve its rounds meanwhile."""
        store = self.open(node)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            yield store
            nursery.cancel_scope.cancel()
        store.close()

    def close(self):
        """Close whatever a test left open."""
        for store in self._opened:
            store.close()


def _open_patiently(path):
    connection = open_database(path)
    connection.set_busy_timeout(1_000 * PATIENCE)
    return connection


@contextmanager
def sqlite_database(request):
    """Offer an empty SQLite database."""
    patient(request.getfixturevalue("monkeypatch"))
    yield Database(f"sqlite:///{request.getfixturevalue('tmp_path')}/gateway.db")


def patient(monkeypatch):
    """Have nobody give up on a database, nor it on us, who only stand still because others want the machine, too.

    Tests of how long we wait undo this.
    """
    monkeypatch.setattr(sqlite, "open_database", _open_patiently)
    monkeypatch.setattr(postgres, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(postgres_link, "_SETTINGS", re.sub(r"'\ds'", f"'{PATIENCE}s'", postgres_link._SETTINGS))
    monkeypatch.setitem(postgres_link._DEFAULTS, "connect_timeout", PATIENCE)
    for name in ("_PATIENCE", "_MOMENTS"):
        monkeypatch.setattr(postgres_snapshot, name, PATIENCE)


@contextmanager
def postgres_database(request):
    """Offer an empty database on the run's PostgreSQL server."""
    patient(request.getfixturevalue("monkeypatch"))
    server = request.getfixturevalue("postgres_server")
    name = server.create()
    [(since,)] = server.execute("SELECT clock_timestamp()::text")
    try:
        yield Database(server.url(name), name, since)
    finally:
        server.drop(name)


DATABASES = {"sqlite": sqlite_database, "postgresql": postgres_database}


class Flow:
    """A flow that writes down what its batch is told: (items, result) when done, (items, error) when failed."""

    def __init__(self, work, rank=50):
        self.done = []
        self.failed = []
        self.batch = Batch(
            work,
            lambda items, result: self.done.append((items, result)),
            lambda items, error: self.failed.append((items, error)),
            rank,
        )


class Gate:
    """Holds a transaction open, in the writer's thread, until the test lets it go on."""

    def __init__(self):
        self.entered = trio.Event()
        self._open = threading.Event()

    def wait(self):
        """Tell the test that the transaction is here, and wait for it."""
        trio.from_thread.run_sync(self.entered.set)
        assert self._open.wait(PATIENCE)

    def open(self):
        """Let the transaction go on."""
        self._open.set()


def held_by(tx, holder):
    """Return the transaction as one of the node with this holder token."""
    tx.holder = holder
    return tx


def spooled(tx, **changes):
    """Return a row for the lane "operator/orange" that is due now and expires in an hour."""
    row = Spooled(
        id=tx.new_id(),
        lane="operator/orange",
        message=0,
        number=NUMBER,
        command=SUBMIT_SM,
        body=b"\0\x01",
        due=tx.now,
        expires=tx.now + HOUR,
    )
    return row._replace(**changes)


def message(tx, segments=1, **changes):
    """Return an accepted message of the account "shop"."""
    row = Message(
        id=tx.new_id(),
        account="shop",
        source_ton=5,
        source_npi=0,
        source_addr="SHOP",
        dest_ton=1,
        dest_npi=1,
        dest_addr=NUMBER,
        number=NUMBER,
        submitted=tx.now,
        registered=1,
        reason="appended",
        excerpt="Soldes",
        segments=segments,
        open=segments,
    )
    return row._replace(**changes)


def numbers(tx):
    """Return the numbers of all spooled rows."""
    return sorted(number for (number,) in tx.rows("SELECT number FROM spool"))


def add(tx, *names):
    """Spool one row for each name, in the order given."""
    spool.add(tx, [spooled(tx, number=name) for name in names])


def add_all_but_bad(tx, items):
    """Spool each item; one named "bad…" raises after it has been written."""
    for item in items:
        add(tx, item)
        if item.startswith("bad"):
            raise ValueError(item)
    return list(items)

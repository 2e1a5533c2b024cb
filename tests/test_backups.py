"""`stopgate backup` and `stopgate restore`, as their user sees them, on both engines."""

import json
import os
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest
import trio
from click.testing import CliRunner

from gateway import cli
from gateway.store import ledger, spool
from gateway.store.backups import restore
from gateway.store.base import StoreError
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.sqlite_backup import copied
from gateway.store.url import open_store
from tests.postgres import _programs
from tests.store.helpers import DATABASES, numbers, spooled

EVENTS = 5


@pytest.fixture(params=DATABASES)
def database(request, monkeypatch, tmp_path):
    """Offer an empty database of each engine, and the programs of its server."""
    if request.param == "postgresql":
        monkeypatch.setenv("PATH", f"{_programs('', tmp_path)}:{os.environ['PATH']}")
    with DATABASES[request.param](request) as database:
        yield database
        database.close()


@pytest.fixture
def stopgate(database, tmp_path):
    """Run a command on the database, or on another one."""
    return lambda *words, store=database.url: command(tmp_path, store, *words)


def command(folder, store, *words):
    """Run a command on a store."""
    path = folder / "gateway.yaml"
    path.write_text(json.dumps({"node": "gw1", "store": store}))
    return CliRunner().invoke(cli.main, [*map(str, words), "--config", str(path)])


def fill(tx):
    """Have a row wait, and events in the ledger."""
    spool.add(tx, [spooled(tx)])
    ledger.append(tx, [event(number) for number in range(EVENTS)])


def event(number):
    """Return a billable confirmation."""
    return Event(f"{number:016x}", 1_000, "shop", CONFIRMATION, 1, "33612345678", "36034", "sms", "00f0", number)


@pytest.fixture
def filled(database):
    """Fill the database."""
    with closing(database.open()) as store:
        trio.run(store.once, fill)
    return database


def contents(url):
    """Return what waits, and where the ledger ends."""
    with closing(open_store(url, "gw2")) as store:
        return trio.run(store.once, lambda tx: (numbers(tx), ledger.last(tx)))


def elsewhere(database, tmp_path):
    """Return the URL of a place where nothing is, of the same engine; the PostgreSQL schema itself, emptied."""
    if database.space is None:
        return f"sqlite:///{tmp_path}/elsewhere.db"
    return database.url


def forget(database, server):
    """Empty the database, as a lost disk would."""
    if database.space is not None:
        server.execute(f"SET client_min_messages = warning; DROP SCHEMA {database.space} CASCADE")
        server.execute(f"CREATE SCHEMA {database.space}")


def test_there_and_back(filled, stopgate, tmp_path, request):
    """A backup is proven when it is made and when it is put back, and holds what the database held."""
    before = contents(filled.url)
    saved = stopgate("backup", tmp_path / "backup")
    assert saved.exit_code == 0, saved.output
    forget(filled, filled.space and request.getfixturevalue("postgres_server"))
    there = elsewhere(filled, tmp_path)
    restored = stopgate("restore", tmp_path / "backup", store=there)
    assert restored.exit_code == 0, restored.output
    assert f"{EVENTS} events in the ledger, last hash {before[1].hash}" in restored.stdout
    assert "knows no later opt-out" in restored.stderr
    assert contents(there) == before


def test_backup_is_private(filled, stopgate, tmp_path):
    """A backup is for its owner alone, and nothing else is left beside it."""
    assert stopgate("backup", tmp_path / "new" / "backup").exit_code == 1  # no folder is made
    (tmp_path / "new").mkdir()
    assert stopgate("backup", tmp_path / "new" / "backup").exit_code == 0
    assert [(path.name, path.stat().st_mode & 0o777) for path in (tmp_path / "new").iterdir()] == [("backup", 0o600)]


def test_nothing_is_overwritten(filled, stopgate, tmp_path):
    """Neither a file that is there nor a database that is there is written over."""
    (tmp_path / "backup").write_text("mine")
    refused = stopgate("backup", tmp_path / "backup")
    assert (refused.exit_code, (tmp_path / "backup").read_text()) == (1, "mine")
    assert "not overwritten" in refused.stderr
    assert stopgate("backup", tmp_path / "other").exit_code == 0
    refused = stopgate("restore", tmp_path / "other")
    assert refused.exit_code == 1
    assert "not overwritten" in refused.stderr


def test_restore_of_nothing(stopgate, tmp_path):
    """A file that is not there is said so."""
    refused = stopgate("restore", tmp_path / "backup", store=f"sqlite:///{tmp_path}/new.db")
    assert refused.exit_code == 1
    assert f"{tmp_path}/backup: there is no such" in refused.stderr


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_server_programs_are_missing(filled, stopgate, tmp_path, monkeypatch):
    """Where PostgreSQL's programs are missing the sentence says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = stopgate("backup", tmp_path / "backup")
    assert "pg_dump is not installed; install PostgreSQL's client programs" in refused.stderr


# SQLite's file


class Quiet:
    """Watches no progress, but may do something when a stage begins."""

    def __init__(self, then=lambda _stage: None):
        self._then = then

    def begin(self, stage, _total, _unit="rows"):
        """Do something."""
        self._then(stage)

    def advance(self, _done):
        """Look away."""


@pytest.fixture
def path(tmp_path):
    """Offer a SQLite database with something in it."""
    path = tmp_path / "gateway.db"
    with closing(open_store(f"sqlite:///{path}", "gw1")) as store:
        trio.run(store.once, fill)
    return path


def test_one_instant(path, tmp_path):
    """What is written while the backup is made does not get in, and does not disturb it."""
    store = open_store(f"sqlite:///{path}", "gw1")

    def write(stage):
        if stage == "copy":
            thread = threading.Thread(target=trio.run, args=(store.once, lambda tx: spool.add(tx, [spooled(tx)])))
            thread.start()
            thread.join()

    with closing(store):
        trio.run(store.once, lambda tx: spool.add(tx, [spooled(tx)]))
        with copied(path, tmp_path / "backup", Quiet(write)):
            pass
        assert len(trio.run(store.once, numbers)) == 3
    assert len(contents(f"sqlite:///{tmp_path}/backup")[0]) == 2


def test_interrupted(path, tmp_path):
    """A backup that is interrupted leaves nothing behind."""

    def interrupt(_stage):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), copied(path, tmp_path / "backup", Quiet(interrupt)):
        pass
    assert {each.name for each in tmp_path.iterdir()} <= {"gateway.db", "gateway.db.lock"}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("INSERT INTO migration (number, name, at) VALUES (9000, 'later', 1)", "install a newer stopgate"),
        ("DROP TRIGGER ledger_keeps_words; UPDATE ledger SET credits = 0 WHERE position = 3", "broken at position 3"),
        ("DROP TRIGGER ledger_keeps_rows; DELETE FROM ledger WHERE position = 5", "broken at position 5"),
    ],
)
def test_restore_of_what_is_not_whole(path, tmp_path, damage, sentence):
    """A backup of a newer program, or whose ledger was tampered with, is refused, and nothing is left in its place."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(damage)
    refused = command(tmp_path, f"sqlite:///{tmp_path}/new.db", "restore", path)
    assert refused.exit_code == 1
    assert sentence in refused.stderr
    assert not list(tmp_path.glob("new.db*[!k]"))


def test_restore_of_a_damaged_file(path, tmp_path):
    """Octets that are wrong are noticed."""
    octets = bytearray(path.read_bytes())
    octets[4_200:8_100] = b"\xff" * 3_900
    path.write_bytes(octets)
    refused = command(tmp_path, f"sqlite:///{tmp_path}/new.db", "restore", path)
    assert refused.exit_code == 1
    assert "damaged" in refused.stderr


def test_backup_of_an_older_schema(path, tmp_path):
    """A database that is not up to date yet is saved as it is: before an upgrade is when one wants a backup."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)")
    saved = command(tmp_path, f"sqlite:///{path}", "backup", tmp_path / "backup")
    assert saved.exit_code == 0, saved.output
    assert "the ledger was not verified" in saved.stdout


def test_restore_while_a_gateway_runs(path, tmp_path):
    """A place on which a gateway runs is left alone, also when somebody has just removed its file."""
    place = tmp_path / "place.db"
    store = open_store(f"sqlite:///{place}", "gw1")
    with closing(store):
        trio.run(store.join)
        for each in tmp_path.glob("place.db*"):
            if each.suffix != ".lock":
                each.unlink()
        with pytest.raises(StoreError, match="another gateway runs on this file"):
            restore(f"sqlite:///{place}", Path(path), Quiet())

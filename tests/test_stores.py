"""`stopgate store copy`, as its user sees it."""

import json
from contextlib import closing

import apsw
import pytest
import trio
from click.testing import CliRunner

from gateway import cli
from gateway.store import ledger
from gateway.store.ledger import CONFIRMATION, START, Event
from gateway.store.sqlite import SqliteStore

EVENTS = 12


def event(number):
    """Return a billable confirmation."""
    return Event(f"{number:016x}", 1_000, "shop", CONFIRMATION, 1, "33612345678", "36034", "sms", "00f0", number)


@pytest.fixture
def run():
    """Run a command line."""
    return lambda *args: CliRunner().invoke(cli.main, list(map(str, args)))


@pytest.fixture
def path(tmp_path):
    """Offer a database with a dozen billable events."""
    path = tmp_path / "gateway.db"
    with closing(SqliteStore(path, "gw1")) as store:
        trio.run(store.once, lambda tx: ledger.append(tx, [event(number) for number in range(EVENTS)]))
    return path


def last_hash(path):
    """Return the ledger's last hash."""
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute("SELECT hash FROM ledger ORDER BY position DESC").fetchall()[0][0]


def test_copy(run, path):
    """A copy ends with status 0, a table on standard output, and what was done on standard error."""
    result = run("store", "copy", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{path}.copy")
    assert result.exit_code == 0, result.output
    assert [line.split("│")[1:5] for line in result.stdout.splitlines() if "ledger" in line] == [
        [" ledger       ", " 12     ", " 12          ", " none       "]
    ]
    assert result.stderr.splitlines() == [
        "copy: 15 rows",
        "verify: 15 rows",
        "15 rows copied; the ledger's last hash, recomputed at the destination, is the source's",
    ]


def test_copy_for_machines(run, path):
    """The report can be had as JSON, alone on standard output."""
    result = run("store", "copy", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{path}.copy", "--format", "json")
    report = json.loads(result.stdout)
    assert (report["same"], report["copied"]) == (True, EVENTS + 3)
    assert report["tables"]["ledger"] == {"table": "ledger", "source": 12, "destination": 12, "difference": ""}
    assert report["ledger"] == {
        "position": EVENTS,
        "hash": last_hash(path),
        "expected": last_hash(path),
        "broken": None,
    }
    assert report["ledger"]["hash"] != START.hash


@pytest.mark.parametrize("forced", ["", "1"], ids=["plain", "coloured"])
def test_copy_that_cannot_be(run, path, monkeypatch, forced):
    """What forbids a copy is one sentence on standard error, with status 1, whatever is said about colours."""
    monkeypatch.setenv("FORCE_COLOR", forced)
    with closing(SqliteStore(path)) as store:
        trio.run(store.join)
        result = run("store", "copy", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{path}.copy")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "Error: the source: another process works on it; stop every gateway on it, wait 10 seconds if one was killed, "
        "and copy again\n"
    )


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_copy_of_something_else(run, path, option):
    """A URL that names no store is refused with status 2, and not repeated: it may hold a password."""
    urls = {"--from": f"sqlite:///{path}", "--to": f"sqlite:///{path}.copy", option: "mysql://user:secret@db/x"}
    result = run("store", "copy", *(word for pair in urls.items() for word in pair))
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': must be sqlite:///" in result.stderr
    assert "secret" not in result.output

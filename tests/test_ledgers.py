"""`stopgate ledger`: what accounts are charged, listed, summed up and proven."""

import csv
import io
import json
from contextlib import closing

import apsw
import pytest
import trio
from click.testing import CliRunner

from gateway import cli
from gateway.store import balances, evidence, ledger
from gateway.store.balances import Use
from gateway.store.evidence import Evidence
from gateway.store.ledger import CONFIRMATION, START, Event
from gateway.store.sqlite import SqliteStore

EVENTS = 12
NOVEMBER, DECEMBER = 1_764_000_000_000, 1_764_600_000_000


def event(number):
    """Return a billable event: six of them in November, six in December."""
    at = NOVEMBER if number < 6 else DECEMBER
    account = "shop" if number % 3 else "bank"
    return Event(f"{number:x}", at, account, CONFIRMATION, 1, "33612345678", "36034", "sms", "00f0", 7)


def note(number):
    """Return the evidence of a text."""
    return Evidence(number, NOVEMBER, "33612345678", "36034", "sms", "o", 0, b"STOP", "stop", "exact", "none", "[]")


def fill(tx):
    """Write a dozen events and some evidence."""
    ledger.append(tx, [event(number) for number in range(EVENTS)])
    evidence.record(tx, [note(number) for number in range(1, 4)])


@pytest.fixture
def path(tmp_path):
    """Offer a database with a dozen billable events."""
    path = tmp_path / "gateway.db"
    do(path, fill)
    return path


def do(path, work):
    """Run work in a transaction."""
    with closing(SqliteStore(path, "gw1")) as store:
        return trio.run(store.once, work)


@pytest.fixture
def run(path):
    """Run `stopgate ledger …` on the configuration of a gateway on that database."""
    config = path.with_name("gateway.yaml")
    config.write_text(
        f"store: sqlite:///{path}\n"
        "accounts: {shop: {password: x, credits: prepaid}, bank: {password: y}}\n"
        "operators: {o: {host: 127.0.0.1, system_id: a, password: b}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )

    def run(command, *words):
        return CliRunner().invoke(cli.main, ["ledger", command, "--config", str(config), *map(str, words)])

    return run


def tamper(path, sql):
    """Change the database as somebody could who may do anything to it."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"DROP TRIGGER ledger_keeps_words; DROP TRIGGER ledger_keeps_rows; {sql}")


def hashes(path, table="ledger"):
    """Return the hashes of a chain."""
    with closing(apsw.Connection(str(path))) as connection:
        return [row[0] for row in connection.execute(f"SELECT hash FROM {table} ORDER BY position")]


def test_verify(run, path):
    """What holds ends with status 0, the lengths of both chains and their last hashes."""
    result = run("verify")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{EVENTS} events, last hash {hashes(path)[-1]}",
        f"3 rows of evidence, last hash {hashes(path, 'evidence')[-1]}",
    ]
    assert result.stderr.splitlines() == ["ledger: 12 events", "evidence: 3 rows"]


def test_verify_nothing(run, path):
    """A gateway that has billed nothing yet has chains that hold."""
    path.unlink()
    SqliteStore(path).close()
    assert run("verify").stdout.startswith(f"0 events, last hash {START.hash}\n")


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE ledger SET credits = 0 WHERE position IN (5, 9)", "the ledger is broken at position 5"),
        ("UPDATE ledger SET note = 'x' WHERE position = 12", "the ledger is broken at position 12"),
        ("DELETE FROM ledger WHERE position = 1", "the ledger is broken at position 1"),
        ("DELETE FROM ledger WHERE position = 12", "the ledger is cut off at position 12"),
        ("DELETE FROM ledger", "the ledger is cut off at position 1"),
        (
            "UPDATE balance SET credits = credits + 1 WHERE account = 'shop'",
            "the balance of shop is -7, its rows come to -8",
        ),
        ("DELETE FROM balance", "the balance of bank is 0, its rows come to -4; the balance of shop is 0, its rows"),
        ("UPDATE evidence SET octets = x'00' WHERE position = 2", "the evidence is broken at position 2"),
        ("DELETE FROM evidence WHERE position = 3", "the evidence is broken at position 3"),
    ],
)
def test_verify_finds_what_was_changed(run, path, sql, problem):
    """What was tampered with ends with status 1 and what does not hold."""
    tamper(path, sql)
    result = run("verify")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"Error: {problem}" in result.stderr
    assert "restore a backup that is whole" in result.stderr


def test_verify_what_was_written_anew(run, path):
    """A chain that was cut off and mended everywhere in the database lacks the hash that somebody kept elsewhere."""
    kept, before = hashes(path)[-1], hashes(path)[-2]
    assert run("verify", "--head", kept, "--head", before).exit_code == 0
    tamper(
        path,
        "DELETE FROM ledger WHERE position = 12; UPDATE balance SET credits = credits + 1 WHERE account = 'shop'; "
        f"UPDATE chain_head SET position = 11, hash = '{before}' WHERE chain = 'ledger'",
    )
    assert run("verify").exit_code == 0
    result = run("verify", "--head", kept, "--head", before)
    assert result.exit_code == 1
    assert f"Error: no row has the hash {kept} any more" in result.stderr
    assert before not in result.stderr


def test_verify_while_debits_are_pending(run, path):
    """What submissions have cost and is not in the ledger yet is no difference."""
    do(path, lambda tx: balances.debit(tx, {"shop": Use(30, 10)}))
    assert run("verify").exit_code == 0
    do(path, lambda tx: ledger.settle_pending(tx, tx.now + 1))
    assert run("verify").exit_code == 0


def test_totals(run):
    """Events and credits are summed up by account, month and kind, of all or of one account and a period."""
    found = list(csv.reader(io.StringIO(run("totals", "--format", "csv").stdout)))
    assert found == [
        ["account", "month", "kind", "events", "credits"],
        ["bank", "2025-11", CONFIRMATION, "2", "2"],
        ["bank", "2025-12", CONFIRMATION, "2", "2"],
        ["shop", "2025-11", CONFIRMATION, "4", "4"],
        ["shop", "2025-12", CONFIRMATION, "4", "4"],
    ]
    words = ["--account", "shop", "--since", "2025-12-01", "--format", "json"]
    assert json.loads(run("totals", *words).stdout) == [
        {"account": "shop", "month": "2025-12", "kind": CONFIRMATION, "events": 4, "credits": 4}
    ]


def test_grant(run, path):
    """Credits are granted, and taken back, as events with a reason; the balance follows."""
    result = run("grant", "--account", "shop", "--credits", "1500", "--reason", "invoice 7")
    assert (result.exit_code, result.stdout) == (0, "shop: 1,500 credits granted; the balance is 1,492\n")
    assert run("grant", "--account", "shop", "--credits", "-1", "--reason", "a mistake").stdout == (
        "shop: 1 credit taken back; the balance is 1,491\n"
    )
    granted = json.loads(run("list", "--account", "shop", "--format", "json").stdout)[-2:]
    assert [(each["kind"], each["credits"], each["note"], each["source"]) for each in granted] == [
        ("grant", -1_500, "invoice 7", "cli"),
        ("grant", 1, "a mistake", "cli"),
    ]
    found = list(csv.reader(io.StringIO(run("balances", "--format", "csv").stdout)))
    assert found == [["account", "balance", "prepaid"], ["bank", "-4", "no"], ["shop", "1491", "yes"]]
    assert run("verify").exit_code == 0
    assert len(hashes(path)) == EVENTS + 2


def test_grant_to_who_is_not_prepaid(run):
    """Credits for an account that is not prepaid are granted, with a word of warning."""
    result = run("grant", "--account", "bank", "--credits", "5", "--reason", "x")
    assert result.exit_code == 0
    assert "bank is not prepaid" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--account", "nobody", "--credits", "5", "--reason", "x"], "there is no account nobody"),
        (["--account", "shop", "--credits", "0", "--reason", "x"], "must be some"),
        (["--account", "shop", "--credits", "5", "--reason", " "], "must say why"),
        (["--account", "shop", "--credits", "many", "--reason", "x"], "not a valid integer"),
    ],
)
def test_grant_that_cannot_be(run, path, words, sentence):
    """What cannot be granted is said, and nothing is."""
    result = run("grant", *words)
    assert result.exit_code != 0
    assert sentence in result.stderr
    assert len(hashes(path)) == EVENTS

"""Commands that print long lists into a pipe that nobody reads: the database forgets what has changed meanwhile."""

import subprocess
import sys

import apsw
import pytest
import trio

from gateway.store import blacklist, evidence, ledger, reviews, spool
from gateway.store.blacklist import Entry
from gateway.store.evidence import Evidence
from gateway.store.ledger import GRANT, Event
from gateway.store.reviews import Case
from gateway.store.sqlite import SqliteStore
from tests.store.helpers import spooled

MANY = 1_500  # lines: more than a pipe and the command's own memory for output take
SMALL = 4_096  # octets of a pipe
LISTS = [
    ["blacklist", "list"],
    ["blacklist", "export"],
    ["blacklist", "export", "--account", "shop"],
    ["blacklist", "review", "list"],
    ["ledger", "list"],
    ["ledger", "export"],
    ["spool", "list"],
]


def fill(tx):
    """Write rows for each of the lists."""
    numbers = [f"336{number:08}" for number in range(MANY)]
    texts = [Evidence(tx.new_id(), 1, each, "1", "sms", "o", 0, b"?", "?", "unclear", "held", "[]") for each in numbers]
    evidence.record(tx, texts)
    reviews.add(tx, [Case(each.number, "shop", "1", 1, 2, each.id) for each in texts])
    blacklist.add(tx, [Entry(each, "shop", 1, "cli", "36034", False, 1) for each in numbers])
    ledger.append(tx, [Event(each, 1, "shop", GRANT, 1, each, "", "", "", 0) for each in numbers])
    spool.add(tx, [spooled(tx, number=each) for each in numbers])


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Write a configuration and a database with long lists."""
    folder = tmp_path_factory.mktemp("long")
    path = folder / "gateway.yaml"
    path.write_text(
        f"store: sqlite:///{folder}/gateway.db\n"
        "accounts: {shop: {password: x}}\n"
        "operators: {o: {host: 127.0.0.1, system_id: a, password: b}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )
    store = SqliteStore(folder / "gateway.db")
    trio.run(store.once, fill)
    store.close()
    return path


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_nobody_reads(config, command):
    """A list that is half taken holds no instant: the log can be cleared away; then the rest comes, every line once."""
    words = [sys.executable, "-m", "gateway", *command, "--format", "csv", "--config", str(config)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, pipesize=SMALL) as process:
        lines = [process.stdout.readline() for _ in range(2)]  # a header, and what the first page begins with
        database = apsw.Connection(str(config.with_name("gateway.db")))
        database.execute("CREATE TABLE IF NOT EXISTS touched (at)")
        database.execute("INSERT INTO touched VALUES (1)")
        [(busy, _, _)] = database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert process.poll() is None
        lines += process.stdout
        database.close()
    assert busy == 0
    assert (process.returncode, len(lines), len(set(lines))) == (0, MANY + 1, MANY + 1)

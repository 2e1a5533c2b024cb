"""Upgrades: a database of any earlier schema, with rows in every table, becomes today's and loses none of them."""

from contextlib import closing

import pytest
import trio

from gateway.rules.size import Size
from gateway.store import blacklist, contacts, ledger, messages, migrate, spool
from gateway.store.ledger import CONFIRMATION, START, Event
from tests.store.helpers import HOUR, NUMBER, Database, patient

KNOWN = len(migrate.migrations("sqlite"))
ROWS = 2  # in each table
SQLITE_COLUMNS = (
    "SELECT m.name, c.name, c.type FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table'"
)
POSTGRES_COLUMNS = (
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema()"
)
NOT_FILLED = {"migration", "node", "chain_head", "ledger"}  # the ledger is a chain, and filled as one
# What a column must hold to make sense; all else is made up from its type.
PLAUSIBLE = {
    "claimed": None,
    "code": "36034",
    "done": None,
    "expires": 9_000_000_000_000,
    "lane": "operator/orange",
    "state": messages.ENROUTE,
}


def columns(tx, database):
    """Return the columns of every table, with their types, in some order."""
    found = {}
    for table, column, kind in tx.rows(SQLITE_COLUMNS if database.space is None else POSTGRES_COLUMNS):
        if not table.startswith("sqlite_"):
            found.setdefault(table, {})[column] = kind.lower()
    return found


def value(column, kind, row):
    """Make up what a column holds in a row."""
    if column == "number":
        return NUMBER[:-1] + str(row)
    if column == "account":
        return f"shop{row}"
    if column == "position":
        return 0  # of evidence: from before there was a chain
    if column in PLAUSIBLE:
        return PLAUSIBLE[column]
    return {"t": f"{column}{row}", "i": row, "b": b"\0\xff" if kind in ("blob", "bytea") else row}[kind[0]]


def fill(tx, tables):
    """Put rows into every table, and a chain into the ledger; returns what each of them holds."""
    for table, kinds in tables.items():
        if table not in NOT_FILLED:
            for row in range(1, ROWS + 1):
                values = [value(column, kind, row) for column, kind in kinds.items()]
                places = ", ".join("?" * len(values))
                tx.rows(f"INSERT INTO {table} ({', '.join(kinds)}) VALUES ({places})", values)
    previous = START.hash
    for row in range(1, ROWS + 1):
        event = Event(f"{row:016x}", row, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", f"{row:016x}", row)
        shown = dict(zip(event._fields, event, strict=True)) | {"position": row, "hash": ledger.chain(previous, event)}
        kinds = [column for column in tables["ledger"] if column in shown]
        places = ", ".join("?" * len(kinds))
        tx.rows(f"INSERT INTO ledger ({', '.join(kinds)}) VALUES ({places})", [shown[column] for column in kinds])
        previous = shown["hash"]
    return contents(tx, tables)


def contents(tx, tables):
    """Return what every table holds in these columns."""
    return {
        table: sorted(tx.rows(f"SELECT {', '.join(kinds)} FROM {table}"), key=repr) for table, kinds in tables.items()
    }


@pytest.fixture(params=range(1, KNOWN), ids=lambda number: f"from {number}")
def old(request, database, monkeypatch):
    """Offer a database of an earlier schema with rows in every table, its columns, and what it holds."""
    with monkeypatch.context() as patch:
        every = migrate.migrations
        patch.setattr(migrate, "migrations", lambda engine: every(engine)[: request.param])
        patch.setattr(migrate, "_floor", lambda _tx: 0)  # which looks at tables of today
        with closing(database.open()) as store:
            tables = trio.run(store.once, lambda tx: columns(tx, database))
            if "chain_head" in tables:
                held = trio.run(store.once, lambda tx: filled_with_head(tx, tables))
            else:
                held = trio.run(store.once, lambda tx: fill(tx, tables))
    return database, tables, held


def filled_with_head(tx, tables):
    """Fill a database that knows where its ledger ends."""
    fill(tx, tables)
    ledger.set_head(tx, "ledger", ledger.last(tx))
    return contents(tx, tables)


def test_nothing_is_lost(old, request):
    """Every row is there after the upgrade with all that it said, in tables like those of a database made today."""
    database, tables, held = old
    del tables["migration"], held["migration"]
    with closing(database.open()) as store:
        assert trio.run(store.once, lambda tx: contents(tx, tables)) == held
        assert trio.run(store.once, migrate.schema_of) == KNOWN
        upgraded = trio.run(store.once, lambda tx: columns(tx, database))
    assert upgraded == request.getfixturevalue("newest")[database.space is None]


@pytest.fixture(scope="module")
def newest(tmp_path_factory, postgres_server):
    """Return the columns of databases made today: PostgreSQL's, and SQLite's."""
    space = postgres_server.create()
    databases = [
        Database(postgres_server.url(space), space),
        Database(f"sqlite:///{tmp_path_factory.mktemp('newest')}/gateway.db"),
    ]
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patient(patch)
        for each in databases:
            with closing(each.open()) as store:
                found.append(trio.run(store.once, lambda tx, each=each: columns(tx, each)))
    postgres_server.drop(space)
    return found


def test_the_gateway_goes_on(old):
    """What waited is claimed, what was known is known, and the ledger's chain holds."""
    database, _, _ = old

    def look(tx):
        numbers = [NUMBER[:-1] + str(row) for row in range(1, ROWS + 1)]
        queues = spool.queues(tx, "operator/orange")
        claimed = [row for queue in queues for row in spool.claim(tx, "operator/orange", queue, Size(9, 9_000))]
        assert sorted(row.number for row in claimed) == numbers
        assert len(messages.get(tx, [1, 2])) == ROWS
        assert {number for number, _ in blacklist.lookup(tx, numbers)} == set(numbers)
        assert len(contacts.senders(tx, [(number, "36034") for number in numbers], 0)) == ROWS
        assert all(row.expires > tx.now + HOUR for row in claimed)
        assert ledger.verify(tx).broken is None

    with closing(database.open()) as store:
        trio.run(store.once, look)

"""Migrations: a database becomes ours, stays what it is, and is refused when it is newer than we are."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.rules.size import Size
from gateway.store import evidence, ledger, messages, spool
from gateway.store.base import StoreError
from gateway.store.evidence import Evidence
from gateway.store.ids import MAX_NODES, wire
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.migrate import migrations
from tests.store.helpers import NUMBER, message, spooled

NODES = "SELECT number, name FROM node ORDER BY number"


def node_of(identifier):
    """Return the node number within an identifier."""
    return identifier >> 12 & MAX_NODES - 1


def test_files():
    """Migrations are numbered from 1 without gaps, and each has a name and something to do."""
    found = migrations("sqlite")
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    assert all(name and sql.strip() for _, name, sql in found)


async def test_applied_once(database):
    """Every migration is noted when it is applied, and opening the database again changes nothing."""
    noted = []
    for _ in range(3):
        async with database.serving() as store:
            noted.append(
                await store.transact(lambda tx: tx.rows("SELECT number, name, at FROM migration ORDER BY number"))
            )
    assert [row[:2] for row in noted[0]] == [(number, name) for number, name, _ in migrations("sqlite")]
    assert noted[1] == noted[2] == noted[0]


async def test_rows_survive(database):
    """What is in the database is there after it has been opened again."""
    async with database.serving() as store:
        row = await store.transact(spooled)
        await store.transact(lambda tx: spool.add(tx, [row]))
    async with database.serving() as store:
        assert await store.transact(lambda tx: spool.claim(tx, row.lane, row.queue, Size(9, 9_000))) == [row]


async def test_newer_schema(database):
    """A database of a newer program is refused in a sentence that says what to do, and is left as it is."""
    newest = migrations("sqlite")[-1][0]
    async with database.serving() as store:
        await store.transact(lambda tx: tx.rows("INSERT INTO migration VALUES (?, 'next', 0)", (newest + 1,)))
    sentence = f"the database has schema {newest + 1}, this program knows {newest}; install a newer stopgate"
    with pytest.raises(StoreError, match=sentence):
        database.open("gw2")
    with pytest.raises(StoreError, match=sentence):
        database.open("gw2")


async def test_nodes(database):
    """Each node has a number of its own, keeps it, and marks its identifiers with it."""
    for name, number in (("gw1", 0), ("gw2", 1), ("gw1", 0), ("gw3", 2), ("gw2", 1)):
        async with database.serving(name) as store:
            assert node_of(await store.transact(lambda tx: tx.new_id())) == number
            nodes = await store.transact(lambda tx: tx.rows(NODES))
    assert nodes == [(0, "gw1"), (1, "gw2"), (2, "gw3")]


async def test_two_nodes_at_once(database):
    """Two nodes on one database never make the same identifier."""
    async with database.serving("gw1") as one, database.serving("gw2") as other:
        made = [
            await store.transact(lambda tx: [tx.new_id() for _ in range(100)])
            for _ in range(5)
            for store in (one, other)
        ]
    flat = [identifier for some in made for identifier in some]
    assert len(set(flat)) == 1_000


async def test_opened_by_many_at_once(database):
    """Processes that open a database at the same moment all succeed, each with a number of its own."""
    database.open("gw0")
    names = [f"gw{number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as pool:
        for store in pool.map(database.open, names):
            store.close()
    async with database.serving("gw0") as store:
        assert sorted(name for _, name in await store.transact(lambda tx: tx.rows(NODES))) == names


async def test_no_room_for_a_node(database):
    """A new node takes the number of the one that is gone for longest; where all live the sentence says so."""
    async with database.serving("gw0") as store:
        rows = [(number, f"gw{number}", number, 9_000 - number) for number in range(1, MAX_NODES)]
        await store.transact(lambda tx: tx.insert("node (number, name, holder, lease)", rows))
        await store.transact(lambda tx: tx.rows("UPDATE node SET holder = 1 WHERE number = 0"))
    with pytest.raises(StoreError, match="1024 nodes live on this database"):
        database.open("new")
    async with database.serving("gw0") as store:
        await store.transact(lambda tx: tx.rows("UPDATE node SET holder = NULL WHERE number IN (7, 9)"))
    async with database.serving("new") as store:
        assert node_of(await store.transact(lambda tx: tx.new_id())) == 9


@pytest.mark.parametrize("table", ["message", "spool", "evidence", "parked", "ledger"])
async def test_floor(database, table):
    """Identifiers are larger than every one the database holds, wherever it stands, though the clock be behind."""
    async with database.serving() as store:
        ahead = (await store.transact(lambda tx: tx.new_id())) + (86_400_000 << 22)  # as if made tomorrow
        await store.transact(lambda tx: _hold(tx, table, ahead))
    async with database.serving() as store:
        assert await store.transact(lambda tx: tx.new_id()) > ahead


def _hold(tx, table, identifier):
    """Put a row with this identifier into a table."""
    event = Event(wire(identifier), 0, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", "", 7)
    note = Evidence(identifier, 0, NUMBER, "36034", "sms", "orange", 0, b"STOP", "STOP", "exact", "none", "[]")
    parked = "INSERT INTO parked (id, operator, remote_id, at, state, error) VALUES (?, 'orange', 'a1', 0, 2, '')"
    {
        "message": lambda: messages.add(tx, [message(tx, id=identifier)]),
        "spool": lambda: spool.add(tx, [spooled(tx, id=identifier)]),
        "evidence": lambda: evidence.record(tx, [note]),
        "parked": lambda: tx.rows(parked, (identifier,)),
        "ledger": lambda: ledger.append(tx, [event]),
    }[table]()

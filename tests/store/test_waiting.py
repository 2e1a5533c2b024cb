"""What waits in the spool is found by message, by number, and by account: and only that."""

import pytest

from gateway.store import held, waiting
from tests.store.helpers import HOUR, NUMBER
from tests.store.test_spool import OTHER, put


async def test_messages_to_a_number(store):
    """The messages to a number are those of which something waits, in whatever lane and whenever it is due."""
    await put(store, {"message": 1}, {"message": 1}, {"message": 2, "lane": OTHER, "due": HOUR})
    await put(store, {"message": 3, "number": "4915112345678"}, {"message": 4, "number": ""})
    await put(store, {"message": 5}, claimed=1)
    assert await store.transact(lambda tx: waiting.messages_to(tx, ["33612345678"])) == {1: 2, 2: 1}
    assert await store.transact(lambda tx: waiting.messages_to(tx, [""])) == {}


async def test_beginnings(store):
    """How the waiting segments of messages begin is read without the rest, which may be long."""
    await put(store, {"message": 1, "body": b"WAP\0" + bytes(60_000)}, {"message": 1}, {"message": 2}, {"message": 3})
    await put(store, {"message": 2}, claimed=1)
    found = await store.transact(lambda tx: waiting.beginnings(tx, [1, 2, 9], 6))
    assert found == {1: [b"WAP\0\0\0", b"\0\x01"], 2: [b"\0\x01"]}


async def test_messages_of_an_account_to_a_number(store):
    """An account's messages to a number of which something waits are found in order, within bounds, so many."""
    shop = {"account": "shop"}
    await put(store, *({**shop, "message": message} for message in (5, 3, 3, 9, 7)))
    await put(store, {"account": "bank", "message": 4}, {**shop, "message": 6, "number": "4915112345678"})
    await put(store, {**shop, "message": 8}, claimed=1)

    def found(between, limit=9):
        return lambda tx: waiting.messages_of(tx, ("shop", NUMBER), between, limit)

    assert await store.transact(found((0, 100))) == [3, 5, 7, 9]
    assert await store.transact(found((3, 7))) == [5, 7]
    assert await store.transact(found((0, 100), 2)) == [3, 5]
    assert await store.transact(lambda tx: waiting.messages_of(tx, ("shop", ""), (0, 100), 9)) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # a plan of PostgreSQL's for a few rows says nothing
async def test_messages_of_others_cost_nothing(store):
    """Whatever others have waiting for a number, an account's messages to it are found by an index, in its order."""
    plans = []

    def work(tx):
        ask, tx.rows = tx.rows, lambda sql, values: plans.extend(ask(f"EXPLAIN QUERY PLAN {sql}", values)) or []
        waiting.messages_of(tx, ("shop", NUMBER), (0, 100), 9)
        held.messages_of(tx, ("shop", NUMBER), (0, 100), 9)

    await store.transact(work)
    spooled, parts, sorting = [plan for *_, plan in plans]
    bounds = "number=? AND account=? AND message>? AND message<?"
    assert spooled == f"SEARCH spool USING INDEX spool_waiting_number ({bounds})"
    assert parts == "SEARCH held USING COVERING INDEX held_by_number (number=? AND account=?)"
    assert sorting == "USE TEMP B-TREE FOR ORDER BY"  # of the account's own parts

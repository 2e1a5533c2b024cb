"""Transactions: what is told is committed, and nobody pays for a neighbour's fault."""

import time
from contextlib import suppress
from functools import partial

import pytest
import trio
import trio.testing

from gateway.rules.size import Size
from gateway.store import spool
from gateway.store.base import StoreError
from gateway.store.ids import EPOCH_MS
from tests.store.helpers import Flow, Gate, add, add_all_but_bad, numbers, spooled

LANE = "operator/orange"


async def test_result_is_returned(store):
    """A transaction's result comes back, and the next transaction sees what it wrote."""
    assert await store.transact(lambda tx: add(tx, "a") or "written") == "written"
    assert await store.transact(numbers) == ["a"]


async def test_committed_is_durable(database):
    """What was acknowledged is there when the database is opened again."""
    async with database.serving() as store:
        await store.transact(lambda tx: add(tx, "a"))
    async with database.serving() as store:
        assert await store.transact(numbers) == ["a"]


async def test_work_that_raises_is_undone(store):
    """Work that raises leaves nothing behind, says why, and the store stays healthy."""
    with pytest.raises(StoreError, match="work failed: ValueError: bad"):
        await store.transact(lambda tx: add_all_but_bad(tx, ["a", "bad"]))
    assert await store.transact(numbers) == []
    assert store.healthy


async def test_waiting_calls_share_a_commit(store):
    """Calls that wait at the same time are committed in one transaction."""
    seen = []
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(store.transact, seen.append)
    assert len(seen) == 20
    assert len({id(tx) for tx in seen}) == 1


async def test_what_arrives_meanwhile_makes_up_the_next_commit(store):
    """Work that arrives while a commit is under way waits for it, and is then committed together."""
    gate, seen = Gate(), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.transact, lambda tx: (gate.wait(), seen.append(tx)))
        await gate.entered.wait()
        flow = Flow(lambda tx, items: seen.extend([tx] * len(items)))
        store.attach(flow.batch)
        for item in "abc":
            flow.batch.put(item)
        nursery.start_soon(store.transact, seen.append)
        await trio.testing.wait_all_tasks_blocked()
        assert seen == flow.done == []
        gate.open()
    first, *rest = seen
    assert len(rest) == 4
    assert first not in rest
    assert len({id(tx) for tx in rest}) == 1
    assert flow.done == [(["a", "b", "c"], None)]


async def test_neighbours_of_a_failing_call(store):
    """Of calls that share a commit, only the one that raises fails."""
    results = {}

    async def call(name):
        try:
            results[name] = await store.transact(lambda tx: add_all_but_bad(tx, [name]))
        except StoreError as error:
            results[name] = str(error)

    async with trio.open_nursery() as nursery:
        for name in ("a", "bad", "c"):
            nursery.start_soon(call, name)
    assert results == {"a": ["a"], "bad": "work failed: ValueError: bad", "c": ["c"]}
    assert await store.transact(numbers) == ["a", "c"]


async def test_sql_error(store):
    """A statement that the database does not understand is its item's fault, not the database's."""
    with pytest.raises(StoreError, match="no_such_table"):
        await store.transact(lambda tx: tx.rows("SELECT 1 FROM no_such_table"))
    assert store.healthy


async def test_cancelled_call(store):
    """A caller that is cancelled while its commit is under way takes nobody else's work with it."""
    gate = Gate()
    async with trio.open_nursery() as nursery:
        doomed = trio.CancelScope()

        async def call():
            with doomed:
                await store.transact(lambda tx: (gate.wait(), add(tx, "a")))

        nursery.start_soon(call)
        await gate.entered.wait()
        nursery.start_soon(store.transact, lambda tx: add(tx, "b"))
        doomed.cancel()
        gate.open()
    assert doomed.cancelled_caught
    assert await store.transact(numbers) == ["a", "b"]


async def test_what_follows_from_a_commit(store, logged):
    """What must follow from a commit follows, whoever has been cancelled or fails meanwhile, and from no other one."""
    gate, followed = Gate(), []

    async def call(name, then=followed.append):
        with suppress(StoreError):
            await store.transact(lambda tx: add_all_but_bad(tx, [name]), then)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.transact, lambda _tx: gate.wait())
        await gate.entered.wait()
        for name in ("a", "bad", "c"):
            nursery.start_soon(call, name)
        nursery.start_soon(call, "d", lambda _: {}["no such"])
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        gate.open()
    assert sorted(await store.transact(numbers)) == ["a", "c", "d"]
    assert sorted(each[0] for each in followed) == ["a", "c"]
    assert [each["event"] for each in logged].count("store_follow_up_failed") == 1


async def test_rank_of_a_call(store):
    """A call has its place among the batches of its round, whoever came first: in its work, and in what follows."""
    flow, seen, gate = Flow(lambda _tx, items: seen.extend(items), rank=10), [], Gate()
    store.attach(flow.batch)
    flow.batch.done = lambda items, _: seen.extend(f"{each} done" for each in items)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.transact, lambda _tx: gate.wait())
        await gate.entered.wait()
        for name, rank in [("last", 11), ("first", 0)]:
            then = partial(lambda name, _: seen.append(f"{name} done"), name)
            nursery.start_soon(store.transact, partial(lambda name, _tx: seen.append(name), name), then, rank)
        await trio.testing.wait_all_tasks_blocked()
        flow.batch.put("batch")
        gate.open()
    assert seen == ["first", "batch", "last", "first done", "batch done", "last done"]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 63, 255, 256, 257, 341, 1025])
async def test_each_takes_any_number_of_rows(store, count):
    """A set-based statement sees every row once and in order, however many there are."""
    rows = [(number, str(number)) for number in range(count)]
    assert (
        await store.transact(
            lambda tx: tx.each(
                "WITH given (id, name) AS ({rows}) SELECT id, name FROM given WHERE id IS NOT NULL", rows
            )
        )
        == rows
    )


async def test_values_come_back_as_they_were(store):
    """Texts beyond the BMP, quotes and octets survive the database unchanged."""
    text, octets = "d'\u00e9t\u00e9 \u20ac \U0001f600 {rows} ?", bytes(range(256))
    row = await store.transact(lambda tx: spooled(tx, number=text, body=octets))
    await store.transact(lambda tx: spool.add(tx, [row]))
    assert await store.transact(lambda tx: spool.claim(tx, LANE, row.queue, Size(1, 1))) == [row]


async def test_now(store):
    """The instant of a round is the present, in milliseconds since 1970."""
    before = time.time_ns() // 1_000_000
    now = await store.transact(lambda tx: tx.now)
    assert before <= now <= time.time_ns() // 1_000_000


async def test_identifiers(store):
    """Identifiers grow, within a round and from one to the next, and tell when they were made."""
    made = [await store.transact(lambda tx: [tx.new_id() for _ in range(3)]) for _ in range(3)]
    flat = [identifier for some in made for identifier in some]
    assert flat == sorted(set(flat))
    now, made = await store.transact(lambda tx: (tx.now, tx.new_id()))
    assert made >> 22 == now - EPOCH_MS

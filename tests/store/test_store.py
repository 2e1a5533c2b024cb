"""Transactions and batches: what is told is committed, and nobody pays for a neighbour's fault."""

import time

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import spool
from gateway.store.base import Batch, StoreError
from gateway.store.ids import EPOCH_MS
from tests.store.helpers import Flow, Gate, spooled

LANE = "operator/orange"


def numbers(tx):
    """Return the numbers of all spooled rows."""
    return sorted(number for (number,) in tx.rows("SELECT number FROM spool"))


def add(tx, *names):
    """Spool one row for each name, in the order given."""
    spool.add(tx, [spooled(tx, number=name) for name in names], None)


def add_all_but_bad(tx, items):
    """Spool each item; one named "bad…" raises after it has been written."""
    for item in items:
        add(tx, item)
        if item.startswith("bad"):
            raise ValueError(item)
    return list(items)


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


async def test_batch_keeps_the_order(store):
    """A flow's work gets its items in the order they were put, and done gets them back with its result."""
    flow = Flow(lambda _tx, items: "".join(items))
    store.attach(flow.batch)
    flow.batch.put("a")
    flow.batch.put_all(["b", "c"])
    flow.batch.put_all([])
    await store.transact(lambda _tx: None)
    assert flow.done == [(["a", "b", "c"], "abc")]
    assert flow.failed == []


async def test_items_are_served_once(store):
    """An item takes part in one commit; later rounds do not see it again."""
    flow = Flow(lambda _tx, items: len(items))
    store.attach(flow.batch)
    for item in "ab":
        flow.batch.put(item)
        await store.transact(lambda _tx: None)
    assert flow.done == [(["a"], 1), (["b"], 1)]


async def test_put_before_attach(store):
    """Items that waited before their batch was attached need no other work to be served."""
    told = trio.Event()
    flow = Flow(lambda _tx, _items: None)
    flow.batch.done = lambda _items, _result: told.set()
    flow.batch.put("a")
    store.attach(flow.batch)
    with trio.fail_after(10):
        await told.wait()


async def test_put_before_and_after_attach(store):
    """An item that joins those that waited before the batch was attached is served with them."""
    flow = Flow(lambda _tx, _items: None)
    flow.batch.put("a")
    store.attach(flow.batch)
    flow.batch.put("b")
    await store.transact(lambda _tx: None)
    assert flow.done == [(["a", "b"], None)]


async def test_limit(store):
    """A batch with a limit has no more items than that in a round; the rest follow by themselves, in order."""
    told, rounds = trio.Event(), []

    def done(items, _result):
        rounds.append(items)
        if "e" in items:
            told.set()

    batch = Batch(lambda _tx, _items: None, done, pytest.fail, limit=2)
    store.attach(batch)
    batch.put_all("abcde")
    with trio.fail_after(10):
        await told.wait()
    assert rounds == [["a", "b"], ["c", "d"], ["e"]]


async def test_ranks(store):
    """Batches of one round run in ascending rank, equal ranks as they were attached, whatever was put first."""
    ran = []
    for name, rank in (("late", 90), ("early", 10), ("middle", 50), ("middle too", 50)):
        flow = Flow(lambda _tx, items: ran.extend(items), rank)
        store.attach(flow.batch)
        flow.batch.put(name)
    await store.transact(lambda _tx: None)
    assert ran == ["early", "middle", "middle too", "late"]


async def test_ranks_see_each_other(store):
    """A batch sees what those of a lower rank wrote in the same round."""
    reader, writer = Flow(lambda tx, _items: numbers(tx), 20), Flow(lambda tx, items: add(tx, *items), 10)
    for flow in (reader, writer):
        store.attach(flow.batch)
    reader.batch.put("?")
    writer.batch.put("a")
    await store.transact(lambda _tx: None)
    assert reader.done == [(["?"], ["a"])]


async def test_poisoned_item(store):
    """An item at fault is refused alone, with what it had written; its neighbours in the batch are committed."""
    flow = Flow(add_all_but_bad)
    store.attach(flow.batch)
    flow.batch.put_all(["a", "b", "bad", "c"])
    await store.transact(lambda _tx: None)
    assert flow.done == [(["a"], ["a"]), (["b"], ["b"]), (["c"], ["c"])]
    assert [(items, str(error)) for items, error in flow.failed] == [(["bad"], "work failed: ValueError: bad")]
    assert await store.transact(numbers) == ["a", "b", "c"]
    assert store.healthy


async def test_poisoned_flow_spares_the_others(store):
    """A flow whose work always raises takes nothing away from the other flows of its round."""
    good, bad = Flow(add_all_but_bad, 60), Flow(add_all_but_bad, 10)
    for flow in (good, bad):
        store.attach(flow.batch)
    bad.batch.put_all(["bad1", "bad2"])
    good.batch.put_all(["a", "b"])
    await store.transact(lambda _tx: None)
    assert good.done == [(["a", "b"], ["a", "b"])]
    assert [items for items, _ in bad.failed] == [["bad1"], ["bad2"]]
    assert await store.transact(numbers) == ["a", "b"]


@pytest.mark.parametrize("follow_up", ["done", "failed"])
async def test_follow_up_that_raises(store, logged, follow_up):
    """A flow that raises when it is told takes nothing from the others of its round, nor from its own next items."""
    told = []

    def stumble(items, _result_or_error):
        told.append(items)
        raise KeyError(follow_up)

    faulty, good = Flow(add_all_but_bad, 10), Flow(add_all_but_bad, 60)
    setattr(faulty.batch, follow_up, stumble)
    for flow in (faulty, good):
        store.attach(flow.batch)
    item = "bad" if follow_up == "failed" else "a"
    faulty.batch.put(item)
    good.batch.put("b")
    await store.transact(lambda _tx: None)
    faulty.batch.put(item)
    await store.transact(lambda _tx: None)
    assert told == [[item], [item]]
    assert good.done == [(["b"], ["b"])]
    assert [each["event"] for each in logged].count("store_follow_up_failed") == 2


async def test_constraint_error(store):
    """A row that breaks a constraint concerns only the item that brought it."""
    taken = await store.transact(spooled)
    await store.transact(lambda tx: spool.add(tx, [taken], None))

    flow = Flow(lambda tx, items: spool.add(tx, items, None))
    store.attach(flow.batch)
    fresh = await store.transact(lambda tx: [spooled(tx, number="a"), spooled(tx, number="b")])
    flow.batch.put_all([fresh[0], taken, fresh[1]])
    await store.transact(lambda _tx: None)
    assert [items for items, _ in flow.done] == [[fresh[0]], [fresh[1]]]
    assert [items for items, _ in flow.failed] == [[taken]]
    assert store.healthy


@pytest.mark.parametrize("value", ["\ud83d", object(), 1 << 64], ids=["lone surrogate", "no such type", "too large"])
async def test_value_that_no_column_holds(store, value):
    """A value that the database cannot hold is refused with its item."""
    flow = Flow(lambda tx, items: [tx.rows("UPDATE spool SET number = ? WHERE id = 0", (item,)) for item in items])
    store.attach(flow.batch)
    flow.batch.put_all(["a", value])
    await store.transact(lambda _tx: None)
    assert [items for items, _ in flow.done] == [["a"]]
    assert [items for items, _ in flow.failed] == [[value]]
    assert store.healthy


async def test_sql_error(store):
    """A statement that the database does not understand is its item's fault, not the database's."""
    with pytest.raises(StoreError, match="no_such_table"):
        await store.transact(lambda tx: tx.rows("SELECT 1 FROM no_such_table"))
    assert store.healthy


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # examples tidy up
@given(st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=12))
async def test_every_item_is_told_its_fate(store, items):
    """Whatever is wrong with whichever items, each is told once, and exactly the rows of those done are there."""
    await store.transact(lambda tx: tx.rows("DELETE FROM spool"))

    def work(tx, items):
        for key, sound in items:
            spool.add(tx, [spooled(tx, id=key)], None)
            assert sound

    flow = Flow(work)
    store.attach(flow.batch)
    flow.batch.put_all(items)
    await store.transact(lambda _tx: None)
    done = [item for items, _ in flow.done for item in items]
    failed = [item for items, _ in flow.failed for item in items]
    assert sorted(done + failed) == sorted(items)
    assert {key for key, _ in done} == {key for key, sound in items if sound}
    assert len({key for key, _ in done}) == len(done)
    assert await store.transact(lambda tx: tx.rows("SELECT id FROM spool ORDER BY id")) == [
        (key,) for key in sorted(key for key, _ in done)
    ]


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


async def test_round_under_way_is_finished(database):
    """Who stops serving in the middle of a commit still finishes it, and tells the flow."""
    store, gate = database.open(), Gate()
    flow = Flow(lambda tx, items: (gate.wait(), add(tx, *items)))
    store.attach(flow.batch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        flow.batch.put("a")
        await gate.entered.wait()
        nursery.cancel_scope.cancel()
        gate.open()
    assert [items for items, _ in flow.done] == [["a"]]
    store.close()
    async with database.serving() as store:
        assert await store.transact(numbers) == ["a"]


async def test_round_about_to_begin_is_finished(database):
    """Who stops serving at the moment when work arrives still serves it."""
    store = database.open()
    flow = Flow(lambda _tx, items: items)
    store.attach(flow.batch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        await trio.testing.wait_all_tasks_blocked()
        flow.batch.put("a")
        nursery.cancel_scope.cancel()
    assert flow.done == [(["a"], ["a"])]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 63, 255, 256, 257, 341, 1025])
async def test_each_takes_any_number_of_rows(store, count):
    """A set-based statement sees every row once and in order, however many there are."""
    rows = [(number, str(number)) for number in range(count)]
    assert await store.transact(lambda tx: tx.each("VALUES {rows}", rows)) == rows


async def test_values_come_back_as_they_were(store):
    """Texts beyond the BMP, quotes and octets survive the database unchanged."""
    text, octets = "d'\u00e9t\u00e9 \u20ac \U0001f600 {rows} ?", bytes(range(256))
    row = await store.transact(lambda tx: spooled(tx, number=text, body=octets))
    await store.transact(lambda tx: spool.add(tx, [row], None))
    assert await store.transact(lambda tx: spool.claim(tx, LANE, "gw1", 1)) == [row]


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

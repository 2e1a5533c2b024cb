"""Batches: every item is told its fate once, in order, and an item at fault is refused alone."""

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import spool
from gateway.store.base import Batch
from tests.store.helpers import Flow, Gate, add, add_all_but_bad, numbers, spooled
from tests.store.members import PATIENCE


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
    with trio.fail_after(PATIENCE):
        await told.wait()
    assert told.is_set()


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
    with trio.fail_after(PATIENCE):
        await told.wait()
    assert rounds == [["a", "b"], ["c", "d"], ["e"]]


async def test_in_turn(store):
    """An item is in the next round although ten thousand of another owner wait, and each owner's stay in order."""
    told, rounds = trio.Event(), []

    def done(items, _result):
        rounds.append(items)
        if len(rounds) == 2:
            told.set()

    batch = Batch(lambda _tx, _items: None, done, pytest.fail, limit=4).in_turn(lambda item: item[0])
    batch.put_all([("big", number) for number in range(10_000)])
    batch.put_all([("small", 0), ("small", 1), ("other", 0)])
    store.attach(batch)
    with trio.fail_after(PATIENCE):
        await told.wait()
    assert rounds[:2] == [
        [("big", 0), ("small", 0), ("other", 0), ("big", 1)],
        [("small", 1), ("big", 2), ("big", 3), ("big", 4)],
    ]


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
    await store.transact(lambda tx: spool.add(tx, [taken]))

    flow = Flow(spool.add)
    store.attach(flow.batch)
    fresh = await store.transact(lambda tx: [spooled(tx, number="a"), spooled(tx, number="b")])
    flow.batch.put_all([fresh[0], taken, fresh[1]])
    await store.transact(lambda _tx: None)
    assert [items for items, _ in flow.done] == [[fresh[0]], [fresh[1]]]
    assert [items for items, _ in flow.failed] == [[taken]]
    assert store.healthy


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])  # examples tidy up
@given(st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=12))
async def test_every_item_is_told_its_fate(store, items):
    """Whatever is wrong with whichever items, each is told once, and exactly the rows of those done are there."""
    await store.transact(lambda tx: tx.rows("DELETE FROM spool"))

    def work(tx, items):
        for key, sound in items:
            spool.add(tx, [spooled(tx, id=key)])
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

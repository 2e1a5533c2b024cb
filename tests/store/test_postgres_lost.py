"""Connections to PostgreSQL that are lost, or stop: nothing is answered for before its outcome is known."""

import time

import pytest
import trio

from gateway.store import postgres, postgres_tx
from gateway.store.base import StoreError
from tests.store.helpers import Flow, add, numbers
from tests.store.members import PATIENCE, behind_proxy, look, member, spooled_numbers, until
from tests.store.proxy import Fate


async def test_session_ended(shared, logged):
    """When the server ends our session a round fails whole; the store connects again by itself and says so once."""
    async with member(shared.url) as store:
        backend = store._backend
        look(shared, f"SELECT pg_terminate_backend({backend}, 60000)")
        with pytest.raises(StoreError, match="connection"):
            await store.transact(lambda tx: add(tx, "lost"))
        await until(lambda: store.healthy)
        await store.transact(lambda tx: add(tx, "kept"))
        assert store._backend != backend
    assert spooled_numbers(shared) == ["kept"]
    events = [each["event"] for each in logged]
    assert [event for event in events if event.startswith("store_") and event != "store_unsafe"] == [
        "store_failed",
        "store_recovered",
    ]


async def test_read_only_for_a_while(server, shared):
    """A database that takes no changes for a while takes them again when it may, without a restart."""
    store = await trio.to_thread.run_sync(postgres.PostgresStore, shared.url)
    store.close()
    async with member(shared.url) as store:
        await store.transact(lambda tx: tx.rows("SELECT set_config('default_transaction_read_only', 'on', false)"))
        with pytest.raises(StoreError, match="read-only"):
            await store.transact(lambda tx: add(tx, "lost"))
        await until(lambda: store.healthy)
        await store.transact(lambda tx: add(tx, "kept"))
    assert spooled_numbers(shared) == ["kept"]


async def test_notifications_that_cannot_be_sent(shared, logged, monkeypatch):
    """A round whose news cannot be told is committed all the same, for others find it by looking."""
    monkeypatch.setattr(postgres_tx, "CHANNEL", "x" * 100)  # too long a name
    async with member(shared.url) as store:
        await store.transact(lambda tx: (add(tx, "kept"), tx.notify(["somebody"])))
        assert store.healthy
    assert spooled_numbers(shared) == ["kept"]
    assert "notify_failed" in [each["event"] for each in logged]


@pytest.mark.parametrize(("fate", "committed"), [(Fate.CUT_AFTER, True), (Fate.CUT, False)])
async def test_commit_in_doubt(server, shared, logged, fate, committed):
    """A commit whose answer was lost is answered for only when its outcome is known, and with the truth."""
    async with behind_proxy(server, shared) as (store, proxy):
        flow = Flow(lambda tx, items: _write_and_arm(tx, items, proxy, fate))
        store.attach(flow.batch)
        flow.batch.put("a")
        await until(lambda: flow.done + flow.failed)
        assert (len(flow.done), len(flow.failed)) == ((1, 0) if committed else (0, 1))
        await until(lambda: store.healthy)
    assert spooled_numbers(shared) == (["a"] if committed else [])
    assert [each["committed"] for each in logged if each["event"] == "commit_found_out"] == [committed]


def _write_and_arm(tx, items, proxy, fate):
    """Write, and let the network fail at what is sent next: the commit."""
    add(tx, *items)
    tx.rows("SELECT 1")
    proxy.next = fate


async def test_no_commit_without_an_answer(server, shared):
    """While a commit is in doubt and the server is away, others are refused, and the doubtful is not answered for."""
    async with behind_proxy(server, shared) as (store, proxy):
        doubtful, later = (
            Flow(lambda tx, items: _write_and_arm(tx, items, proxy, Fate.CUT_AFTER)),
            Flow(lambda tx, items: add(tx, *items)),
        )
        for flow in (doubtful, later):
            store.attach(flow.batch)
        port, proxy.server_port = proxy.server_port, 1
        doubtful.batch.put("a")
        await until(lambda: not store.healthy)
        later.batch.put("b")
        await until(lambda: later.failed)
        assert doubtful.done == doubtful.failed == []
        proxy.server_port = port
        await until(lambda: doubtful.done + doubtful.failed)
        assert [items for items, _ in doubtful.done] == [["a"]]
    assert spooled_numbers(shared) == ["a"]


@pytest.mark.faults
@pytest.mark.parametrize("at_commit", [False, True])
async def test_network_that_stops(server, shared, monkeypatch, at_commit):
    """When nothing comes back a round ends all the same, and the database is usable as soon as it has noticed."""
    monkeypatch.undo()
    monkeypatch.setattr(postgres, "_PATIENCE", PATIENCE)
    async with behind_proxy(server, shared) as (store, proxy):

        def work(tx, items):
            _write_and_arm(tx, items, proxy, Fate.FREEZE)
            store._connection.deadline -= PATIENCE - 0.5  # only of the round that freezes
            if not at_commit:
                tx.rows("SELECT 1")

        flow = Flow(work)
        store.attach(flow.batch)
        flow.batch.put("a")
        with trio.fail_after(PATIENCE):
            await proxy.frozen.wait()
        await until(lambda: flow.failed)
        await until(lambda: store.healthy)
        await store.transact(lambda tx: add(tx, "b"))
        assert flow.done == []
    assert spooled_numbers(shared) == ["b"]


@pytest.mark.faults
async def test_frozen_process(shared, monkeypatch):
    """A process that stands still within a round loses its transaction, and with it the locks, after three seconds."""
    monkeypatch.undo()
    async with member(shared.url) as store:
        with pytest.raises(StoreError, match=r"connection|stood still"):
            await store.transact(lambda tx: (add(tx, "a"), tx.rows("SELECT 1"), time.sleep(3.5), tx.rows("SELECT 1")))
        await until(lambda: store.healthy)
        assert await store.transact(numbers) == []

"""Answers are kept under the key of their request, one for each account and key, for a time."""

from functools import partial

import trio

from gateway.store import idempotency
from gateway.store.idempotency import Kept
from tests.store.helpers import HOUR


def kept(tx, key="k1", account="shop", age=0):
    """Make an answer that was given ``age`` milliseconds ago."""
    return Kept(account, key, "digest", tx.now - age, 0, tx.new_id(), "appended", 1)


async def test_found_under_account_and_key(store):
    """An answer is found under its account and key, and under no other."""
    answer = await store.transact(lambda tx: ((one := kept(tx)) and idempotency.keep(tx, [one])) or one)
    asked = [("shop", "k1"), ("bank", "k1"), ("shop", "k2")]
    assert await store.transact(lambda tx: idempotency.find(tx, asked)) == {("shop", "k1"): answer}


async def test_old_ones_are_forgotten(store):
    """Answers older than an instant go, the oldest first and no more than asked for."""

    def work(tx):
        idempotency.keep(tx, [kept(tx, f"k{age}", age=age * HOUR) for age in range(5)])
        first = idempotency.forget(tx, tx.now - HOUR, 2)
        left = set(idempotency.find(tx, [("shop", f"k{age}") for age in range(5)]))
        return first, left, idempotency.forget(tx, tx.now - HOUR, 10)

    gone, left, then = await store.transact(work)
    assert (gone, then) == (2, 1)
    assert left == {("shop", "k0"), ("shop", "k1"), ("shop", "k2")}


async def test_one_answer_at_all_nodes(shared):
    """Nodes that get a request under one key at the same time give one answer between them."""
    answers = {}

    def work(tx, key, node):
        asked = ("shop", key)
        idempotency.lock(tx, [asked])
        if not idempotency.find(tx, [asked]):
            idempotency.keep(tx, [kept(tx, key)._replace(reason=node)])
        return idempotency.find(tx, [asked])[asked]

    async def ask(store, node, key):
        answers[node, key] = await store.transact(partial(work, key=key, node=node))

    keys = [f"k{place}" for place in range(20)]
    async with shared.serving("gw1") as one, shared.serving("gw2") as other:
        for store in (one, other):
            await store.join()
        for key in keys:  # one at a time: locked in no order, many of them would lock each other out
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, one, "gw1", key)
                nursery.start_soon(ask, other, "gw2", key)
    assert [answers["gw1", key] for key in keys] == [answers["gw2", key] for key in keys]

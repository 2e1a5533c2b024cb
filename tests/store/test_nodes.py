"""Nodes: who holds what under which token, who is taken for dead, and who may use how much of a rate."""

import pytest

from gateway.rules.sharing import Demand
from gateway.store import nodes, spool
from tests.store.helpers import held_by, spooled

LANE = spool.operator_lane("orange")


async def joined(store, name):
    """Let a node join; returns its holder token."""
    return await store.transact(lambda tx: nodes.join(tx, nodes.number_of(tx, name), nodes.LEASE_MS))


async def bury(store, holder):
    """Take a node for dead."""
    await store.transact(lambda tx: nodes.bury(tx, {holder: nodes.signs(tx)[holder]}))


async def hold(store, holder):
    """Let a node hold one row; returns it."""

    def work(tx):
        row = spooled(tx)
        spool.add(held_by(tx, holder), [row], held=True)
        return row

    return await store.transact(work)


async def free(store):
    """Return the rows that wait."""
    return await store.transact(lambda tx: [row for _, row, *_ in spool.waiting(tx, LANE, (0, 0), 100)])


async def test_tokens_are_new(store):
    """Every time a node joins it gets another token."""
    tokens = [await joined(store, name) for name in ("gw1", "gw2", "gw1")]
    assert len(set(tokens)) == 3


async def test_successor(store):
    """A node that joins again gives back what it held before, and nothing that others hold."""
    mine, other = await joined(store, "gw1"), await joined(store, "gw2")
    row, _ = await hold(store, mine), await hold(store, other)
    await joined(store, "gw1")
    assert await free(store) == [row.id]


async def test_bury(store):
    """A node that shows no other sign of life is taken for dead once, its rows wait again; others are left alone."""
    dead, alive = await joined(store, "gw1"), await joined(store, "gw2")
    row, _ = await hold(store, dead), await hold(store, alive)
    silent = await store.transact(nodes.signs)
    assert silent.keys() == {dead, alive}
    await store.transact(lambda tx: tx.rows("UPDATE node SET round = 7 WHERE name = 'gw2'"))  # a round of its own
    assert await store.transact(lambda tx: nodes.bury(tx, silent)) == [nodes.Buried("gw1", [LANE])]
    assert await store.transact(lambda tx: nodes.bury(tx, silent)) == []
    assert await free(store) == [row.id]


async def test_alive(store):
    """A node lives as long as its lease; one that was given before the clock was set back says nothing."""
    await joined(store, "gw1")
    given = "UPDATE node SET lease = ?"
    for lease, living in ((1_000, ["gw1"]), (-1, []), (3_600_000, [])):
        alive = await store.transact(lambda tx, lease=lease: tx.rows(given, (tx.now + lease,)) or nodes.alive(tx))
        assert alive == living


async def test_leave(store):
    """A node that leaves gives back what it held, and is not taken for dead afterwards."""
    holder = await joined(store, "gw1")
    row = await hold(store, holder)
    silent = await store.transact(nodes.signs)
    await store.transact(lambda tx: nodes.leave(held_by(tx, holder)))
    assert await free(store) == [row.id]
    assert await store.transact(lambda tx: nodes.bury(tx, silent)) == []


async def test_presence(store):
    """A node sees the links of all others together, also those of which there are none, and nothing of a dead one."""
    one, two, dead = await joined(store, "gw1"), await joined(store, "gw2"), await joined(store, "gw3")
    for holder, links in ((one, 4), (two, 2), (dead, 1)):
        counts = {LANE: links, "bind/shop": 0, "account/shop": links}
        await store.transact(lambda tx, holder=holder, counts=counts: nodes.set_presence(held_by(tx, holder), counts))
    await bury(store, dead)
    assert await store.transact(lambda tx: nodes.presence(held_by(tx, one))) == {
        LANE: 2,
        "bind/shop": 0,
        "account/shop": 2,
    }
    await store.transact(lambda tx: nodes.set_presence(held_by(tx, two), {LANE: 3}))
    assert await store.transact(lambda tx: nodes.presence(held_by(tx, one), [LANE])) == {LANE: 3}
    assert await store.transact(lambda tx: nodes.presence(held_by(tx, two), [LANE])) == {LANE: 4}


async def test_shares(store):
    """Nodes share a rate by what they want, never exceed it together, and get a dead node's part."""
    one, two = await joined(store, "gw1"), await joined(store, "gw2")

    async def take(holder, wanted):
        demands = {LANE: Demand(100_000, wanted)}
        return (await store.transact(lambda tx: nodes.share_out(held_by(tx, holder), demands)))[LANE]

    assert await take(one, 100_000) == 100_000  # alone
    assert await take(two, 100_000) == 0  # nothing is left yet
    first = await take(one, 100_000)
    second = await take(two, 100_000)
    assert first == pytest.approx(50_000, rel=0.01)
    assert first + second == pytest.approx(100_000, rel=0.01)
    assert first + second <= 100_000
    await bury(store, two)
    assert await take(one, 100_000) == 100_000

"""Nodes on one PostgreSQL: leases, tokens, what they tell each other, and races between them."""

import itertools
import threading
import time
from contextlib import closing

import pytest
import trio

from gateway.config.models import Config
from gateway.optout.effect import OptOuts
from gateway.optout.reviews import Reviews
from gateway.rules.size import Size
from gateway.store import blacklist, ledger, messages, nodes, reviews, sent, spool
from gateway.store.base import FencedError, TakenError
from gateway.store.blacklist import Entry
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.messages import DELIVERED, ENROUTE, UNDELIVERABLE, Outcome
from gateway.store.postgres import PostgresStore
from gateway.store.reviews import Case
from tests.store.helpers import NUMBER, add, message, spooled
from tests.store.members import PATIENCE, both, listening, look, member, spooled_numbers, two_members, until

CONFIG = {
    "accounts": {"shop": {"password": "x"}},
    "operators": {"orange": {"host": "127.0.0.1", "system_id": "a", "password": "b"}},
    "routes": [{"prefixes": [""], "operators": ["orange"]}],
}
LANE = spool.operator_lane("orange")


async def test_lease(shared):
    """Each round of a member renews its lease, by the database's clock, and says until when we may rely on it."""
    async with member(shared.url) as store:
        started, earliest = trio.current_time(), _clock(shared)
        await store.transact(lambda tx: tx.now)
        assert started + nodes.HOLD <= store.lease_until <= trio.current_time() + nodes.HOLD
    [(lease,)] = look(shared, "SELECT lease FROM node")
    assert earliest <= lease - nodes.LEASE_MS <= _clock(shared)


async def test_clock(shared, monkeypatch):
    """The present is the database's, also when the clock of this machine has just been set."""
    async with member(shared.url) as store:
        await store.transact(lambda _tx: None)
        right = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: right() + 3_600 * 10**9)
        assert abs(store.clock() - _clock(shared)) < 600_000


def _clock(shared):
    [(now,)] = look(shared, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    return now


async def test_taken_for_dead(shared):
    """A node that was taken for dead does nothing any more until it has joined again under a new token."""
    async with two_members(shared) as (one, two):
        row = await one.transact(_hold)
        before = await one.transact(lambda tx: tx.holder)
        signs = await one.transact(nodes.signs)
        assert [each.name for each in await two.transact(lambda tx: nodes.bury(tx, {before: signs[before]}))] == ["gw1"]
        for _ in range(2):
            with pytest.raises(FencedError, match="others took it for dead"):
                await one.transact(lambda tx: add(tx, "a"))
        assert not one.healthy
        await one.join()
        assert await one.transact(lambda tx: tx.holder) > before
        assert one.healthy
        assert await one.transact(
            lambda tx: [each.id for each in spool.claim(tx, LANE, row.queue, Size(9, 9_000))]
        ) == [row.id]


def _hold(tx):
    row = spooled(tx)
    spool.add(tx, [row], held=True)
    return row


async def test_join_that_was_not_confirmed(shared):
    """A node whose joining was committed, but not confirmed, does not take itself for another: it joins again."""
    with closing(PostgresStore(shared.url, "gw1")) as store:
        await store.join()
        await trio.to_thread.run_sync(store._join)  # and what it returned was lost
        with pytest.raises(FencedError):
            await store.once(lambda _tx: None)
        await store.join()
        assert await store.once(lambda tx: tx.holder) > 0


async def renew(store):
    """Commit something now and then, as members do."""
    while True:
        await store.transact(lambda _tx: None)
        await trio.sleep(0.05)


async def test_name_in_use(shared, monkeypatch):
    """A second process under a name whose first one lives is refused, and the first one goes on."""
    monkeypatch.setattr("gateway.store.postgres_name._PATIENCE", PATIENCE)  # for one that may be held up
    two = PostgresStore(shared.url, "gw1")
    with closing(two):
        async with member(shared.url) as one:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(renew, one)
                with pytest.raises(TakenError, match="another process runs as this node; stop it, or give each a name"):
                    await two.join()
                nursery.cancel_scope.cancel()
            assert await one.transact(lambda tx: tx.holder) > 0
        await two.join()
        assert await two.once(lambda tx: tx.holder) > 0


async def test_name_taken(shared, monkeypatch):
    """A node ends when another process has joined under its name."""
    monkeypatch.setattr("gateway.store.postgres_name._PATIENCE", 0)  # as if the first one were frozen
    one, two = PostgresStore(shared.url, "gw1"), PostgresStore(shared.url, "gw1")
    with closing(one), closing(two):
        await one.join()
        await two.join()
        with pytest.raises(TakenError, match="another process runs as this node; give each a name of its own"):
            await one.once(lambda _tx: None)
        assert await two.once(lambda tx: tx.holder) > 0


@pytest.mark.faults
async def test_name_of_one_that_stands_still(shared):
    """Whoever takes the name of a process that stands still has it only when that relies on its lease no more."""
    one, two = PostgresStore(shared.url, "gw1"), PostgresStore(shared.url, "gw1")
    with closing(one), closing(two):
        await one.join()
        await one.once(lambda _tx: None)
        await two.join()
        assert trio.current_time() > one.lease_until


async def test_heard(shared):
    """What one node tells at its commit the others hear, each name once; itself it does not hear."""
    heard = {"gw1": [], "gw2": []}

    def names(node):
        return sorted(itertools.chain(*heard[node]))  # at once or one by one

    async with two_members(shared) as (one, two):
        one.heard, two.heard = heard["gw1"].append, heard["gw2"].append
        await listening(shared, 2)
        await one.transact(lambda tx: (tx.notify(["lane/b", "lane/a", "lane/a"]), tx.notify([])))
        await until(lambda: len(names("gw2")) == 2)
        await two.transact(lambda tx: tx.notify(["lane/c"]))
        await until(lambda: heard["gw1"])
    assert (names("gw1"), names("gw2")) == (["lane/c"], ["lane/a", "lane/b"])


async def test_listens_again(shared, logged):
    """A listening session that is lost is made again, and logged once each way."""
    heard = []
    async with two_members(shared) as (one, two):
        two.heard = heard.append
        await listening(shared, 2)
        look(shared, "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE query = 'LISTEN stopgate'")
        await listening(shared, 2)
        await one.transact(lambda tx: tx.notify(["lane/a"]))
        await until(lambda: heard)
    events = [each["event"] for each in logged if each["event"].startswith("listen_")]
    assert heard == [{"lane/a"}]
    assert sorted(events) == ["listen_failed"] * 2 + ["listen_recovered"] * 2


# Races


async def test_deadlock(shared):
    """Transactions that lock each other out are run again until both have been done."""
    turns = threading.Barrier(2, timeout=PATIENCE)
    met = []

    def work(first, second):
        def crosswise(tx):
            tx.lock([first])
            tx.rows("SELECT 1")
            if len(met) < 2:
                met.append(first)
                turns.wait()
            tx.lock([second])
            add(tx, first)

        return crosswise

    async with two_members(shared) as (one, two), trio.open_nursery() as nursery:
        nursery.start_soon(one.transact, work("a", "b"))
        nursery.start_soon(two.transact, work("b", "a"))
    assert spooled_numbers(shared) == ["a", "b"]


async def test_opt_out_on_two_nodes(shared):
    """One STOP that reaches two nodes at once is new to one of them only, so it is billed once."""

    def stop(tx):
        new = blacklist.add(tx, [Entry(NUMBER, "shop", tx.now, "sms", "36034", False, 7)])
        for _ in new:
            ledger.append(
                tx, [Event(f"{tx.new_id():016x}", tx.now, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", "", 7)]
            )
        return len(new)

    async with two_members(shared) as (one, two):
        assert sorted(await both(one, two, stop)) == [0, 1]
        assert len(list(await one.transact(ledger.events))) == 1


async def test_overdue_on_two_nodes(shared):
    """A text that nobody has read in time, and that two nodes look at at once, is decided by one of them."""
    late = Case(NUMBER, "shop", "36034", 1, 2, 7)
    reviewers = Reviews(OptOuts(Config.model_validate(CONFIG)))
    async with two_members(shared) as (one, two):
        await one.transact(lambda tx: reviews.add(tx, [late]))
        decided = await both(one, two, lambda tx: reviewers.overdue(tx, 9).effects)
        assert sorted(len(each) for each in decided) == [0, 1]
        assert await one.transact(lambda tx: tx.rows("SELECT effect FROM evidence")) == [("opted_out",)]


async def test_ledger_on_two_nodes(shared):
    """Events of two nodes make one chain, without a gap and without a fork."""
    async with two_members(shared) as (one, two):

        def bill(tx):
            ledger.append(
                tx, [Event(f"{tx.new_id():016x}", tx.now, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", "", 7)]
            )

        for _ in range(3):
            await both(one, two, bill)
        found = await one.transact(lambda tx: tx.rows("SELECT position, hash FROM ledger ORDER BY position"))
        events = list(await one.transact(ledger.events))
    previous, expected = "0" * 64, []
    for position, event in enumerate(events, 1):
        previous = ledger.chain(previous, event)
        expected.append((position, previous))
    assert found == expected
    assert len(found) == 6


async def test_segments_settled_on_two_nodes(shared):
    """Two segments of one message whose outcomes reach two nodes at once finish it once, with the worse of both."""
    async with two_members(shared) as (one, two):
        row = await one.transact(lambda tx: message(tx, segments=3))
        await one.transact(lambda tx: messages.add(tx, [row]))
        assert await both(one, two, lambda tx: messages.settle(tx, [Outcome(row.id, DELIVERED)])) == [[], []]
        assert await one.transact(lambda tx: tx.rows("SELECT open, state FROM message")) == [(1, ENROUTE)]
        finished = await both(one, two, lambda tx: messages.settle(tx, [Outcome(row.id, UNDELIVERABLE, "0fe")]))
        assert sorted(len(each) for each in finished) == [0, 1]
        assert await one.transact(lambda tx: tx.rows("SELECT state, error FROM message")) == [(UNDELIVERABLE, "0fe")]


async def test_claims_on_two_nodes(shared):
    """Rows that two nodes claim at once go to one of them each, and neither waits for the other."""
    async with two_members(shared) as (one, two):
        await one.transact(lambda tx: spool.add(tx, [spooled(tx) for _ in range(40)]))
        claimed = await both(one, two, lambda tx: [row.id for row in spool.claim(tx, LANE, ("", 0), Size(15, 9_000))])
        assert [len(ids) for ids in claimed] == [15, 15]
        assert len({*claimed[0], *claimed[1]}) == 30
        rest = await both(one, two, lambda tx: [row.id for row in spool.claim(tx, LANE, ("", 0), Size(15, 9_000))])
        assert sorted(len(ids) for ids in rest) in ([0, 10], [5, 5], [4, 6], [3, 7], [2, 8], [1, 9])


async def test_report_on_two_nodes(shared):
    """Of two receipts for one segment that reach two nodes at once, one finds it."""
    async with two_members(shared) as (one, two):
        await one.transact(lambda tx: sent.taken(tx, [("orange", "x1", 7)]))
        found = await both(one, two, lambda tx: sent.report(tx, [("orange", "x1")]))
    assert sorted(map(len, found)) == [0, 1]

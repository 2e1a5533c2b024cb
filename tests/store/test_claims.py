"""Claims: some rows of every queue get into memory, in order; new ones straight away where none is before them."""

import math
from random import Random

import pytest
import trio
import trio.testing

from gateway.lanes.backlog import Backlog
from gateway.lanes.claims import Claims, Room, claim
from gateway.rules.size import Size
from gateway.store import blacklist, spool
from gateway.store.blacklist import Entry
from tests.store.helpers import HOUR, NUMBER, Gate, spooled

LANE = "operator/orange"
ONE = Size(1, 2)  # a row as they are here
BIG, SMALL, URGENT = ("big", 0), ("small", 0), ("big", 3)


async def put(store, queue, count, **changes):
    """Let rows of a queue wait, due at once; returns their ids."""
    account, priority = queue

    def work(tx):
        rows = [spooled(tx, **{"due": 0, "account": account, "priority": priority} | changes) for _ in range(count)]
        spool.add(tx, rows)
        return ids(rows)

    return await store.transact(work)


def ids(rows):
    """Return the ids of rows."""
    return [row.id for row in rows]


def of(queue, rows):
    """Return the ids of the rows of one queue."""
    return [row.id for row in rows if row.queue == queue]


def room(free, few, *held):
    """Return room for so many rows, of a kilobyte each."""
    return Room(Size(free, free * 1_024), Size(few, few * 1_024), frozenset(held))


async def claimed(store, room):
    """Claim."""
    return await store.transact(lambda tx: claim(tx, LANE, room))


async def test_small_beside_a_flood(store):
    """An account with one row gets it into memory with the first claim although 50,000 of another's are older."""
    big = [row for _ in range(10) for row in await put(store, BIG, 5_000)]
    [small] = await put(store, SMALL, 1)
    found = await claimed(store, room(100, 10))
    assert (of(BIG, found.rows), of(SMALL, found.rows)) == (big[:50], [small])
    assert (found.left, found.suspects) == ({BIG}, [])
    assert ids((await claimed(store, room(100, 10))).rows) == big[50:150]


async def test_wait(store):
    """A claim says in how many seconds the next row is due that was not due yet."""
    await put(store, BIG, 1)
    assert (await claimed(store, room(100, 10))).wait == math.inf
    now = await store.transact(lambda tx: tx.now)
    await put(store, BIG, 1, due=now + 2 * HOUR)
    await put(store, SMALL, 1, due=now + HOUR)
    found, at = await store.transact(lambda tx: (claim(tx, LANE, room(100, 10)), tx.now))
    assert found.wait == pytest.approx((now + HOUR - at) / 1_000)


async def test_full(store):
    """Where there is no room a queue gets a few rows if it has none in memory, and the others get nothing."""
    await put(store, BIG, 5)
    small = await put(store, SMALL, 5)
    found = await claimed(store, room(0, 2, BIG))
    assert (ids(found.rows), found.left) == (small[:2], {BIG, SMALL})


async def test_priorities_have_queues_of_their_own(store):
    """What an account has at a high priority is claimed beside its older rows, and those beside it."""
    low, high = await put(store, BIG, 9), await put(store, URGENT, 9)
    found = await claimed(store, room(4, 1))
    assert (of(BIG, found.rows), of(URGENT, found.rows)) == (low[:2], high[:2])


async def test_more_queues_than_one_claim_takes(store):
    """However many queues there are, those that had nothing yet are first at the next claim."""
    queues = {(f"a{number:03}", 0): await put(store, (f"a{number:03}", 0), 2) for number in range(150)}
    first = await claimed(store, room(0, 1))
    second = await claimed(store, room(0, 1, *(row.queue for row in first.rows)))
    assert sorted(ids(first.rows) + ids(second.rows)) == sorted(rows[0] for rows in queues.values())
    assert first.left == second.left == set(queues)


async def test_opted_out(store):
    """A row to a number that has opted out is claimed, and set apart to be reviewed; an urgent one is not."""
    [suspect] = await put(store, BIG, 1)
    [other] = await put(store, BIG, 1, number="33712345678")
    [answer] = await put(store, SMALL, 1, due=spool.URGENT)
    entry = Entry(NUMBER, "big", 0, "sms", "36034", everything=False, evidence=1)
    await store.transact(lambda tx: blacklist.add(tx, [entry]))
    found = await claimed(store, room(9, 1))
    assert (ids(found.suspects), sorted(ids(found.rows)), found.left) == ([suspect], [other, answer], set())


def lane(store, room=100):
    """Return the claims of a lane, and what it has in memory."""
    backlog = Backlog()
    return Claims(LANE, room, store, backlog), backlog


async def take_over(claims, backlog):
    """Claim once as a lane does; returns the ids."""
    taken = []
    await claims.claim(taken.append)
    [claimed] = taken
    backlog.add(claimed.rows)
    return ids(claimed.rows)


async def test_nothing_passes_what_nobody_has_seen(store):
    """Until the first claim has looked nothing goes straight into memory; afterwards everything does that fits."""
    claims, backlog = lane(store)
    assert (claims.takes(SMALL, ONE), claims.wanted()) == (False, True)
    assert await take_over(claims, backlog) == []
    assert (claims.takes(SMALL, Size(100, 200)), claims.takes(SMALL, Size(101, 202))) == (True, False)
    assert not claims.wanted()
    claims.look(trio.current_time())
    assert (claims.takes(SMALL, ONE), claims.wanted()) == (False, True)


async def test_only_the_own_queue_is_in_the_way(store):
    """While rows of a queue wait in the spool its new ones wait, too; those of others go straight into memory."""
    await put(store, BIG, 200)
    claims, backlog = lane(store)
    assert len(await take_over(claims, backlog)) == 100
    assert [claims.takes(queue, ONE) for queue in (BIG, URGENT, SMALL)] == [False, True, True]
    assert (claims.takes(SMALL, Size(2, 4)), claims.wanted()) == (False, False)  # it is full: one each


async def test_claims_go_on(store):
    """The next claim is due when half of the room is free, and when a queue with rows in the spool has run out."""
    big = await put(store, BIG, 190)
    claims, backlog = lane(store)
    await take_over(claims, backlog)
    backlog.draw(50, 0)
    assert not claims.wanted()
    [first, second] = await put(store, SMALL, 2)
    claims.look(trio.current_time(), SMALL)
    assert claims.wanted()
    assert await take_over(claims, backlog) == [first]
    assert not claims.wanted()
    assert ids(backlog.draw(2, 0).rows) == [big[50], first]
    assert claims.wanted()
    assert await take_over(claims, backlog) == [*big[100:125], second]
    assert (claims.takes(SMALL, ONE), claims.takes(BIG, ONE)) == (True, False)


async def test_what_came_during_a_claim(store):
    """Rows that were put into the spool while a claim was under way are not overtaken after it."""
    claims, backlog = lane(store)
    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.transact, lambda _tx: gate.wait())
        await gate.entered.wait()
        nursery.start_soon(take_over, claims, backlog)  # in the next round
        await trio.testing.wait_all_tasks_blocked()
        assert not claims.takes(SMALL, ONE)
        claims.look(trio.current_time(), BIG)
        gate.open()
    assert (claims.takes(BIG, ONE), claims.takes(SMALL, ONE)) == (False, True)


async def test_long_rows(store):
    """Long rows are claimed until their octets are reached; a queue that has none gets one where all is full."""
    big, small = await put(store, BIG, 9, body=bytes(60_000)), await put(store, SMALL, 2)
    claims, backlog = lane(store)  # 100 rows, or 102,400 octets
    assert await take_over(claims, backlog) == [big[0], *small]
    assert claims.takes(SMALL, ONE)
    assert not claims.takes(SMALL, Size(1, 60_000))
    [third] = await put(store, SMALL, 1, body=bytes(60_000))
    claims.look(trio.current_time(), SMALL)
    assert not claims.wanted()
    assert ids(backlog.draw(3, 0).rows) == [big[0], *small]
    assert await take_over(claims, backlog) == [big[1], third]
    assert not claims.takes(("other", 0), ONE._replace(octets=1_025))
    assert claims.takes(("other", 0), ONE)


@pytest.mark.parametrize("seed", range(3))
async def test_any_lengths(store, seed):
    """Whatever is how long, each queue goes through memory whole and in order, and memory stays within its bound."""
    chance = Random(seed)
    queues = [BIG, SMALL, URGENT]
    expected = {queue: [] for queue in queues}
    claims, backlog = lane(store)
    bound = 102_400 + len(queues) * (1_024 + 9_000)  # the room, and beyond it a few of each queue, and one long one
    drawn = {queue: [] for queue in queues}
    for _ in range(40):
        queue = chance.choice(queues)
        octets = chance.choice([200, 3_000, 9_000])
        expected[queue] += await put(store, queue, chance.randrange(12), body=bytes(octets))
        claims.look(trio.current_time(), queue)
        if claims.wanted():
            await take_over(claims, backlog)
        assert backlog.size.octets <= bound
        for row in backlog.draw(chance.randrange(12), 0).rows:
            drawn[row.queue].append(row.id)
    while claims.wanted() or backlog:
        await take_over(claims, backlog)
        for row in backlog.draw(100, 0).rows:
            drawn[row.queue].append(row.id)
    assert drawn == expected


async def test_rows_for_later(store):
    """Rows that are due later keep nobody waiting; when their instant comes the spool is looked into."""
    await put(store, SMALL, 1, due=2**60)
    claims, backlog = lane(store)
    at = trio.current_time() + HOUR
    claims.look(at, SMALL)
    assert await take_over(claims, backlog) == []
    assert (claims.takes(SMALL, ONE), claims.wanted(), claims.look_at) == (True, False, at)

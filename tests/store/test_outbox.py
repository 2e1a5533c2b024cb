"""Events for webhooks wait in the spool: those of one number strictly in line, others beside them."""

from gateway.store import outbox, spool
from gateway.store.spool import Spooled
from tests.store.helpers import HOUR, NUMBER, held_by

LANE = outbox.webhook_lane("shop")
OTHER = "33712345678"


def event(tx, number=NUMBER, lane=LANE, due=0):
    """Make an event about a number."""
    return Spooled(tx.new_id(), lane, 0, number, outbox.EVENT, b"{}", due, tx.now + HOUR)


def add(tx, *numbers):
    """Add an event for each number and return them."""
    rows = [event(tx, number) for number in numbers]
    spool.add(tx, rows)
    return rows


async def test_oldest_of_each_number(store):
    """A claim takes the oldest event of each number, and nothing of another lane."""

    def work(tx):
        rows = add(tx, NUMBER, NUMBER, OTHER)
        spool.add(tx, [event(tx, lane=outbox.webhook_lane("bank"))])
        return rows, outbox.claim(held_by(tx, 7), LANE, 10)

    rows, claimed = await store.transact(work)
    assert [each.id for each in claimed] == [rows[0].id, rows[2].id]


async def test_next_one_after_the_first_is_gone(store):
    """While the first event of a number is held or waits for another attempt, the second cannot be claimed."""

    def work(tx):
        tx = held_by(tx, 7)
        first, second = add(tx, NUMBER, NUMBER)
        outbox.claim(tx, LANE, 10)
        while_held = outbox.claim(tx, LANE, 10)
        spool.release(tx, [first._replace(due=tx.now + HOUR, attempts=1)])
        while_waiting = outbox.claim(tx, LANE, 10), spool.next_due(tx, LANE)
        spool.remove(tx, [first.id])
        return while_held, while_waiting, tx.now, [each.id for each in outbox.claim(tx, LANE, 10)] == [second.id]

    while_held, while_waiting, now, went_on = await store.transact(work)
    assert while_held == []
    assert while_waiting == ([], now + HOUR)
    assert went_on


async def test_claims_are_bounded(store):
    """A claim takes no more than it was asked to, the oldest first, and tells of nothing that is due later."""

    def work(tx):
        rows = add(tx, *(f"3361234{place:04}" for place in range(20)))
        return [each.id for each in rows[:3]], [each.id for each in outbox.claim(held_by(tx, 7), LANE, 3)]

    oldest, claimed = await store.transact(work)
    assert claimed == oldest
    assert await store.transact(lambda tx: spool.next_due(tx, LANE)) is None

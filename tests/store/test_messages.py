"""Messages: whatever becomes of the segments, each message reaches exactly one final state."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import messages
from gateway.store.messages import (
    ACCEPTED,
    DELETED,
    DELIVERED,
    ENROUTE,
    EXPIRED,
    REJECTED,
    SKIPPED,
    UNDELIVERABLE,
    UNKNOWN,
    Outcome,
)
from tests.store.helpers import message

FROM_GOOD_TO_BAD = [DELIVERED, ACCEPTED, UNKNOWN, DELETED, EXPIRED, SKIPPED, UNDELIVERABLE, REJECTED]
FATAL = {SKIPPED, UNDELIVERABLE, REJECTED}

outcomes = st.builds(
    Outcome, st.just(0), st.sampled_from(FROM_GOOD_TO_BAD), st.sampled_from(["000", "001", "0FE"]), st.booleans()
)
mostly_harmless = st.one_of(st.builds(Outcome, st.just(0), st.sampled_from(FROM_GOOD_TO_BAD[:5])), outcomes)


async def accept(store, *segments):
    """Remember a message of each of these numbers of segments; return them."""

    def work(tx):
        rows = [message(tx, each) for each in segments]
        messages.add(tx, rows)
        return rows

    return await store.transact(work)


async def settle(store, *outcomes):
    """Settle outcomes in a transaction of their own."""
    return await store.transact(lambda tx: messages.settle(tx, outcomes))


async def state(store, row):
    """Return the state of a message in the database."""
    return (await store.transact(lambda tx: messages.get(tx, [row.id])))[row.id].state


def expected(segments, batches):
    """Say in which batch a message ends, in which state and with which error; None: not yet.

    Written from the rule: it ends when all segments have an outcome or one is fatal, in the worst state known by then,
    with the error that first came with that state.
    """
    known = []
    for turn, batch in enumerate(batches):
        known += batch
        if len(known) >= segments or any(each.final or each.state in FATAL for each in known):
            worst = max(known, key=lambda each: FROM_GOOD_TO_BAD.index(each.state))
            return turn, worst.state, worst.error
    return None


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])  # new message each
@given(st.integers(1, 5), st.lists(st.lists(mostly_harmless, min_size=1, max_size=3), max_size=6))
async def test_fold(store, segments, batches):
    """A message ends once, in the worst of its segments' states, whatever the order and the batches they come in."""
    [row] = await accept(store, segments)
    ended = []
    for turn, batch in enumerate(batches):
        finished = await settle(store, *(each._replace(message=row.id) for each in batch))
        assert [each.message.id for each in finished] == [row.id] * len(finished)
        ended += [(turn, each.state, each.error) for each in finished]
    wanted = expected(segments, batches)
    assert ended == ([] if wanted is None else [wanted])
    assert await state(store, row) == (ENROUTE if wanted is None else wanted[1])


@given(st.permutations([DELIVERED, ACCEPTED, UNKNOWN, DELETED, EXPIRED]))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])  # new message each
async def test_order_does_not_matter(store, states):
    """Where no outcome is fatal, the worst state wins in every order."""
    [row] = await accept(store, 5)
    assert await settle(store, *(Outcome(row.id, each) for each in states[:-1])) == []
    [finished] = await settle(store, Outcome(row.id, states[-1]))
    assert finished.state == EXPIRED


@pytest.mark.parametrize("final", FROM_GOOD_TO_BAD)
async def test_single_segment(store, final):
    """A message of one segment ends in the state of that segment, and carries its error."""
    [row] = await accept(store, 1)
    [finished] = await settle(store, Outcome(row.id, final, "042"))
    assert (finished.message.id, finished.state, finished.error) == (row.id, final, "042")
    assert await state(store, row) == final


@pytest.mark.parametrize("lost", FROM_GOOD_TO_BAD)
async def test_fatal_states(store, lost):
    """One segment that can never arrive ends its message at once; any other waits for the rest."""
    [row] = await accept(store, 3)
    finished = await settle(store, Outcome(row.id, lost))
    assert [each.state for each in finished] == ([lost] if lost in FATAL else [])


async def test_late_outcomes(store):
    """An outcome that comes after the end changes nothing and is reported to nobody."""
    [row] = await accept(store, 2)
    assert len(await settle(store, Outcome(row.id, REJECTED))) == 1
    assert await settle(store, Outcome(row.id, DELIVERED), Outcome(row.id, EXPIRED, final=True)) == []
    assert await state(store, row) == REJECTED


async def test_many_messages_at_once(store):
    """Outcomes of many messages in one batch each find their own; unknown messages are passed over."""
    rows = await accept(store, *([1, 2] * 150))
    finished = await settle(store, Outcome(1, DELIVERED), *(Outcome(row.id, DELIVERED) for row in rows))
    assert {each.message.id for each in finished} == {row.id for row in rows if row.segments == 1}
    finished = await settle(store, *(Outcome(row.id, UNKNOWN) for row in rows))
    assert {each.message.id for each in finished} == {row.id for row in rows if row.segments == 2}
    assert {each.state for each in finished} == {UNKNOWN}


async def test_nothing_to_settle(store):
    """No outcomes, no end."""
    assert await settle(store) == []


async def test_done_is_kept(store):
    """The instant of the end is remembered, once."""
    [row] = await accept(store, 2)
    done = "SELECT done FROM message WHERE id = ?"
    await settle(store, Outcome(row.id, DELIVERED))
    assert await store.transact(lambda tx: tx.rows(done, (row.id,))) == [(None,)]
    at = await store.transact(lambda tx: messages.settle(tx, [Outcome(row.id, DELIVERED)]) and tx.now)
    await settle(store, Outcome(row.id, EXPIRED, final=True))
    assert await store.transact(lambda tx: tx.rows(done, (row.id,))) == [(at,)]


async def test_get(store):
    """Known messages come back as they were accepted; unknown ones are left out."""
    first, second = await accept(store, 1, 3)
    found = await store.transact(lambda tx: messages.get(tx, [first.id, second.id, 1]))
    assert found == {first.id: first, second.id: second}


async def test_begun(store):
    """It is remembered of which messages an operator has taken a segment."""
    await store.transact(lambda tx: messages.add(tx, [message(tx, id=each) for each in (1, 2, 3)]))
    await store.transact(lambda tx: messages.begin(tx, {1, 2}))
    await store.transact(lambda tx: messages.begin(tx, {2}))
    assert await store.transact(lambda tx: messages.begun(tx, {2, 3, 4})) == {2}

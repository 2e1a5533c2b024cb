"""Identifiers: never the same twice, whatever clocks, restarts and nodes do."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.ids import EPOCH_MS, MAX_NODES, Ids, unwire, wire

NOW = EPOCH_MS + 200_000_000_000
LAST = EPOCH_MS + 60 * 366 * 86_400_000  # 2080

# What befalls a node: time goes by or jumps back, identifiers are made, the process starts anew.
events = st.one_of(
    st.tuples(st.just("clock"), st.integers(-5_000, 5_000)),
    st.tuples(st.just("make"), st.sampled_from([1, 3, 4_095, 4_096, 9_000])),
    st.tuples(st.just("restart"), st.just(0)),
)


@given(st.integers(0, MAX_NODES - 1), st.lists(events, max_size=12))
def test_unique_and_increasing(node, story):
    """Identifiers of a node only grow: in a burst, when the clock jumps back, and from run to run."""
    ids, now, last = Ids(node), NOW, 0
    for what, amount in story:
        if what == "clock":
            now += amount
            ids.advance(now)
        elif what == "make":
            made = [ids.next() for _ in range(amount)]
            assert last < made[0]
            assert all(one < other for one, other in pairwise(made))
            last = made[-1]
        else:
            ids = Ids(node, last)
            ids.advance(now)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 5_000)), max_size=8))
def test_nodes_do_not_collide(story):
    """Nodes never make the same identifier, though their clocks differ and they restart from a shared floor."""
    made, floor = set(), 0
    nodes = {}
    for node, milliseconds, count in story:
        ids = nodes.setdefault(node, Ids(node, floor))
        ids.advance(NOW + milliseconds)
        fresh = [ids.next() for _ in range(count)]
        assert made.isdisjoint(fresh)
        made.update(fresh)
        floor = max(floor, *fresh)


@given(st.integers(NOW, LAST), st.integers(1, 1_000))
def test_sortable_by_time(now, later):
    """What is made later is larger, also by text and whichever node made it."""
    first, second = Ids(MAX_NODES - 1), Ids(0)
    first.advance(now)
    second.advance(now + later)
    early, late = first.next(), second.next()
    assert early < late
    assert wire(early) < wire(late)


@pytest.mark.parametrize("node", [0, MAX_NODES - 1])
def test_positive_in_64_bits(node):
    """Identifiers stay positive in a signed column until 2089."""
    ids = Ids(node)
    ids.advance(LAST)
    assert 0 < ids.next() < 1 << 63


@pytest.mark.parametrize("node", [-1, MAX_NODES])
def test_node_out_of_range(node):
    """A node number that does not fit is refused."""
    with pytest.raises(ValueError, match=r"not within 0\.\.1023"):
        Ids(node)


@given(st.integers(0, (1 << 63) - 1))
def test_wire(identifier):
    """An identifier is spelled in 16 lower-case hex digits and read back."""
    text = wire(identifier)
    assert len(text) == 16
    assert text == text.lower()
    assert unwire(text) == identifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1f",
        "0" * 15,
        "0" * 17,
        "0x0000000000001f",
        "+00000000000001f",
        " 00000000000001f",
        "000000000000_01f",
        "000000000000001F",
        "000000000000001g",
        "ffffffffffffffff",
        "000000000000001\u0661",
        "000000000000001f\n",
    ],
)
def test_unwire_refuses_the_rest(text):
    """What we never spelled is no identifier of ours."""
    assert unwire(text) is None

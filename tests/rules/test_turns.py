"""Turns: owners are served in turn, each one's items in their order."""

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.turns import Turns


def turns(items):
    """Return a queue of these items, each owned by its first letter."""
    queue = Turns(lambda item: item[0], deque)
    queue.extend(items)
    return queue


def drained(queue):
    """Take everything out."""
    return [queue.popleft() for _ in range(len(queue))]


def test_one_of_each_in_turn():
    """Whoever has one item waits for one of each other owner, whatever else they have."""
    assert drained(turns(["a1", "a2", "a3", "b1", "b2", "c1"])) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_newcomer_behind_ten_thousand():
    """An item of somebody new is next but one although ten thousand of another's wait."""
    queue = turns([f"a{number}" for number in range(10_000)])
    assert queue.popleft() == "a0"
    queue.append("b0")
    assert [queue.popleft(), queue.popleft(), queue.popleft()] == ["a1", "b0", "a2"]


def test_owners():
    """Those who have an item are known, until it is gone."""
    queue = turns(["a1", "b1", "b2"])
    assert set(queue.queues) == {"a", "b"}
    queue.popleft()
    assert set(queue.queues) == {"b"}
    assert (sorted(queue), len(queue)) == (["b1", "b2"], 2)


@given(st.lists(st.one_of(st.none(), st.tuples(st.sampled_from("abcd"), st.integers()))))
def test_nothing_is_lost_and_nobody_is_ahead(script):
    """Whatever is put and drawn: all items come out once, each owner's in order, and none twice while another waits."""
    queue, waiting, left_out = turns([]), {}, Counter()
    for item in script:
        if item is not None:
            queue.append(item)
            waiting.setdefault(item[0], []).append(item)
        elif waiting:
            drawn = queue.popleft()
            assert drawn == waiting[drawn[0]].pop(0)
            for owner in [each for each in waiting if each != drawn[0]]:
                left_out[owner, drawn[0]] += 1
                assert left_out[owner, drawn[0]] <= 1
            for pair in [each for each in left_out if each[0] == drawn[0]]:
                del left_out[pair]
            if not waiting[drawn[0]]:
                del waiting[drawn[0]]
    rest = drained(queue)
    assert Counter(rest) == Counter(item for items in waiting.values() for item in items)

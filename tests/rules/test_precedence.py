"""Precedence: high priorities first, and nobody waits for ever."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.precedence import Precedence


class Item(NamedTuple):
    """Something with a priority."""

    id: int
    priority: int = 0


def queue(*priorities):
    """Return a queue of items with these priorities, their ids counted from 0."""
    filled = Precedence()
    for identifier, priority in enumerate(priorities):
        filled.append(Item(identifier, priority))
    return filled


def drained(filled):
    """Take everything out; return the ids."""
    return [filled.popleft().id for _ in range(len(filled))]


def test_order():
    """Items of one priority leave as they came in."""
    assert drained(queue(*[2] * 9)) == [*range(9)]


def test_highest_first():
    """A newcomer overtakes everything of lower priorities, however much that is."""
    filled = queue(*[0] * 10_000, 1, 3, 2)
    assert [filled.popleft().id for _ in range(3)] == [10_001, 10_002, 10_000]


def test_fourth_is_the_oldest():
    """While higher priorities never end, every fourth item drawn is the oldest that waits, whatever its priority."""
    assert drained(queue(0, 1, *[3] * 9)) == [2, 3, 4, 0, 5, 6, 7, 1, 8, 9, 10]


def test_counts():
    """How many wait is known, in all and of each priority; nothing is drawn from nothing."""
    filled = queue(0, 3, 3)
    assert (len(filled), bool(filled), sorted(filled.priorities)) == (3, True, [0, 3])
    assert [filled.count(priority) for priority in range(4)] == [1, 0, 0, 2]
    assert sorted(filled) == [Item(0, 0), Item(1, 3), Item(2, 3)]
    assert drained(filled) == [1, 2, 0]
    assert (len(filled), bool(filled), filled.priorities) == (0, False, [])
    with pytest.raises(IndexError):
        filled.popleft()


@given(st.lists(st.integers(-1, 3), max_size=200))
def test_nothing_waits_for_ever(script):
    """Whatever is put and drawn (-1): each priority keeps its order, and no item waits for four times its elders."""
    filled, waiting, deadlines, draws = Precedence(), [], {}, 0
    for identifier, priority in enumerate([*script, *[-1] * len(script)]):
        if priority >= 0:
            item = Item(identifier, priority)
            filled.append(item)
            waiting.append(item)
            deadlines[item] = draws + 4 * len(waiting)
        elif waiting:
            draws += 1
            drawn = filled.popleft()
            assert drawn == next(each for each in waiting if each.priority == drawn.priority)
            assert draws <= deadlines.pop(drawn)
            waiting.remove(drawn)
    assert (waiting, len(filled)) == ([], 0)

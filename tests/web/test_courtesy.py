"""Giving way: asked of each process once, and given up for a while where it would never run."""

import pytest

from gateway.web.courtesy import Courtesy, lacked

LATE, HOUR = 0.1, 3_600.0


def starving():
    """Return who has just seen a process starve that began at 0 and was asked at 5."""
    courtesy = Courtesy(LATE)
    courtesy.begin()
    assert courtesy.asked(5)
    signs = {5: LATE + 0.01, 7: 0.0, 10: 9.0, 12: LATE, 15: LATE + 0.01}  # in between it may be lucky
    assert [now for now, lack in signs.items() if courtesy.heard(lack, now)] == [15]
    return courtesy


def test_asked_once():
    """A process is asked to give way once, and so is the one after it."""
    courtesy = Courtesy(LATE)
    for _ in range(2):
        courtesy.begin()
        assert [courtesy.asked(now) for now in (5, 10)] == [True, False]


def test_late_now_and_then():
    """A sign of life that is late now and then is the machine's."""
    courtesy = Courtesy(LATE)
    courtesy.begin()
    courtesy.asked(0)
    assert not any(courtesy.heard(LATE * (each % 3), each) for each in range(100))


def test_keeps_its_share_for_a_while():
    """After one has starved, the next ones are not asked for an hour; late signs of theirs say nothing."""
    courtesy = starving()
    for _ in range(2):
        courtesy.begin()
        assert not courtesy.asked(15 + HOUR - 1)
        assert not any(courtesy.heard(9, 20) for _ in range(9))
    assert courtesy.asked(15 + HOUR)


def test_lost_while_it_gave_way():
    """One that shows no life at all while it gives way is taken for starved, too; one with a share is not."""
    courtesy = Courtesy(LATE)
    courtesy.begin()
    courtesy.lost(5)
    assert courtesy.asked(5)
    courtesy.lost(6)
    courtesy.begin()
    assert not courtesy.asked(7)


def test_refused():
    """One that is not let give way keeps its share for good, however late its signs, and is asked no more."""
    courtesy = Courtesy(LATE)
    courtesy.begin()
    assert courtesy.asked(5)
    courtesy.refused()
    assert not any(courtesy.heard(9, now) or courtesy.asked(now) for now in range(9))
    courtesy.lost(9)
    courtesy.begin()
    assert courtesy.asked(10)


@pytest.mark.parametrize(
    ("before", "after", "lack"),
    [
        ({"1": 5.0, "2": 3.0}, {"1": 5.25, "2": 3.25}, 0.5),
        ({"1": 5.0, "2": 3.0}, {"1": 5.0, "2": 3.0}, 0.0),
        ({"1": 5.0, "2": 30.0}, {"1": 5.25, "3": 0.25}, 0.5),
        ({"1": 5.0}, {"1": 9.0}, 1.0),
        ({}, {"1": 5.0}, 1.0),
    ],
    ids=["threads that wait", "busy or stopped", "threads that end and begin", "no more than it took", "nobody knows"],
)
def test_lacked(before, after, lack):
    """What is held against it is what its threads waited for a processor; where nobody knows, all that a sign took."""
    assert lacked(1.0, before, after) == lack

"""Giving way: asked of each process once, and given up for a while where it would never run."""

from gateway.web.courtesy import Courtesy

LATE, HOUR = 0.1, 3_600.0


def starving():
    """Return who has just seen a process starve that began at 0 and was asked at 5."""
    courtesy = Courtesy(LATE)
    courtesy.begin()
    assert courtesy.asked(5)
    assert [courtesy.heard(LATE + 0.01, now) for now in (5, 10, 15)] == [False, False, True]
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

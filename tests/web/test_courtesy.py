"""Giving way: asked of each process once, and given up for a while where it would hardly ever run."""

import pytest

from gateway.web.courtesy import Courtesy, Turn

HOUR = 3_600.0
STARVING = (0.003, 1.0)  # what it runs in a second beside one that wants all of a processor, and waits meanwhile


def yielding():
    """Return who has asked a process that began at 0 to give way, at 5."""
    courtesy = Courtesy()
    courtesy.begin()
    assert courtesy.asked(5)
    return courtesy


def looks(courtesy, *seconds, thread="1"):
    """Look once a second at a process which ran and waited so long in each of these; returns when it starved."""
    ran, waited, starved = 10.0, 10.0, []
    for now, (runs, waits) in enumerate([(0, 0), *seconds], start=5):
        ran, waited = ran + runs, waited + waits
        starved += [now] * courtesy.looked({thread: Turn(ran, waited), "idle": Turn(0.5, 5.0)}, now)
    return starved


def test_asked_once():
    """A process is asked to give way once, and so is the one after it."""
    courtesy = Courtesy()
    for _ in range(2):
        courtesy.begin()
        assert [courtesy.asked(now) for now in (5, 10)] == [True, False]


@pytest.mark.parametrize(
    ("seconds", "starved"),
    [
        ([STARVING] * 4, [7]),
        ([(0.0, 0.3), (0.001, 1.75)] * 2, [7]),
        ([STARVING, (0, 0), (0, 0), STARVING], [9]),
        ([STARVING, *[(0, 0)] * 3, STARVING], [10]),
        ([STARVING, *[(0, 0)] * 4, STARVING], []),
        ([(0.0199, 1.0)] * 4, [7]),
        ([(0.0201, 1.0)] * 20, []),
        ([STARVING, (0.1, 0.9)] * 5, []),
        ([(0.4, 2.0)] * 20, []),
        ([(0, 0)] * 20, []),
    ],
    ids=[
        "nothing is left to it",
        "less than nothing",
        "for a visitor now and then",
        "at both ends of five seconds",
        "at both ends of six",
        "hardly anything is left to it",
        "as much is left to it as it needs",
        "little is left to it",
        "it has much to do",
        "it has nothing to do",
    ],
)
def test_starves(seconds, starved):
    """It starves where it has waited for a processor for two of five seconds, and fifty times as long as it ran."""
    assert looks(yielding(), *seconds)[:1] == starved


def test_threads_that_come_and_go():
    """All that a new thread has waited counts; what one that has ended had waited does not."""
    courtesy = yielding()
    assert not courtesy.looked({"1": Turn(1.0, 1.0), "2": Turn(9.0, 900.0)}, 5)
    assert not courtesy.looked({"1": Turn(1.0, 1.5), "3": Turn(0.0, 1.4)}, 6)
    assert courtesy.looked({"1": Turn(1.0, 1.7), "3": Turn(0.001, 1.4)}, 7)


def test_looks_at_one_process_say_nothing_of_the_next():
    """What another process had waited says nothing of the one that is asked to give way once the hour is over."""
    courtesy = yielding()
    assert looks(courtesy, STARVING, STARVING) == [7]
    courtesy.begin()
    assert courtesy.asked(7 + HOUR)
    assert not courtesy.looked({"2": Turn(1.0, 60.0)}, 8 + HOUR)


def test_keeps_its_share_for_a_while():
    """After one has starved, the next ones are not asked for an hour; however they fare says nothing."""
    courtesy = yielding()
    assert looks(courtesy, STARVING, STARVING) == [7]
    for _ in range(2):
        courtesy.begin()
        assert not courtesy.asked(7 + HOUR - 1)
        assert looks(courtesy, *[STARVING] * 9) == []
    assert courtesy.asked(7 + HOUR)


def test_lost_while_it_gave_way():
    """One that shows no life at all while it gives way is taken for starved, too; one with a share is not."""
    courtesy = Courtesy()
    courtesy.begin()
    courtesy.lost(5)
    assert courtesy.asked(5)
    courtesy.lost(6)
    courtesy.begin()
    assert not courtesy.asked(7)


def test_refused():
    """One that is not let give way keeps its share for good, however it fares, and is asked no more."""
    courtesy = yielding()
    courtesy.refused()
    assert looks(courtesy, *[STARVING] * 9) == []
    assert not courtesy.asked(9)
    courtesy.lost(9)
    courtesy.begin()
    assert courtesy.asked(10)

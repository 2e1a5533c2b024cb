"""The throttle: how a peer that has too much is spared."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.pacing import Throttle


def refuse(throttle, now):
    """Send one request and have it refused; returns the pause."""
    throttle.sent()
    return throttle.refused(now, chance=0.0)


def test_nothing_holds_back_a_peer_that_never_refuses():
    """Without a refusal there is room for everything."""
    throttle = Throttle(10, 1.0, 8.0)
    throttle.sent()
    throttle.taken()
    assert throttle.room(1_000) == math.inf
    assert throttle.paused_until == -math.inf


def test_one_pause_for_all_refused_together():
    """A window that is refused as a whole costs one pause, however late its last refusals come."""
    throttle = Throttle(10, 1.0, 8.0)
    assert refuse(throttle, 0.0) == 0.5
    assert [throttle.refused(now, chance=0.0) for now in (0.1, 0.4, 3.0, 9.0)] == [0.0] * 4
    assert throttle.paused_until == 0.5


def test_begins_again_with_one_request():
    """After a pause one request is sent, and the next only when nothing is on its way."""
    throttle = Throttle(10, 1.0, 8.0)
    refuse(throttle, 0.0)
    assert [throttle.room(in_flight) for in_flight in (0, 1, 9)] == [1, 0, 0]


def test_creeps_up():
    """With each round that is taken one more is on its way, until the window is full; then nothing holds back."""
    throttle = Throttle(4, 1.0, 8.0)
    refuse(throttle, 0.0)
    rooms = []
    for _ in range(10):
        rooms.append(throttle.room(0))
        throttle.taken()
    assert rooms == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4]
    assert throttle.room(0) == math.inf


def test_pauses_grow_while_nothing_is_taken():
    """A peer that refuses every single request is asked ever more rarely, up to the longest pause."""
    throttle = Throttle(10, 1.0, 8.0)
    pauses, now = [], 0.0
    for _ in range(6):
        pauses.append(refuse(throttle, now))
        now = throttle.paused_until
    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_one_success_does_not_begin_anew():
    """A request that is taken shortens the next pause by one step, and no more."""
    throttle = Throttle(10, 1.0, 8.0)
    for now in (0.0, 10.0, 20.0):
        refuse(throttle, now)
    throttle.taken()
    assert refuse(throttle, 30.0) == 1.0
    assert refuse(throttle, 40.0) == 2.0


def test_full_window_begins_anew():
    """After a whole window without a refusal the first pause is short again."""
    throttle = Throttle(2, 1.0, 8.0)
    for now in (0.0, 10.0, 20.0):
        refuse(throttle, now)
    for _ in range(3):
        throttle.taken()
    assert refuse(throttle, 30.0) == 0.5


@given(st.integers(1, 50), st.integers(1, 30), st.floats(0.001, 0.2))
def test_few_refusals(window, takes, answer_time):
    """Whatever a peer takes in each second, it refuses no more than a few requests for each that it takes."""
    throttle, now = Throttle(window, 0.25, 30.0), 0.0
    taken = refused = 0
    second, left = 0, takes
    while now < 120:
        now = max(now, throttle.paused_until)
        burst = int(min(window, throttle.room(0)))
        throttle.sent()
        now += answer_time
        if int(now) != second:
            second, left = int(now), takes
        accepted = min(burst, left)
        left -= accepted
        for _ in range(accepted):
            throttle.taken()
        for _ in range(burst - accepted):
            throttle.refused(now, chance=0.5)
        taken, refused = taken + accepted, refused + burst - accepted
    assert refused <= 3 * taken + window

"""Pacing: rates, back-off, and what follows from a response."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.rules.pacing import Backoff, Step, TokenBucket, next_step, pause_after
from gateway.smpp import status

rates = st.one_of(st.integers(1, 20_000), st.floats(0.01, 20_000))
instants = st.floats(0, 2e9)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (status.ESME_ROK, Step.DONE),
        (status.ESME_RTHROTTLED, Step.SLOW),
        (status.ESME_RMSGQFUL, Step.SLOW),
        (status.ESME_RSYSERR, Step.LATER),
        (status.ESME_RSUBMITFAIL, Step.LATER),
        (status.ESME_RX_T_APPN, Step.LATER),
        (status.ESME_RINVBNDSTS, Step.LATER),
        (status.ESME_RINVDSTADR, Step.FAIL),
        (status.ESME_RX_P_APPN, Step.FAIL),
        (status.ESME_RX_R_APPN, Step.FAIL),
        (status.OPTED_OUT, Step.FAIL),
        (0x4FF, Step.FAIL),
        (0xFFFFFFFF, Step.FAIL),
    ],
)
def test_next_step(code, step):
    """Every status asks for one step; one that we do not know is permanent."""
    assert next_step(code) is step


def test_no_limit():
    """Without a rate everything may leave at once."""
    bucket = TokenBucket(None, 5.0)
    assert all(bucket.take(1_000, 5.0) for _ in range(100))
    assert bucket.grant(1_000_000, 5.0) == 1_000_000
    assert bucket.ready_at() <= 5.0


def test_burst():
    """A full bucket lets one second's worth through at once, then one at a time."""
    bucket = TokenBucket(10, 100.0)
    assert [bucket.take(1, 100.0) for _ in range(11)] == [True] * 10 + [False]
    assert bucket.ready_at() == pytest.approx(100.1)
    assert not bucket.take(1, 100.09)
    assert bucket.take(1, 100.11)


def test_slow_rate():
    """At less than one a second the first may leave at once, and the next when its time has come."""
    bucket = TokenBucket(0.5, 0.0)
    assert bucket.take(1, 0.0)
    assert not bucket.take(1, 1.9)
    assert bucket.take(1, 2.0)
    assert bucket.grant(5, 100.0) == 1


def test_burst_is_no_larger_after_a_rest():
    """However long nothing was sent, the burst is one second's worth (idea 86)."""
    bucket = TokenBucket(10, 0.0)
    assert bucket.grant(100, 0.0) == 10
    assert bucket.grant(100, 3_600.0) == 10


def test_debt():
    """A message longer than a second's worth leaves at once, and those after it pay for it (idea 85)."""
    bucket = TokenBucket(2, 0.0)
    assert bucket.take(7, 0.0)
    assert not bucket.take(1, 2.9)
    assert bucket.ready_at() == pytest.approx(3.0)
    assert bucket.take(1, 3.1)


def test_grant_counts_whole_tokens():
    """A grant is as many whole tokens as there are, no more than wanted, and what is left stays."""
    bucket = TokenBucket(4, 0.0)
    assert bucket.grant(3, 0.0) == 3
    assert bucket.grant(0, 0.0) == 0
    assert bucket.grant(9, 0.125) == 1
    assert bucket.grant(9, 0.375) == 1
    assert bucket.grant(9, 1.0) == 3


def test_another_rate():
    """Another rate counts from the change on: nothing is saved up in retrospect, and at most a second's worth stays."""
    bucket = TokenBucket(4, 0.0)
    assert bucket.grant(9, 0.0) == 4
    bucket.change(100, 0.5)
    assert bucket.grant(999, 0.5) == 2
    assert bucket.grant(999, 0.75) == 25
    assert bucket.grant(1, 9.0) == 1
    bucket.change(3, 9.0)
    bucket.change(100, 9.0)
    assert bucket.grant(999, 9.0) == 3


def test_clock_set_back():
    """A clock that is set back by an hour makes nobody wait for an hour, and gives nothing away."""
    bucket = TokenBucket(2, 7_200.0)
    assert bucket.grant(9, 7_200.0) == 2
    assert not bucket.take(1, 3_600.0)
    assert bucket.ready_at() <= 3_600.5
    assert bucket.grant(9, 3_601.0) == 2


@given(rates, instants, st.lists(st.tuples(st.integers(1, 9), st.floats(0, 3)), max_size=20))
@example(0.5, 0.0, [(1, 0.0)])
@example(3, 1e9, [(1, 0.1)] * 20)
def test_ready_at_keeps_its_word(rate, now, story):
    """A token is there from the very instant that was named, and never before it."""
    bucket = TokenBucket(rate, now)
    for segments, pause in story:
        now += pause
        ready = bucket.ready_at()
        assert bucket.take(segments, now) == (now >= ready)
        ready = bucket.ready_at()
        assert bucket.grant(1, now) == (now >= ready)
        now = max(now, bucket.ready_at())
        assert bucket.grant(1, now) == 1


@given(rates, instants, st.lists(st.tuples(st.integers(1, 50), st.floats(0, 2)), min_size=1, max_size=40))
def test_rate_is_kept(rate, start, story):
    """In no stretch of time does more leave than the rate allows, beyond one burst and the last long message."""
    bucket, now, sent = TokenBucket(rate, start), start, 0
    longest = max(segments for segments, _ in story)
    for segments, pause in story:
        now += pause
        sent += bucket.grant(segments, now)
        sent += segments if bucket.take(segments, now) else 0
        assert sent <= (max(rate, 1) + (now - start) * rate) * 1.001 + longest


@pytest.mark.parametrize(
    ("attempts", "chance", "pause"),
    [(0, 0.0, 0.5), (0, 0.5, 0.75), (1, 0.0, 1.0), (2, 0.0, 2.0), (5, 0.0, 16.0), (6, 0.0, 30.0), (10_000, 0.0, 30.0)],
)
def test_pause_after(attempts, chance, pause):
    """Pauses double up to the longest, each spread over the upper half of its length."""
    assert pause_after(attempts, 1.0, 60.0, chance) == pause


@given(st.integers(0, 1_000), st.floats(0.01, 10), st.floats(0.01, 1_000), st.floats(0, 1, exclude_max=True))
def test_pause_is_within_bounds(attempts, initial, maximum, chance):
    """A pause is never longer than the longest, nor shorter than half the first."""
    pause = pause_after(attempts, initial, maximum, chance)
    assert min(initial, maximum) / 2 <= pause <= maximum


def test_backoff():
    """Each pause is longer than the one before until the peer answers again."""
    backoff = Backoff(1.0, 8.0)
    assert [backoff.next(0.0) for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert backoff.attempts == 5
    backoff.reset()
    assert backoff.next(0.0) == 0.5


def test_owed():
    """What was owed beside what was granted is paid back before anything else is granted; without a rate nothing is."""
    bucket = TokenBucket(10.0, 0.0)
    assert bucket.grant(1, 0.0) == 1
    bucket.owe(19)
    assert (bucket.grant(1, 1.0), bucket.ready_at()) == (0, 1.1)
    free = TokenBucket(None, 0.0)
    free.owe(19)
    assert free.grant(5, 0.0) == 5

"""Quotas: how often somebody may do something."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.quota import Quotas


def test_burst_then_wait():
    """A burst is allowed at once; after it one waits for as long as one time takes to come back."""
    quotas = Quotas(burst=3, period=30)
    assert [quotas.take("a", 0) for _ in range(4)] == [0, 0, 0, 10]
    assert quotas.take("b", 0) == 0
    assert quotas.take("a", 10) == 0
    assert quotas.take("a", 10) == 10


def test_refused_costs_nothing():
    """Who is told to wait is not made to wait longer for having asked."""
    quotas = Quotas(burst=1, period=10)
    quotas.take("a", 0)
    assert [quotas.take("a", 5), quotas.take("a", 5), quotas.take("a", 10)] == [5, 5, 0]


def test_forgets_the_quietest():
    """However many keys there are, few are remembered, and the latest are."""
    quotas = Quotas(burst=1, period=1e6, remembered=10)
    for key in range(1000):
        quotas.take(str(key), key)
    assert len(quotas) == 10
    assert quotas.take("999", 1000) > 0


def test_forget_gives_back():
    """Whoever is forgiven has everything again."""
    quotas = Quotas(burst=1, period=10)
    quotas.take("a", 0)
    quotas.forget("a")
    assert quotas.take("a", 0) == 0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_never_more_than_the_rate(pauses):
    """In no stretch of time is more allowed than the burst and what came back meanwhile."""
    quotas, now, allowed = Quotas(burst=4, period=8), 0.0, []
    for pause in pauses:
        now += pause
        if not quotas.take("a", now):
            allowed.append(now)
    for first, start in enumerate(allowed):
        for last in range(first, len(allowed)):
            assert last - first + 1 <= 4 + (allowed[last] - start) / 2 + 1e-6

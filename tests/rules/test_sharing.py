"""Sharing a rate among nodes."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.pacing import TokenBucket
from gateway.rules.sharing import Demand, Share, share_of

RATE = st.integers(1, 10_000_000)
WANTS = st.lists(st.integers(1, 20_000_000), min_size=1, max_size=8)


def test_alone():
    """A node that is alone has all of the rate, however little it wants."""
    assert share_of(Demand(100_000, 1), []) == 100_000


def test_by_demand():
    """Who wants more gets more, and who wants next to nothing keeps a foothold."""
    busy = share_of(Demand(100_000, 100_000), [Share(0, 1)])
    idle = share_of(Demand(100_000, 1), [Share(0, 100_000)])
    assert busy > 90_000
    assert 4_000 < idle < 10_000


def test_only_what_is_left():
    """A node raises its share only by what the others have given up."""
    assert share_of(Demand(100_000, 100_000), [Share(80_000, 100_000)]) == 20_000
    assert share_of(Demand(100_000, 100_000), [Share(100_000, 100_000)]) == 0


@given(rate=RATE, wants=WANTS, looks=st.lists(st.integers(0, 7), max_size=40))
def test_never_more_than_the_rate(rate, wants, looks):
    """In whatever order nodes look, and whatever they want, together they never have more than the rate."""
    shares = [Share(0, wanted) for wanted in wants]
    for look in looks:
        node = look % len(shares)
        others = shares[:node] + shares[node + 1 :]
        shares[node] = Share(share_of(Demand(rate, wants[node]), others), wants[node])
        assert sum(share.amount for share in shares) <= rate


BEAT = st.tuples(st.lists(st.integers(0, 300), min_size=3, max_size=3), st.floats(0, 1.5))


@given(rate=st.integers(1, 200), beats=st.lists(BEAT, max_size=30))
def test_the_rate_is_kept_together(rate, beats):
    """However the demand moves between nodes, together they send no more than the rate and one second's worth."""
    buckets, shares = [TokenBucket(rate, 0.0) for _ in range(3)], [Share(0, 1)] * 3
    now, sent = 0.0, 0
    for wants, pause in [([1, 1, 1], 0.0), *beats]:
        for node, wanted in enumerate(wants):
            others = shares[:node] + shares[node + 1 :]
            shares[node] = Share(share_of(Demand(rate * 1_000, wanted * 1_000), others), wanted * 1_000)
            buckets[node].change(shares[node].amount / 1_000, now)
        for _ in range(10):
            sent += sum(bucket.grant(wanted, now) for bucket, wanted in zip(buckets, wants, strict=True))
            assert sent <= (rate * (now + 1) + len(buckets)) * 1.001  # each may send one beyond its share to begin with
            now += pause / 10


@given(rate=st.integers(1_000, 10_000_000), wants=WANTS)
def test_settles(rate, wants):
    """After two looks of every node nearly all of the rate is handed out."""
    shares = [Share(rate, 1), *(Share(0, wanted) for wanted in wants)]
    for _ in range(2):
        for node, share in enumerate(shares):
            others = shares[:node] + shares[node + 1 :]
            shares[node] = Share(share_of(Demand(rate, share.wanted), others), share.wanted)
    assert sum(share.amount for share in shares) >= rate - len(shares)

"""Sharing a rate among nodes."""

from hypothesis import given
from hypothesis import strategies as st

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


@given(rate=st.integers(1_000, 10_000_000), wants=WANTS)
def test_settles(rate, wants):
    """After two looks of every node nearly all of the rate is handed out."""
    shares = [Share(rate, 1), *(Share(0, wanted) for wanted in wants)]
    for _ in range(2):
        for node, share in enumerate(shares):
            others = shares[:node] + shares[node + 1 :]
            shares[node] = Share(share_of(Demand(rate, share.wanted), others), share.wanted)
    assert sum(share.amount for share in shares) >= rate - len(shares)

"""Failed binds by address: waits that grow, bans that end, memory that does not grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.bans import Bans, household, origin

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_households(address, expected):
    """An IPv4 address stands for itself, however it is written, and an IPv6 address for its /64."""
    assert household(origin(address)) == expected


def test_waits_grow():
    """The first refusal waits for nothing, each further one twice as long, up to four seconds."""
    bans = Bans(100, 60.0)
    assert [bans.failed(HERE, 0.0) for _ in range(8)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_waits_stay_finite():
    """However often an address fails, its wait is four seconds."""
    bans = Bans(10**6, 60.0)
    assert [bans.failed(HERE, 0.0) for _ in range(3_000)][-1] == 4.0


def test_ban_begins_and_ends():
    """The failure that reaches the limit bans the address, and no other, for the time that was set."""
    bans = Bans(3, 60.0)
    for now in (0.0, 1.0):
        bans.failed(HERE, now)
        assert not bans.banned(HERE, now)
    bans.failed(HERE, 2.0)
    assert [bans.banned(HERE, now) for now in (2.0, 61.9)] == [True, True]
    assert not bans.banned(THERE, 2.0)
    assert not bans.banned(HERE, 62.0)
    assert bans.failed(HERE, 62.0) == 0.0


def test_failures_during_a_ban_do_not_prolong_it():
    """Binds that were under way when the ban began count, but move its end no further."""
    bans = Bans(2, 60.0)
    for now in (0.0, 0.0, 30.0, 59.0):
        bans.failed(HERE, now)
    assert bans.banned(HERE, 59.9)
    assert not bans.banned(HERE, 60.0)


def test_success_forgets():
    """Whoever binds has failed never."""
    bans = Bans(2, 60.0)
    bans.failed(HERE, 0.0)
    bans.succeeded(HERE)
    bans.succeeded(THERE)
    assert bans.failed(HERE, 0.0) == 0.0
    assert not bans.banned(HERE, 0.0)


def test_old_failures_are_forgotten():
    """A failure counts no longer once the address has not failed for the length of a ban."""
    bans = Bans(2, 60.0)
    bans.failed(HERE, 0.0)
    assert bans.failed(HERE, 60.1) == 0.0
    assert not bans.banned(HERE, 60.1)
    assert bans.failed(HERE, 120.1) == 0.25
    assert bans.banned(HERE, 120.1)


def test_memory_is_bounded():
    """Of many addresses the ones that failed last are remembered, and never more than the limit."""
    bans = Bans(1, 60.0, remembered=100)
    for number in range(1_000):
        bans.failed(f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert len(bans) == 100
    assert bans.banned("10.0.3.231", 0.0)
    assert not bans.banned("10.0.0.0", 0.0)


@given(st.lists(st.tuples(st.sampled_from([HERE, THERE]), st.floats(0, 20), st.booleans()), max_size=60))
def test_banned_only_after_enough_failures(steps):
    """Whatever the order of failures and successes, nobody is banned without enough failures since the last success."""
    bans, counts, now = Bans(4, 30.0), dict.fromkeys([HERE, THERE], 0), 0.0
    for who, pause, success in steps:
        now += pause
        if success:
            bans.succeeded(who)
            counts[who] = 0
        else:
            assert 0.0 <= bans.failed(who, now) <= 4.0
            counts[who] += 1
        assert not bans.banned(who, now) or counts[who] >= 4

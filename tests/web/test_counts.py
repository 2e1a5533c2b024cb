"""The length of an account's list: exact while it is short, and not counted for every page once it is long."""

from gateway.web.area.counts import Counts


class Entries:
    """A snapshot in which every account has as many entries, and how often they were counted."""

    def __init__(self, entries):
        self.entries = entries
        self.asked = 0

    def rows(self, _sql, values):
        """Count the entries of one account; nobody's but "shop" has any."""
        self.asked += values == ("shop",)
        return [(self.entries if values == ("shop",) else 0,)]


def test_short_list_is_counted_each_time():
    """A number that comes to a short list is counted at once."""
    counts, snapshot = Counts(), Entries(10_000)
    assert counts.of(snapshot, "shop", 0.0) == 10_000
    snapshot.entries = 9_999
    assert counts.of(snapshot, "shop", 0.0) == 9_999


def test_long_list_is_counted_once_a_minute():
    """A long list is counted again after a minute, for each account by itself."""
    counts, snapshot = Counts(), Entries(10_001)
    assert [counts.of(snapshot, "shop", now) for now in (0.0, 59.0)] == [10_001, 10_001]
    assert snapshot.asked == 1
    assert counts.of(snapshot, "bank", 30.0) == 0
    snapshot.entries = 7
    assert counts.of(snapshot, "shop", 60.0) == 7

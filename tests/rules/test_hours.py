"""Hours: when marketing may be sent, on the clock of whoever receives it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.hours import PRESETS, Calendar, Hours, Window, closing, opening

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")
HOLIDAYS = {date(2026, 5, 1), date(2026, 5, 8), date(2026, 12, 25)}
MINUTE = 60_000
STRICT = PRESETS["strict"]
NINE_TO_FIVE = Hours((Window(540, 1020),) * 7, None)
ALL_DAY = Hours((Window(0, 1440),) * 7, Window(0, 1440))


def calendar(zone=PARIS):
    """Return a calendar with a few holidays."""
    return Calendar(zone, HOLIDAYS.__contains__)


def at(text, zone=PARIS):
    """Return the instant that a place's clock shows."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("preset", "asked", "opens"),
    [
        ("strict", "2026-11-24 07:59:59", "2026-11-24 08:00"),
        ("strict", "2026-11-24 08:00", "2026-11-24 08:00"),
        ("strict", "2026-11-24 19:59:59", "2026-11-24 19:59:59"),
        ("strict", "2026-11-24 20:00", "2026-11-25 08:00"),
        ("strict", "2026-11-28 20:00", "2026-11-30 08:00"),  # Saturday evening
        ("strict", "2026-11-29 12:00", "2026-11-30 08:00"),  # Sunday
        ("strict", "2026-04-30 21:00", "2026-05-02 08:00"),  # the 1st of May
        ("af2m-2024", "2026-11-24 21:59", "2026-11-24 21:59"),
        ("af2m-2024", "2026-11-28 22:00", "2026-11-30 08:00"),
        ("af2m-2024", "2026-05-01 10:00", "2026-05-02 08:00"),
        ("af2m-2026", "2026-11-29 12:00", "2026-11-29 12:00"),
        ("af2m-2026", "2026-05-01 12:00", "2026-05-01 12:00"),
        ("af2m-2026", "2026-11-24 21:30", "2026-11-25 08:00"),
    ],
)
def test_presets(preset, asked, opens):
    """Each preset opens when its name says."""
    assert opening(PRESETS[preset], calendar(), at(asked)) == at(opens)


def test_clock_of_the_place():
    """The clock that counts is that of the place: evening in Réunion is afternoon in Paris."""
    asked = at("2026-11-24 17:00")
    assert opening(STRICT, calendar(), asked) == asked
    assert opening(STRICT, calendar(REUNION), asked) == at("2026-11-25 08:00", REUNION)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_clocks_that_change(day, hours):
    """Where the clock changes the day is an hour shorter or longer, and opens when the clock says so."""
    nine = at(f"{day} 09:00")
    assert opening(NINE_TO_FIVE, calendar(), at(f"{day} 00:00")) == nine
    midnight = at(f"{day} 00:00")
    following = at((date.fromisoformat(day) + timedelta(days=1)).isoformat() + " 00:00")
    assert following - midnight == hours * 60 * MINUTE


def test_opening_that_the_clock_skips():
    """A time that the clock skips in spring is the one that it would have shown."""
    early = Hours((Window(150, 1020),) * 7, None)
    found = opening(early, calendar(), at("2026-03-29 00:00"))
    assert datetime.fromtimestamp(found / 1_000, UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_window_that_the_clock_skips():
    """A window of which the clock skips so much in spring that nothing is left opens on the next day."""
    night = Hours((Window(150, 190),) * 7, None)  # 2:30 to 3:10
    assert opening(night, calendar(), at("2026-03-29 00:00")) == at("2026-03-30 02:30")


@pytest.mark.parametrize(
    ("hours", "asked", "closes"),
    [
        (STRICT, "2026-11-24 12:00", "2026-11-24 20:00"),
        (Hours((Window(480, 1440), Window(0, 720), *[None] * 5), None), "2026-11-23 12:00", "2026-11-24 12:00"),
        (Hours((Window(480, 1440), Window(60, 720), *[None] * 5), None), "2026-11-23 12:00", "2026-11-24 00:00"),
        (Hours((Window(0, 1440),) * 7, None), "2026-04-30 12:00", "2026-05-01 00:00"),
    ],
)
def test_closing(hours, asked, closes):
    """Hours close at the end of their window, or later where the next day opens at midnight."""
    assert closing(hours, calendar(), at(asked)) == at(closes)


def test_hours_that_never_close():
    """Hours that are open all days are open for weeks at a time."""
    asked = at("2026-11-24 12:00")
    assert closing(ALL_DAY, calendar(), asked) > asked + 30 * 24 * 60 * MINUTE


def test_hours_that_never_open():
    """Hours without a window are no hours."""
    with pytest.raises(ValueError, match="never open"):
        opening(Hours((None,) * 7, None), calendar(), at("2026-11-24 12:00"))


windows = st.one_of(
    st.none(),
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda w: w[0] < w[1]).map(lambda w: Window(*w)),
)
some_hours = st.builds(
    lambda week, holiday: Hours(tuple(week), holiday), st.lists(windows, min_size=7, max_size=7), windows
)
instants = st.integers(at("2026-01-01 00:00"), at("2027-01-01 00:00"))


def is_open(hours, place, instant):
    """Look at the clock and the calendar, as a person would."""
    local = datetime.fromtimestamp(instant / 1_000, UTC).astimezone(place.zone)
    window = hours.holiday if place.is_holiday(local.date()) else hours.week[local.weekday()]
    return window is not None and window.opens <= local.hour * 60 + local.minute < window.closes


@given(some_hours.filter(lambda hours: any(hours.week)), st.sampled_from([UTC, REUNION]), instants)
def test_opening_is_the_first_open_instant(hours, zone, asked):
    """The opening is open, the minute before it is not unless it was asked for, and nothing between is."""
    place = calendar(zone)
    found = opening(hours, place, asked)
    assert found >= asked
    assert is_open(hours, place, found)
    if found > asked:
        assert not is_open(hours, place, asked)
        assert not is_open(hours, place, found - 1)
        step = max((found - asked) // 50, 1)
        assert not any(is_open(hours, place, instant) for instant in range(asked, found, step))


@given(some_hours.filter(lambda hours: any(hours.week)), st.sampled_from([UTC, REUNION]), instants)
def test_closing_is_the_first_closed_instant(hours, zone, asked):
    """From an opening to its closing all is open; the closing is not, if it comes within weeks."""
    place = calendar(zone)
    start = opening(hours, place, asked)
    end = closing(hours, place, start)
    assert end > start
    assert all(is_open(hours, place, instant) for instant in range(start, end, max((end - start) // 50, 1)))
    if end < start + 30 * 24 * 60 * MINUTE:
        assert not is_open(hours, place, end)

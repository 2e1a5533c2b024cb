"""Calendars: clocks and public holidays of wherever a number is."""

from datetime import date, datetime

import pytest

from gateway.rules.number import canonical
from gateway.submissions.calendars import calendar

NOON = datetime(2026, 11, 24, 12)  # noqa: DTZ001 (each place's own)


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("33612345678", "Europe/Paris"),
        ("0694387474", "America/Cayenne"),
        ("+590 690 12 34 56", "America/Guadeloupe"),
        ("262692123456", "Indian/Reunion"),
        ("262639123456", "Indian/Mayotte"),
        ("508551234", "America/Miquelon"),
        ("687751234", "Pacific/Noumea"),
        ("68987123456", "Pacific/Tahiti"),
        ("37761234567", "Europe/Monaco"),
        ("4915112345678", "Europe/Berlin"),
        ("12025550123", "America/New_York"),
        ("881612345678", "Etc/UTC"),
    ],
)
def test_clock(number, zone):
    """Each part of France has its own clock, each country one, and a number of no country that of UTC."""
    assert str(calendar(canonical(number)).zone) == zone


def test_country_with_several_clocks():
    """Where a number does not tell which of its country's clocks is meant, the one in the middle counts."""
    hours = NOON.replace(tzinfo=calendar(canonical("79161234567")).zone).utcoffset().total_seconds() / 3_600
    assert 5 <= hours <= 8


@pytest.mark.parametrize(
    ("number", "day", "expected"),
    [
        ("33612345678", date(2026, 7, 14), True),
        ("33612345678", date(2026, 12, 20), False),
        ("262692123456", date(2026, 12, 20), True),  # abolition of slavery in Réunion
        ("262692123456", date(2026, 7, 14), True),
        ("596696123456", date(2026, 5, 22), True),
        ("590690123456", date(2026, 5, 27), True),
        ("594694387474", date(2026, 6, 10), True),
        ("262639123456", date(2026, 4, 27), True),
        ("4915112345678", date(2026, 10, 3), True),
        ("4915112345678", date(2026, 7, 14), False),
        ("881612345678", date(2026, 12, 25), False),
    ],
)
def test_holidays(number, day, expected):
    """Public holidays are those of the place, overseas ones included."""
    assert calendar(canonical(number)).is_holiday(day) is expected

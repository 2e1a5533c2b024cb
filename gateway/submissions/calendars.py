"""The clock and the public holidays of wherever a number is: what the rules of hours need to know of a place.

French numbers have the clock and the holidays of their part of France, overseas ones their own. Other countries have
theirs; where a country has several clocks and the number does not tell which, the one in the middle. Clocks come from
the system's time zones (or those of the package tzdata), holidays from the package holidays.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import holidays

from gateway.rules.hours import Calendar
from gateway.rules.number import zones

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from gateway.rules.number import Number

_FRENCH = {
    "FR": "Europe/Paris",
    "GP": "America/Guadeloupe",
    "BL": "America/St_Barthelemy",
    "MF": "America/Marigot",
    "MQ": "America/Martinique",
    "GF": "America/Cayenne",
    "RE": "Indian/Reunion",
    "YT": "Indian/Mayotte",
    "PM": "America/Miquelon",
    "NC": "Pacific/Noumea",
    "PF": "Pacific/Tahiti",
    "WF": "Pacific/Wallis",
    "MC": "Europe/Monaco",
}
_NOWHERE = "Etc/UTC"  # for numbers that belong to no country, such as those of satellites
_JANUARY = datetime(2026, 1, 15, 12, tzinfo=UTC)


def calendar(number: Number) -> Calendar:
    """Return the calendar of the place that a number belongs to."""
    zone = _FRENCH.get(number.territory) or _middle(zones(number))
    return _calendar(zone, number.territory)


@cache
def _middle(names: tuple[str, ...]) -> str:
    """Return the zone in the middle of several, by what their clocks show in winter."""
    known = sorted(names, key=lambda name: (_winter(name), name))
    return known[len(known) // 2] if known else _NOWHERE


def _winter(zone: str) -> float:
    offset = _JANUARY.astimezone(ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0


@cache
def _calendar(zone: str, territory: str) -> Calendar:
    return Calendar(ZoneInfo(zone), _holidays(territory))


@cache
def _holidays(territory: str) -> Callable[[date], bool]:
    """Return what tells a territory's public holidays; none are known of a few places."""
    if territory not in holidays.list_supported_countries():
        return lambda _day: False
    return holidays.country_holidays(territory).__contains__

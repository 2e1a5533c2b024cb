"""When marketing may be sent: on which days, between which times, on the clock of whoever receives it.

An instant is open or it is not; from any instant on there is a next opening, and from an open one a next closing. The
clocks and the public holidays of a place come from outside, as a :class:`Calendar`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

_DAY = 24 * 60  # minutes
_LOOK_AHEAD = 60  # days; hours that open on none of these never open
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """A part of a day: from ``opens`` on until just before ``closes``, both in minutes after midnight."""

    opens: int
    closes: int


class Hours(NamedTuple):
    """The window of each day of the week, Monday first, and that of public holidays; None: closed all day."""

    week: tuple[Window | None, ...]
    holiday: Window | None


class Calendar(NamedTuple):
    """What a place's clock shows, and which of its days are public holidays."""

    zone: tzinfo
    is_holiday: Callable[[date], bool]


def _presets() -> dict[str, Hours]:
    strict, evening, late = Window(8 * 60, 20 * 60), Window(8 * 60, 21 * 60 + 30), Window(8 * 60, 22 * 60)
    return {
        "strict": Hours((*[strict] * 6, None), None),
        "af2m-2024": Hours((*[late] * 6, None), None),  # "jours ouvrables": Monday to Saturday, holidays apart
        "af2m-2026": Hours((evening,) * 7, evening),
    }


PRESETS = _presets()
"""Hours with a name: what the trade is strict about, and what the af2m's charters of 2024 and 2026 say."""


def ever_open(hours: Hours) -> bool:
    """Say whether there is any day at all on which these hours are open for sure."""
    return any(hours.week)


def opening(hours: Hours, calendar: Calendar, at: int) -> int:
    """Return ``at`` if that is within the hours, else when they open next; in milliseconds since 1970.

    Raises:
        ValueError: they never do.
    """
    local = _local(at, calendar)
    for day in range(_LOOK_AHEAD):
        today = local.date() + timedelta(days=day)
        window = _window(hours, calendar, today)
        if window is None:
            continue
        opens, closes = _instant(today, window.opens, calendar), _instant(today, window.closes, calendar)
        if max(at, opens) < closes:  # a window that begins in what the clock skips may be none on that day
            return max(at, opens)
    raise ValueError("these hours never open")


def closing(hours: Hours, calendar: Calendar, at: int) -> int:
    """Return when the hours close that are open at ``at``: later where the next day opens at midnight."""
    today = _local(at, calendar).date()
    for day in range(_LOOK_AHEAD):
        window = _window(hours, calendar, today + timedelta(days=day))
        if window is None or (day and window.opens):
            return _instant(today + timedelta(days=day), 0, calendar)
        if window.closes < _DAY:
            return _instant(today + timedelta(days=day), window.closes, calendar)
    return _instant(today + timedelta(days=_LOOK_AHEAD), 0, calendar)


def _window(hours: Hours, calendar: Calendar, day: date) -> Window | None:
    return hours.holiday if calendar.is_holiday(day) else hours.week[day.weekday()]


def _local(at: int, calendar: Calendar) -> datetime:
    return (_EPOCH + at * _MILLISECOND).astimezone(calendar.zone)


def _instant(day: date, minutes: int, calendar: Calendar) -> int:
    """Return when a place's clock shows so many minutes after a day's midnight; the first time, where it does twice."""
    shown = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 (its zone follows)
    return (shown.replace(tzinfo=calendar.zone) - _EPOCH) // _MILLISECOND

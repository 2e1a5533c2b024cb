"""SMPP time formats: absolute and relative, as in ``YYMMDDhhmmsstnnp`` (SMPP 3.4 section 7.1.1), and receipts' dates.

Instants are milliseconds since 1970, UTC, and the present is an argument.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

_FORM = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([+\-R])", re.ASCII)
_PIVOT = 38  # 38-99 mean 19xx, 00-37 mean 20xx (appendix C)
_MAX_QUARTERS = 48
_LAST = int(datetime(2000 + _PIVOT, 1, 1, tzinfo=UTC).timestamp()) * 1_000  # the first instant without an absolute time
_DAYS_OF_YEAR, _DAYS_OF_MONTH = 365, 30
_MOST_YEARS = 99
_TENTH = 100  # milliseconds


class TimeError(ValueError):
    """Not a time in the format of section 7.1.1."""


def read_time(text: str, now: int) -> int:
    """Return the instant that ``text`` names, in milliseconds since 1970.

    A relative time counts from ``now``; its years are 365 days and its months 30, as nobody promises more.

    Raises:
        TimeError: the text has another form, or names no real date.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise TimeError(f"{text!r} is not YYMMDDhhmmsstnnp")
    year, month, day, hour, minute, second, tenths, quarters = (int(group) for group in match.groups()[:8])
    if match[9] == "R":
        days = _DAYS_OF_YEAR * year + _DAYS_OF_MONTH * month + day
        span = timedelta(days=days, hours=hour, minutes=minute, seconds=second)
        return now + span // timedelta(milliseconds=1)
    if quarters > _MAX_QUARTERS:
        raise TimeError(f"{text!r} is {quarters} quarters of an hour from UTC")
    try:
        local = datetime(year + (1900 if year >= _PIVOT else 2000), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise TimeError(f"{text!r}: {error}") from None
    offset = timedelta(minutes=15 * quarters) * (1 if match[9] == "+" else -1)
    return int((local - offset).timestamp()) * 1_000 + tenths * 100


def write_time(instant: int) -> str:
    """Write an instant as an absolute time, in UTC."""
    return datetime.fromtimestamp(instant // 1_000, UTC).strftime("%y%m%d%H%M%S") + f"{instant // 100 % 10}00+"


class Spelling(StrEnum):
    """How an operator is told until when a message is valid: as an instant, as a span, or not at all."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    NONE = "none"


def write_validity(until: int, now: int, spelling: str) -> str:
    """Write that a message is valid until an instant, seen from ``now``, which is before it.

    What is written ends no earlier, so it is never over already: an absolute time less than a tenth of a second later,
    a span less than a second. Empty where that is not told, or has no spelling: absolute times end with the year 2037,
    spans with 99 years.
    """
    if spelling == Spelling.RELATIVE:
        return _write_span(max(1, -((now - until) // 1_000)))
    rounded = -(-until // _TENTH) * _TENTH
    return write_time(rounded) if spelling == Spelling.ABSOLUTE and rounded < _LAST else ""


def _write_span(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    years, days = divmod(days, _DAYS_OF_YEAR)
    months, day = divmod(days, _DAYS_OF_MONTH)
    return f"{years:02}{months:02}{day:02}{hour:02}{minute:02}{second:02}000R" if years <= _MOST_YEARS else ""


def receipt_date(instant: int) -> str:
    """Write an instant as receipts do: ``YYMMDDhhmm``, UTC."""
    return _minute(instant // 60_000)


@lru_cache(maxsize=4_096)
def _minute(minutes: int) -> str:
    return datetime.fromtimestamp(minutes * 60, UTC).strftime("%y%m%d%H%M")

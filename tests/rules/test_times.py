"""SMPP times, absolute and relative (SMPP 3.4 section 7.1.1), and the dates in receipts."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.rules.times import Spelling, TimeError, read_time, receipt_date, write_validity

NOW = 1_780_000_000_000
DAY = 86_400_000


def instant(*parts):
    """Return milliseconds since 1970 of a date in UTC."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("260731142205000+", instant(2026, 7, 31, 14, 22, 5)),
        ("260731142205008+", instant(2026, 7, 31, 12, 22, 5)),
        ("260731142205008-", instant(2026, 7, 31, 16, 22, 5)),
        ("260731142205700+", instant(2026, 7, 31, 14, 22, 5) + 700),
        ("260101001500001+", instant(2026, 1, 1)),
        ("251231234500001-", instant(2026, 1, 1)),
        ("260101000000048+", instant(2025, 12, 31, 12)),
        ("240229000000000+", instant(2024, 2, 29)),
        ("370101000000000+", instant(2037, 1, 1)),
        ("380101000000000+", instant(1938, 1, 1)),
        ("991231235959900-", instant(1999, 12, 31, 23, 59, 59) + 900),
        ("000101000000000+", instant(2000, 1, 1)),
    ],
)
def test_absolute(text, expected):
    """An absolute time is local time so many quarters of an hour ahead of (+) or behind (-) UTC."""
    assert read_time(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("000000000000000R", 0),
        ("000000000001000R", 1_000),
        ("000000010000000R", 3_600_000),
        ("000002000000000R", 2 * DAY),
        ("000100000000000R", 30 * DAY),
        ("010000000000000R", 365 * DAY),
        ("020610233429000R", (2 * 365 + 6 * 30 + 10) * DAY + ((23 * 60 + 34) * 60 + 29) * 1_000),
        ("000000999999000R", (99 * 3_600 + 99 * 60 + 99) * 1_000),
        ("999999999999000R", (99 * 365 + 99 * 30 + 99) * DAY + (99 * 3_600 + 99 * 60 + 99) * 1_000),
    ],
)
def test_relative(text, expected):
    """A relative time is a span from now, a year of it 365 days and a month 30."""
    assert read_time(text, NOW) == NOW + expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "260731142205",
        "260731142205000",
        "260731142205000Z",
        "260731142205000r",
        "260731142205000+0",
        "260731142205000+\n",
        " 60731142205000+",
        "+60731142205000+",
        "26073114220500\u0660+",  # an Arabic-Indic digit
        "261331142205000+",
        "260732142205000+",
        "260229142205000+",
        "260700142205000+",
        "260731242205000+",
        "260731146005000+",
        "260731142260000+",
        "260731142205049+",
    ],
)
def test_malformed(text):
    """Whatever has another form, or names no real date, is refused."""
    with pytest.raises(TimeError):
        read_time(text, NOW)


@given(
    st.datetimes(datetime(1938, 1, 2), datetime(2037, 12, 30)),  # noqa: DTZ001 (local times)
    st.integers(-48, 48),
)
def test_absolute_agrees_with_datetime(local, quarters):
    """For every date and offset the instant is the one that the standard library computes."""
    text = f"{local:%y%m%d%H%M%S}{local.microsecond // 100_000}{abs(quarters):02}{'-' if quarters < 0 else '+'}"
    aware = local.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert read_time(text, NOW) == expected + local.microsecond // 100_000 * 100


@given(st.text(st.sampled_from("0123456789+-R"), min_size=16, max_size=16))
def test_never_another_error(text):
    """Any sixteen characters are either a time or a TimeError."""
    with suppress(TimeError):
        assert isinstance(read_time(text, NOW), int)


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "7001010000"),
        (instant(2026, 7, 31, 14, 22, 59) + 999, "2607311422"),
        (instant(2026, 1, 1) - 1, "2512312359"),
    ],
)
def test_receipt_date(milliseconds, expected):
    """A receipt's date is UTC to the minute, never rounded up."""
    assert receipt_date(milliseconds) == expected


@given(st.integers(instant(1970, 1, 1), instant(2037, 12, 31)))
def test_receipt_date_reads_back(milliseconds):
    """A receipt's date is the minute of the instant it was written from."""
    assert read_time(receipt_date(milliseconds) + "00000+", NOW) == milliseconds // 60_000 * 60_000


@given(st.integers(NOW + 1, instant(2037, 12, 31)))
@example(NOW + 1)
def test_validity_reads_as_written(until):
    """A validity that is written ends no earlier, and less than a tenth of a second later; as a span, than a second."""
    assert until <= read_time(write_validity(until, NOW, Spelling.ABSOLUTE), NOW) < until + 100
    assert until <= read_time(write_validity(until, NOW, Spelling.RELATIVE), NOW) < until + 1_000
    assert write_validity(until, NOW, Spelling.NONE) == ""


@pytest.mark.parametrize(
    ("until", "absolute", "relative"),
    [
        (NOW + 90_000, "260528202810000+", "000000000130000R"),
        (NOW + 1, "260528202640100+", "000000000001000R"),
        (NOW + 1_001, "260528202641100+", "000000000002000R"),
        (instant(2037, 12, 31, 23, 59, 59), "371231235959000+", "110710033319000R"),
        (instant(2038, 1, 1) - 1, "", "110710033320000R"),
        (NOW + 100 * 365 * DAY, "", ""),
    ],
)
def test_validity(until, absolute, relative):
    """What has no spelling is not told: absolute times end with 2037, spans with 99 years. A span has a second."""
    assert write_validity(until, NOW, Spelling.ABSOLUTE) == absolute
    assert write_validity(until, NOW, Spelling.RELATIVE) == relative

"""The languages of pages: which one a visitor reads, and how words, numbers and times are written in it.

Pages are written in English; the catalogues beside them (`locale/*.po`) are read as they are, without a step that
compiles them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import NamedTuple

from babel.dates import format_date, get_month_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from starlette.requests import Request

LANGUAGES = {"fr": "Français", "en": "English", "de": "Deutsch"}
DEFAULT = "en"
COOKIE = "lang"
_FIRST_GROUPED = 1_000
_MOST = 20
_WORDS = "Accept-Language"


class Language(NamedTuple):
    """One language; `translations` are gettext's."""

    code: str
    translations: NullTranslations

    def number(self, value: float) -> str:
        """Write a number as it is written there."""
        if isinstance(value, int) and 0 <= value < _FIRST_GROUPED:
            return str(value)  # as everywhere, and pages are full of them
        return format_decimal(value, locale=self.code)

    def when(self, milliseconds: int) -> str:
        """Write an instant, in UTC, to the minute."""
        at = datetime.fromtimestamp(milliseconds / 1_000, UTC)
        return f"{at.day} {_months(self.code)[at.month]} {at.year} {at.hour:02}:{at.minute:02}"

    def month(self, text: str) -> str:
        """Write a month given as `2026-11`."""
        year, month = map(int, text.split("-"))
        return format_date(date(year, month, 1), "LLLL y", locale=self.code)


@cache
def _months(code: str) -> Mapping[int, str]:
    """Return the short names of months: Babel's own way through a pattern takes fifty times as long as writing one."""
    return get_month_names("abbreviated", locale=code)


@cache
def language(code: str) -> Language:
    """Return one of :data:`LANGUAGES`, read at its first use."""
    catalogue = files("gateway.web").joinpath("locale", f"{code}.po")
    if not catalogue.is_file():  # what the pages are written in
        return Language(code, NullTranslations())
    compiled = BytesIO()
    with catalogue.open("rb") as file:
        write_mo(compiled, read_po(file, code))
    compiled.seek(0)
    return Language(code, GNUTranslations(compiled))


def chosen(request: Request, offered: Sequence[str] = tuple(LANGUAGES)) -> str:
    """Return the language that a visitor reads: by `?lang=`, by cookie, or by Accept-Language."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wish is not None and wish in offered:
            return wish
    return next((code for code in accepted(request.headers.get(_WORDS, "")) if code in offered), DEFAULT)


def accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, most wanted first, without regions (RFC 9110, 12.5.4).

    Only the first twenty: browsers send a few.
    """
    ranked = []
    for part in header.split(",", _MOST)[:_MOST]:
        code, _, weight = "".join(part.split()).lower().partition(";q=")  # white space may be around each sign
        ranked.append((-_quality(weight), code.partition("-")[0]))
    return [code for weight, code in sorted(ranked, key=lambda each: each[0]) if weight < 0]


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0

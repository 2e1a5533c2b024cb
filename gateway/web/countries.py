"""Countries to choose from where a number is typed, in the visitor's language."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from babel import Locale
from markupsafe import Markup

from gateway.rules.number import territories

if TYPE_CHECKING:
    from starlette.requests import Request

_MOST = 20  # languages that are looked at
_REMEMBERED = 64  # pages; 11 kB each
_MAIN = {"fr": "FR", "de": "DE", "en": "GB"}


class Country(NamedTuple):
    """One country: two letters, what it is called, and its calling code."""

    code: str
    name: str
    calling: int


@cache
def countries(language: str) -> list[Country]:
    """Return all countries by their names in a language, in its order."""
    names = Locale(language).territories
    found = [Country(code, names.get(code, code), calling) for code, calling in territories().items()]
    return sorted(found, key=lambda each: _plain(each.name))


@lru_cache(maxsize=_REMEMBERED)
def options(language: str, chosen: str) -> Markup:
    """Return all countries as what a form lets one choose from, kept because it is most of the page's work."""
    line = Markup('<option value="{}"{}>{} (+{})</option>\n')
    selected = Markup(" selected")
    return Markup("").join(
        line.format(each.code, selected if each.code == chosen else "", each.name, each.calling)
        for each in countries(language)
    )


def likely(request: Request, language: str) -> str:
    """Return the country that a visitor probably means: that of the browser's language, else the language's own."""
    known = territories()
    for part in request.headers.get("accept-language", "").split(",", _MOST)[:_MOST]:
        region = part.partition(";")[0].strip().rpartition("-")[2].upper()
        if region in known and "-" in part:
            return region
    return _MAIN[language]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode().casefold()

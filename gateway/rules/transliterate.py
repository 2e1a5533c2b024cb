"""Transliteration: the nearest spelling in the GSM 7-bit alphabet, for text that stays readable and keeps its sense.

What GSM-7 has is never touched. What it lacks is composed first (a letter and its combining accent may be one that
GSM-7 has), then looked up here, then stripped of its accents by Unicode's canonical decompositions. Compatibility
decompositions are not used: they would turn 10² into 102.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import combining, normalize

from gateway.smpp.text import encode_gsm7

_CLASSES = {  # replacement: the code points that take it
    "'": "\u2018 \u2019 \u201a \u201b \u2032 \u2039 \u203a \u02bc \u0060 \u00b4",  # single quotes, primes, apostrophes
    '"': "\u201c \u201d \u201e \u201f \u2033 \u00ab \u00bb",  # double quotes, guillemets
    "-": "\u2010 \u2011 \u2012 \u2013 \u2014 \u2015 \u2212 \u2022",  # hyphens, dashes, minus sign, bullet
    ".": "\u2024 \u00b7",  # one dot leader, middle dot
    "...": "\u2026",  # ellipsis
    "": "\u00ad \u200b \u200e \u200f \u2060 \ufeff",  # soft hyphen, zero width and direction marks
    "oe": "\u0153",
    "OE": "\u0152",
    "l": "\u0142",
    "L": "\u0141",
    "d": "\u0111 \u00f0",
    "D": "\u0110 \u00d0",
    "i": "\u0131",
    "ff": "\ufb00",
    "fi": "\ufb01",
    "fl": "\ufb02",
}
_SPACES = "\t\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"
_SPELLINGS = {
    **{character: spelling for spelling, characters in _CLASSES.items() for character in characters.split()},
    **dict.fromkeys(_SPACES, " "),
}


def transliterate(text: str) -> str | None:
    """Return ``text`` spelled in GSM-7 alone, or None when it has a character without a faithful spelling there."""
    if encode_gsm7(text) is not None:
        return text
    spelled = []
    for character in normalize("NFC", text):
        spelling = _spell(character)
        if spelling is None:
            return None
        spelled.append(spelling)
    return "".join(spelled)


@lru_cache(maxsize=4096)
def _spell(character: str) -> str | None:
    if encode_gsm7(character) is not None:
        return character
    if character in _SPELLINGS:
        return _SPELLINGS[character]
    bare = "".join(part for part in normalize("NFD", character) if not combining(part))
    return bare if bare and encode_gsm7(bare) is not None else None

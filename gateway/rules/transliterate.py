"""Transliteration: the nearest spelling in the GSM 7-bit alphabet, for text that stays readable and keeps its sense.

What GSM-7 has is never touched. What it lacks is composed first (a letter and its combining accent may be one that
GSM-7 has), then looked up here, then decomposed as Unicode does and stripped of its accents. Of the compatibility
decompositions those are used that change the looks alone: ﬁ, №, Ⅳ, full-width and mathematical letters. Where one would
change the sense, what stands before decides: 50 m² may be 50 m2, but 10² is not 102.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, combining, decomposition, normalize

from gateway.smpp.text import encode_gsm7

_CLASSES = {  # replacement: the code points that take it; dashes and spaces besides by their category
    "'": "\u2018 \u2019 \u201a \u201b \u2032 \u2039 \u203a \u02b9 \u02bb \u02bc \u02c8 \u0060 \u00b4 \u275b \u275c",
    '"': "\u201c \u201d \u201e \u201f \u2033 \u00ab \u00bb \u02ba \u275d \u275e",  # double quotes, guillemets
    "-": "\u2212 \u2022 \u2023 \u2043 \u2219 \u25aa \u25a0 \u25cf \u25e6",  # minus sign, bullets
    ".": "\u2024 \u00b7",  # one dot leader, middle dot
    "...": "\u2026",  # ellipsis
    "/": "\u2044 \u2215 \u00f7",  # fraction slash, division
    "~": "\u02dc \u223c \u2248",
    "^": "\u02c6",
    "x": "\u00d7",  # multiplication sign
    "+/-": "\u00b1",
    "<=": "\u2264",
    ">=": "\u2265",
    "->": "\u2192 \u2794 \u279c \u27a1 \u27a4",  # arrows
    "<-": "\u2190",
    "=>": "\u21d2",
    "(C)": "\u00a9",
    "(R)": "\u00ae",
    "(TM)": "\u2122",
    "\n": "\v \x85 \u2028 \u2029",
    "oe": "\u0153",
    "OE": "\u0152",
    "l": "\u0142",
    "L": "\u0141",
    "d": "\u0111 \u00f0",
    "D": "\u0110 \u00d0",
    "h": "\u0127",
    "H": "\u0126",
    "i": "\u0131",
    "t": "\u0167",
    "T": "\u0166",
    "th": "\u00fe",
    "Th": "\u00de",
    "SS": "\u1e9e",
    "ng": "\u014b",
    "NG": "\u014a",
    "u": "\u00b5",  # micro sign
}
_INVISIBLE = (  # soft hyphen, zero width and direction marks, variation selectors, the box of a keycap
    "\u00ad\u061c\u180e\ufe0e\ufe0f\ufeff\u20e3"
    + "".join(
        map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x2070)))
    )
)
_SPELLINGS = {
    **{character: spelling for spelling, characters in _CLASSES.items() for character in characters.split(" ")},
    **dict.fromkeys(_INVISIBLE, ""),
    "\t": " ",
}
_OF_CATEGORY = {"Zs": " ", "Pd": "-"}
_LOOKS_ALONE = frozenset({"<compat>", "<font>", "<wide>", "<narrow>", "<small>", "<square>", "<noBreak>"})
_RAISED = frozenset({"<super>", "<sub>"})
_ACCENTS = ("\u0300", "\u036f")  # combining ones
_DEGREE = "\u00b0"


def transliterate(text: str) -> str | None:
    """Return ``text`` spelled in GSM-7 alone, or None when it has a character without a faithful spelling there."""
    if encode_gsm7(text) is not None:
        return text
    spelled: list[str] = []
    before = ""
    for character in normalize("NFC", text):
        spelling = _spell(character)
        if spelling is None:
            spelling = _spell_behind(before, character)
        if spelling is None:
            return None
        spelled.append(spelling)
        before = character
    return "".join(spelled)


@lru_cache(maxsize=4096)
def _spell(character: str) -> str | None:
    """Spell a character, whatever stands before it."""
    if encode_gsm7(character) is not None:
        return character
    if character in _SPELLINGS:
        return _SPELLINGS[character]
    if category(character) in _OF_CATEGORY:
        return _OF_CATEGORY[category(character)]
    tag, *codes = decomposition(character).split() or [""]
    parts = "".join(chr(int(code, 16)) for code in codes)
    if tag in _LOOKS_ALONE or (tag in _RAISED and parts.isalpha()):
        return transliterate(parts)
    bare = "".join(part for part in normalize("NFD", character) if not combining(part))
    return bare if bare and encode_gsm7(bare) is not None else None


def _spell_behind(before: str, character: str) -> str | None:
    """Spell a character whose sense depends on what stands before it."""
    if before.isalnum() and _ACCENTS[0] <= character <= _ACCENTS[1]:
        return ""
    if character == _DEGREE:  # n° 5
        return "o" if before in ("n", "N") else None
    tag, *codes = decomposition(character).split() or [""]
    if tag in _RAISED and before.isalpha():  # m²
        return transliterate("".join(chr(int(code, 16)) for code in codes))
    if tag == "<fraction>":  # 1½
        fraction = transliterate("".join(chr(int(code, 16)) for code in codes))
        return f" {fraction}" if fraction and before.isdigit() else fraction
    return None

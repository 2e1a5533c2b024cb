"""The arithmetic of segments once more, from 3GPP TS 23.038 and 23.040 and nothing of ours: what the tests believe."""

from __future__ import annotations

import math
import unicodedata

ESC = b"\x1b"

# The alphabet once more, by Unicode names, from TS 23.038: codes 0x00-0x1F, then where it departs from ASCII.
LOW = """COMMERCIAL AT|POUND SIGN|DOLLAR SIGN|YEN SIGN|LATIN SMALL LETTER E WITH GRAVE|LATIN SMALL LETTER E WITH ACUTE|
LATIN SMALL LETTER U WITH GRAVE|LATIN SMALL LETTER I WITH GRAVE|LATIN SMALL LETTER O WITH GRAVE|
LATIN CAPITAL LETTER C WITH CEDILLA||LATIN CAPITAL LETTER O WITH STROKE|LATIN SMALL LETTER O WITH STROKE||
LATIN CAPITAL LETTER A WITH RING ABOVE|LATIN SMALL LETTER A WITH RING ABOVE|GREEK CAPITAL LETTER DELTA|LOW LINE|
GREEK CAPITAL LETTER PHI|GREEK CAPITAL LETTER GAMMA|GREEK CAPITAL LETTER LAMDA|GREEK CAPITAL LETTER OMEGA|
GREEK CAPITAL LETTER PI|GREEK CAPITAL LETTER PSI|GREEK CAPITAL LETTER SIGMA|GREEK CAPITAL LETTER THETA|
GREEK CAPITAL LETTER XI||LATIN CAPITAL LETTER AE|LATIN SMALL LETTER AE|LATIN SMALL LETTER SHARP S|
LATIN CAPITAL LETTER E WITH ACUTE""".replace("\n", "").split("|")
APART = {
    0x24: "CURRENCY SIGN",
    0x40: "INVERTED EXCLAMATION MARK",
    0x5B: "LATIN CAPITAL LETTER A WITH DIAERESIS",
    0x5C: "LATIN CAPITAL LETTER O WITH DIAERESIS",
    0x5D: "LATIN CAPITAL LETTER N WITH TILDE",
    0x5E: "LATIN CAPITAL LETTER U WITH DIAERESIS",
    0x5F: "SECTION SIGN",
    0x60: "INVERTED QUESTION MARK",
    0x7B: "LATIN SMALL LETTER A WITH DIAERESIS",
    0x7C: "LATIN SMALL LETTER O WITH DIAERESIS",
    0x7D: "LATIN SMALL LETTER N WITH TILDE",
    0x7E: "LATIN SMALL LETTER U WITH DIAERESIS",
    0x7F: "LATIN SMALL LETTER A WITH GRAVE",
}
NAMES = {code: name for code, name in enumerate(LOW) if name} | APART
GSM = {code: chr(code) for code in (0x0A, 0x0D, *range(0x20, 0x80))}
GSM |= {code: unicodedata.lookup(name) for code, name in NAMES.items()}
ESCAPED = {
    0x0A: "\x0c",
    0x14: "\x5e",
    0x28: "\x7b",
    0x29: "\x7d",
    0x2F: "\x5c",
    0x3C: "\x5b",
    0x3D: "\x7e",
    0x3E: "\x5d",
    0x40: "\x7c",
    0x65: "\u20ac",
}
OCTETS = {character: bytes([code]) for code, character in GSM.items()}
OCTETS |= {character: ESC + bytes([code]) for code, character in ESCAPED.items()}


def gsm(text):
    """Tell whether every character of a text is in the alphabet or its extension."""
    return all(character in OCTETS for character in text)


def cost(character, *, ucs2):
    """Return what one character takes: septets, or UTF-16 code units."""
    if ucs2:
        return 2 if ord(character) > 0xFFFF else 1
    return len(OCTETS[character])


def rooms(header, *, ucs2):
    """Return the units of a lone segment and of one among several with a header of that many octets."""
    if ucs2:
        return 70, (140 - header) // 2
    return 160, 160 - math.ceil(8 * header / 7)


def segments(text, header=6, *, ucs2=None):
    """Return how many segments a text takes, filling one after the other, character by character."""
    ucs2 = not gsm(text) if ucs2 is None else ucs2
    alone, room = rooms(header, ucs2=ucs2)
    costs = [cost(character, ucs2=ucs2) for character in text]
    if sum(costs) <= alone:
        return 1
    number, used = 1, 0
    for each in costs:
        if used + each > room:
            number, used = number + 1, 0
        used += each
    return number

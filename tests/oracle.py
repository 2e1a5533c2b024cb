"""The arithmetic of segments once more, from 3GPP TS 23.038 and 23.040 and nothing of ours: what the tests believe."""

from __future__ import annotations

import math
import unicodedata
from typing import NamedTuple

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
    return fill([cost(character, ucs2=ucs2) for character in text], *rooms(header, ucs2=ucs2))


# National tables once more, by the marks of letters, from TS 23.038 annex A. (kind, language): what differs there.

SINGLE, LOCKING = 0x24, 0x25  # the information elements that call for them
MARKED = {
    (SINGLE, 1): "47 G BREVE|49 I DOT ABOVE|53 S CEDILLA|63 c CEDILLA|67 g BREVE|69 =DOTLESS I|73 s CEDILLA",
    (SINGLE, 2): "09 c CEDILLA|41 A ACUTE|49 I ACUTE|4F O ACUTE|55 U ACUTE|61 a ACUTE|69 i ACUTE|6F o ACUTE|75 u ACUTE",
    (SINGLE, 3): "05 e CIRCUMFLEX|09 c CEDILLA|0B O CIRCUMFLEX|0C o CIRCUMFLEX|0E A ACUTE|0F a ACUTE|12 #PHI|13 #GAMMA|"
    "15 #OMEGA|16 #PI|17 #PSI|18 #SIGMA|19 #THETA|1F E CIRCUMFLEX|41 A GRAVE|49 I ACUTE|4F O ACUTE|55 U ACUTE|"
    "5B A TILDE|5C O TILDE|61 A CIRCUMFLEX|69 i ACUTE|6F o ACUTE|75 u ACUTE|7B a TILDE|7C o TILDE|7F a CIRCUMFLEX",
    (
        LOCKING,
        1,
    ): "04 @EURO SIGN|07 =DOTLESS I|0B G BREVE|0C g BREVE|1C S CEDILLA|1D s CEDILLA|40 I DOT ABOVE|60 c CEDILLA",
    (
        LOCKING,
        3,
    ): "04 e CIRCUMFLEX|06 u ACUTE|07 i ACUTE|08 o ACUTE|09 c CEDILLA|0B O CIRCUMFLEX|0C o CIRCUMFLEX|0E A ACUTE|"
    "0F a ACUTE|12 @FEMININE ORDINAL INDICATOR|13 C CEDILLA|14 A GRAVE|15 @INFINITY|16 @CIRCUMFLEX ACCENT|"
    "17 @REVERSE SOLIDUS|18 @EURO SIGN|19 O ACUTE|1A @VERTICAL LINE|1C A CIRCUMFLEX|1D a CIRCUMFLEX|1E E CIRCUMFLEX|"
    "24 @MASCULINE ORDINAL INDICATOR|40 I ACUTE|5B A TILDE|5C O TILDE|5D U ACUTE|60 @TILDE|7B a TILDE|7C o TILDE|"
    "7D @GRAVE ACCENT",
}


def named(words):
    """Return the character that a line of the tables above means."""
    if words.startswith("@"):
        return unicodedata.lookup(words[1:])
    if words.startswith("="):
        return unicodedata.lookup(f"LATIN SMALL LETTER {words[1:]}")
    if words.startswith("#"):
        return unicodedata.lookup(f"GREEK CAPITAL LETTER {words[1:]}")
    letter, _, mark = words.partition(" ")
    case = "CAPITAL" if letter.isupper() else "SMALL"
    return unicodedata.lookup(f"LATIN {case} LETTER {letter.upper()} WITH {mark}")


NATIONAL = {key: {int(line[:2], 16): named(line[3:]) for line in table.split("|")} for key, table in MARKED.items()}


class Tables(NamedTuple):
    """National tables by language; 0: the default one."""

    locking: int = 0
    single: int = 0

    def codes(self):
        """Return what each code means, in the table itself and behind an escape."""
        return GSM | NATIONAL.get((LOCKING, self.locking), {}), ESCAPED | NATIONAL.get((SINGLE, self.single), {})

    def spelled(self):
        """Return the shortest spelling of each character."""
        return SPELLED[self]

    def elements(self):
        """Return the information elements that call for these tables."""
        single = bytes((SINGLE, 1, self.single)) if self.single else b""
        return single + (bytes((LOCKING, 1, self.locking)) if self.locking else b"")


def spell(tables):
    """Return the shortest spelling of each character that some tables have."""
    plain, escaped = tables.codes()
    behind = {character: ESC + bytes([code]) for code, character in escaped.items()}
    return behind | {character: bytes([code]) for code, character in plain.items()}


ALL_TABLES = [Tables(locking, single) for locking in (0, 1, 3) for single in (0, 1, 2, 3)]
SPELLED = {tables: spell(tables) for tables in ALL_TABLES}


class Way(NamedTuple):
    """What a message bears on its way: octets that say its place, other elements, an operator in Latin-1, tables."""

    place: int = 5
    elements: int = 0
    latin1: bool = False
    tables: Tables = Tables()

    def headers(self, tables=b""):
        """Return the octets of the header of a lone segment, and of one of several."""
        kept = self.elements + len(tables)
        return (kept + 1 if kept else 0), kept + 1 + self.place


def fill(costs, alone, room):
    """Return how many segments characters of these costs take, one filled after the other."""
    if sum(costs) <= alone:
        return 1
    number, used = 1, 0
    for each in costs:
        if used + each > room:
            number, used = number + 1, 0
        used += each
    return number


def fewest(costs, alone, room):
    """Return the fewest segments that characters of these costs take, by trying every cut: slow, and sure."""
    if sum(costs) <= alone:
        return 1
    best = [0]
    for end in range(1, len(costs) + 1):
        starts = (start for start in range(end) if sum(costs[start:end]) <= room)
        best.append(1 + min(best[start] for start in starts))
    return best[-1]


def optimum(text, way):
    """Return the fewest segments that a text can take on its way, in whichever alphabet is allowed there."""
    if gsm(text) and not (way.latin1 and any(ord(character) > 0xFF for character in text)):
        alone, each = way.headers()
        costs = [len(OCTETS[character]) for character in text]
        return fill(costs, 160 - math.ceil(8 * alone / 7), 160 - math.ceil(8 * each / 7))
    alone, each = way.headers()
    costs = [cost(character, ucs2=True) for character in text]
    found = [fill(costs, (140 - alone) // 2, (140 - each) // 2)]
    locking, single = way.tables
    for tables in () if way.latin1 else {Tables(locking), Tables(0, single), way.tables} - {Tables()}:
        spelled = tables.spelled()
        if all(character in spelled for character in text):
            alone, each = way.headers(tables.elements())
            costs = [len(spelled[character]) for character in text]
            found.append(fill(costs, 160 - math.ceil(8 * alone / 7), 160 - math.ceil(8 * each / 7)))
    return min(found)


# What a handset shows, from TS 23.040 section 9.2.3.24.


class Shown(NamedTuple):
    """One segment as a handset reads it; ``place`` is (reference, total, number), ``kept`` its other elements."""

    text: str
    ucs2: bool
    place: tuple[int, int, int] | None
    kept: tuple[tuple[int, bytes], ...]
    header: int
    units: int


def handset(octets, data_coding, *, udhi, latin1=False):
    """Read one segment: its header, and its text in whole characters; raises where a character is cut."""
    header, found = b"", []
    if udhi:
        header, octets = octets[: octets[0] + 1], octets[octets[0] + 1 :]
        position = 1
        while position < len(header):
            length = header[position + 1]
            found.append((header[position], header[position + 2 : position + 2 + length]))
            position += 2 + length
        assert position == len(header)
    languages = {identifier: data[0] for identifier, data in found if identifier in (SINGLE, LOCKING)}
    places = [(data[:-2], data[-2], data[-1]) for identifier, data in found if identifier in (0x00, 0x08)]
    assert len(places) <= 1
    place = (int.from_bytes(places[0][0], "big"), *places[0][1:]) if places else None
    kept = tuple((identifier, data) for identifier, data in found if identifier not in (0x00, 0x08, SINGLE, LOCKING))
    ucs2 = data_coding == 8 or 0x18 <= data_coding <= 0x1B
    if ucs2:
        return Shown(octets.decode("utf-16-be"), ucs2, place, kept, len(header), len(octets) // 2)
    if latin1 and data_coding == 0:
        text = octets.decode("latin-1")
        return Shown(text, ucs2, place, kept, len(header), sum(len(OCTETS[character]) for character in text))
    plain, escaped = Tables(languages.get(LOCKING, 0), languages.get(SINGLE, 0)).codes()
    septets, text = iter(octets), ""
    for septet in septets:
        text += escaped[next(septets)] if septet == ESC[0] else plain[septet]
    return Shown(text, ucs2, place, kept, len(header), len(octets))

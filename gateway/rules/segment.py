"""Segments: how many a text takes, and where it is cut.

A cut never falls inside an escape pair (GSM-7) or a surrogate pair (UCS-2), so the number of segments is not the
length divided by the room: each segment is filled as far as it goes, which is the fewest there can be. Within that
number, what a reader sees as one character (a joined emoji, a flag, a letter with its marks) stays whole.

Room in units (septets, or UTF-16 code units): 160 and 70 in a segment without a header; with a header of h octets
160 - ceil(8h / 7) and (140 - h) // 2 (3GPP TS 23.040 section 9.2.3.24).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import category

from gateway.smpp.national import National, decode_national, encode_national
from gateway.smpp.text import (
    Alphabet,
    TextError,
    decode_text,
    encode_gsm7,
    encode_latin1,
    encode_text,
    encode_ucs2,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPTETS = 160
_OCTETS = 140
_LARGEST_HEADER = _OCTETS - 4  # leaves room for one surrogate pair
_OPENERS = {1: b"\x1b", 2: bytes(range(0xD8, 0xDC))}  # first octets that open an escape pair, a surrogate pair

_GSM7, _UCS2, _BINARY = (
    Alphabet.GSM7,
    Alphabet.UCS2,
    Alphabet.BINARY,
)  # looking a member up costs more than comparing it

_JOINERS = frozenset("\u200c\u200d")  # zero width non-joiner and joiner
_MARKS = frozenset({"Mn", "Mc", "Me"})  # combining marks, variation selectors and keycaps among them
_EXTENDING = (
    ("\u0e33", "\u0e33"),  # Thai and Lao vowels that are drawn with the consonant before
    ("\u0eb3", "\u0eb3"),
    ("\u1160", "\u11ff"),  # Hangul vowels and finals
    ("\ud7b0", "\ud7fb"),
    ("\U0001f3fb", "\U0001f3ff"),  # skin tones
    ("\U000e0020", "\U000e007f"),  # tags, as in the flag of Scotland
)
_FIRST_FLAG_LETTER, _LAST_FLAG_LETTER = "\U0001f1e6", "\U0001f1ff"


Charset = Alphabet | National


class Room(NamedTuple):
    """Octets of the header that segments have beside the text, national tables apart.

    ``alone``: where there is one; ``each``: where there are several, 6 with an 8-bit reference and nothing else.
    """

    alone: int = 0
    each: int = 6


USUAL = Room()


def choose(text: str, default: Alphabet = Alphabet.GSM7) -> Alphabet:
    """Return the alphabet in which ``text`` takes the fewest segments.

    That is ``default``, which data_coding 0 means at the operator (GSM7 or LATIN1), wherever it holds all of the text,
    else UCS2. A LATIN1 operator converts to GSM-7 itself, so there the text must be within both.
    """
    return _UCS2 if _lacks(text, default) else default


def fewest(
    text: str, default: Alphabet = Alphabet.GSM7, room: Room = USUAL, national: National | None = None
) -> tuple[Charset, int]:
    """Return what ``text`` is best written in, and the segments that it takes then; errors as for :func:`count`.

    That is the alphabet of :func:`choose`. Where that is UCS2, and the text came in ``national`` tables that hold all
    of it, these, or the one of the two that will do, are better unless they take more segments.
    """
    septets = encode_gsm7(text)
    if septets is not None and (default is _GSM7 or encode_latin1(text) is not None):
        return default, 1 if not room.alone and len(septets) <= _SEPTETS else len(_ends(septets, default, room))
    best: Charset = _UCS2
    segments = len(_ends(encode_ucs2(text), _UCS2, room))
    for tables in national.alternatives if national is not None and default is _GSM7 else ():
        septets = encode_national(text, tables)
        if septets is not None and (own := len(_ends(septets, tables, room))) < segments + (best is _UCS2):
            best, segments = tables, own
    return best, segments


def _lacks(text: str, default: Alphabet) -> bool:
    return encode_gsm7(text) is None or (default is not _GSM7 and encode_latin1(text) is None)


def capacity(charset: Charset, header_octets: int = 0) -> int:
    """Return how many units one segment holds beside a user data header of ``header_octets``.

    Units are septets for GSM7, national tables and LATIN1 (the operator converts it), UTF-16 code units for UCS2.

    Raises:
        ValueError: BINARY, or a header that leaves no room.
    """
    if charset is _BINARY or not 0 <= header_octets <= _LARGEST_HEADER:
        raise ValueError(f"no text fits a {charset} segment with a header of {header_octets} octets")
    if charset is _UCS2:
        return (_OCTETS - header_octets) // 2
    return _SEPTETS - (8 * header_octets + 6) // 7


def measure(text: str, charset: Charset) -> int:
    """Return how many units ``text`` takes; see :func:`capacity`.

    Raises:
        TextError: the alphabet lacks a character.
    """
    return len(_wire(text, charset)) // _width(charset)


def count(text: str, charset: Charset, room: Room = USUAL) -> int:
    """Return how many segments ``text`` takes: exactly as many as :func:`split` cuts, and the fewest possible.

    Args:
        text: all of it, without a header.
        charset: GSM7, LATIN1, UCS2 or national tables.
        room: what segments have beside the text.

    Raises:
        TextError: the alphabet lacks a character.
    """
    return len(_ends(_wire(text, charset), charset, room))


def split(text: str, charset: Charset, room: Room = USUAL) -> list[str]:
    """Cut ``text`` into the fewest segments; arguments and errors as for :func:`count`.

    Joined together, the segments are the text. An empty text is one empty segment.
    """
    wire = _wire(text, charset)
    ends = _ends(wire, charset, room)
    if len(ends) == 1:
        return [text]
    if charset is _UCS2:
        return _split_whole(text, wire, capacity(charset, room.each) * 2)
    source = text if len(text) == len(wire) else wire  # the same places, where no character takes two septets
    cuts = [source[start:end] for start, end in pairwise((0, *ends))]
    return [cut if isinstance(cut, str) else _read(cut, charset) for cut in cuts]


def room_left(segments: Sequence[str], charset: Charset, room: Room = USUAL) -> int:
    """Return how many units the last of ``segments`` has left, as :func:`split` cut them; see :func:`capacity`."""
    header = _beside(room.alone if len(segments) == 1 else room.each, charset)
    return capacity(charset, header) - measure(segments[-1], charset)


def octets_of(text: str, charset: Charset) -> bytes:
    """Write ``text`` as the octets of a segment, without a header.

    Raises:
        TextError: the alphabet lacks a character.
    """
    if not isinstance(charset, National):
        return encode_text(text, charset)
    octets = encode_national(text, charset)
    if octets is None:
        raise TextError("not all of the text can be written with these national language tables")
    return octets


def last_boundary(text: str, end: int, start: int = 0) -> int:
    """Return the last place from ``start`` to ``end`` where a cut parts no visible character; ``start`` is one."""
    for place in range(end, start, -1):
        if not _joined(text, place, start):
            return place
    return start


def _joined(text: str, place: int, start: int) -> bool:
    """Tell whether the characters on both sides of ``place`` are seen as one (Unicode annex 29, in its usual cases)."""
    if place >= len(text) or text[place].isascii():
        return False
    before, after = text[place - 1], text[place]
    if _FIRST_FLAG_LETTER <= after <= _LAST_FLAG_LETTER:
        return _flag_letters_before(text, place, start) % 2 == 1
    if before in _JOINERS or after in _JOINERS or category(after) in _MARKS:
        return True
    return any(first <= after <= last for first, last in _EXTENDING)


def _flag_letters_before(text: str, place: int, start: int) -> int:
    begin = place
    while begin > start and _FIRST_FLAG_LETTER <= text[begin - 1] <= _LAST_FLAG_LETTER:
        begin -= 1
    return place - begin


def _width(charset: Charset) -> int:
    """Return the octets of one unit on our wire, where septets are unpacked."""
    return 2 if charset is _UCS2 else 1


def _beside(header_octets: int, charset: Charset) -> int:
    """Return a header's octets with what national tables add to it."""
    if isinstance(charset, National):
        return (header_octets or 1) + charset.octets
    return header_octets


def _wire(text: str, charset: Charset) -> bytes:
    """Return the units of ``text``; for LATIN1, the septets that the operator will make of it."""
    if charset is _UCS2:
        return encode_ucs2(text)
    return octets_of(text, charset if isinstance(charset, National) else _GSM7)


def _read(septets: bytes, charset: Charset) -> str:
    return decode_national(septets, charset) if isinstance(charset, National) else decode_text(septets, _GSM7)


def _ends(wire: bytes, charset: Charset, room: Room) -> list[int]:
    """Return where each segment ends, in octets."""
    width = 2 if charset is _UCS2 else 1
    alone, each = room if isinstance(charset, Alphabet) else (_beside(header, charset) for header in room)
    if len(wire) <= capacity(charset, alone) * width:
        return [len(wire)]
    return _fill(wire, width, capacity(charset, each) * width)


def _fill(wire: bytes, width: int, room: int, start: int = 0) -> list[int]:
    """Return where each segment ends when all are filled; everything in octets, from ``start``."""
    ends = []
    while len(wire) - start > room:
        start = _reach(wire, width, room, start)
        ends.append(start)
    return [*ends, len(wire)]


def _reach(wire: bytes, width: int, room: int, start: int) -> int:
    """Return where a segment that begins at ``start`` ends when it is filled."""
    end = start + room
    if end >= len(wire):
        return len(wire)
    return end - width if wire[end - width] in _OPENERS[width] else end


def _split_whole(text: str, wire: bytes, room: int) -> list[str]:
    """Cut UCS-2 text between visible characters wherever that costs no segment."""
    segments = []
    place = start = 0
    for left in range(len(_fill(wire, 2, room)) - 1, -1, -1):
        segment = wire[start : _reach(wire, 2, room, start)].decode("utf-16-be")
        whole = text[place : last_boundary(text, place + len(segment), place)]
        if whole and whole != segment and len(_fill(wire, 2, room, start + len(encode_ucs2(whole)))) <= left:
            segment = whole
        segments.append(segment)
        place += len(segment)
        start += len(encode_ucs2(segment))
    return segments

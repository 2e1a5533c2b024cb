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

from gateway.smpp.text import (
    Alphabet,
    data_coding_of,
    decode_text,
    encode_gsm7,
    encode_latin1,
    encode_text,
    encode_ucs2,
)
from gateway.smpp.udh import Concatenation, concatenation_header

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
    ("\u1160", "\u11ff"),  # Hangul vowels and finals
    ("\U0001f3fb", "\U0001f3ff"),  # skin tones
    ("\U000e0020", "\U000e007f"),  # tags, as in the flag of Scotland
)
_FIRST_FLAG_LETTER, _LAST_FLAG_LETTER = "\U0001f1e6", "\U0001f1ff"


def choose(text: str, default: Alphabet = Alphabet.GSM7) -> Alphabet:
    """Return the alphabet in which ``text`` takes the fewest segments.

    That is ``default``, which data_coding 0 means at the operator (GSM7 or LATIN1), wherever it holds all of the text,
    else UCS2. A LATIN1 operator converts to GSM-7 itself, so there the text must be within both.
    """
    return fewest(text, default)[0]


def fewest(text: str, default: Alphabet = Alphabet.GSM7, header_octets: int = 6) -> tuple[Alphabet, int]:
    """Return the alphabet of :func:`choose` and the segments that ``text`` takes in it; errors as for :func:`count`."""
    septets = encode_gsm7(text)
    if septets is None or (default is not _GSM7 and encode_latin1(text) is None):
        return _UCS2, count(text, _UCS2, header_octets)
    return default, _count(septets, default, header_octets)


def capacity(alphabet: Alphabet, header_octets: int = 0) -> int:
    """Return how many units one segment holds beside a user data header of ``header_octets``.

    Units are septets for GSM7 and for LATIN1 (the operator converts it), UTF-16 code units for UCS2.

    Raises:
        ValueError: BINARY, or a header that leaves no room.
    """
    if alphabet is _BINARY or not 0 <= header_octets <= _LARGEST_HEADER:
        raise ValueError(f"no text fits a {alphabet} segment with a header of {header_octets} octets")
    if alphabet is _UCS2:
        return (_OCTETS - header_octets) // 2
    return _SEPTETS - (8 * header_octets + 6) // 7


def measure(text: str, alphabet: Alphabet) -> int:
    """Return how many units ``text`` takes; see :func:`capacity`.

    Raises:
        TextError: the alphabet lacks a character.
    """
    return len(_wire(text, alphabet)) // _width(alphabet)


def count(text: str, alphabet: Alphabet, header_octets: int = 6) -> int:
    """Return how many segments ``text`` takes: exactly as many as :func:`split` cuts, and the fewest possible.

    Args:
        text: all of it, without a header.
        alphabet: GSM7, LATIN1 or UCS2.
        header_octets: of the header that each segment carries when there are several: 6, or 7 for a 16-bit reference.

    Raises:
        TextError: the alphabet lacks a character.
    """
    return _count(_wire(text, alphabet), alphabet, header_octets)


def split(text: str, alphabet: Alphabet, header_octets: int = 6) -> list[str]:
    """Cut ``text`` into the fewest segments; arguments and errors as for :func:`count`.

    Joined together, the segments are the text. An empty text is one empty segment.
    """
    wire = _wire(text, alphabet)
    if _count(wire, alphabet, header_octets) == 1:
        return [text]
    room = capacity(alphabet, header_octets) * _width(alphabet)
    if alphabet is _UCS2:
        return _split_whole(text, wire, room)
    return [decode_text(wire[start:end], _GSM7) for start, end in pairwise([0, *_fill(wire, 1, room)])]


class Encoded(NamedTuple):
    """One segment as it goes into a PDU.

    ``udhi``: its octets begin with a user data header, and esm_class says so; ``tlvs``: the sar_* ones, where the place
    in the message is written there.
    """

    octets: bytes
    data_coding: int
    udhi: bool
    tlvs: tuple[tuple[int, bytes], ...] = ()


def encode(segments: Sequence[str], alphabet: Alphabet, reference: int = 0, *, wide: bool = False) -> list[Encoded]:
    """Write each of a message's segments as the octets of its short_message.

    Several segments each begin with a concatenation header that bears ``reference`` (0 to 255, or to 65535 when
    ``wide``); a single one has no header. The data_coding is the plain one; see :func:`data_coding_of` for a class.

    Raises:
        TextError: the alphabet lacks a character.
        ValueError: more than 255 segments, or a reference that does not fit.
    """
    data_coding = data_coding_of(alphabet)
    total = len(segments)
    if total == 1:
        return [Encoded(encode_text(segments[0], alphabet), data_coding, udhi=False)]
    headers = (concatenation_header(Concatenation(reference, total, number, wide)) for number in range(1, total + 1))
    return [
        Encoded(header + encode_text(segment, alphabet), data_coding, udhi=True)
        for header, segment in zip(headers, segments, strict=True)
    ]


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


def _width(alphabet: Alphabet) -> int:
    """Return the octets of one unit on our wire, where septets are unpacked."""
    return 2 if alphabet is _UCS2 else 1


def _wire(text: str, alphabet: Alphabet) -> bytes:
    """Return the units of ``text``; for LATIN1, the septets that the operator will make of it."""
    return encode_ucs2(text) if alphabet is _UCS2 else encode_text(text, _GSM7)


def _count(wire: bytes, alphabet: Alphabet, header_octets: int) -> int:
    width = _width(alphabet)
    if len(wire) <= capacity(alphabet) * width:
        return 1
    return len(_fill(wire, width, capacity(alphabet, header_octets) * width))


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

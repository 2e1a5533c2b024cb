"""What a message says that an app hands in: its pieces read, each in its own alphabet, and joined.

A piece may begin with a user data header. The place in a long message goes from it, for we cut anew; national tables
are read with; all other information elements are kept for every segment that goes out. Ports make a message one for a
program on the handset: no marketing. Data for the SIM card (TS 23.048) is no text, whoever sends it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.carriage import Encoded
from gateway.rules.segment import capacity
from gateway.smpp.national import LOCKING_SHIFT, SINGLE_SHIFT, decode_national, national_of
from gateway.smpp.text import (
    Alphabet,
    TextError,
    alphabet_of,
    decode_text,
    encode_gsm7,
    encode_latin1,
    encode_ucs2,
)
from gateway.smpp.udh import concatenation, elements, place_element, sar_concatenation, split_udh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.smpp.national import National
    from gateway.smpp.text import Meanings
    from gateway.smpp.udh import Concatenation

UDHI = 0x40  # esm_class: short_message begins with a user data header
MESSAGE_TYPE = 0x3C  # esm_class: receipts and acknowledgements, 0 for an ordinary message
_OURS = frozenset({0x00, 0x08, SINGLE_SHIFT, LOCKING_SHIFT})  # information elements that we write ourselves
_PORTS = frozenset({0x04, 0x05})
_SIM = range(0x70, 0x80)
_MOST_ELEMENTS = 100  # octets, so that room is left for text
_OCTETS = 140  # of a segment
_PLACE = 5  # octets of the element that says which part of a long message this is


class Piece(NamedTuple):
    """One part of a message as submitted: ``octets`` with the user data header, if any; ``tlvs`` are the sar_* ones."""

    octets: bytes
    data_coding: int = 0
    esm_class: int = 0
    tlvs: tuple[tuple[int, bytes], ...] = ()

    def untouched(self, *, tlvs: bool) -> Encoded:
        """Return the piece as it is; towards who takes no TLVs its place goes into a header."""
        udhi = bool(self.esm_class & UDHI)
        found = None if tlvs else _place_in_sar(self)
        if found is None:
            return Encoded(self.octets, self.data_coding, udhi, self.tlvs)
        length, rest = (self.octets[0], self.octets[1:]) if udhi else (0, self.octets)
        element = place_element(found)
        return Encoded(bytes((length + len(element),)) + element + rest, self.data_coding, udhi=True)


class Text(NamedTuple):
    """What a message says, the information ``elements`` to be repeated, and the tables that it was written with."""

    words: str
    elements: bytes = b""
    national: National | None = None


def piece_of(text: str, meanings: Meanings) -> Piece:
    """Return a piece that :func:`read` reads as ``text``, for texts that come to us as text and not over SMPP.

    Raises:
        TextError: a lone surrogate.
    """
    encode = encode_gsm7 if meanings.zero is Alphabet.GSM7 else encode_latin1
    octets = encode(text)
    return Piece(encode_ucs2(text), 8) if octets is None else Piece(octets)


def segments_untouched(piece: Piece, meanings: Meanings) -> int:
    """Return how many segments a piece takes that is sent as it is: one, or as many as its operator makes of it.

    Args:
        piece: its header, if any, is repeated in each.
        meanings: what its app means by data_coding 0 and 3: octets of GSM7 and LATIN1 are septets on the radio.
    """
    header = piece.octets[0] + 1 if piece.esm_class & UDHI and piece.octets else 0
    header = header if header <= _MOST_ELEMENTS else 0
    octets = piece.octets[header:]
    septets = alphabet_of(piece.data_coding, meanings, octets) in (Alphabet.GSM7, Alphabet.LATIN1)

    def room(beside: int) -> int:
        return capacity(Alphabet.GSM7, beside) if septets else _OCTETS - beside

    alone, each = room(header), room(header + _PLACE if header else 1 + _PLACE)
    return 1 if len(octets) <= alone else -(-len(octets) // each)


def is_part(piece: Piece) -> bool:
    """Say whether a piece may be a part of a message that its app cut, whose form is not ours to change."""
    return bool(piece.tlvs or piece.esm_class & UDHI)


def part_of(piece: Piece) -> Concatenation | None:
    """Return the place of a piece in a message of several, as its header has it, else its sar_* parameters.

    None: it is all of its message, or its header is none.
    """
    try:
        found = _place_in_header(piece) or _place_in_sar(piece)
    except TextError:
        return None
    return None if found is None or found.total == 1 else found


def _place_in_header(piece: Piece) -> Concatenation | None:
    return concatenation(split_udh(piece.octets)[0]) if piece.esm_class & UDHI else None


def _place_in_sar(piece: Piece) -> Concatenation | None:
    """Return the place that the sar_* parameters give a piece whose header is sound and gives it none."""
    try:
        return None if _place_in_header(piece) else sar_concatenation(piece.tlvs)
    except TextError:
        return None


def read(pieces: Sequence[Piece], meanings: Meanings, *, ports: bool) -> Text | None:
    """Read a whole message; None when it is no text that may be written anew.

    Args:
        pieces: all of it, in order.
        meanings: what the app means by data_coding 0 and 3.
        ports: whether it may be for a port.
    """
    if len(pieces) == 1 and not pieces[0].esm_class & UDHI:
        try:
            return Text(_words(_open(pieces[0], ports=ports), meanings))
        except TextError:
            return None
    try:
        opened = [_open(piece, ports=ports) for piece in pieces]
        words = "".join(_words(run, meanings) for run in _runs(opened))
    except TextError:
        return None
    kept = {element: None for each in opened for element in each.elements}  # each once, in order
    national = next((each.national for each in opened if each.national is not None), None)
    whole = Text(words, b"".join(kept), national)
    return whole if len(whole.elements) <= _MOST_ELEMENTS else None


def legible(piece: Piece, meanings: Meanings, *, ports: bool) -> bool:
    """Say whether a part may belong to a text; arguments as for :func:`read`.

    Apps cut where they like, so a part may begin or end within an escape pair, a surrogate pair or a UCS-2 unit.
    """
    try:
        opened = _open(piece, ports=ports)
    except TextError:
        return False
    alphabet = alphabet_of(opened.data_coding, meanings, opened.octets)
    return alphabet is not Alphabet.BINARY and (alphabet is not Alphabet.GSM7 or opened.octets.isascii())


class _Opened(NamedTuple):
    """What a piece, or several on end that are written alike, say: ``octets`` without a header."""

    octets: bytes
    data_coding: int
    national: National | None = None
    elements: tuple[bytes, ...] = ()


def _open(piece: Piece, *, ports: bool) -> _Opened:
    if piece.esm_class & MESSAGE_TYPE:
        raise TextError("a receipt or an acknowledgement")
    if not piece.esm_class & UDHI:
        return _Opened(piece.octets, piece.data_coding)
    header, octets = split_udh(piece.octets)
    found = elements(header)
    if any(identifier in _SIM or (identifier in _PORTS and not ports) for identifier, _ in found):
        raise TextError("for a program, not for a reader")
    kept = tuple(bytes((identifier, len(data))) + data for identifier, data in found if identifier not in _OURS)
    if sum(map(len, kept)) > _MOST_ELEMENTS:
        raise TextError("its information elements leave no room for text")
    return _Opened(octets, piece.data_coding, national_of(found), kept)


def _runs(opened: Sequence[_Opened]) -> Iterator[_Opened]:
    """Put what is written alike on end, for a cut may go through a character."""
    for (data_coding, national), run in groupby(opened, key=lambda each: (each.data_coding, each.national)):
        yield _Opened(b"".join(each.octets for each in run), data_coding, national)


def _words(opened: _Opened, meanings: Meanings) -> str:
    alphabet = alphabet_of(opened.data_coding, meanings, opened.octets)
    if opened.national is not None and alphabet is Alphabet.GSM7:
        return decode_national(opened.octets, opened.national)
    return decode_text(opened.octets, alphabet)

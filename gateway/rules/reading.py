"""What a message says that an app hands in: its pieces read, each in its own alphabet, and joined.

A piece may begin with a user data header. The place in a long message goes from it, for we cut anew; national tables
are read with; all other information elements are kept for every segment that goes out. Ports make a message one for a
program on the handset: no marketing. Data for the SIM card (TS 23.048) is no text, whoever sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.carriage import Encoded
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
    from collections.abc import Sequence

    from gateway.smpp.national import National
    from gateway.smpp.text import Meanings
    from gateway.smpp.udh import Concatenation

UDHI = 0x40  # esm_class: short_message begins with a user data header
MESSAGE_TYPE = 0x3C  # esm_class: receipts and acknowledgements, 0 for an ordinary message
_OURS = frozenset({0x00, 0x08, SINGLE_SHIFT, LOCKING_SHIFT})  # information elements that we write ourselves
_PORTS = frozenset({0x04, 0x05})
_SIM = range(0x70, 0x80)
_MOST_ELEMENTS = 100  # octets, so that room is left for text


class Piece(NamedTuple):
    """One part of a message as submitted: ``octets`` with the user data header, if any; ``tlvs`` are the sar_* ones."""

    octets: bytes
    data_coding: int = 0
    esm_class: int = 0
    tlvs: tuple[tuple[int, bytes], ...] = ()

    def untouched(self, *, tlvs: bool) -> Encoded:
        """Return the piece as it is; towards who takes no TLVs its place goes into a header."""
        found = None if tlvs or self.esm_class & UDHI else sar_concatenation(self.tlvs)
        if found is None:
            return Encoded(self.octets, self.data_coding, bool(self.esm_class & UDHI), self.tlvs)
        element = place_element(found)
        return Encoded(bytes((len(element),)) + element + self.octets, self.data_coding, udhi=True)


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


def is_part(piece: Piece) -> bool:
    """Say whether a piece may be a part of a message that its app cut, whose form is not ours to change."""
    return bool(piece.tlvs or piece.esm_class & UDHI)


def part_of(piece: Piece) -> Concatenation | None:
    """Return the place of a piece in a message of several; None: it is all of its message."""
    try:
        header = split_udh(piece.octets)[0] if piece.esm_class & UDHI else None
        found = sar_concatenation(piece.tlvs) if header is None else concatenation(header)
    except TextError:
        return None
    return None if found is None or found.total == 1 else found


def read(pieces: Sequence[Piece], meanings: Meanings, *, ports: bool) -> Text | None:
    """Read a whole message; None when it is no text that may be written anew.

    Args:
        pieces: all of it, in order.
        meanings: what the app means by data_coding 0 and 3.
        ports: whether it may be for a port.
    """
    if len(pieces) == 1 and not pieces[0].esm_class & UDHI:
        try:
            words = _words(pieces[0].octets, pieces[0], meanings)
        except TextError:
            return None
        return Text(words)
    try:
        texts = [_read(piece, meanings, ports=ports) for piece in pieces]
    except TextError:
        return None
    kept = {element: None for text in texts for element in _split(text.elements)}
    national = next((text.national for text in texts if text.national is not None), None)
    whole = Text("".join(text.words for text in texts), b"".join(kept), national)
    return whole if len(whole.elements) <= _MOST_ELEMENTS else None


def _read(piece: Piece, meanings: Meanings, *, ports: bool) -> Text:
    if not piece.esm_class & UDHI:
        return Text(_words(piece.octets, piece, meanings))
    header, octets = split_udh(piece.octets)
    found = elements(header)
    if any(identifier in _SIM or (identifier in _PORTS and not ports) for identifier, _ in found):
        raise TextError("for a program, not for a reader")
    national = national_of(found)
    kept = b"".join(bytes((identifier, len(data))) + data for identifier, data in found if identifier not in _OURS)
    return Text(_words(octets, piece, meanings, national), kept, national)


def _words(octets: bytes, piece: Piece, meanings: Meanings, national: National | None = None) -> str:
    if piece.esm_class & MESSAGE_TYPE:
        raise TextError("a receipt or an acknowledgement")
    alphabet = alphabet_of(piece.data_coding, meanings, octets)
    if national is not None and alphabet is Alphabet.GSM7:
        return decode_national(octets, national)
    return decode_text(octets, alphabet)


def _split(kept: bytes) -> list[bytes]:
    """Return information elements one by one."""
    found = []
    while kept:
        end = 2 + kept[1]
        found.append(kept[:end])
        kept = kept[end:]
    return found

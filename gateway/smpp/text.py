"""Octets to text and back: what data_coding means, and the GSM 7-bit default alphabet.

Text travels in one of three alphabets, and may come in two more; everything else is opaque and comes back as
``BINARY``. In SMPP, GSM-7 is unpacked: one septet per octet, the high bit clear. What cannot be read without loss
raises :class:`TextError`, so that the caller relays it untouched or refuses it, and never sends on a guess.

Sources: 3GPP TS 23.038 (alphabets), SMPP 3.4 section 5.2.19 (data_coding).
"""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from typing import NamedTuple

_ESC = "\x1b"
_UNDEFINED = "\ufffe"  # what codecs' tables call "no character here"

DEFAULT_TABLE = (  # TS 23.038 section 6.2.1, sixteen a row
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
EXTENSION_TABLE = {  # section 6.2.1.1: behind an ESC
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}

_UNESCAPED = {DEFAULT_TABLE[code]: character for character, code in EXTENSION_TABLE.items()} | {_ESC: " "}

# codecs' fast map wants NUL at 0 and one octet a character, so @ and the extension have stand-ins above 0x7F.
_STAND_INS = tuple(
    (bytes([stand_in]), spelled)
    for stand_in, spelled in enumerate([b"\0", *(bytes([0x1B, code]) for code in EXTENSION_TABLE.values())], 0x80)
)
_ENCODING = codecs.charmap_build(
    ("\0" + DEFAULT_TABLE[1:].replace(_ESC, _UNDEFINED) + "@" + "".join(EXTENSION_TABLE)).ljust(256, _UNDEFINED)
)


class TextError(ValueError):
    """These octets, or these characters, are not text that we may touch; says why."""


class Alphabet(StrEnum):
    """How characters become octets; nothing is written in CYRILLIC (ISO 8859-5) and HEBREW (ISO 8859-8)."""

    GSM7 = "gsm"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    CYRILLIC = "cyrillic"
    HEBREW = "hebrew"
    BINARY = "binary"


_ALPHABETS = {
    **dict.fromkeys((*range(0x10, 0x14), *range(0xF0, 0xF4)), Alphabet.GSM7),
    **dict.fromkeys((1, 3), Alphabet.LATIN1),
    6: Alphabet.CYRILLIC,
    7: Alphabet.HEBREW,
    **dict.fromkeys((8, *range(0x18, 0x1C)), Alphabet.UCS2),
}
_CODECS = {Alphabet.CYRILLIC: "iso8859_5", Alphabet.HEBREW: "iso8859_8"}
_LATIN1 = 3
_NOT_IA5 = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # no text has these controls


class Meanings(NamedTuple):
    """What a peer means by the data_coding values that peers differ about: 0 and 3."""

    zero: Alphabet = Alphabet.GSM7
    three: Alphabet = Alphabet.LATIN1


USUAL = Meanings()


def alphabet_of(data_coding: int, meanings: Meanings = USUAL, octets: bytes = b"") -> Alphabet:
    """Return the alphabet that ``data_coding`` announces for ``octets``; ``meanings`` are the peer's.

    IA5 (1) is read as Latin-1, which contains it, unless there are control characters where GSM-7 has letters: node's
    `smpp`, for one, calls GSM-7 so. 0x10-0x1F and 0xF0-0xF7 carry a message class (TS 23.038
    section 4). Whatever is not text that may be rewritten is BINARY: 8-bit data, message waiting indications, other
    character sets and reserved values.
    """
    if data_coding == 0:
        return meanings.zero
    if data_coding == _LATIN1:
        return meanings.three
    if data_coding == 1 and octets.isascii() and _NOT_IA5.search(octets):
        return Alphabet.GSM7
    return _ALPHABETS.get(data_coding, Alphabet.BINARY)


def data_coding_of(alphabet: Alphabet, like: int = 0) -> int:
    """Return the data_coding under which text in ``alphabet`` is sent, keeping the message class that ``like`` has.

    Without a class: 0 for GSM7 and for LATIN1 (a peer whose default is Latin-1), 8 for UCS2. A Latin-1 peer has no
    spelling for a class, so it is dropped there.

    Raises:
        TextError: for what nothing is written in; the data_coding of BINARY is its sender's affair.
    """
    if alphabet is Alphabet.BINARY or alphabet in _CODECS:
        raise TextError(f"{alphabet} has no data_coding of its own")
    classed = like >> 4 in (0x1, 0xF)
    if alphabet is Alphabet.UCS2:
        return 0x18 | like & 3 if classed else 8
    return like & 0xF0 | like & 3 if classed and alphabet is Alphabet.GSM7 else 0


def decode_text(octets: bytes, alphabet: Alphabet) -> str:
    """Read ``octets`` (without a user data header) as text.

    An escape with a code that the extension table lacks gives the default table's character (TS 23.038 section
    6.2.1.1), a doubled escape a space.

    Raises:
        TextError: an octet above 0x7F or an escape at the very end under GSM7; an odd length or a lone surrogate under
            UCS2; an octet without a letter under HEBREW; anything under BINARY.
    """
    try:
        if alphabet is Alphabet.GSM7:
            return _decode_gsm7(octets)
        if alphabet is Alphabet.UCS2:
            return octets.decode("utf-16-be")
        if alphabet in _CODECS:
            return octets.decode(_CODECS[alphabet])
    except UnicodeDecodeError as error:
        raise TextError(f"not {alphabet} text: {error.reason} at octet {error.start}") from error
    if alphabet is Alphabet.LATIN1:
        return octets.decode("latin-1")
    raise TextError("binary data is not text")


def _decode_gsm7(octets: bytes) -> str:
    text: str = codecs.charmap_decode(octets, "strict", DEFAULT_TABLE)[0]
    return re.sub("\x1b(.?)", _unescape, text, flags=re.DOTALL) if _ESC in text else text


def _unescape(pair: re.Match[str]) -> str:
    if not pair[1]:
        raise TextError("the text ends within an escape sequence")
    return _UNESCAPED.get(pair[1], pair[1])


def encode_text(text: str, alphabet: Alphabet) -> bytes:
    """Write ``text`` in ``alphabet``.

    Raises:
        TextError: a character that the alphabet lacks (in UCS2: a lone surrogate); anything under the other alphabets.
    """
    if alphabet is Alphabet.UCS2:
        return encode_ucs2(text)
    octets = encode_gsm7(text) if alphabet is Alphabet.GSM7 else None
    if octets is None and alphabet is Alphabet.LATIN1:
        octets = encode_latin1(text)
    if octets is None:
        raise TextError(f"not all of the text can be written as {alphabet}")
    return octets


def encode_gsm7(text: str) -> bytes | None:
    """Write ``text`` as unpacked septets, extension characters as escape pairs; None when GSM-7 lacks a character."""
    try:
        septets = codecs.charmap_encode(text, "strict", _ENCODING)[0]
    except UnicodeEncodeError:
        return None
    if b"\0" in septets:  # from a NUL, as @ has a stand-in
        return None
    if not septets.isascii():
        for stand_in, spelled in _STAND_INS:
            septets = septets.replace(stand_in, spelled)
    return septets


def encode_latin1(text: str) -> bytes | None:
    """Write ``text`` as Latin-1; None when that lacks a character."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def encode_ucs2(text: str) -> bytes:
    """Write ``text`` as UTF-16, big endian, which is what peers mean by UCS-2.

    Raises:
        TextError: a lone surrogate.
    """
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise TextError(f"a lone surrogate at character {error.start}") from error

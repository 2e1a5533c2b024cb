"""National language tables: the letters of Turkish, Spanish and Portuguese within GSM-7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.national import (
    PORTUGUESE,
    SPANISH,
    TURKISH,
    National,
    decode_national,
    encode_national,
    national_of,
)
from gateway.smpp.text import TextError, encode_gsm7

TABLES = [National(locking, single) for locking in (0, 1, 3) for single in (0, 1, 2, 3) if locking or single]
LETTERS = {
    National(single=TURKISH): "\u011e\u0130\u015e\u00e7\u011f\u0131\u015f",
    National(single=SPANISH): "\u00e7\u00c1\u00cd\u00d3\u00da\u00e1\u00ed\u00f3\u00fa",
    National(
        single=PORTUGUESE
    ): "\u00ea\u00e7\u00d4\u00f4\u00c1\u00e1\u00c0\u00cd\u00d3\u00da\u00c3\u00d5\u00c2\u00e3\u00f5\u00e2",
    National(locking=TURKISH): "\u0131\u011e\u011f\u015e\u015f\u0130\u00e7\u20ac",
    National(
        locking=PORTUGUESE
    ): "\u00ea\u00fa\u00ed\u00f3\u00e7\u00d4\u00c1\u00aa\u221e\u00ba\u00c3\u00d5\u00da\u00e3\u00f5`",
}


@pytest.mark.parametrize("national", LETTERS)
def test_letters(national):
    """Each table has its language's letters, in one septet where it is locked and in two behind an escape."""
    letters = LETTERS[national]
    octets = encode_national(letters, national)
    assert len(octets) == len(letters) * (1 if national.locking else 2)
    assert decode_national(octets, national) == letters


@given(st.sampled_from(TABLES), st.binary(max_size=60).map(lambda octets: bytes(octet & 0x7F for octet in octets)))
def test_whatever_is_read_is_written_back(national, octets):
    """Septets that can be read make a text that can be written, and that reads the same again."""
    try:
        text = decode_national(octets, national)
    except TextError:
        assert octets.count(0x1B) % 2 or octets.endswith(b"\x1b")
        return
    assert decode_national(encode_national(text, national), national) == text


@pytest.mark.parametrize("national", TABLES)
def test_the_mention_is_the_same_everywhere(national):
    """Plain letters and digits have the octets of the default table under every national one."""
    for mention in ("STOP 36034", "no-sms.eu"):
        assert encode_national(mention, national) == encode_gsm7(mention)


def test_what_is_lacking():
    """A character that the tables lack cannot be written, an octet of eight bits or a lone escape cannot be read."""
    assert encode_national("\u0436", National(TURKISH, TURKISH)) is None
    for octets in (b"\x80", b"abc\x1b", b"\x1b\xff"):
        with pytest.raises(TextError):
            decode_national(octets, National(TURKISH))


def test_unknown_escapes():
    """An escape with a code that the extension lacks gives the table's own character, a doubled one a space."""
    assert decode_national(b"\x1bA\x1b\x1bx", National(single=TURKISH)) == "A x"
    assert decode_national(b"\x1b\x07", National(locking=TURKISH)) == "\u0131"


def test_elements():
    """The information elements say which tables are meant, and are written as they are read."""
    assert national_of([(0, b"\1\2\1")]) is None
    assert national_of([(0x24, b"\0")]) is None
    assert national_of([(0x24, b"\2"), (0x25, b"\3")]) == National(PORTUGUESE, SPANISH)
    both = National(PORTUGUESE, SPANISH)
    assert (both.elements, both.octets) == (bytes.fromhex("240102250103"), 6)
    for element in ((0x24, b"\4"), (0x25, b"\2"), (0x24, b""), (0x25, b"\1\1")):
        with pytest.raises(TextError, match="not known here"):
            national_of([element])

"""What inbound texts say, whatever was done to them on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.inbound import Octets, decide, joined, words
from gateway.rules.ladder import Reading
from gateway.smpp.text import USUAL, Alphabet, encode_text

UDHI = 0x40
HEADER = b"\x05\x00\x03\x07\x02\x01"
TURKISH = b"\x03\x25\x01\x01"  # a header that names the Turkish locking table


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (Octets(b"STOP"), "STOP"),
        (Octets(b"\0S\0T\0O\0P", 8), "STOP"),
        (Octets(HEADER + b"STOP", 0, UDHI), "STOP"),
        (Octets(b"\xff\xfeSTOP", 0), "\xff\xfeSTOP"),
        (Octets(b"\xff\x00STOP", 0, UDHI), "\xff\x00STOP"),
        (Octets(b"", 0, UDHI), ""),
        (Octets(TURKISH + b"\x0b", 0, UDHI), "Ğ"),
    ],
)
def test_words(text, says):
    """Headers are taken off, alphabets undone, and what is no text at all is read as Latin-1."""
    assert words(text, USUAL) == says


@pytest.mark.parametrize(
    ("octets", "data_coding", "reading"),
    [
        (b"STOP", 8, Reading.OPT_OUT),
        (b"S\0T\0O\0P\0", 8, Reading.OPT_OUT),
        (b"\xff\xfeS\0T\0O\0P\0", 8, Reading.OPT_OUT),
        ("Arrêtez".encode(), 0, Reading.OPT_OUT),
        ("Désabonnez-moi".encode(), 3, Reading.OPT_OUT),
        ("توقف".encode("utf-16-be"), 0, Reading.OPT_OUT),
        ("停止".encode("utf-16-be"), 8, Reading.OPT_OUT),
        ("Ne stoppez pas, j'adore la qualité".encode(), 0, Reading.NONE),
        (b"Top", 8, Reading.NONE),
        ("à demain".encode("utf-16-be"), 8, Reading.NONE),
        (HEADER + b"STOP", 8, Reading.OPT_OUT),
    ],
)
def test_a_wrong_data_coding(octets, data_coding, reading):
    """What a wrong data_coding makes nonsense of is heard all the same, and nonsense is no request."""
    text = Octets(octets, data_coding, UDHI if octets.startswith(HEADER) else 0)
    assert decide(text, words(text, USUAL), ()).reading is reading


def test_a_character_that_was_cut():
    """Parts of one alphabet are read together: a cut within a character does no harm."""
    octets = encode_text("a€b😀", Alphabet.UCS2)
    parts = [Octets(HEADER + octets[:7], 8, UDHI), Octets(HEADER + octets[7:], 8, UDHI)]
    assert joined(parts, USUAL) == (Octets(octets, 8), "a€b😀")


def test_parts_that_differ():
    """Parts in different alphabets, or with tables of their own, are read one by one."""
    parts = [Octets(b"ST"), Octets(b"\0O\0P", 8), Octets(TURKISH + b"\x0b", 0, UDHI)]
    assert joined(parts, USUAL)[1] == "STOPĞ"


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 255), st.sampled_from([0, UDHI])), min_size=1))
def test_anything_is_read(parts):
    """No octets whatever raise."""
    assert isinstance(joined([Octets(*part) for part in parts], USUAL)[1], str)

"""What a message says, whole or joined of its parts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.reading import Piece, Text, legible, piece_of, read
from gateway.smpp.national import National
from gateway.smpp.text import USUAL, Alphabet, Meanings, TextError
from tests import oracle

GRIN = "\U0001f600"
LATIN1 = Meanings(Alphabet.LATIN1)


def parts(octets, cuts, elements=b"", **fields):
    """Cut octets at some places into pieces with headers."""
    places = [0, *sorted(cuts), len(octets)]
    header = bytes((5 + len(elements), 0, 3, 7, len(places) - 1))
    return [
        Piece(header + bytes((number,)) + elements + octets[start:end], esm_class=0x40, **fields)
        for number, (start, end) in enumerate(itertools.pairwise(places), 1)
    ]


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_cut_through_a_surrogate_pair_or_a_unit_is_healed(cut):
    """UCS-2 that its app cut within a character, or even within a unit, is read as it was before."""
    pieces = parts(f"a{GRIN}ж".encode("utf-16-be"), [cut], data_coding=8)
    assert all(legible(piece, USUAL, ports=False) for piece in pieces)
    assert read(pieces, USUAL, ports=False) == Text(f"a{GRIN}ж")


def test_a_cut_through_an_escape_pair_is_healed():
    """GSM-7 that its app cut between an escape and what it escapes is read as it was before, national tables or not."""
    pieces = parts(b"10 \x1b\x65.", [4])
    assert all(legible(piece, USUAL, ports=False) for piece in pieces)
    assert read(pieces, USUAL, ports=False) == Text("10 €.")
    spanish = parts(b"Adi\x1b\x6fs", [4], b"\x24\x01\x02")
    assert read(spanish, USUAL, ports=False) == Text("Adiós", national=National(single=2))


def test_half_a_character_that_stays_half_is_no_text():
    """What is still cut short when all parts are here cannot be read."""
    assert read(parts(b"10 \x1b", [2]), USUAL, ports=False) is None
    assert read(parts(b"\xd8\x3d\x00a", [2], data_coding=8), USUAL, ports=False) is None
    assert read(parts(b"\x00a\x00", [2], data_coding=8), USUAL, ports=False) is None


def test_parts_in_ia5_are_read_alike():
    """Where one part shows that IA5 was meant as GSM-7, all of them are read so."""
    assert read(parts(b"\x05t\x05 {}", [4], data_coding=1), USUAL, ports=False) == Text("été äñ")


@pytest.mark.parametrize(
    ("piece", "meanings", "expected"),
    [
        (Piece(b"x\xe9"), USUAL, False),
        (Piece(b"x\xe9"), LATIN1, True),
        (Piece(b"x", 4), USUAL, False),
        (Piece(b"x", 0, 0x04), USUAL, False),
        (Piece(b"\x09\x00x", 0, 0x40), USUAL, False),
        (Piece(b"\x06\x05\x04\0\1\0\1x", 0, 0x40), USUAL, False),
        (Piece(b"\x02\x70\0x", 0, 0x40), USUAL, False),
        (Piece(b"\x03\x24\x01\x04x", 0, 0x40), USUAL, False),
        (Piece(b"\x7f\x22\x7d" + b"x" * 126, 0, 0x40), USUAL, False),
    ],
)
def test_what_can_be_part_of_a_text(piece, meanings, expected):
    """A part that no other part could make a text of is told at once."""
    assert legible(piece, meanings, ports=False) is expected


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.sampled_from(sorted(oracle.OCTETS))),
        st.text(st.characters(max_codepoint=0xFF)),
    ),
    st.sampled_from([USUAL, LATIN1]),
)
def test_a_text_becomes_a_piece_that_says_it(text, meanings):
    """Whatever an account means by data_coding 0, the piece made of a text is read as that text."""
    assert read([piece_of(text, meanings)], meanings, ports=False) == Text(text)


def test_a_lone_surrogate_becomes_no_piece():
    """What is no text is an error."""
    with pytest.raises(TextError):
        piece_of("\ud83d", USUAL)

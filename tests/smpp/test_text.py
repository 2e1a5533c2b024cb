"""Alphabets, data_coding, user data headers and sar_* parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.text import (
    Alphabet,
    Meanings,
    TextError,
    alphabet_of,
    data_coding_of,
    decode_text,
    encode_gsm7,
    encode_latin1,
    encode_text,
    encode_ucs2,
)
from gateway.smpp.udh import (
    Concatenation,
    concatenation,
    elements,
    place_element,
    sar_concatenation,
    sar_parameters,
    split_udh,
)
from tests.oracle import ESC, ESCAPED, GSM, OCTETS

gsm_text = st.text(st.sampled_from(sorted(OCTETS)))
any_text = st.text(st.characters(exclude_categories=["Cs"]))


def test_gsm7_has_the_137_characters_of_the_standard_and_no_other():
    """Each character encodes to the octets that the standard gives it, and no other character encodes at all."""
    encoded = {chr(code): encode_gsm7(chr(code)) for code in range(0x110000)}
    assert {character: octets for character, octets in encoded.items() if octets is not None} == OCTETS
    assert len(OCTETS) == 137


def test_every_septet_decodes_to_its_character():
    """Each code decodes to the character that the standard gives it, behind an escape to the extension's."""
    assert {code: decode_text(bytes([code]), Alphabet.GSM7) for code in GSM} == GSM
    assert {code: decode_text(ESC + bytes([code]), Alphabet.GSM7) for code in ESCAPED} == ESCAPED


def test_an_unknown_escape_falls_back_to_the_default_table():
    """An escape before a code that the extension lacks shows the default table's character."""
    unknown = set(GSM) - set(ESCAPED)
    assert {code: decode_text(ESC + bytes([code]), Alphabet.GSM7) for code in unknown} == {c: GSM[c] for c in unknown}


def test_a_doubled_escape_is_a_space():
    """Two escapes show a space and take no third octet with them."""
    assert decode_text(b"a\x1b\x1be", Alphabet.GSM7) == "a e"


@given(gsm_text)
def test_gsm7_text_survives_the_journey(text):
    """What GSM-7 holds is encoded character by character and decodes to itself."""
    septets = encode_gsm7(text)
    assert septets == b"".join(OCTETS[character] for character in text)
    assert decode_text(septets, Alphabet.GSM7) == text


@given(any_text)
def test_ucs2_text_survives_the_journey(text):
    """Any text decodes from UCS-2 to itself, two octets for each UTF-16 code unit."""
    assert decode_text(encode_ucs2(text), Alphabet.UCS2) == text
    assert len(encode_ucs2(text)) == 2 * sum(2 if ord(character) > 0xFFFF else 1 for character in text)


@given(st.binary(), st.sampled_from(Alphabet))
def test_hostile_octets_decode_or_raise_a_text_error(octets, alphabet):
    """No octets make decoding fail with anything but a TextError."""
    try:
        assert len(decode_text(octets, alphabet)) <= len(octets)
    except TextError as error:
        assert str(error)  # noqa: PT017 (a property: either outcome is right)


@pytest.mark.parametrize(
    ("octets", "alphabet"),
    [
        (b"caf\xe9", Alphabet.GSM7),
        (b"price 10\x1b", Alphabet.GSM7),
        (b"\x1b\x1b\x1b", Alphabet.GSM7),
        (b"\x00A\x00", Alphabet.UCS2),
        (b"\xd8\x3d\x00A", Alphabet.UCS2),
        (b"\xde\x00", Alphabet.UCS2),
        (b"text", Alphabet.BINARY),
    ],
)
def test_octets_that_are_not_text_are_refused(octets, alphabet):
    """High octets, a dangling escape, half units, lone surrogates and binary data are not read as text."""
    with pytest.raises(TextError):
        decode_text(octets, alphabet)


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ("ê", Alphabet.GSM7),
        ("\0", Alphabet.GSM7),
        ("€", Alphabet.LATIN1),
        ("\ud83d", Alphabet.UCS2),
        ("a", Alphabet.BINARY),
    ],
)
def test_text_that_an_alphabet_lacks_is_refused(text, alphabet):
    """Characters outside the alphabet, lone surrogates and binary data are not written."""
    with pytest.raises(TextError):
        encode_text(text, alphabet)


def test_each_alphabet_writes_its_own_octets():
    """The same text is spelled as each alphabet spells it."""
    assert encode_text("@£", Alphabet.GSM7) == b"\x00\x01"
    assert encode_text("@£", Alphabet.LATIN1) == encode_latin1("@£") == b"\x40\xa3"
    assert encode_text("@£", Alphabet.UCS2) == b"\x00\x40\x00\xa3"


@pytest.mark.parametrize(
    ("codes", "alphabet"),
    [
        ([0, *range(0x10, 0x14), *range(0xF0, 0xF4)], Alphabet.GSM7),
        ([1, 3], Alphabet.LATIN1),
        ([8, *range(0x18, 0x1C)], Alphabet.UCS2),
        ([6], Alphabet.CYRILLIC),
        ([7], Alphabet.HEBREW),
        (
            [2, 4, 5, *range(9, 16), *range(0x14, 0x18), *range(0x1C, 0xF0), *range(0xF4, 0x100)],
            Alphabet.BINARY,
        ),
    ],
)
def test_every_data_coding_names_its_alphabet(codes, alphabet):
    """Every value of data_coding is one of the alphabets or opaque."""
    assert {alphabet_of(code) for code in codes} == {alphabet}


def test_cyrillic_and_hebrew_are_read():
    """ISO 8859-5 and ISO 8859-8 are read, and not written; an octet without a letter there is no text."""
    assert decode_text(b"\xc1\xda\xd8\xd4\xda\xd8 20%", Alphabet.CYRILLIC) == "Скидки 20%"
    assert decode_text(b"\xf9\xec\xe5\xed!", Alphabet.HEBREW) == "שלום!"
    with pytest.raises(TextError):
        decode_text(b"\xff", Alphabet.HEBREW)
    for alphabet in (Alphabet.CYRILLIC, Alphabet.HEBREW):
        with pytest.raises(TextError):
            encode_text("a", alphabet)


def test_data_coding_0_means_what_the_peer_means_by_it():
    """The default alphabet decides for data_coding 0 and for nothing else."""
    assert alphabet_of(0, Meanings(Alphabet.LATIN1)) is Alphabet.LATIN1
    assert alphabet_of(3, Meanings(three=Alphabet.GSM7)) is Alphabet.GSM7
    assert [alphabet_of(code, Meanings(Alphabet.LATIN1)) for code in (8, 0xF1)] == [Alphabet.UCS2, Alphabet.GSM7]


@pytest.mark.parametrize(
    ("octets", "alphabet"),
    [
        (b"Soldes \x7f -50 %", Alphabet.GSM7),
        (b"10 \x1be", Alphabet.GSM7),
        (b"\0", Alphabet.GSM7),
        (b"one\ttwo\r\nthree", Alphabet.LATIN1),
        (b"me@example.org ~{$}", Alphabet.LATIN1),
        (b"\xe9t\xe9 \x7f", Alphabet.LATIN1),
    ],
)
def test_ia5_with_controls_is_gsm7(octets, alphabet):
    """What is called IA5 is GSM-7 when it has controls where GSM-7 has letters, and none of the upper half."""
    assert alphabet_of(1, octets=octets) is alphabet


@pytest.mark.parametrize(
    ("alphabet", "like", "expected"),
    [
        (Alphabet.GSM7, 8, 0),
        (Alphabet.LATIN1, 3, 0),
        (Alphabet.UCS2, 0, 8),
        (Alphabet.GSM7, 0x18, 0x10),
        (Alphabet.GSM7, 0xF2, 0xF2),
        (Alphabet.UCS2, 0xF0, 0x18),
        (Alphabet.UCS2, 0x11, 0x19),
        (Alphabet.LATIN1, 0xF0, 0),
    ],
)
def test_a_message_class_outlives_a_change_of_alphabet(alphabet, like, expected):
    """The data_coding of rewritten text keeps the class of the original, where the alphabet can express one."""
    assert data_coding_of(alphabet, like) == expected


def test_binary_data_keeps_its_own_data_coding():
    """There is no data_coding to give to binary data."""
    with pytest.raises(TextError):
        data_coding_of(Alphabet.BINARY)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("05 00 03 2a 03 02", (0x2A, 3, 2, False)),
        ("06 08 04 01 2a 03 02", (0x12A, 3, 2, True)),
        ("06 00 04 01 2a 03 02", (0x12A, 3, 2, True)),
        ("0b 05 04 0b 84 23 f0 00 03 2a 03 02", (0x2A, 3, 2, False)),
        ("0b 00 03 2a 03 02 05 04 0b 84 23 f0", (0x2A, 3, 2, False)),
        ("0b 00 03 01 02 01 08 04 00 2a 03 02", (0x2A, 3, 2, True)),
        ("0b 08 04 00 01 02 01 00 03 2a 03 02", (0x2A, 3, 2, False)),
        ("0a 00 03 2a 03 02 00 03 01 02 00", (0x2A, 3, 2, False)),
        ("06 05 04 0b 84 23 f0", None),
        ("05 00 03 2a 00 00", None),
        ("05 00 03 2a 03 00", None),
        ("05 00 03 2a 03 04", None),
        ("04 00 02 2a 03", None),
        ("00", None),
    ],
)
def test_the_last_valid_concatenation_element_gives_the_place(header, expected):
    """Elements stand in any order, impossible ones are ignored, and of several the last counts."""
    assert concatenation(bytes.fromhex(header)) == expected


def test_a_header_is_cut_from_its_text():
    """The header keeps its length octet and the rest is the text, which may be empty."""
    header = bytes.fromhex("0500032a0302")
    assert split_udh(header + b"text") == (header, b"text")
    assert split_udh(header) == (header, b"")
    assert elements(header) == [(0, b"\x2a\x03\x02")]


@pytest.mark.parametrize("octets", ["", "05", "05 00 03 2a 03", "05 00 04 2a 03 02", "06 00 03 2a 03 02 00", "01 00"])
def test_a_header_that_its_elements_do_not_fill_is_refused(octets):
    """A header that is cut short, too long for its elements or too short for them is no header."""
    with pytest.raises(TextError):
        split_udh(bytes.fromhex(octets))


def header_of(part):
    """Write a header with nothing but a place."""
    element = place_element(part)
    return bytes((len(element),)) + element


parts = st.builds(
    lambda reference, total, number, wide: Concatenation(reference, max(total, number), min(total, number), wide),
    st.integers(0, 255),
    st.integers(1, 255),
    st.integers(1, 255),
    st.booleans(),
)


@given(parts, st.integers(0, 0xFFFF))
def test_a_place_is_read_back_from_its_header_and_from_its_parameters(part, reference):
    """What place_element writes, and sar_parameters, are read alike, in 6 or 7 octets of header."""
    header = header_of(part)
    assert concatenation(split_udh(header + b"x")[0]) == part
    assert len(header) == (7 if part.wide else 6)
    wide = part._replace(wide=True, reference=reference)
    assert concatenation(header_of(wide)) == wide
    assert sar_concatenation(sar_parameters(wide)) == wide


def test_a_reference_that_does_not_fit_is_an_error():
    """A header never carries a shortened reference or total."""
    with pytest.raises(ValueError, match="range"):
        place_element(Concatenation(256, 2, 1, wide=False))
    with pytest.raises(ValueError, match="range"):
        place_element(Concatenation(1, 256, 1, wide=True))


def test_sar_parameters_count_only_together():
    """Two of the three sar_* parameters, or an impossible place, are none; of a repeated one the first counts."""
    tlvs = sar_parameters(Concatenation(7, 3, 2, wide=True))
    assert sar_concatenation(tlvs[1:]) is None
    assert sar_concatenation([tlvs[0], tlvs[1], (0x020F, b"\x04")]) is None
    assert sar_concatenation([(0x0204, b"\0\1"), *tlvs, (0x020F, b"\x03")]) == (7, 3, 2, True)

"""How the segments of a message travel: headers, sar_* parameters, payloads, and what every segment repeats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.carriage import Form, Long
from gateway.rules.segment import Room, choose, split
from gateway.smpp.national import National, decode_national
from gateway.smpp.text import Alphabet, decode_text
from gateway.smpp.udh import concatenation, elements, sar_concatenation, split_udh
from tests import oracle

PORTS = bytes.fromhex("0504 0b84 23f0")
TURKISH = National(single=1)
gsm_text = st.text(st.sampled_from([*sorted(oracle.OCTETS), "\u20ac", "x", "x", "{"]), max_size=700)
wide_text = st.text(st.sampled_from([*"abcdefg", "\u0436", "\U0001f600"]), max_size=350)


@pytest.mark.parametrize("long", Long)
def test_a_single_segment_has_no_header(long):
    """A lone segment is its text alone, under the data_coding of its alphabet, however long messages travel."""
    assert Form(long).encode(["@"], Alphabet.GSM7, 7) == [(b"\x00", 0, False, (), False)]
    assert Form(long).encode(["\u0436"], Alphabet.UCS2, 7) == [(b"\x04\x36", 8, False, (), False)]


@given(st.one_of(gsm_text, wide_text), st.integers(0, 0xFFFF), st.sampled_from([Long.UDH8, Long.UDH16]), st.booleans())
def test_a_handset_joins_the_segments_to_the_text(text, reference, long, ports):
    """Every segment fits 140 packed octets, bears its place and what it repeats, and the segments are the text."""
    alphabet, form = choose(text), Form(long, PORTS if ports else b"")
    parts = form.encode(split(text, alphabet, Room(form.alone, form.each)), alphabet, reference)
    wide = long is Long.UDH16
    shown = []
    for number, part in enumerate(parts, 1):
        header, octets = split_udh(part.octets) if part.udhi else (b"", part.octets)
        assert part.udhi is (len(parts) > 1 or ports)
        place = reference if wide else reference & 0xFF, len(parts), number, wide
        assert len(parts) == 1 or concatenation(header) == place
        assert not ports or (5, PORTS[2:]) in elements(header)
        packed = len(octets) if alphabet is Alphabet.UCS2 else -(-7 * len(octets) // 8)
        assert len(header) + packed <= 140
        shown.append(decode_text(octets, alphabet))
    assert "".join(shown) == text
    assert {part.data_coding for part in parts} == {8 if alphabet is Alphabet.UCS2 else 0}


def test_sar():
    """With sar_* parameters the octets are text alone, and the parameters say each segment's place."""
    form = Form(Long.SAR)
    segments = split("x" * 305, Alphabet.GSM7, Room(form.alone, form.each))
    assert [len(segment) for segment in segments] == [152, 152, 1]
    parts = form.encode(segments, Alphabet.GSM7, 0x1234)
    assert [part.octets for part in parts] == [b"x" * 152, b"x" * 152, b"x"]
    assert [sar_concatenation(part.tlvs) for part in parts] == [(0x1234, 3, number, True) for number in (1, 2, 3)]
    assert not any(part.udhi or part.payload for part in parts)


def test_payload():
    """With a payload the whole text is one, and is marked to travel in message_payload however short it is."""
    form = Form(Long.PAYLOAD)
    segments = split("x" * 161, Alphabet.GSM7, Room(form.alone, form.each))
    assert [len(segment) for segment in segments] == [153, 8]
    assert form.encode(segments, Alphabet.GSM7, 7) == [(b"x" * 161, 0, False, (), True)]


@pytest.mark.parametrize(("long", "wide"), [(Long.SAR, True), (Long.PAYLOAD, False)])
def test_what_has_a_header_travels_with_headers(long, wide):
    """Where every segment needs a header of its own there are neither sar_* parameters nor a payload."""
    form = Form(long, PORTS)
    parts = form.encode(split("x" * 300, Alphabet.GSM7, Room(form.alone, form.each)), Alphabet.GSM7, 0x1234)
    places = [concatenation(split_udh(part.octets)[0]) for part in parts]
    assert [place.wide for place in places] == [wide] * len(parts)
    assert not any(part.tlvs or part.payload for part in parts)


def test_national_tables():
    """Text in national tables has the elements that call for them in every segment, a single one included."""
    [alone] = Form().encode(["\u015f"], TURKISH)
    assert (alone.octets.hex(), alone.data_coding, alone.udhi) == ("032401011b73", 0, True)
    segments = split("\u015f" * 100, TURKISH)
    parts = Form().encode(segments, TURKISH, 7)
    assert [len(segment) for segment in segments] == [74, 26]  # 149 septets beside 9 octets
    for part in parts:
        header, octets = split_udh(part.octets)
        assert (0x24, b"\x01") in elements(header)
        assert set(decode_national(octets, TURKISH)) == {"\u015f"}


def test_more_segments_than_a_header_can_number_are_an_error():
    """A message of 256 segments is not sent under wrong numbers."""
    with pytest.raises(ValueError, match="range"):
        Form().encode(["x"] * 256, Alphabet.GSM7)

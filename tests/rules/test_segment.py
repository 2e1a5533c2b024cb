"""How many segments a text takes, and where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.segment import Room, capacity, choose, count, fewest, last_boundary, measure, octets_of, split
from gateway.smpp.text import Alphabet, TextError
from tests import oracle

GRIN = "\U0001f600"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FRANCE = "\U0001f1eb\U0001f1f7"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
CLUSTERS = [
    "a",
    "\u0436",
    "e\u0301",
    GRIN,
    FAMILY,
    FRANCE,
    SCOTLAND,
    "\u2764\ufe0f",
    "1\ufe0f\u20e3",
    "\U0001f44d\U0001f3fd",
    "\u1112\u1161\u11ab",
    "\u0928\u093f",
    "\u0e01\u0e33",
    "\u1100\ud7b0\ud7cb",
]

gsm_text = st.text(st.sampled_from([*sorted(oracle.OCTETS), "€", "x", "x", "{"]), max_size=700)
wide_text = st.text(st.sampled_from([*"abcdefg", "\u0436", GRIN, GRIN]), max_size=350)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
headers = st.sampled_from([0, 4, 6, 7, 9, 10, 12, 13])


@pytest.mark.parametrize(
    ("header", "septets", "units"),
    [(0, 160, 70), (6, 153, 67), (7, 152, 66), (12, 146, 64), (13, 145, 63), (4, 155, 68), (9, 149, 65), (10, 148, 65)],
)
def test_the_room_beside_each_header(header, septets, units):
    """Every usual user data header leaves the room that the standard's arithmetic gives."""
    assert capacity(Alphabet.GSM7, header) == capacity(Alphabet.LATIN1, header) == septets
    assert capacity(Alphabet.UCS2, header) == units


@pytest.mark.parametrize(("alphabet", "header"), [(Alphabet.BINARY, 6), (Alphabet.GSM7, 137), (Alphabet.UCS2, -1)])
def test_there_is_no_room_where_there_is_no_text(alphabet, header):
    """Binary data and headers that leave no room for a character are errors."""
    with pytest.raises(ValueError, match="no text fits"):
        capacity(alphabet, header)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", [0]),
        ("x" * 160, [160]),
        ("x" * 161, [153, 8]),
        ("x" * 306, [153, 153]),
        ("x" * 307, [153, 153, 1]),
        ("x" * 158 + "€", [159]),
        ("x" * 159 + "€", [153, 7]),
        ("x" * 152 + "€" + "x" * 141, [152, 142]),
        ("x" * 152 + "€" + "x" * 151, [152, 152]),
        ("x" * 152 + "€" + "x" * 152, [152, 152, 1]),
        ("ж" * 70, [70]),
        ("ж" * 71, [67, 4]),
        ("ж" * 134, [67, 67]),
        ("ж" * 135, [67, 67, 1]),
        ("ж" * 68 + GRIN, [69]),
        ("ж" * 69 + GRIN, [67, 3]),
        ("ж" * 66 + GRIN + "ж" * 65, [66, 66]),
        ("ж" * 66 + GRIN + "ж" * 66, [66, 66, 1]),
        (FAMILY + "ж" * 62, [67]),
    ],
)
def test_texts_are_cut_where_they_must_be(text, lengths):
    """Segments are filled, and a character of two units that does not fit moves over whole."""
    assert [len(segment) for segment in split(text, choose(text))] == lengths


@given(st.one_of(gsm_text, wide_text, any_text), headers)
def test_the_count_is_the_fewest_possible(text, header):
    """The count and the split agree with filling segments character by character, in the cheaper alphabet."""
    alphabet, number = fewest(text, room=Room(0, header))
    assert (alphabet is Alphabet.GSM7) is oracle.gsm(text)
    assert alphabet is choose(text)
    assert number == count(text, alphabet, Room(0, header)) == len(split(text, alphabet, Room(0, header)))
    assert number == oracle.segments(text, header)


@given(st.one_of(gsm_text, wide_text, any_text), headers)
def test_segments_make_up_the_text_and_fit(text, header):
    """Joined, the segments are the text, none is over its room, and none is empty unless the text is."""
    alphabet = choose(text)
    ucs2 = alphabet is Alphabet.UCS2
    segments = split(text, alphabet, Room(0, header))
    alone, room = oracle.rooms(header, ucs2=ucs2)
    assert "".join(segments) == text
    for segment in segments:
        units = sum(oracle.cost(character, ucs2=ucs2) for character in segment)
        assert units == measure(segment, alphabet) <= (alone if len(segments) == 1 else room)
        assert segment or not text


@given(st.lists(st.sampled_from(CLUSTERS), max_size=120))
def test_what_is_seen_as_one_character_stays_whole_where_that_is_free(clusters):
    """Emoji, flags and letters with marks are cut only where keeping them whole would take another segment."""
    text = "".join(clusters)
    units = [sum(oracle.cost(character, ucs2=True) for character in cluster) for cluster in clusters]
    number, used = 1, 0
    for each in units:
        if used + each > 67:
            number, used = number + 1, 0
        used += each
    segments = split(text, Alphabet.UCS2)
    assert len(segments) <= number
    if len(segments) == number > 1:
        starts = {len("".join(clusters[:index])) for index in range(len(clusters) + 1)}
        assert {len("".join(segments[:index])) for index in range(len(segments))} <= starts


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("ж" * 65 + FAMILY + "ж" * 50, [65, 55]),
        ("ж" * 65 + FAMILY + "ж" * 61, [66, 65]),
        ("ж" * 66 + "e\u0301" + "ж" * 65, [66, 67]),
        ("ж" * 66 + "e\u0301" + "ж" * 66, [67, 67]),
        ("e" + "\u0301" * 80, [67, 14]),
        ("ж" + FRANCE * 20, [33, 8]),
    ],
)
def test_a_joined_character_moves_over_only_for_free(text, lengths):
    """A character that would be cut moves to the next segment unless that adds one."""
    assert [len(segment) for segment in split(text, Alphabet.UCS2)] == lengths


def test_a_boundary_is_found_backwards():
    """The last boundary at or before a place is found, down to the start."""
    text = "ab" + FRANCE + "e\u0301"
    assert [last_boundary(text, place) for place in range(len(text) + 1)] == [0, 1, 2, 2, 4, 4, 6]
    assert last_boundary("e" + "\u0301" * 5, 4, 1) == 1


def test_the_default_alphabet_of_the_operator_is_kept_where_it_can_be():
    """A Latin-1 operator gets Latin-1 for what GSM-7 has too, counted in septets, and UCS-2 for the rest."""
    latin1 = Alphabet.LATIN1
    assert [choose(text, latin1) for text in ("déjà", "[x]", "10 €", "ê", "Δ")] == [latin1] * 2 + [Alphabet.UCS2] * 3
    assert count("[" * 80, latin1) == 1
    assert count("[" * 81, latin1) == 2
    assert octets_of("[é", latin1) == b"[\xe9"


def test_a_text_outside_the_alphabet_cannot_be_counted():
    """Counting and cutting refuse what could not be sent."""
    for work in (count, split, measure):
        with pytest.raises(TextError):
            work("ê", Alphabet.GSM7)
        with pytest.raises(TextError):
            work("\ud83d", Alphabet.UCS2)

"""The nearest spelling in GSM-7."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.transliterate import transliterate
from tests import oracle

NOT_LETTERS = "\u013f\u0140\u1e9a\u1e9c\u1e9d\u1efe\u1eff"  # a dot that is one, and those of scholars alone


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("L\u2019été", "L'été"),
        ("\u00ab\u00a0Soldes\u00a0\u00bb", '" Soldes "'),
        ("\u201cSales\u201d \u2013 10\u202f%\u2026", '"Sales" - 10 %...'),
        ("êâîôûëïç", "eaioueic"),
        ("ÊÂÎÔÛËÏÀÈÙ", "EAIOUEIAEU"),
        ("\u0153uf, \u0152uvre", "oeuf, OEuvre"),
        ("e\u0301 a\u0300 n\u0303", "é à ñ"),
        ("c\u0327a", "ca"),
        ("\tx\u200by", " xy"),
        ("\u0141\u00f3d\u017a", "Lodz"),
        ("\u2126", "Ω"),
        ("1\u1d49\u02b3 \u00e9tage, n\u00b0\u00a05", "1er étage, no 5"),
        ("50 m\u00b2, CO\u2082, 1\u00bd, \u00be", "50 m2, CO2, 1 1/2, 3/4"),
        (
            "\U0001d5e6\U0001d5e2\U0001d5df\U0001d5d7\U0001d5d8\U0001d5e6 \uff12\uff10 \u2116\u2163 \ufb01n",
            "SOLDES 20 NoIV fin",
        ),
        ("\u00a9 Foo\u2122\u00ae", "(C) Foo(TM)(R)"),
        ("a \u2192 b \u21d2 c \u2264 3\u00d74 \u00b1 1", "a -> b => c <= 3x4 +/- 1"),
        ("x\u0301 1\ufe0f\u20e3", "x 1"),
        ("a\u2028b\u0085c", "a\nb\nc"),
        ("Ça va, 10 € [ok]", "Ça va, 10 € [ok]"),
        ("", ""),
    ],
)
def test_typography_and_accents_find_their_nearest_spelling(text, spelled):
    """Quotes, dashes, spaces, ligatures and accents that GSM-7 lacks are replaced, and nothing that it has."""
    assert transliterate(text) == spelled


@pytest.mark.parametrize(
    "text",
    ["\U0001f600", "\u0436", "10\u00b2", "10\u2080", "20 \u00b0C", "\u2103", "\u0301", " \u0301", "\u00a8", "\0"],
)
def test_what_has_no_faithful_spelling_is_left_alone(text):
    """Emoji, other scripts, and signs whose replacement would change the sense make no transliteration at all."""
    assert transliterate(text) is None
    assert transliterate("été " + text) is None


def test_accents_go_and_letters_stay():
    """Every Latin letter with a mark, of Europe and of Vietnam, is spelled as the letter that its name says."""
    tried = 0
    for code in (*range(0xC0, 0x180), *range(0x1E00, 0x1F00)):
        named = re.fullmatch(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z]{1,2}) WITH .*", unicodedata.name(chr(code), ""))
        if named and named[2] not in ("AE", "LL") and chr(code) not in NOT_LETTERS and not oracle.gsm(chr(code)):
            letter = named[2] if named[1] == "CAPITAL" else named[2].lower()
            assert transliterate(chr(code)) == letter, f"{code:04X}"
            tried += 1
    assert tried > 300


def test_spaces_and_dashes():
    """Every space is a space, and every dash a hyphen."""
    of_category = {"Zs": " ", "Pd": "-"}
    for character in map(chr, range(0x110000)):
        if (spelled := of_category.get(unicodedata.category(character))) is not None:
            assert transliterate(character) == spelled, hex(ord(character))


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x2100)))
def test_a_transliteration_is_wholly_in_gsm_7(text):
    """Whatever comes back can be sent in GSM-7, and comes back itself when spelled again."""
    spelled = transliterate(text)
    assert spelled is None or (oracle.gsm(spelled) and transliterate(spelled) == spelled)


@given(st.text(st.sampled_from(sorted(oracle.OCTETS))))
def test_gsm_7_text_is_never_touched(text):
    """Text that GSM-7 holds comes back as it went in."""
    assert transliterate(text) == text

"""The nearest spelling in GSM-7."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.transliterate import transliterate
from tests import oracle


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
        ("Ça va, 10 € [ok]", "Ça va, 10 € [ok]"),
        ("", ""),
    ],
)
def test_typography_and_accents_find_their_nearest_spelling(text, spelled):
    """Quotes, dashes, spaces, ligatures and accents that GSM-7 lacks are replaced, and nothing that it has."""
    assert transliterate(text) == spelled


@pytest.mark.parametrize(
    "text", ["\U0001f600", "\u0436", "10\u00b2", "1\u00bd", "20 \u00b0C", "\u0301", "1\ufe0f\u20e3", "\0"]
)
def test_what_has_no_faithful_spelling_is_left_alone(text):
    """Emoji, other scripts, and signs whose replacement would change the sense make no transliteration at all."""
    assert transliterate(text) is None
    assert transliterate("été " + text) is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x2100)))
def test_a_transliteration_is_wholly_in_gsm_7(text):
    """Whatever comes back can be sent in GSM-7, and comes back itself when spelled again."""
    spelled = transliterate(text)
    assert spelled is None or (oracle.gsm(spelled) and transliterate(spelled) == spelled)


@settings(deadline=None)
@given(st.text(st.sampled_from(sorted(oracle.OCTETS))))
def test_gsm_7_text_is_never_touched(text):
    """Text that GSM-7 holds comes back as it went in."""
    assert transliterate(text) == text

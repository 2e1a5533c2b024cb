"""What would command a screen is spelled out, and nothing else."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.visible import code_point, in_a_line, named, spelled_out, turns_round

COMMANDS = "\x00\x07\x08\x1b\x7f\x9b\u2028\u202a\u202e\u2066\u2069\u200f\ud800"


@pytest.mark.parametrize("character", COMMANDS)
def test_spelled_out(character):
    """Each is spelled as in JSON, with its digits."""
    assert spelled_out(f"a{character}b") == in_a_line(f"a{character}b") == f"a\\u{ord(character):04x}b"


@pytest.mark.parametrize("text", ["", "Léa, 20\xa0% ✋\N{VARIATION SELECTOR-16}", "שלום", "مرحبا", "a\u200db"])
def test_left_alone(text):
    """Letters of any script, spaces and joiners stay as they are."""
    assert spelled_out(text) == in_a_line(text) == text


def test_lines():
    """Ends of lines and tabs stay, unless all is to be in one line; a lone return goes back over what was said."""
    assert spelled_out("a\r\nb\tc\n") == "a\r\nb\tc\n"
    assert spelled_out("ok\rno") == "ok\\u000dno"
    assert in_a_line("a\r\nb\tc") == "a\\u000d\\u000ab\\u0009c"


@given(st.text())
def test_harmless(text):
    """Nothing is left that is a control character, and in JSON it means the same."""
    assert not [each for each in in_a_line(text) if unicodedata.category(each) in {"Cc", "Cs"}]
    written = json.dumps(text, ensure_ascii=False)
    assert json.loads(spelled_out(written)) == text


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("Soldes", False),
        ("\u202eSoldes", True),
        ("\u202eSoldes\u202c", False),
        ("\u202b\u202eSoldes", True),
        ("\u202b\u202eSoldes\u202c", False),
        ("\u202e\u2066Soldes", False),
        ("\u202e\u2066Soldes\u2069", True),
        ("\u2067\u202eSoldes\u2069", False),
        ("\u202e\u2066Soldes\u202c\u2069\u202c", False),
        ("\u202eSoldes\u2069", True),
        ("\u202eSoldes\nMerci", False),
        ("\u202c\u2069Soldes", False),
        ("\u200fכלב", False),
    ],
)
def test_turns_round(text, turns):
    """An override that is open at the end turns round what is written behind it; nothing else does."""
    assert turns_round(text) is turns


def test_names():
    """A character has a number, and mostly a name."""
    assert (code_point("\u202e"), named("\u202e")) == ("U+202E", "Right-to-left override")
    assert (code_point("\x1b"), named("\x1b")) == ("U+001B", "")

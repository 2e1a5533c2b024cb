"""What in a text commands a screen instead of being shown on it, made visible.

Texts come from strangers: an escape sequence could repaint a terminal, an override that nobody closes turns round what
stands behind the text. Arabic and Hebrew letters are left to whoever lays out lines; so are line ends and tabs.
"""

import re
import unicodedata

# C0 and C1 controls, surrogates, line and paragraph separator, embeddings, overrides and isolates.
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_LONE_RETURN = r"\r(?!\n)"
_MARKS = r"\u061c\u200e\u200f"  # they move what is beside them, and no more
_EMBEDDINGS, _END_OF_EMBEDDING = "\u202a\u202b\u202d\u202e", "\u202c"
_ISOLATES, _END_OF_ISOLATE = "\u2066\u2067\u2068", "\u2069"
_OVERRIDE = "\u202e"
_LINE_ENDS = r"\t\n\r"

CONTROLS = re.compile(rf"[{_CONTROLS}]|{_LONE_RETURN}")
_ANYWHERE = re.compile(rf"[{_CONTROLS}{_MARKS}]|{_LONE_RETURN}")
_IN_A_LINE = re.compile(rf"[{_CONTROLS}{_MARKS}{_LINE_ENDS}]")


def spelled_out(text: str) -> str:
    """Return a text for a terminal: what would command it is spelled as JSON has it, a backslash, u and four digits."""
    return text if text.isprintable() else _ANYWHERE.sub(_escape, text)


def in_a_line(text: str) -> str:
    """Return a text likewise, in one line: ends of lines and tabs are spelled out, too."""
    return text if text.isprintable() else _IN_A_LINE.sub(_escape, text)


def turns_round(text: str) -> bool:
    """Say whether a telephone shows backwards what is written behind a text, whatever it is: an override is open there.

    Embeddings and overrides are closed by U+202C, isolates and all within them by U+2069, everything by the end of a
    line; what was opened last counts (Unicode Standard Annex 9).
    """
    opened: list[str] = []
    for character in text[max(text.rfind("\n"), text.rfind("\u2029")) + 1 :]:
        if character in _EMBEDDINGS + _ISOLATES:
            opened.append(character)
        elif character == _END_OF_EMBEDDING and opened and opened[-1] in _EMBEDDINGS:
            opened.pop()
        elif character == _END_OF_ISOLATE and any(each in _ISOLATES for each in opened):
            while opened.pop() in _EMBEDDINGS:
                pass
    return opened[-1:] == [_OVERRIDE]


def code_point(character: str) -> str:
    """Write which character it is, such as ``U+202E``."""
    return f"U+{ord(character):04X}"


def named(character: str) -> str:
    """Return the name that Unicode gives a character; control characters have none."""
    return unicodedata.name(character, "").capitalize()


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"

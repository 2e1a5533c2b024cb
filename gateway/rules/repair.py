"""Inbound text as the subscriber meant it: padding, wrong alphabets and disguised letters undone, then cut into words.

Operators hand over texts with their padding, in the wrong data_coding, or with look-alike letters; phones add invisible
marks. Two steps: `repair` mends the text and still shows it as written, `words` makes it comparable. Time is linear.
"""

from __future__ import annotations

import re
import unicodedata

# Soft hyphen, zero-width and bidirectional marks, byte order mark, and every control that is not white space.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufffe]"
)
_FURTHEST = 5000  # code points mended: enough for 1,000 letters of four parts each; NFKC can make eighteen of one
_PADDING = "\0@"  # what septet 0 decodes to, by one table or the other
_LOOK_ALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХасеіјорѕух" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",  # noqa: RUF001 (the look-alikes themselves)
    "ABESIJKMHOPCTYXaceijopsyx" + "ABEZHIKMNOPTYXo",
)
# These are no Latin letters in a word of their own, such as "старт"; among Latin ones they are.
_AMONG_LATIN = _LOOK_ALIKES | str.maketrans("втмкнØø", "btmkhOo")
_LETTERS = re.compile(r"[^\W\d_]+")
_ASCII = re.compile(r"[A-Za-z]")
# The signs that mean something to us are words; every other emoji is decoration.
_WORDS = re.compile(r"n°|[^\W_]+|[🛑✋🤚🖐🚫⛔👎😡❌🤬🖕🙅]")
# One word, whose "stop" is not ours: non-stop, auto-stop, one-stop shop, faire du stop.
_COMPOUNDS = re.compile(r"\b(auto|bus|du|en|full|no|non|one|pit) ?-? ?(stop)\b")


def repair(text: str) -> str:
    """Undo what operators and phones do to a text: padding, UCS-2 read as octets, invisible marks, disguised letters.

    Full-width, mathematical and decomposed letters become ordinary ones (NFKC). A word made of Latin letters and
    Cyrillic or Greek look-alikes becomes Latin; a real Cyrillic or Greek word stays. Of a text far longer than any
    request, only the beginning comes back (more than `keyword.LONGEST` characters, always).
    """
    unpadded = _narrow(text.strip()).rstrip(_PADDING + " \t\r\n")
    visible = _INVISIBLE.sub("", unpadded).strip()[:_FURTHEST]
    return _LETTERS.sub(_latin, unicodedata.normalize("NFKC", visible))


def words(text: str) -> list[str]:
    """Cut a repaired text into comparable words: case and accents folded, compounds of "stop" joined to one word."""
    plain = text.casefold()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _WORDS.findall(_COMPOUNDS.sub(r"\1\2", plain))


def _narrow(text: str) -> str:
    """Take the octets of UCS-2 back together where septet 0 came out as "@" beside every letter."""
    for zeros, letters in ((text[0::2], text[1::2]), (text[1::2], text[0::2])):
        if len(letters) > 1 and zeros.count("@") == len(zeros) and letters.strip("@"):
            return letters
    return text


def _latin(found: re.Match[str]) -> str:
    word = found[0]
    latin = word.translate(_AMONG_LATIN if _ASCII.search(word) else _LOOK_ALIKES)
    return latin if latin.isascii() else word

"""The closed vocabulary of inbound texts: which words and phrases count, and as what.

The words themselves are data, one file for each language in `wordlists/`, which is read once, as the code is. An entry
is whole words, the longest one wins, and a text is understood only when every word of it is some entry's: add words
there, not code here. Each file has a version; all of them together name the vocabulary that a decision was made with.
"""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from importlib import resources
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.rules.repair import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Phrase = tuple[str, ...]
LANGUAGES = ("fr", "en", "de", "es", "it", "pt", "nl", "more", "any")  # in this order where a text could be several
_OF_NONE = frozenset({"any", "more"})
_CHOICE = re.compile(r"\(([^()]*)\)")


class Kind(StrEnum):
    """What a word or phrase does in a text."""

    KEYWORD = "keyword"  # asks to stop, alone or with pleasantries and objects
    LONE = "lone"  # asks to stop only when it is all of the text: an ordinary word elsewhere
    TYPO = "typo"  # a misspelt keyword
    STOP_ALL = "stop all"  # keyword and everything in one phrase
    PHRASE = "phrase"  # a whole request
    REQUEST = "request"  # a request once it has an object
    REMOVAL = "removal"  # a request once it names the person's own data
    OBJECT = "object"  # what should end
    PERSONAL = "personal"  # the person's number, data, place on a list
    EVERYTHING = "everything"
    COURTESY = "courtesy"  # greetings, thanks, emphasis
    COMPLAINT = "complaint"  # reasons and insults: beside a request no more than noise, alone for a person to read
    VAGUE = "vague"  # a request or its opposite: "plus de promos"
    LINK = "link"  # articles and prepositions after a keyword
    NUMBER = "number"  # short codes and anything else in digits; never decides who is blocked
    NAME = "name"  # one unknown word beside "stop": a brand or a signature
    UNKNOWN = "unknown"
    OPT_IN = "opt-in"
    CONTACT = "contact"
    HELP = "help"


class Entry(NamedTuple):
    """What a phrase does, and in which languages it is listed."""

    kind: Kind
    languages: tuple[str, ...]


class Vocabulary(NamedTuple):
    """All word lists together.

    Attributes:
        version: which files, as "de2 en2 …".
        phrases: every phrase that counts.
        not_names: words that are grammar, or have another meaning, after "stop"; nobody's name.
        unclear: nobody's request, but not nothing either when it is all of the text.
        wary: words that leave the decision to a person wherever nothing else explains the text.
    """

    version: str
    phrases: dict[Phrase, Entry]
    not_names: frozenset[str]
    unclear: frozenset[Phrase]
    wary: frozenset[str]


def load() -> Vocabulary:
    """Read the word lists.

    Raises:
        ValueError: a phrase is listed as two kinds.
    """
    folder = resources.files("gateway.rules") / "wordlists"
    lists = {each: tomllib.loads((folder / f"{each}.toml").read_text(encoding="utf-8")) for each in LANGUAGES}
    return Vocabulary(
        version=" ".join(sorted(f"{each}{found['version']}" for each, found in lists.items())),
        phrases=_phrases(lists),
        not_names=frozenset(_single(lists, "not_names")),
        unclear=frozenset(_all(lists, "unclear")),
        wary=frozenset(_single(lists, "wary")),
    )


def _phrases(lists: dict[str, dict[str, Any]]) -> dict[Phrase, Entry]:
    found: dict[Phrase, Entry] = {}
    for kind in Kind:
        for language, table in lists.items():
            for phrase in listed(table.get(kind.replace(" ", "_").replace("-", "_"), "")):
                before = found.get(phrase)
                if before and before.kind is not kind:
                    raise ValueError(f"{' '.join(phrase)!r} is {before.kind} and, in {language}, {kind}")
                languages = before.languages if before else ()
                if language not in languages:
                    found[phrase] = Entry(kind, (*languages, language))
    return found


def _all(lists: dict[str, dict[str, Any]], name: str) -> Iterator[Phrase]:
    for table in lists.values():
        yield from listed(table.get(name, ""))


def _single(lists: dict[str, dict[str, Any]], name: str) -> Iterator[str]:
    for phrase in _all(lists, name):
        [word] = phrase
        yield word


def listed(table: str) -> Iterator[Phrase]:
    """Yield the phrases of a list as words to compare: entries between commas or lines, each (a|b|) spelled out."""
    for entry in table.replace("\n", ",").split(","):
        for spelled in _spelled_out(entry):
            if found := tuple(words(spelled)):
                yield found


def _spelled_out(entry: str) -> Iterator[str]:
    pieces = _CHOICE.split(entry)  # what stands between choices, and choices, by turns
    choices = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    return ("".join(chosen) for chosen in product(*choices))


def language_of(entries: Iterable[tuple[Entry, int]]) -> str:
    """Say in which language a text is, from its phrases and how many words each has; "": in none, or in any."""
    counts = dict.fromkeys(LANGUAGES, 0)
    for entry, length in entries:
        for language in entry.languages:
            counts[language] += length
    spoken = {language: count for language, count in counts.items() if language not in _OF_NONE}
    best = max(spoken, key=lambda each: spoken[each])
    return best if spoken[best] else ""


VOCABULARY = load()

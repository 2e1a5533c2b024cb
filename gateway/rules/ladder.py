"""The ladder of named rules: the kinds of all phrases of a text decide, on the first rung that they fit."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.repair import words
from gateway.rules.vocabulary import VOCABULARY, Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


class Reading(StrEnum):
    """What the subscriber wants."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    CONTACT = "contact"  # who is the publisher? (mandatory in France)
    HELP = "help"
    UNCLEAR = "unclear"  # maybe an opt-out: held for review
    NONE = "none"  # nothing of the sort: empty, ordinary, or our own text quoted


class Rule(StrEnum):
    """The rung that decided; kept as evidence."""

    EMPTY = "no words"
    ECHO = "a reaction that quotes a text"
    AUTOMATIC = "an automatic reply"
    KEYWORD = "keyword alone"
    TYPO = "listed typo of a keyword"
    COURTESY = "keyword and pleasantries"
    EVERYTHING = "keyword and everything"  # "STOP TOUT", "STOP ALL": notifications end as well
    OBJECT = "keyword and object"
    NAME = "keyword and one name"
    PHRASE = "imperative phrase"
    SENTENCE = "a request in a sentence of its own"
    OPT_IN = "opt-in keyword"
    CONTACT = "contact keyword"
    HELP = "help keyword"
    CONTRADICTION = "asks to stop and to go on"
    QUESTION = "a keyword with a question mark"
    TOO_LONG = "too long to be read whole"
    NEGATED = "negated keyword"
    WARY = "a word of opting out in free text"
    ORDINARY = "ordinary text"
    # No text that is read by itself.
    PART = "a part of a longer text"
    BY_HAND = "by_hand"
    FORM = "on the web page"
    DECIDED = "a person has read it"
    OVERDUE = "nobody has read it in time"


class _Rung(NamedTuple):
    rule: Rule
    reading: Reading
    needs: frozenset[Kind]
    allows: frozenset[Kind]
    even_asked: bool = False  # also with a question mark

    def fits(self, kinds: frozenset[Kind]) -> bool:
        return self.needs <= kinds <= self.needs | self.allows


def _rung(rule: Rule, reading: Reading, needs: set[Kind], allows: set[Kind], *, even_asked: bool = False) -> _Rung:
    return _Rung(rule, reading, frozenset(needs), frozenset(allows), even_asked)


_POLITE = {Kind.COURTESY, Kind.NUMBER}
_ABOUT = _POLITE | {
    *(Kind.OBJECT, Kind.PERSONAL, Kind.EVERYTHING, Kind.LINK, Kind.TYPO, Kind.CONTACT, Kind.COMPLAINT),
}
_WHOLE = _ABOUT | {Kind.KEYWORD, Kind.REQUEST, Kind.REMOVAL, Kind.PHRASE}
_STOPS = (Kind.KEYWORD, Kind.LONE, Kind.TYPO, Kind.STOP_ALL, Kind.PHRASE)

_LADDER = (
    *(_rung(Rule.CONTRADICTION, Reading.UNCLEAR, {stop, Kind.OPT_IN}, set(Kind), even_asked=True) for stop in _STOPS),
    _rung(Rule.KEYWORD, Reading.OPT_OUT, {Kind.KEYWORD}, set()),
    _rung(Rule.KEYWORD, Reading.OPT_OUT, {Kind.LONE}, {Kind.NUMBER}),
    _rung(Rule.TYPO, Reading.OPT_OUT, {Kind.TYPO}, _ABOUT),
    _rung(Rule.EVERYTHING, Reading.OPT_OUT, {Kind.STOP_ALL}, _POLITE | {Kind.LINK, Kind.COMPLAINT}),
    _rung(Rule.EVERYTHING, Reading.OPT_OUT, {Kind.KEYWORD, Kind.EVERYTHING}, _POLITE | {Kind.LINK, Kind.COMPLAINT}),
    _rung(Rule.OBJECT, Reading.OPT_OUT, {Kind.STOP_ALL, Kind.OBJECT}, _ABOUT),
    _rung(Rule.COURTESY, Reading.OPT_OUT, {Kind.KEYWORD, Kind.COURTESY}, set()),
    _rung(Rule.OBJECT, Reading.OPT_OUT, {Kind.KEYWORD}, _ABOUT | {Kind.REQUEST, Kind.REMOVAL}),
    _rung(Rule.NAME, Reading.OPT_OUT, {Kind.KEYWORD, Kind.NAME}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.PHRASE}, _WHOLE, even_asked=True),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.REQUEST, Kind.OBJECT}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.REQUEST, Kind.PERSONAL}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.REMOVAL, Kind.PERSONAL}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.LONE, Kind.PERSONAL}, _ABOUT),
    _rung(Rule.OBJECT, Reading.OPT_OUT, {Kind.LONE, Kind.OBJECT}, _ABOUT),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.LONE}, _WHOLE, even_asked=True),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.REQUEST}, _WHOLE, even_asked=True),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.REMOVAL, Kind.COURTESY}, _WHOLE, even_asked=True),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.VAGUE, Kind.OBJECT}, _WHOLE, even_asked=True),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.COMPLAINT}, _WHOLE | {Kind.VAGUE}, even_asked=True),
    _rung(Rule.OPT_IN, Reading.OPT_IN, {Kind.OPT_IN}, _POLITE | {Kind.OBJECT, Kind.LINK}),
    _rung(Rule.CONTACT, Reading.CONTACT, {Kind.CONTACT}, _POLITE, even_asked=True),
    _rung(Rule.HELP, Reading.HELP, {Kind.HELP}, _POLITE, even_asked=True),
)

_LONGEST: dict[str, int] = {}  # by the first word of phrases: how long they are at most
for _phrase_of_words in VOCABULARY.phrases:
    _LONGEST[_phrase_of_words[0]] = max(len(_phrase_of_words), _LONGEST.get(_phrase_of_words[0], 0))
_NOT_LINKED = frozenset({Kind.KEYWORD, Kind.LONE, Kind.TYPO, Kind.OPT_IN})
_UNKNOWN = Entry(Kind.UNKNOWN, ())
_BEFORE_NAMES = frozenset({"stop", "stopp", "stoppez", "unsubscribe", "desabonnement", "desinscription"})

# Repeated letters, repeated words, and a code without its space: "stooopp", "stopstop", "stop36034", "stop0".
_STOPLIKE = re.compile(r"\d*(?:s+t+o+p+)+(?:au)?\d*")
_DIGITS = re.compile(r"\d[\do]*")  # a letter O slips into codes


def climb(text: str) -> tuple[Rule, Reading] | None:
    """Find the first rung that the kinds of all phrases fit."""
    found = frozenset(kinds(words(text), _capitalised(text)))
    for rung in _LADDER:
        if rung.fits(found):
            asked = "?" in text and not rung.even_asked
            return (Rule.QUESTION, Reading.UNCLEAR) if asked else (rung.rule, rung.reading)
    return None


def entries(found: list[str]) -> Iterator[tuple[Entry, int]]:
    """Cut words into the longest known phrases: what each is, and how many words it has."""
    position = 0
    while position < len(found):
        length, entry = _phrase(found, position)
        yield entry, length
        position += length


def unknown(found: list[str]) -> Iterator[str]:
    """Yield the words that belong to no known phrase."""
    position = 0
    for entry, length in entries(found):
        if entry.kind is Kind.UNKNOWN:
            yield found[position]
        position += length


def kinds(found: list[str], capitalised: Collection[str] = ()) -> list[Kind]:
    """Tell the kind of each phrase; ``capitalised``: which words begin with a capital, as names do."""
    before: list[Kind] = []
    position = 0
    for (kind, _), length in entries(found):
        if kind is Kind.UNKNOWN and _is_name(found, position, before) and found[position] in capitalised:
            before.append(Kind.NAME)
        elif kind in _NOT_LINKED and before and before[-1] is Kind.LINK:
            before.append(Kind.UNKNOWN)  # "au stop", "un arrêt": a noun of something else; "un subscribe": the opposite
        else:
            before.append(kind)
        position += length
    return before


def _phrase(found: list[str], position: int) -> tuple[int, Entry]:
    word = found[position]
    for length in range(min(_LONGEST.get(word, 0), len(found) - position), 0, -1):
        entry = VOCABULARY.phrases.get(tuple(found[position : position + length]))
        if entry is not None:
            return length, entry
    if _STOPLIKE.fullmatch(word):
        return 1, Entry(Kind.TYPO, ())
    return 1, Entry(Kind.NUMBER, ()) if _DIGITS.fullmatch(word) else _UNKNOWN


def _is_name(found: list[str], position: int, before: list[Kind]) -> bool:
    """Take one unknown word for a name where "stop" has been said and it is no part of a sentence."""
    word = found[position]
    beside = bool(before) and before[-1] in {Kind.KEYWORD, Kind.OBJECT, Kind.COURTESY, Kind.NUMBER}
    said = Kind.NAME not in before and not _BEFORE_NAMES.isdisjoint(found[:position])
    return beside and said and len(word) > 1 and word.isalpha() and word not in VOCABULARY.not_names


def _capitalised(text: str) -> frozenset[str]:
    return frozenset(word for each in text.split() if each.strip("\"'«“(-*.,")[:1].isupper() for word in words(each))

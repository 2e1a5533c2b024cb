"""Is this inbound text an opt-out, and which rule says so? A short ladder of named rules over a closed vocabulary.

A text is understood when every word of it belongs to a known phrase; then the kinds of its phrases decide, on the first
rung that they fit. Nothing is guessed from parts of words or from likeness, so one unknown word makes an opt-out
impossible (save a single name after "stop"). What is neither understood nor harmless is unclear: a person decides.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.repair import repair, words
from gateway.rules.vocabulary import NOT_NAMES, PHRASES, UNCLEAR_TEXTS, WARY_WORDS, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LONGEST = 1000  # characters read; beyond them no request is that plain


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
    KEYWORD = "keyword alone"
    TYPO = "listed typo of a keyword"
    COURTESY = "keyword and pleasantries"
    EVERYTHING = "keyword and everything"  # "STOP TOUT", "STOP ALL": notifications end as well
    OBJECT = "keyword and object"
    NAME = "keyword and one name"
    PHRASE = "imperative phrase"
    OPT_IN = "opt-in keyword"
    CONTACT = "contact keyword"
    HELP = "help keyword"
    CONTRADICTION = "asks to stop and to go on"
    QUESTION = "a keyword with a question mark"
    TOO_LONG = "too long to be read whole"
    NEGATED = "negated keyword"
    WARY = "a word of opting out in free text"
    ORDINARY = "ordinary text"
    # No text, but a decision about one.
    BY_HAND = "by_hand"
    FORM = "on the web page"
    DECIDED = "a person has read it"
    OVERDUE = "nobody has read it in time"


class Decision(NamedTuple):
    """How a text was read, and the evidence for it."""

    reading: Reading
    rule: Rule
    normalised: str  # the folded words that were compared, separated by one space


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
_ABOUT = _POLITE | {Kind.OBJECT, Kind.PERSONAL, Kind.EVERYTHING, Kind.LINK, Kind.TYPO, Kind.CONTACT}
_WHOLE = _ABOUT | {Kind.KEYWORD, Kind.REQUEST, Kind.REMOVAL}
_STOPS = (Kind.KEYWORD, Kind.LONE, Kind.TYPO, Kind.STOP_ALL, Kind.PHRASE)

_LADDER = (
    *(_rung(Rule.CONTRADICTION, Reading.UNCLEAR, {stop, Kind.OPT_IN}, set(Kind), even_asked=True) for stop in _STOPS),
    _rung(Rule.KEYWORD, Reading.OPT_OUT, {Kind.KEYWORD}, set()),
    _rung(Rule.KEYWORD, Reading.OPT_OUT, {Kind.LONE}, {Kind.NUMBER}),
    _rung(Rule.TYPO, Reading.OPT_OUT, {Kind.TYPO}, _ABOUT),
    _rung(Rule.EVERYTHING, Reading.OPT_OUT, {Kind.STOP_ALL}, _POLITE | {Kind.LINK}),
    _rung(Rule.EVERYTHING, Reading.OPT_OUT, {Kind.KEYWORD, Kind.EVERYTHING}, _POLITE | {Kind.LINK}),
    _rung(Rule.COURTESY, Reading.OPT_OUT, {Kind.KEYWORD, Kind.COURTESY}, set()),
    _rung(Rule.OBJECT, Reading.OPT_OUT, {Kind.KEYWORD}, _ABOUT | {Kind.REQUEST}),
    _rung(Rule.NAME, Reading.OPT_OUT, {Kind.KEYWORD, Kind.NAME}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.PHRASE}, _WHOLE, even_asked=True),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.REQUEST, Kind.OBJECT}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.REMOVAL, Kind.PERSONAL}, _ABOUT),
    _rung(Rule.PHRASE, Reading.OPT_OUT, {Kind.LONE, Kind.PERSONAL}, _ABOUT),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.LONE}, _WHOLE, even_asked=True),
    _rung(Rule.WARY, Reading.UNCLEAR, {Kind.VAGUE, Kind.OBJECT}, _WHOLE, even_asked=True),
    _rung(Rule.OPT_IN, Reading.OPT_IN, {Kind.OPT_IN}, _POLITE | {Kind.OBJECT, Kind.LINK}),
    _rung(Rule.CONTACT, Reading.CONTACT, {Kind.CONTACT}, _POLITE, even_asked=True),
    _rung(Rule.HELP, Reading.HELP, {Kind.HELP}, _POLITE, even_asked=True),
)


def _listed(table: str) -> Iterator[tuple[str, ...]]:
    for entry in table.replace("\n", ",").split(","):
        if found := tuple(words(entry.strip())):
            yield found


_VOCABULARY = {phrase: kind for kind, table in PHRASES.items() for phrase in _listed(table)}
_LONGEST_PHRASE = max(map(len, _VOCABULARY))
_NOT_NAMES = frozenset(word for (word,) in _listed(NOT_NAMES))
_BEFORE_NAMES = frozenset({"stop", "stopp", "stoppez", "unsubscribe", "desabonnement", "desinscription"})
_UNCLEAR_TEXTS = frozenset(_listed(UNCLEAR_TEXTS))
_WARY_WORDS = frozenset(word for (word,) in _listed(WARY_WORDS))

# Repeated letters, repeated words, and a code without its space: "stooopp", "stopstop", "stop36034", "stop0".
_STOPLIKE = re.compile(r"\d*(?:s+t+o+p+)+\d*")
_DIGITS = re.compile(r"\d[\do]*")  # a letter O slips into codes
_STOP_VERB = r"(?:stop|stopp(?:er|ez)|arret(?:er|ez|e)|(?:me )?des(?:abonn|inscri)\w+)"
_NEGATED = re.compile(
    rf"\b(?:(?:n|ne) (?:vous |me )?{_STOP_VERB} (?:pas|jamais|surtout pas)(?! de )|"
    rf"(?:pas|jamais) (?:de |d |me )?{_STOP_VERB}|"
    r"(?:don t|dont|do not) (?:ever )?(?:stop|unsubscribe)|nicht (?:stoppen|abmelden|abbestellen))\b"
)
# "A aimé « … »", "Liked “…”", "👍 to “…”": what iOS and Android send to phones that cannot show a reaction.
_ECHO = re.compile(
    r"\W*(?:(?:a |n['\u2019]a pas )?(?:aimé|adoré|rigolé à|ri de|mis en avant|insisté sur|questionné|"
    r"réagi[^«“\"]{0,20})|liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|reacted[^«“\"]{0,20}|"
    r"removed an? [a-z ]{1,20} from|(?<=\W)(?:to|à|a|auf|an|su|aan))\s*[«“„\"].*[»”“\"]",
    re.IGNORECASE | re.DOTALL,
)
# A closing line and at most four short ones after it, or a first and a last name on a line of their own.
_SIGNATURE = re.compile(
    r"\n[ \t]*(?:(?i:--|—|cordialement|cdlt|bien à vous|envoyé de|sent from|(?:kind |best )?regards|"
    r"von meinem|gesendet von|mit freundlichen|mfg|enviado desde|inviato da|enviado do|verzonden)[^\n]{0,40}"
    r"(?:\n[^\n]{0,40}){0,4}|[A-ZÀ-Þ][\w'\u2019-]{1,20} [A-ZÀ-Þ][\w'\u2019-]{1,20}[ \t]*)\Z"
)


def read(text: str, short_codes: Collection[str] = ()) -> Decision:
    """Read an inbound text; `short_codes` are ours, so that one of them sent back alone is noticed.

    Only the first LONGEST characters are read, and a longer text is never an opt-out by itself. A number in the text
    never changes who is meant: that is always the sender.
    """
    repaired = repair(text)
    head = repaired[:LONGEST]
    found = words(head)
    rule, reading = _judge(head, found, short_codes)
    if len(repaired) > LONGEST and reading is not Reading.NONE:
        rule, reading = Rule.TOO_LONG, Reading.UNCLEAR
    return Decision(reading, rule, " ".join(found))


def _judge(text: str, found: list[str], short_codes: Collection[str]) -> tuple[Rule, Reading]:
    if not found:
        return Rule.EMPTY, Reading.NONE
    if _ECHO.fullmatch(text):
        return Rule.ECHO, Reading.NONE
    return _climb(text, found) or _climb_unsigned(text) or _leave(found, short_codes)


def _climb_unsigned(text: str) -> tuple[Rule, Reading] | None:
    unsigned = _SIGNATURE.sub("", text)
    return _climb(text, words(unsigned)) if unsigned != text else None


def _climb(text: str, found: list[str]) -> tuple[Rule, Reading] | None:
    """Find the first rung that the kinds of all phrases fit."""
    kinds = frozenset(_kinds(found))
    if tuple(found) in _UNCLEAR_TEXTS:
        return None
    for rung in _LADDER:
        if rung.fits(kinds):
            asked = "?" in text and not rung.even_asked
            return (Rule.QUESTION, Reading.UNCLEAR) if asked else (rung.rule, rung.reading)
    return None


def _leave(found: list[str], short_codes: Collection[str]) -> tuple[Rule, Reading]:
    """Part the texts that a person must see from the ordinary ones."""
    normalised = " ".join(found)
    rest = _NEGATED.sub(" ", normalised)
    if tuple(found) in _UNCLEAR_TEXTS or not _WARY_WORDS.isdisjoint(rest.split()) or "".join(found) in short_codes:
        return Rule.WARY, Reading.UNCLEAR
    return (Rule.ORDINARY if rest == normalised else Rule.NEGATED), Reading.NONE


def _kinds(found: list[str]) -> list[Kind]:
    """Cut words into the longest known phrases, and tell the kind of each."""
    kinds: list[Kind] = []
    position = 0
    while position < len(found):
        length, kind = _phrase(found, position)
        if kind is Kind.UNKNOWN and _is_name(found, position, kinds):
            kind = Kind.NAME
        if kind in {Kind.KEYWORD, Kind.LONE, Kind.TYPO} and kinds and kinds[-1] is Kind.LINK:
            kind = Kind.UNKNOWN  # "au stop", "un arrêt": a noun of something else
        kinds.append(kind)
        position += length
    return kinds


def _phrase(found: list[str], position: int) -> tuple[int, Kind]:
    for length in range(min(_LONGEST_PHRASE, len(found) - position), 0, -1):
        kind = _VOCABULARY.get(tuple(found[position : position + length]))
        if kind is not None:
            return length, kind
    word = found[position]
    if _STOPLIKE.fullmatch(word):
        return 1, Kind.TYPO
    return 1, Kind.NUMBER if _DIGITS.fullmatch(word) else Kind.UNKNOWN


def _is_name(found: list[str], position: int, before: list[Kind]) -> bool:
    """Take one unknown word for a name where "stop" has been said and it is no part of a sentence."""
    word = found[position]
    beside = bool(before) and before[-1] in {Kind.KEYWORD, Kind.OBJECT, Kind.COURTESY, Kind.NUMBER}
    said = Kind.NAME not in before and not _BEFORE_NAMES.isdisjoint(found[:position])
    return beside and said and len(word) > 1 and word.isalpha() and word not in _NOT_NAMES

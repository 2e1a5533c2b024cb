"""Is this inbound text an opt-out, and which rule says so? A short ladder of named rules over a closed vocabulary.

A text is understood when every word of it belongs to a known phrase; then the kinds of its phrases decide, on the first
rung that they fit. Nothing is guessed from parts of words or from likeness, so one unknown word makes an opt-out
impossible (save a single name after "stop"). What is neither understood nor harmless is unclear: a person decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules import guards
from gateway.rules.ladder import Reading, Rule, climb, entries, kinds, unknown
from gateway.rules.repair import repair, words
from gateway.rules.vocabulary import VOCABULARY, Kind, language_of

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST = 1000  # characters read; beyond them no request is that plain


class Decision(NamedTuple):
    """How a text was read, and the evidence for it."""

    reading: Reading
    rule: Rule
    normalised: str  # the folded words that were compared, separated by one space
    language: str = ""  # in which it was understood; "": in none, or in any
    vocabulary: str = VOCABULARY.version


# A sentence among others is taken at its word where it could not be part of a longer thought.
_PLAIN = frozenset({Rule.KEYWORD, Rule.COURTESY, Rule.OBJECT, Rule.EVERYTHING, Rule.PHRASE})
_MOST_PIECES = 30  # of a text that is taken apart: nobody who wants an end writes more, and each takes time
_TELLING = 3  # words of a request that are no accident: "je ne veux plus", not "geen"
# How a text falls into pieces; beside a request, the last of these turn round what is in the same piece of thought.
_SENTENCE_END = re.compile(r"[.!?;:\n]+")
_CLAUSE_END = re.compile(r"[.!?;:,\n]+")
_CONJUNCTION = re.compile(
    r"[.!?;:,\n]+|\b(?:car|parce que|parce qu|donc|alors|du coup|because|weil|denn|porque|perché|want|omdat|so)\b",
    re.IGNORECASE,
)
# In another sentence these take a request back, or something out of it.
_HEDGES = frozenset(
    words(
        "mais sauf non si sinon continue continuez gardez garder encore quand pourquoi comment demain "
        "but except unless if continue no when why how until tomorrow aber außer nein wenn bis warum wie morgen "
        "pero salvo excepto cuando mañana ma tranne eccetto se quando perché domani mas exceto amanhã "
        "maar behalve nee als wanneer waarom"
    )
)
_NEGATIONS = frozenset(words("pas ne n jamais not never don dont nicht nie niet nooit nunca mai não non no"))
# Nobody who says one of these asks for more, whatever else there is: "subscribe, no thanks", "quiero recibir nada".
_REFUSING = frozenset(
    words(
        "non no nein nee nao 0 zero rien aucun aucune nothing nichts niets nada nulla niente "
        "spam spams junk crap shit bullshit merde merdes conneries harcelement mierda merda scheisse"
    )
)


def read(text: str, short_codes: Collection[str] = ()) -> Decision:
    """Read an inbound text; `short_codes` are ours, so that one of them sent back alone is noticed.

    Only the first LONGEST characters are read, and a longer text is never an opt-out by itself. A number in the text
    never changes who is meant: that is always the sender.
    """
    repaired = repair(text)
    head = repaired[:LONGEST]
    found = words(head)
    reader = _Reader(head, found, short_codes)
    rule, reading = reader.judge()
    if len(repaired) > LONGEST and reading is not Reading.NONE:
        rule, reading = Rule.TOO_LONG, Reading.UNCLEAR
    return Decision(reading, rule, " ".join(found), language_of(entries(found)))


class _Reader:
    """The reading of one text."""

    def __init__(self, text: str, found: list[str], short_codes: Collection[str]) -> None:
        self._text = text
        self._found = found
        self._short_codes = short_codes
        self._negated = guards.without_negations(joined := " ".join(found)) != joined

    def judge(self) -> tuple[Rule, Reading]:
        """Say what the text asks for, and by which rule."""
        if not self._found:
            return Rule.EMPTY, Reading.NONE
        if guards.is_echo(self._text):
            return Rule.ECHO, Reading.NONE
        if guards.is_automatic(self._text):
            return Rule.AUTOMATIC, Reading.NONE
        return self._understood() or self._leave()

    def _is_unclear(self) -> bool:
        """Say whether this is a text that is listed for a person to read, however often it says so."""
        return tuple(self._found) in VOCABULARY.unclear or tuple(dict.fromkeys(self._found)) in VOCABULARY.unclear

    def _half_understood(self) -> bool:
        """Say whether a request is among words that are not understood: more than half of one, or removal and what."""
        if self._negated:
            return False
        found = [(entry.kind, length) for entry, length in entries(self._found)]
        said = {kind for kind, _ in found}
        longest = max((length for kind, length in found if kind is Kind.REQUEST), default=0)
        return Kind.PHRASE in said or longest >= _TELLING or {Kind.REMOVAL, Kind.PERSONAL} <= said

    def _understood(self) -> tuple[Rule, Reading] | None:
        if self._negated or self._is_unclear() or guards.is_away(self._text):
            return None
        unsigned = guards.without_signature(self._text)
        own = guards.without_quotes(unsigned)
        for text in dict.fromkeys((self._text, unsigned, own)):
            if decided := climb(text):
                return self._refused(decided)
        return _one_sentence(own)

    def _refused(self, decided: tuple[Rule, Reading]) -> tuple[Rule, Reading]:
        """Leave to a person what would lift an opt-out and has a word of refusal in it."""
        if decided[1] is Reading.OPT_IN and not _REFUSING.isdisjoint(self._found):
            return Rule.CONTRADICTION, Reading.UNCLEAR
        return decided

    def _leave(self) -> tuple[Rule, Reading]:
        """Part the texts that a person must see from the ordinary ones."""
        normalised = " ".join(self._found)
        rest = guards.without_negations(normalised)
        less = self._negated and Kind.VAGUE in kinds(self._found)  # "not to unsubscribe, but fewer messages"
        unclear = self._is_unclear() or less or self._half_understood() or "".join(self._found) in self._short_codes
        if unclear or not VOCABULARY.wary.isdisjoint(rest.split()):
            return Rule.WARY, Reading.UNCLEAR
        return (Rule.NEGATED if self._negated else Rule.ORDINARY), Reading.NONE


def _one_sentence(text: str) -> tuple[Rule, Reading] | None:
    """Find a sentence that asks for an opt-out by itself, where nothing beside it takes that back.

    A sentence with a number is none: it may be the end of a text of ours that came back. Clauses count as sentences
    where they say in so many words what should end.
    """
    phrase = frozenset({Rule.PHRASE})
    return (
        _piece(_SENTENCE_END.split(text), _PLAIN, _HEDGES)
        or _piece(_CLAUSE_END.split(text), phrase, _HEDGES)
        or _piece(_CONJUNCTION.split(text), phrase, _HEDGES | _NEGATIONS)
    )


def _piece(pieces: list[str], rules: frozenset[Rule], hedges: frozenset[str]) -> tuple[Rule, Reading] | None:
    """Find a piece that is a request by one of these rules, beside which no hedge is left that is not understood."""
    if len(pieces) > _MOST_PIECES:
        return None
    asking = [_asks(piece, rules) for piece in pieces]
    others = [piece for piece, asks in zip(pieces, asking, strict=True) if not asks]
    if not any(asking) or any(_takes_back(piece, hedges) for piece in others):
        return None
    return Rule.SENTENCE, Reading.OPT_OUT


def _asks(piece: str, rules: frozenset[Rule]) -> bool:
    decided = climb(piece)
    if decided is None or decided[1] is not Reading.OPT_OUT or decided[0] not in rules:
        return False
    return Kind.NUMBER not in kinds(words(piece))


def _takes_back(piece: str, hedges: frozenset[str]) -> bool:
    found = words(piece)
    return not {Kind.OPT_IN, Kind.VAGUE}.isdisjoint(kinds(found)) or not hedges.isdisjoint(unknown(found))

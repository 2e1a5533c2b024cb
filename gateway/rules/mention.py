"""The mention: the opt-out text is appended within the budget, or it is said why it cannot be.

The mention goes to the end of the *whole* text, before it is cut. Text goes out in GSM-7 wherever all of it can. When
the mention would add a segment, ``Budget.fit`` names what is tried, in order, to avoid that; then ``Budget.overflow``
decides. Whatever that says, a separator is never worth a segment, a refusal, or a word of the text: it is left out
before any of these.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.reason import Reason
from gateway.rules.segment import USUAL, Room, fewest, last_boundary, split
from gateway.rules.transliterate import transliterate
from gateway.rules.wording import locate
from gateway.smpp.text import Alphabet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.rules.segment import Charset
    from gateway.smpp.national import National

_ELLIPSIS = "..."


class Overflow(StrEnum):
    """What is done when the mention adds a segment and nothing in ``Budget.fit`` avoids that."""

    EXTEND = "extend"
    REJECT = "reject"
    TRUNCATE = "truncate"


class MentionError(ValueError):
    """The message cannot go out: DOES_NOT_FIT (the mention is what is too much) or TOO_LONG (the text alone is)."""

    def __init__(self, reason: Reason, segments: int) -> None:
        super().__init__(f"{reason}: {segments} segments")
        self.reason = reason
        self.segments = segments


class Budget(NamedTuple):
    """What a message may cost.

    ``max_segments`` is at most 255. ``fit`` holds ``"separator"`` (leave it out) and ``"transliterate"`` (spell the
    text in GSM-7). ``room`` and ``default`` are the operator's: what segments have beside the text, and what
    data_coding 0 means there, GSM7 or LATIN1. ``national`` are the tables that the text came in.
    """

    max_segments: int
    separator: str = " "
    fit: tuple[str, ...] = ("separator", "transliterate")
    overflow: Overflow = Overflow.EXTEND
    room: Room = USUAL
    default: Alphabet = Alphabet.GSM7
    national: National | None = None


class Plan(NamedTuple):
    """What goes out: ``text`` in ``charset``, cut into ``segments``; the text alone would take ``before`` segments."""

    text: str
    charset: Charset
    segments: tuple[str, ...]
    reason: Reason
    before: int


class _Sized(NamedTuple):
    text: str
    charset: Charset
    segments: int


class _Attempts(NamedTuple):
    """The text alone, and with the mention: ``roomy`` with the separator, ``tight`` without."""

    bare: _Sized
    roomy: _Sized
    tight: _Sized

    @property
    def shortest(self) -> _Sized:
        return self.roomy if self.roomy.segments <= self.tight.segments else self.tight


def plan(text: str, mention: str | None, budget: Budget, codes: Sequence[str] = ()) -> Plan:
    """Return what goes out for ``text``.

    Args:
        text: the whole text, joined, without any header.
        mention: the opt-out text to append; None: not wanted, the text is only cut.
        budget: what it may cost.
        codes: short codes; a text that tells the reader to send STOP to one of them needs no mention.

    Raises:
        MentionError: not within ``budget.max_segments``, or ``budget.overflow`` forbids what it would take.
        TextError: the text holds a lone surrogate.
        KeyError: a name in ``budget.fit`` that is unknown here.
    """
    bare = _size(text, budget)
    if bare.segments > budget.max_segments:
        raise MentionError(Reason.TOO_LONG, bare.segments)
    if mention is None:
        sized, reason = bare, Reason.NOT_WANTED
    elif locate(text, mention, codes) is not None:
        sized, reason = bare, Reason.ALREADY_THERE
    else:
        sized, reason = _append(bare, mention, budget)
    segments = tuple(split(sized.text, sized.charset, budget.room))
    return Plan(sized.text, sized.charset, segments, reason, bare.segments)


def _size(text: str, budget: Budget) -> _Sized:
    return _Sized(text, *fewest(text, budget.default, budget.room, budget.national))


def _append(bare: _Sized, mention: str, budget: Budget) -> tuple[_Sized, Reason]:
    """Append the mention in the first way that adds no segment, else as ``budget.overflow`` says."""
    roomy = _size(_join(bare.text, mention, budget), budget)
    if roomy.segments <= bare.segments:
        return roomy, Reason.APPENDED
    attempts = _Attempts(bare, roomy, _size(bare.text + mention, budget))
    for name in (*budget.fit, "separator"):
        attempt, reason = _FIT[name]
        fitting = attempt(attempts, mention, budget)
        if fitting is not None and fitting.segments <= bare.segments:
            return fitting, reason
    return _OVERFLOW[budget.overflow](attempts, mention, budget)


def _join(text: str, mention: str, budget: Budget) -> str:
    separator = budget.separator if text and not text[-1].isspace() else ""
    return text + separator + mention


def _without_separator(attempts: _Attempts, _mention: str, _budget: Budget) -> _Sized | None:
    return attempts.tight


def _transliterated(attempts: _Attempts, mention: str, budget: Budget) -> _Sized | None:
    spelled = transliterate(attempts.bare.text)
    if spelled is None or spelled == attempts.bare.text:
        return None
    roomy, tight = _size(_join(spelled, mention, budget), budget), _size(spelled + mention, budget)
    return _Attempts(attempts.bare, roomy, tight).shortest


def _extend(attempts: _Attempts, _mention: str, budget: Budget) -> tuple[_Sized, Reason]:
    if attempts.shortest.segments > budget.max_segments:
        raise _too_much(attempts)
    return attempts.shortest, Reason.EXTENDED


def _reject(attempts: _Attempts, _mention: str, _budget: Budget) -> tuple[_Sized, Reason]:
    raise _too_much(attempts)


def _truncate(attempts: _Attempts, mention: str, budget: Budget) -> tuple[_Sized, Reason]:
    """Keep as much of the text as lets the mention in, cut where the reader sees a character end."""
    text, allowed = attempts.bare.text, attempts.bare.segments

    def kept(length: int) -> str:
        return text[: last_boundary(text, length)].rstrip()

    def shortened(length: int) -> _Sized:
        return _size(_join(kept(length) + _ELLIPSIS, mention, budget), budget)

    length = bisect_right(range(len(text)), allowed, key=lambda length: shortened(length).segments) - 1
    if length < 0 or not kept(length):
        raise _too_much(attempts)
    return shortened(length), Reason.TRUNCATED


def _too_much(attempts: _Attempts) -> MentionError:
    return MentionError(Reason.DOES_NOT_FIT, attempts.shortest.segments)


_FIT: dict[str, tuple[Callable[[_Attempts, str, Budget], _Sized | None], Reason]] = {
    "separator": (_without_separator, Reason.APPENDED_WITHOUT_SEPARATOR),
    "transliterate": (_transliterated, Reason.TRANSLITERATED),
}
_OVERFLOW: dict[Overflow, Callable[[_Attempts, str, Budget], tuple[_Sized, Reason]]] = {
    Overflow.EXTEND: _extend,
    Overflow.REJECT: _reject,
    Overflow.TRUNCATE: _truncate,
}

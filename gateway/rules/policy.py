"""What becomes of a submission: forwarded with its mention, refused, or taken and ended at once, always with a reason.

Pure functions over plain values: the caller looks the facts up, inside the transaction that will hold the result, and
acts on the verdict. A STOP that commits before a submission is therefore always seen by it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules import segment
from gateway.rules.mention import Budget, MentionError, Reason, plan
from gateway.rules.segment import Encoded
from gateway.smpp import status
from gateway.smpp.text import Alphabet, TextError, alphabet_of, data_coding_of, decode_text
from gateway.smpp.udh import Concatenation, concatenation, elements, sar_concatenation, split_udh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gateway.rules.number import Number

UDHI = 0x40  # esm_class: short_message begins with a user data header
MESSAGE_TYPE = 0x3C  # esm_class: receipts and acknowledgements, 0 for an ordinary message


class Kind(StrEnum):
    """What an account sends."""

    MARKETING = "marketing"
    NOTIFICATION = "notification"


class Mentions(NamedTuple):
    """The opt-out texts, and where a short code can be texted."""

    short_code: str  # the current code
    short_code_text: str  # "STOP 36034"
    web_text: str  # "no-sms.eu"
    territories: frozenset[str]  # where short_code_text is used


class Profile(NamedTuple):
    """What the rules need to know of an account."""

    account: str
    kind: Kind
    mention: bool
    default_alphabet: Alphabet
    budget: Budget
    receipt_when_opted_out: bool


class Piece(NamedTuple):
    """One part of a message as submitted: ``octets`` with the user data header, if any; ``tlvs`` are the sar_* ones."""

    octets: bytes
    data_coding: int = 0
    esm_class: int = 0
    tlvs: tuple[tuple[int, bytes], ...] = ()


class Submission(NamedTuple):
    """One destination of one request, or of several that make up one message, in order.

    ``canned``: sm_default_msg_id, the number of a text that the operator keeps; it counts where there are no octets.
    """

    destination: Number
    pieces: tuple[Piece, ...]
    optout_mention: int | None = None
    canned: int = 0

    @property
    def first(self) -> Piece:
        """The first piece, which mostly is the only one."""
        return self.pieces[0]


class Forward(NamedTuple):
    """Send these parts; ``code`` is what the mention points to: the short code, ``web``, or nothing."""

    parts: Sequence[Encoded]
    reason: str
    code: str


class Refuse(NamedTuple):
    """Answer with this command_status; nothing is kept."""

    status: int
    reason: str


class Swallow(NamedTuple):
    """Accept, and end at once as REJECTED."""

    reason: str


Verdict = Forward | Refuse | Swallow

_PLAIN = frozenset({0, 1, 3, 8})  # data_coding without a message class
_CONCATENATION = frozenset({0x00, 0x08})  # information elements that give a part its place
OPTED_OUT = "opted_out"
NOT_TEXT = "not_text"
WEB = "web"


class Case(NamedTuple):
    """A submission and the facts about it.

    ``opted_out`` when its number refuses what this account sends; ``default_out`` is the operator's alphabet.
    """

    profile: Profile
    submission: Submission
    opted_out: bool
    default_out: Alphabet = Alphabet.GSM7  # what data_coding 0 means where it goes


def decide(case: Case, mentions: Mentions, reference: Callable[[], int]) -> Verdict:
    """Return what becomes of a submission.

    Args:
        case: the submission, whose it is, and the facts.
        mentions: the opt-out texts.
        reference: gives the concatenation reference, asked for when the text takes several segments.
    """
    profile, submission, opted_out, default_out = case
    if opted_out:
        return Swallow(OPTED_OUT) if profile.receipt_when_opted_out else Refuse(status.OPTED_OUT, OPTED_OUT)
    wanted = _mention_wanted(profile, submission.optout_mention)
    if profile.kind is Kind.MARKETING and not wanted:
        return Refuse(status.MENTION_REQUIRED, "mention_required")
    text = _text(submission, profile.default_alphabet) if wanted or not _is_part(submission) else None
    if text is None:
        if profile.kind is Kind.MARKETING:
            return Refuse(status.NOT_TEXT, NOT_TEXT)
        return Forward([_untouched(piece) for piece in submission.pieces], NOT_TEXT, "")
    code, mention = _mention_for(mentions, submission.destination.territory)
    try:
        budget = (
            profile.budget if default_out is profile.budget.default else profile.budget._replace(default=default_out)
        )
        planned = plan(text, mention if wanted else None, budget)
    except MentionError as error:
        too_long = error.reason is Reason.TOO_LONG  # whatever is appended
        return Refuse(status.ESME_RINVMSGLEN if too_long else status.MENTION_DOES_NOT_FIT, error.reason)
    parts = segment.encode(planned.segments, planned.alphabet, reference() if len(planned.segments) > 1 else 0)
    if submission.first.data_coding not in _PLAIN:  # a message class travels on
        coding = data_coding_of(planned.alphabet, submission.first.data_coding)
        parts = [part._replace(data_coding=coding) for part in parts]
    return Forward(parts, planned.reason, code if wanted else "")


def _mention_wanted(profile: Profile, tlv: int | None) -> bool:
    return profile.mention if tlv is None else bool(tlv)


def _mention_for(mentions: Mentions, territory: str) -> tuple[str, str]:
    if territory in mentions.territories:
        return mentions.short_code, mentions.short_code_text
    return WEB, mentions.web_text


def place(profile: Profile, submission: Submission) -> Concatenation | None:
    """Return the place of a part that waits for the others of its message; None: it is decided as it is.

    Parts wait where the whole is to carry the mention. What cannot carry it is refused at once.
    """
    piece = submission.first
    if not _is_part(submission) or not _mention_wanted(profile, submission.optout_mention):
        return None
    found = _place(piece)
    whole = found is None or found.total == 1
    return None if whole or _text(submission, profile.default_alphabet) is None else found


def _is_part(submission: Submission) -> bool:
    """Say whether a submission may be a part of a message that its app cut, whose form is not ours to change."""
    return bool(submission.first.tlvs or submission.first.esm_class & UDHI)


def _place(piece: Piece) -> Concatenation | None:
    if not piece.esm_class & UDHI:
        return sar_concatenation(piece.tlvs)
    try:
        return concatenation(split_udh(piece.octets)[0])
    except TextError:
        return None


def _text(submission: Submission, default: Alphabet) -> str | None:
    """Return what the message says, or None when it is not a plain text that we may write anew."""
    if submission.canned and not submission.first.octets:
        return None
    texts = [_piece_text(piece, default) for piece in submission.pieces]
    return None if None in texts else "".join(text for text in texts if text)


def _piece_text(piece: Piece, default: Alphabet) -> str | None:
    octets = piece.octets
    try:
        if piece.esm_class & UDHI:
            header, octets = split_udh(octets)
            if any(identifier not in _CONCATENATION for identifier, _ in elements(header)):
                return None
        alphabet = alphabet_of(piece.data_coding, default, octets)
        if alphabet is Alphabet.BINARY or piece.esm_class & MESSAGE_TYPE:
            return None
        return decode_text(octets, alphabet)
    except TextError:
        return None


def _untouched(piece: Piece) -> Encoded:
    return Encoded(piece.octets, piece.data_coding, bool(piece.esm_class & UDHI), piece.tlvs)


def choose(number: str, routes: Sequence[tuple[Sequence[str], Sequence[str]]], usable: Collection[str]) -> list[str]:
    """Return the operators for ``number``: those of the longest matching prefix, usable ones first."""
    best: Sequence[str] = ()
    length = -1
    for prefixes, operators in routes:
        for prefix in prefixes:
            if len(prefix) > length and number.startswith(prefix):
                best, length = operators, len(prefix)
    return sorted(best, key=lambda operator: operator not in usable)

"""What becomes of a submission: forwarded with its mention, refused, or taken and ended at once, always with a reason.

Pure functions over plain values: the caller looks the facts up, inside the transaction that will hold the result, and
acts on the verdict. A STOP that commits before a submission is therefore always seen by it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.carriage import Encoded, Form, Long
from gateway.rules.mention import Budget, MentionError, plan
from gateway.rules.reading import is_part, legible, part_of, read, segments_untouched
from gateway.rules.reason import Reason
from gateway.rules.segment import USUAL, Room
from gateway.smpp import status
from gateway.smpp.layout import MAX_SHORT_MESSAGE
from gateway.smpp.national import National
from gateway.smpp.text import Alphabet, Meanings, data_coding_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gateway.rules.mention import Plan
    from gateway.rules.number import Number
    from gateway.rules.reading import Piece, Text
    from gateway.smpp.udh import Concatenation


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
    codes: tuple[str, ...] = ()  # all of ours: the current one, and retired ones that are still listened to


class Profile(NamedTuple):
    """What the rules need to know of an account."""

    account: str
    kind: Kind
    mention: bool
    meanings: Meanings
    budget: Budget
    receipt_when_opted_out: bool


class Submission(NamedTuple):
    """One destination of one request, or of several that make up one message, in order.

    ``canned``: sm_default_msg_id, the number of a text that the operator keeps; it counts where there are no octets.
    ``ported``: whether TLVs beside it say that it is for a port.
    """

    destination: Number
    pieces: tuple[Piece, ...]
    optout_mention: int | None = None
    canned: int = 0
    ported: bool = False

    @property
    def first(self) -> Piece:
        """The first piece, which mostly is the only one."""
        return self.pieces[0]


class Outlet(NamedTuple):
    """What the operator expects that a message goes to.

    ``default`` is the alphabet that short texts go there in, GSM7 or LATIN1, under the data_coding ``coding``; ``long``
    is how it wants long messages, ``tlvs`` whether it takes TLVs.
    """

    default: Alphabet = Alphabet.GSM7
    long: Long = Long.UDH8
    tlvs: bool = True
    coding: int = 0


class Forward(NamedTuple):
    """Send these parts.

    ``code`` is what the mention points to: the short code, ``web``, or nothing; ``segments`` what it costs, which is
    more than the parts where the operator cuts them itself.
    """

    parts: Sequence[Encoded]
    reason: Reason
    code: str
    segments: int


class Refuse(NamedTuple):
    """Answer with this command_status; nothing is kept."""

    status: int
    reason: Reason


class Swallow(NamedTuple):
    """Accept, and end at once as REJECTED."""

    reason: Reason


Verdict = Forward | Refuse | Swallow

_PLAIN = frozenset({0, 1, 3, 8})  # data_coding without a message class
WEB = "web"


class Case(NamedTuple):
    """A submission and the facts about it.

    ``opted_out`` when its number refuses what this account sends; ``outlet`` is where it goes.
    """

    profile: Profile
    submission: Submission
    opted_out: bool
    outlet: Outlet = Outlet()


class Written(NamedTuple):
    """A text as it goes out: what is planned, and how its segments travel.

    ``mention`` is what it says of opting out, ``code`` what that points to: the short code, ``web``, or nothing.
    """

    plan: Plan
    form: Form
    mention: str
    code: str


def decide(case: Case, mentions: Mentions, reference: Callable[[], int]) -> Verdict:
    """Return what becomes of a submission.

    Args:
        case: the submission, whose it is, and the facts.
        mentions: the opt-out texts.
        reference: gives the concatenation reference, asked for when the text takes several segments.
    """
    written = write(case, mentions)
    if not isinstance(written, Written):
        return written
    planned, like = written.plan, case.submission.first.data_coding
    segments = len(planned.segments)
    parts = written.form.encode(planned.segments, planned.charset, reference() if segments > 1 else 0)
    if like not in _PLAIN or case.outlet.coding:  # a message class travels on
        alphabet = Alphabet.GSM7 if isinstance(planned.charset, National) else planned.charset
        coding = data_coding_of(alphabet, like) or case.outlet.coding
        parts = [part._replace(data_coding=coding) for part in parts]
    return Forward(parts, planned.reason, written.code, segments)


def write(case: Case, mentions: Mentions) -> Written | Verdict:
    """Return a submission's text as it goes out; where none of ours does, what becomes of the submission instead."""
    profile, submission, opted_out, outlet = case
    if opted_out:
        opted = Reason.OPTED_OUT
        return Swallow(opted) if profile.receipt_when_opted_out else Refuse(status.OPTED_OUT, opted)
    wanted = mention_wanted(profile, submission.optout_mention)
    if profile.kind is Kind.MARKETING and not wanted:
        return Refuse(status.MENTION_REQUIRED, Reason.MENTION_REQUIRED)
    text = _read(profile, submission) if wanted or not is_part(submission.first) else None
    if text is None:
        marketing = profile.kind is Kind.MARKETING
        return Refuse(status.NOT_TEXT, Reason.NOT_TEXT) if marketing else _untouched(case)
    code, mention = mention_for(mentions, submission.destination.territory)
    form = Form(outlet.long, text.elements)
    try:
        budget = _budget(case, form, text.national)
        planned = plan(text.words, mention if wanted else None, budget, mentions.codes if code != WEB else ())
    except MentionError as error:
        too_long = error.reason is Reason.TOO_LONG  # whatever is appended
        return Refuse(status.ESME_RINVMSGLEN if too_long else status.MENTION_DOES_NOT_FIT, error.reason)
    return Written(planned, form, mention, code) if wanted else Written(planned, form, "", "")


def _budget(case: Case, form: Form, national: National | None) -> Budget:
    """Return what a message may cost with the room that its way out leaves.

    A data_coding with a message class says by itself that GSM-7 is GSM-7, whatever the operator's default.
    """
    room, budget = Room(form.alone, form.each), case.profile.budget
    default = case.outlet.default if case.submission.first.data_coding in _PLAIN else Alphabet.GSM7
    if default is budget.default and room == USUAL and national is None:
        return budget
    return budget._replace(default=default, room=room, national=national)


def mention_wanted(profile: Profile, tlv: int | None) -> bool:
    """Say whether a message is to have the mention: its own ``optout_mention`` counts, else the account's setting."""
    return profile.mention if tlv is None else bool(tlv)


def mention_for(mentions: Mentions, territory: str) -> tuple[str, str]:
    """Return what opting out goes to in a territory, the current short code or ``web``, and the words that say so."""
    if territory in mentions.territories:
        return mentions.short_code, mentions.short_code_text
    return WEB, mentions.web_text


def place(profile: Profile, submission: Submission) -> Concatenation | None:
    """Return the place of a part that waits for the others of its message; None: it is decided as it is.

    Parts wait where the whole is to carry the mention. What cannot carry it is refused at once.
    """
    piece = submission.first
    if not is_part(piece) or not mention_wanted(profile, submission.optout_mention):
        return None
    found = part_of(piece)
    marketing = profile.kind is Kind.MARKETING
    if found is None or (submission.canned and not piece.octets) or (submission.ported and marketing):
        return None
    return found if legible(piece, profile.meanings, ports=not marketing) else None


def _read(profile: Profile, submission: Submission) -> Text | None:
    """Return what a message says, or None when it is not a text that we may write anew."""
    if submission.canned and not submission.first.octets:
        return None
    if submission.ported and profile.kind is Kind.MARKETING:
        return None
    return read(submission.pieces, profile.meanings, ports=profile.kind is not Kind.MARKETING)


def _untouched(case: Case) -> Verdict:
    """Send what is not ours to change, octet for octet, if the operator can take it."""
    pieces, tlvs = case.submission.pieces, case.outlet.tlvs
    parts = [piece.untouched(tlvs=tlvs) for piece in pieces]
    if not tlvs and any(len(part.octets) > MAX_SHORT_MESSAGE for part in parts):
        return Refuse(status.ESME_RINVMSGLEN, Reason.TOO_LONG_FOR_OPERATOR)
    segments = sum(segments_untouched(piece, case.profile.meanings) for piece in pieces)
    return Forward(parts, Reason.NOT_TEXT, "", segments)


def choose(number: str, routes: Sequence[tuple[Sequence[str], Sequence[str]]], usable: Collection[str]) -> list[str]:
    """Return the operators for ``number``: those of the longest matching prefix, usable ones first."""
    best: Sequence[str] = ()
    length = -1
    for prefixes, operators in routes:
        for prefix in prefixes:
            if len(prefix) > length and number.startswith(prefix):
                best, length = operators, len(prefix)
    return sorted(best, key=lambda operator: operator not in usable)

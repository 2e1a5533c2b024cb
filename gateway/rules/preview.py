"""The preview: what a text would become for one number, and why, without sending it.

The text goes the way that every submission goes (:func:`gateway.rules.policy.write`), so that a preview shows what
would be sent and nothing else. What stands in the way is a value here, not an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.rules.carriage import Form
from gateway.rules.policy import Case, Outlet, Refuse, Submission, Written, mention_for, mention_wanted, write
from gateway.rules.reading import piece_of
from gateway.rules.reason import Reason
from gateway.rules.segment import Room, choose, fewest, measure, room_left
from gateway.rules.transliterate import transliterate
from gateway.rules.wording import locate
from gateway.smpp import status
from gateway.smpp.text import Alphabet, TextError

if TYPE_CHECKING:
    from gateway.rules.number import Number
    from gateway.rules.policy import Mentions, Profile
    from gateway.rules.segment import Charset

_LONE_SURROGATE = Refuse(status.NOT_TEXT, Reason.NOT_TEXT)


class Draft(NamedTuple):
    """A text that an account may send to a number; the rest as in a submission.

    ``profile`` is the account's, ``outlet`` the operator's that would get it.
    """

    text: str
    profile: Profile
    destination: Number
    outlet: Outlet = Outlet()
    optout_mention: int | None = None


class Size(NamedTuple):
    """What a text takes on the radio: segments, GSM7 or UCS2, and its septets or UTF-16 code units."""

    segments: int
    alphabet: Alphabet
    units: int


class Shown(NamedTuple):
    """The opt-out words in a text, and where in it they begin."""

    words: str
    start: int


class Foreign(NamedTuple):
    """A character that keeps a text out of GSM-7, each place in the text where it stands, and its spelling there.

    Places count characters from 0. ``spelling``, at the first place, is None where GSM-7 has no faithful one, or where
    the operator does not take it.
    """

    character: str
    places: tuple[int, ...]
    spelling: str | None


class Preview(NamedTuple):
    """What a text would become.

    ``reason``: what was done, or why nothing could be; ``refusal``: what it would be refused with, also where the
    account wants a receipt instead. ``before`` and ``after``: what the text alone takes, and with the mention.
    ``text``: exactly what goes out, empty where nothing can; ``segments``: the same, cut; ``room``: the septets or
    UTF-16 code units that the last one has left; ``mention``: what the text says of opting out. ``foreign``: what keeps
    the text as written out of GSM-7; ``plain``: the preview of the text without accents, where that is another one.
    ``due``: when it would leave, in milliseconds since 1970; 0: at once.
    """

    reason: Reason
    refusal: Refuse | None
    before: Size
    after: Size
    text: str = ""
    segments: tuple[str, ...] = ()
    room: int = 0
    mention: Shown | None = None
    foreign: tuple[Foreign, ...] = ()
    plain: Preview | None = None
    due: int = 0

    def refused(self, refusal: Refuse) -> Preview:
        """Return this preview of a message that is refused, whatever its text."""
        return self._replace(reason=Reason(refusal.reason), refusal=refusal)

    def values(self) -> dict[str, Any]:
        """Return all of it as dictionaries, lists and plain values, for JSON."""
        return {name: _plain_value(value) for name, value in self._asdict().items()}


def preview(draft: Draft, mentions: Mentions, *, opted_out: bool = False) -> Preview:
    """Return what a text would become.

    Args:
        draft: the text, whose it is, and where it goes.
        mentions: the opt-out texts.
        opted_out: whether the number refuses what this account sends.
    """
    try:
        found = _preview(draft, mentions)
    except TextError:
        nothing = Size(0, Alphabet.UCS2, 0)
        return Preview(Reason.NOT_TEXT, _LONE_SURROGATE, nothing, nothing)
    return found.refused(Refuse(status.OPTED_OUT, Reason.OPTED_OUT)) if opted_out else found


def _preview(draft: Draft, mentions: Mentions) -> Preview:
    spelled = transliterate(draft.text)
    plain = None if spelled in (None, draft.text) else preview(draft._replace(text=spelled or ""), mentions)
    piece = piece_of(draft.text, draft.profile.meanings)
    submission = Submission(draft.destination, (piece,), draft.optout_mention)
    written = write(Case(draft.profile, submission, opted_out=False, outlet=draft.outlet), mentions)
    if isinstance(written, Written):
        found = _sent(draft, written, mentions)
    elif isinstance(written, Refuse):
        found = _refused(draft, written, mentions)
    else:
        raise TypeError("a text is written, or refused")
    return found._replace(foreign=_foreign(draft), plain=plain)


def _sent(draft: Draft, written: Written, mentions: Mentions) -> Preview:
    planned, form = written.plan, written.form
    room = Room(form.alone, form.each)
    return Preview(
        planned.reason,
        None,
        _size(draft.text, draft.outlet),
        Size(len(planned.segments), _on_the_radio(planned.charset), measure(planned.text, planned.charset)),
        planned.text,
        planned.segments,
        room_left(planned.segments, planned.charset, room),
        _shown(planned.text, written, mentions) if written.mention else None,
    )


def _refused(draft: Draft, refusal: Refuse, mentions: Mentions) -> Preview:
    """Return what can be said of a text that is refused: what it takes, and would take."""
    wanted = mention_wanted(draft.profile, draft.optout_mention)
    _, mention = mention_for(mentions, draft.destination.territory)
    after = draft.text + (mention if wanted else "")
    return Preview(Reason(refusal.reason), refusal, _size(draft.text, draft.outlet), _size(after, draft.outlet))


def _shown(text: str, written: Written, mentions: Mentions) -> Shown | None:
    if written.plan.reason is not Reason.ALREADY_THERE:
        return Shown(written.mention, len(text) - len(written.mention))
    span = locate(text, written.mention, mentions.codes if written.code in mentions.codes else ())
    return None if span is None else Shown(text[slice(*span)], span[0])


def _foreign(draft: Draft) -> tuple[Foreign, ...]:
    default = draft.outlet.default
    places: dict[str, list[int]] = {}
    for place, character in enumerate(draft.text):
        if choose(character, default) is Alphabet.UCS2:
            places.setdefault(character, []).append(place)
    found = []
    for character, where in places.items():
        spelling = _spelling(draft.text[max(where[0] - 1, 0) : where[0]], character)
        usable = spelling is not None and choose(spelling, default) is not Alphabet.UCS2
        found.append(Foreign(character, tuple(where), spelling if usable else None))
    return tuple(found)


def _spelling(before: str, character: str) -> str | None:
    """Spell a character in GSM-7 behind another one; an accent that melts into that leaves nothing of its own."""
    alone = transliterate(character)
    first, both = transliterate(before), transliterate(before + character)
    if alone is not None or first is None or both is None:
        return alone
    return both.removeprefix(first) if both.startswith(first) else ""


def _size(text: str, outlet: Outlet) -> Size:
    form = Form(outlet.long)
    charset, segments = fewest(text, outlet.default, Room(form.alone, form.each))
    return Size(segments, _on_the_radio(charset), measure(text, charset))


def _on_the_radio(charset: Charset) -> Alphabet:
    return Alphabet.UCS2 if charset is Alphabet.UCS2 else Alphabet.GSM7


def _plain_value(value: object) -> object:
    if isinstance(value, Preview):
        return value.values()
    if isinstance(value, tuple):
        fields = getattr(value, "_asdict", None)
        if fields is None:
            return [_plain_value(each) for each in value]
        return {name: _plain_value(each) for name, each in fields().items()}
    return value

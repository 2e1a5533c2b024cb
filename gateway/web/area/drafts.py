"""Drafts: what somebody has typed into the composer, what each recipient would see of it, and the message it makes."""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.config.models import Account
from gateway.homeward import TEMPLATE
from gateway.rules.number import UNKNOWN_TERRITORY, Number, NumberError, canonical
from gateway.rules.preview import Preview
from gateway.rules.reading import piece_of
from gateway.rules.visible import turns_round
from gateway.ruleset import meanings
from gateway.smpp import pdu as smpp
from gateway.smpp.layout import MAX_SHORT_MESSAGE
from gateway.smpp.pdu import Pdu
from gateway.smpp.text import Alphabet, TextError

_SENDER = 11  # characters of an alphanumeric sender
_SHORT_CODE = 8  # digits of the longest short code
_UNKNOWN, _INTERNATIONAL, _NETWORK, _ALPHANUMERIC = 0, 1, 3, 5  # type of number (SMPP 3.4 section 5.2.5)
_ISDN = 1  # numbering plan (section 5.2.6)
_ALWAYS = 1  # registered_delivery: a receipt, whatever becomes of it (section 5.2.17)


class Draft(NamedTuple):
    """What somebody has typed; `bare` is the ticked box that leaves the mention out."""

    text: str = ""
    sender: str = ""
    to: str = ""
    bare: bool = False

    @property
    def optout_mention(self) -> int | None:
        """The TLV: 0 where the box is ticked, else none, so that the account's setting counts."""
        return 0 if self.bare else None

    def number(self) -> Number | None:
        """Return the number that it is for; None where none was typed that is one."""
        try:
            return canonical(self.to, 0) if self.to else None
        except NumberError:
            return None


class Run(NamedTuple):
    """A piece of a text; `kind` is `mention`, `foreign` for what is not in GSM-7, or empty."""

    text: str
    kind: str = ""


class Sight(NamedTuple):
    """What one recipient would see: `key` is recipient, french or foreign; its segments in marked pieces."""

    key: str
    number: Number
    found: Preview

    @property
    def country(self) -> str:
        """Its country in two letters; '' where it is of none."""
        return "" if self.number.territory == UNKNOWN_TERRITORY else self.number.territory

    @property
    def segments(self) -> list[list[Run]]:
        """The segments of what goes out, each in pieces."""
        found, start = [], 0
        for segment in self.found.segments:
            found.append(list(_runs(segment, [self._kind(start + place, each) for place, each in enumerate(segment)])))
            start += len(segment)
        return found

    @property
    def turned(self) -> bool:
        """Whether a telephone would show the mention backwards."""
        shown = self.found.mention
        return shown is not None and turns_round(self.found.text[: shown.start])

    def _kind(self, place: int, character: str) -> str:
        shown = self.found.mention
        if shown is not None and shown.start <= place < shown.start + len(shown.words):
            return "mention"
        in_ucs2 = self.found.after.alphabet is Alphabet.UCS2
        return "foreign" if in_ucs2 and any(character == each.character for each in self.found.foreign) else ""


def _runs(text: str, kinds: list[str]) -> Iterator[Run]:
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or kinds[place] != kinds[start]:
            yield Run(text[start:place], kinds[start])
            start = place


class DraftError(ValueError):
    """A draft that is no message; `problem` is one of the words that the page explains."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def submission(draft: Draft, account: Account) -> Pdu:
    """Return the submit_sm that a draft makes, with a receipt asked for.

    Raises DraftError: it has no recipient, no text or no sender that could be one.
    """
    if draft.number() is None:
        raise DraftError("recipient")
    if not draft.text.strip():
        raise DraftError("text")
    ton, npi = _sender(draft.sender)
    try:
        piece = piece_of(draft.text, meanings(account))
    except TextError:
        raise DraftError("text") from None
    alone = len(piece.octets) <= MAX_SHORT_MESSAGE
    fields = {
        **TEMPLATE,
        "source_addr_ton": ton,
        "source_addr_npi": npi,
        "source_addr": draft.sender.removeprefix("+"),
        "dest_addr_ton": _INTERNATIONAL,
        "dest_addr_npi": _ISDN,
        "destination_addr": canonical(draft.to, 0).key,
        "esm_class": 0,
        "registered_delivery": _ALWAYS,
        "data_coding": piece.data_coding,
        "short_message": piece.octets if alone else b"",
    }
    tlvs = [] if alone else [(int(smpp.Tag.message_payload), piece.octets)]
    if draft.optout_mention is not None:
        tlvs.append((int(smpp.Tag.optout_mention), bytes([draft.optout_mention])))
    return Pdu(smpp.SUBMIT_SM, fields=fields, tlvs=tlvs)


def _sender(text: str) -> tuple[int, int]:
    """Return the type of number and the numbering plan of a sender."""
    digits = text.removeprefix("+")
    if not text:
        return _UNKNOWN, 0
    if digits.isascii() and digits.isdecimal():
        return (_NETWORK, 0) if len(digits) <= _SHORT_CODE and digits == text else (_INTERNATIONAL, _ISDN)
    if len(text) > _SENDER or not text.isascii() or not text.isprintable():
        raise DraftError("sender")
    return _ALPHANUMERIC, 0

"""Delivery receipts, both ways: the TLVs first, then a tolerant reading of the text, which differs by vendor.

The text form is an example in SMPP 3.4 Appendix B. Keys come in any order and case and may be missing; the first of
each counts; after ``text:`` follows what a person wrote, which can imitate a receipt, so nothing is read there once
``stat:`` was seen. Values are kept as they are spelled: a date or an err that is no number never spoils the rest.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_STATE = 0x001E, 0x0423, 0x0427

ENROUTE, DELIVERED, EXPIRED, DELETED, UNDELIVERABLE, ACCEPTED, UNKNOWN, REJECTED = range(1, 9)
SCHEDULED, SKIPPED = 0, 9  # SMPP 5.0
FINAL = frozenset({DELIVERED, EXPIRED, DELETED, UNDELIVERABLE, REJECTED, SKIPPED})

_TYPE, _RECEIPT = 0x3C, 0x04  # esm_class, SMPP 3.4 section 5.2.12
_TEXT_OCTETS = 20
_ERR_LENGTH = 10  # Appendix B has 3; some write a little more, and what is longer is no code
_NETWORK_ERROR_OCTETS = 3  # the network's type, then its code
_NUMBER_BITS = 64

_STATS = {
    "SCHEDULED": SCHEDULED,
    "ENROUTE": ENROUTE,
    "DELIVRD": DELIVERED,
    "DELIVERED": DELIVERED,
    "EXPIRED": EXPIRED,
    "DELETED": DELETED,
    "UNDELIV": UNDELIVERABLE,
    "UNDELVRD": UNDELIVERABLE,
    "UNDELIVERABLE": UNDELIVERABLE,
    "UNDELIVERED": UNDELIVERABLE,
    "FAILED": UNDELIVERABLE,
    "ACCEPTD": ACCEPTED,
    "ACCEPTED": ACCEPTED,
    "UNKNOWN": UNKNOWN,
    "REJECTD": REJECTED,
    "REJECTED": REJECTED,
    "DND_REJECTED": REJECTED,
    "SKIPPED": SKIPPED,
}
_SPOKEN = {  # the 5.0 states in words that 3.4 has
    SCHEDULED: "ENROUTE",
    ENROUTE: "ENROUTE",
    DELIVERED: "DELIVRD",
    EXPIRED: "EXPIRED",
    DELETED: "DELETED",
    UNDELIVERABLE: "UNDELIV",
    ACCEPTED: "ACCEPTD",
    UNKNOWN: "UNKNOWN",
    REJECTED: "REJECTD",
    SKIPPED: "UNDELIV",
}

_KEYS = r"(?:id|sub|dlvrd|submit ?date|done ?date|stat|err|text):"
_FIELD = re.compile(
    rf"(?<![^\W_])(id|submit ?date|done ?date|stat|err|text):(?:\s*(?!{_KEYS})(\S+))?", re.IGNORECASE | re.ASCII
)

# What nearly all operators write, read in a fifth of the time.
_USUAL = re.compile(
    r"id:(?P<id>\w+) sub:\d+ dlvrd:\d+ submit date:(?P<submitdate>\d+) done date:(?P<donedate>\d+) "
    r"stat:(?P<stat>[A-Z]+) err:(?P<err>\w+) [Tt]ext:(?P<text>.*)",
    re.DOTALL | re.ASCII,
)
_USUAL_KEYS = {key: key.replace(" ", "") for key in ("id", "submit date", "done date", "stat", "err", "text")}


class Receipt(NamedTuple):
    """What a receipt says; a field that it lacks, or that cannot be read, is empty, and a state UNKNOWN.

    ``message_id`` is receipted_message_id, else ``text_id``, the text's id. ``state`` is a message_state (SMPP 3.4
    section 5.2.28), ``stat`` the text's word for it. Dates are as spelled, usually YYMMDDhhmm, in the sender's clock;
    ``err`` is cut at 10 characters.
    """

    message_id: str
    state: int
    err: str = ""
    submit_date: str = ""
    done_date: str = ""
    text: str = ""
    stat: str = ""
    text_id: str = ""

    @property
    def final(self) -> bool:
        """Whether no other receipt follows. ACCEPTED is not final: operators send it early, though 3.4 calls it so."""
        return self.state in FINAL


def is_receipt(esm_class: int) -> bool:
    """Tell whether a deliver_sm or data_sm with this ``esm_class`` is a delivery receipt."""
    return esm_class & _TYPE == _RECEIPT


def reads_like_one(text: bytes, tlvs: Sequence[tuple[int, bytes]] = ()) -> bool:
    """Tell whether a message that is no receipt by its ``esm_class`` is one by its content.

    It has a receipted_message_id, or a text that begins with an id and has a known state. Subscribers can write such a
    text, so this is for operators that are known to leave the type bits out.
    """
    if any(tag == RECEIPTED_MESSAGE_ID for tag, _ in tlvs):
        return True
    spelled = _fields(words := text.decode("latin-1").replace("\0", ""))
    return words[:3].lower() == "id:" and bool(spelled.get("id")) and spelled.get("stat", "").upper() in _STATS


def read(text: str | bytes, tlvs: Sequence[tuple[int, bytes]] = ()) -> Receipt | None:
    """Read a receipt from its text and its TLVs (tag, value); None when neither names an id or a state.

    Args:
        text: short_message or message_payload. Octets are read as Latin-1; NULs are skipped, so that receipts in UCS-2
            and padded ones read alike.
        tlvs: they win over the text, each for its own field; of a tag that comes twice the first counts.
    """
    spelled = _fields((text if isinstance(text, str) else text.decode("latin-1")).replace("\0", ""))
    values = dict(reversed(tlvs)) if tlvs else {}
    text_id, stat = spelled.get("id", ""), spelled.get("stat", "")
    message_id = values.get(RECEIPTED_MESSAGE_ID, b"").partition(b"\0")[0].decode("latin-1").strip() or text_id
    state = _state(values.get(MESSAGE_STATE, b""), stat)
    if not message_id and not stat and state == UNKNOWN:
        return None
    return Receipt(
        message_id=message_id,
        state=state,
        err=spelled.get("err", "")[:_ERR_LENGTH] or _network_error(values.get(NETWORK_ERROR_CODE, b"")),
        submit_date=spelled.get("submitdate", ""),
        done_date=spelled.get("donedate", ""),
        text=spelled.get("text", ""),
        stat=stat,
        text_id=text_id,
    )


def _fields(text: str) -> dict[str, str]:
    """Return the values by key, keys in lower case and without spaces; the first of each."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        return usual.groupdict()
    found: dict[str, str] = {}
    for field in _FIELD.finditer(text):
        key, value = field.groups("")
        key = _USUAL_KEYS.get(key) or key.lower().replace(" ", "")
        if key == "text" and "stat" in found:
            found.setdefault(key, text[field.end(1) + 1 :])
            break
        if key not in found:
            found[key] = value
    return found


def _state(value: bytes, stat: str) -> int:
    if len(value) == 1 and value[0] <= SKIPPED:
        return value[0]
    return _STATS.get(stat.upper(), UNKNOWN)


def _network_error(value: bytes) -> str:
    """Spell a network_error_code; used only without an err, as its value often breaks 3.4 section 5.3.2.31."""
    return f"{int.from_bytes(value[1:], 'big'):03d}" if len(value) == _NETWORK_ERROR_OCTETS else ""


def word(state: int) -> str:
    """Spell a message_state as receipts do: ``DELIVRD``.

    Raises:
        KeyError: a state that SMPP does not have.
    """
    return _SPOKEN[state]


def write(receipt: Receipt) -> bytes:
    """Write the text of ``receipt`` in the form of Appendix B, for data_coding 0.

    Its text is cut at 20 octets and reads alike in every default alphabet: letters with accents lose them, what else
    ASCII lacks becomes ``?``. Dates are written as they are given.

    Raises:
        KeyError: a state that SMPP does not have.
    """
    delivered = "001" if receipt.state == DELIVERED else "000"
    return (
        f"id:{receipt.message_id} sub:001 dlvrd:{delivered} submit date:{receipt.submit_date} "
        f"done date:{receipt.done_date} stat:{word(receipt.state)} err:{receipt.err or '000'} "
        f"text:{_plain(receipt.text[:_TEXT_OCTETS])}"
    ).encode("ascii", "replace")


def _plain(text: str) -> str:
    return text if text.isascii() else "".join(normalize("NFD", each)[0] for each in text)


def tlvs(message_id: str, state: int) -> list[tuple[int, bytes]]:
    """Return receipted_message_id (with its NUL) and message_state as (tag, value)."""
    return [(RECEIPTED_MESSAGE_ID, message_id.encode("latin-1") + b"\0"), (MESSAGE_STATE, bytes((state,)))]


class Spelling(StrEnum):
    """How ids are spelled."""

    AUTO = "auto"
    HEX = "hex"
    DECIMAL = "decimal"


_OTHER = {Spelling.AUTO: Spelling.AUTO, Spelling.HEX: Spelling.DECIMAL, Spelling.DECIMAL: Spelling.HEX}


def normalise_id(text: str, spelling: str = Spelling.AUTO) -> str:
    """Return the key under which an id is stored and found, given how this ``text`` is ``spelling`` it.

    AUTO is the text in one case without leading zeros. HEX and DECIMAL are read as numbers and written in decimal; what
    is no such number of at most 64 bits is treated as under AUTO. Both radices are never tried: one message's decimal
    id is another's in hex.
    """
    key = text.strip().casefold()
    number = _number(key, spelling)
    if number is not None:
        return str(number)
    return key.lstrip("0") or key[-1:]


def _number(key: str, spelling: str) -> int | None:
    if spelling == Spelling.AUTO or not (key.isascii() and key.isalnum()):
        return None
    try:
        number = int(key, 16 if spelling == Spelling.HEX else 10)
    except ValueError:
        return None
    return None if number >> _NUMBER_BITS else number


def key_of_response(message_id: str, setting: str) -> str:
    """Return the key of a submit_sm_resp's message_id at an operator whose ``message_id`` setting is ``setting``.

    The setting says how receipts spell that id. ``hex``: in hex, and submit_sm_resp spells the same number in decimal;
    ``decimal``: the reverse; ``auto``: both alike.
    """
    return normalise_id(message_id, _OTHER[Spelling(setting)])


class Counting(StrEnum):
    """Which of a receipt's two ids counts."""

    AUTO = "auto"
    TEXT = "text"
    TLV = "tlv"


def key_of_receipt(receipt: Receipt, setting: str, counting: str = Counting.AUTO) -> str:
    """Return the key of the message that ``receipt`` is about: the one :func:`key_of_response` gave it.

    A receipted_message_id that differs from the text's id, or that stands alone, is read as submit_sm_resp spells ids,
    whose copy it is (SMPP 3.4 section 5.3.2.12); one that repeats the text's id is read as the text is. With another
    ``counting`` than AUTO the id of that place counts, where there is one, and is spelled as ``setting`` says.
    """
    if counting == Counting.TEXT and receipt.text_id:
        return normalise_id(receipt.text_id, setting)
    if counting == Counting.TLV:
        return normalise_id(receipt.message_id, setting)
    if normalise_id(receipt.message_id) == normalise_id(receipt.text_id):
        return normalise_id(receipt.text_id, setting)
    return normalise_id(receipt.message_id, _OTHER[Spelling(setting)])

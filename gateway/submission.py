"""One submit_sm on its way through: read into plain values when it arrives, written as rows when it is admitted.

Everything here is a function of the request; nothing waits and nothing is looked up.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.rules.number import Number, NumberError, canonical
from gateway.rules.pacing import TokenBucket
from gateway.rules.policy import UDHI, Submission
from gateway.rules.times import TimeError, read_time
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store.messages import Message

if TYPE_CHECKING:
    from gateway.config import Account
    from gateway.link import Link
    from gateway.rules.policy import Profile
    from gateway.rules.segment import Encoded
    from gateway.smpp.pdu import Pdu

_EXCERPT = 20  # characters of the text that a receipt repeats (SMPP 3.4 appendix B)
_PRINTABLE = bytes(octet if octet in range(0x20, 0x7F) else 0x2E for octet in range(256))  # others: full stops
_REMEMBERED_NUMBERS = 20_000  # destinations whose last concatenation reference is remembered
_OURS = frozenset({int(smpp.Tag.message_payload), int(smpp.Tag.optout_mention)})


class Customer:
    """An account while the gateway runs: its rules and its rate."""

    def __init__(self, account: Account, profile: Profile) -> None:
        self.name = account.name
        self.account = account
        self.profile = profile
        self.bucket = TokenBucket(account.rate, 0.0)
        self._asked = 0

    def take(self, segments: int, now: float) -> bool:
        """Say whether the rate allows ``segments`` more at ``now``, in seconds."""
        self._asked += segments
        return self.bucket.take(segments, now)

    def demand(self) -> int:
        """Return how many segments were asked for since the last look; never 0, since the next may come at any time."""
        asked, self._asked = self._asked, 0
        return max(1, asked)


class Submitted(NamedTuple):
    """One submit_sm whose form is sound."""

    link: Link
    pdu: Pdu
    customer: Customer
    submission: Submission
    due: int  # milliseconds since 1970; 0: at once
    expires: int


class Clock(NamedTuple):
    """The present and the default validity_period, both in milliseconds."""

    now: int
    validity: int


class RefusedError(Exception):
    """A request whose form is not sound; ``status`` is the answer."""

    def __init__(self, code: int) -> None:
        super().__init__(status.name(code))
        self.status = code


class References:
    """Concatenation references, 8 bits, counted per destination so that two long messages do not mix on a handset."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()

    def next(self, number: str, seed: int) -> int:
        """Return the next reference for ``number``; the first comes from ``seed``, which a restart must not repeat."""
        reference = (self._last.pop(number, seed) + 1) & 0xFF
        self._last[number] = reference
        if len(self._last) > _REMEMBERED_NUMBERS:
            self._last.popitem(last=False)
        return reference


def read(link: Link, customer: Customer, pdu: Pdu, clock: Clock) -> Submitted:
    """Read a submit_sm.

    Raises:
        RefusedError: its form is not sound.
    """
    code = smpp.check(pdu)
    if code:
        raise RefusedError(code)
    fields = pdu.fields
    payload = pdu.tlv(smpp.Tag.message_payload)
    submission = Submission(
        destination=_destination(fields),
        octets=fields["short_message"] if payload is None else payload,
        data_coding=fields["data_coding"],
        esm_class=fields["esm_class"],
        optout_mention=pdu.tlv_int(smpp.Tag.optout_mention),
        canned=fields["sm_default_msg_id"],
    )
    due, validity = 0, fields["validity_period"]
    if fields["schedule_delivery_time"]:
        due = _instant(fields["schedule_delivery_time"], clock.now, status.ESME_RINVSCHED)
    start = max(due, clock.now)
    expires = _instant(validity, clock.now, status.ESME_RINVEXPIRY) if validity else start + clock.validity
    if expires <= start:
        raise RefusedError(status.ESME_RINVEXPIRY)
    return Submitted(link, pdu, customer, submission, due, expires)


def _destination(fields: dict[str, Any]) -> Number:
    try:
        return canonical(fields["destination_addr"], fields["dest_addr_ton"])
    except NumberError:
        raise RefusedError(status.ESME_RINVDSTADR) from None


def _instant(text: str, now: int, code: int) -> int:
    try:
        return read_time(text, now)
    except TimeError:
        raise RefusedError(code) from None


def message_row(item: Submitted, identifier: int, now: int, outcome: tuple[str, int]) -> Message:
    """Write the row that remembers a submission; ``outcome`` is what was done to its text, and in how many segments."""
    reason, segments = outcome
    fields = item.pdu.fields
    return Message(
        id=identifier,
        account=item.customer.name,
        source_ton=fields["source_addr_ton"],
        source_npi=fields["source_addr_npi"],
        source_addr=fields["source_addr"],
        dest_ton=fields["dest_addr_ton"],
        dest_npi=fields["dest_addr_npi"],
        dest_addr=fields["destination_addr"],
        number=item.submission.destination.key,
        submitted=now,
        registered=fields["registered_delivery"],
        reason=reason,
        excerpt=_excerpt(item.submission),
        segments=segments,
        open=segments,
    )


def _excerpt(submission: Submission) -> str:
    """Return the printable ASCII beginning of the text, for receipts."""
    if submission.esm_class & UDHI:
        return ""
    return submission.octets[: 2 * _EXCERPT].replace(b"\0", b"")[:_EXCERPT].translate(_PRINTABLE).decode("ascii")


def segment_body(pdu: Pdu, part: Encoded, asks: int) -> bytes:
    """Write one segment as the operator gets it: the account's fields, our text, our receipt.

    What short_message cannot hold, which only is the case for what is not text, travels on in message_payload.
    """
    short = len(part.octets) <= smpp.MAX_SHORT_MESSAGE
    fields = {
        **pdu.fields,
        "esm_class": (pdu.fields["esm_class"] & ~UDHI) | (UDHI if part.udhi else 0),
        "schedule_delivery_time": "",
        "validity_period": "",
        "registered_delivery": asks,
        "replace_if_present_flag": 0,
        "data_coding": part.data_coding,
        "sm_default_msg_id": 0 if part.octets else pdu.fields["sm_default_msg_id"],
        "short_message": part.octets if short else b"",
    }
    payload = [] if short else [(int(smpp.Tag.message_payload), part.octets)]
    return smpp.encode_body(smpp.SUBMIT_SM, fields, _passed_on(pdu) + payload)


def _passed_on(pdu: Pdu) -> list[tuple[int, bytes]]:
    """Return the TLVs that travel on: all but the text, which we write, and the mention's switch, which was for us."""
    return [tlv for tlv in pdu.tlvs if tlv[0] not in _OURS]

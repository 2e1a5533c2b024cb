"""One submission on its way through: read into plain values when it arrives, written as rows when it is admitted.

A submit_sm, a data_sm and each destination of a submit_multi are alike from here on: the fields of a submit_sm to one
address. Everything here is a function of the request; nothing waits and nothing is looked up.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.many import Many
from gateway.rules.number import Number, NumberError, canonical
from gateway.rules.pacing import TokenBucket
from gateway.rules.policy import UDHI, Submission
from gateway.rules.times import TimeError, read_time
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store.messages import NO_REFERENCE, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.config import Account
    from gateway.link import Link
    from gateway.rules.policy import Profile
    from gateway.rules.segment import Encoded
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Tx

_EXCERPT = 20  # characters of the text that a receipt repeats (SMPP 3.4 appendix B)
_PRINTABLE = bytes(octet if octet in range(0x20, 0x7F) else 0x2E for octet in range(256))  # others: full stops
_REMEMBERED_NUMBERS = 20_000  # destinations whose last concatenation reference is remembered
_OURS = frozenset(map(int, (smpp.Tag.message_payload, smpp.Tag.optout_mention, smpp.Tag.qos_time_to_live)))
_LONGEST_ADDRESS = 20  # characters of an address in a submit_sm; a data_sm takes 64
_REFERENCE_OCTETS = 2  # of user_message_reference (section 5.3.2.17)
_SECONDS_OCTETS = 4  # of qos_time_to_live (SMPP 3.4 section 5.3.2.9)
_DATA_SM_LACKS = {
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "replace_if_present_flag": 0,
    "sm_default_msg_id": 0,
    "short_message": b"",
}


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
    """One destination of a request whose form is sound: ``fields`` are those of a submit_sm to it."""

    link: Link
    pdu: Pdu
    customer: Customer
    submission: Submission
    due: int  # milliseconds since 1970; 0: at once
    expires: int
    fields: Mapping[str, Any]
    many: Many | None = None


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
    """Read a submit_sm or a data_sm.

    Raises:
        RefusedError: its form is not sound.
    """
    fields = _fields(pdu)
    due, expires = _times(pdu, clock)
    return Submitted(link, pdu, customer, _submission(pdu, fields), due, expires, fields)


def read_many(link: Link, customer: Customer, pdu: Pdu, clock: Clock) -> tuple[Many, list[Submitted]]:
    """Read a submit_multi: what was refused already, and the destinations that are left.

    Raises:
        RefusedError: its form is not sound, whatever the destination.
    """
    shared = _fields(pdu)
    due, expires = _times(pdu, clock)
    many, items = Many(pdu, len(shared["dest_address"])), []
    for each in shared["dest_address"]:
        if not isinstance(each, smpp.Sme):  # we keep no lists
            many.refuse(smpp.Sme(0, 0, each.dl_name), status.ESME_RCNTSUBDL)
            continue
        fields = shared | each._asdict()
        try:
            submission = _submission(pdu, fields)
        except RefusedError as refused:
            many.refuse(each, refused.status)
        else:
            items.append(Submitted(link, pdu, customer, submission, due, expires, fields, many))
    return many, items


def _fields(pdu: Pdu) -> dict[str, Any]:
    """Return a request's fields as those of a submit_sm, its destination apart."""
    code = smpp.check(pdu)
    if code:
        raise RefusedError(code)
    if pdu.command != smpp.DATA_SM:
        return pdu.fields
    if len(pdu.fields["source_addr"]) > _LONGEST_ADDRESS:
        raise RefusedError(status.ESME_RINVSRCADR)
    if len(pdu.fields["destination_addr"]) > _LONGEST_ADDRESS:
        raise RefusedError(status.ESME_RINVDSTADR)
    return _DATA_SM_LACKS | pdu.fields


def _times(pdu: Pdu, clock: Clock) -> tuple[int, int]:
    """Return when a message is due (0: at once) and when it expires."""
    scheduled, validity = pdu.fields.get("schedule_delivery_time", ""), pdu.fields.get("validity_period", "")
    due = instant(scheduled, clock.now, status.ESME_RINVSCHED) if scheduled else 0
    start = max(due, clock.now)
    expires = instant(validity, clock.now, status.ESME_RINVEXPIRY) if validity else start + _lifetime(pdu, clock)
    if expires <= start:
        raise RefusedError(status.ESME_RINVEXPIRY)
    return due, expires


def _lifetime(pdu: Pdu, clock: Clock) -> int:
    """Return for how long a message without validity_period is valid: as its qos_time_to_live says, else as we say."""
    seconds = pdu.tlv(smpp.Tag.qos_time_to_live)
    if seconds is None:
        return clock.validity
    if len(seconds) != _SECONDS_OCTETS:
        raise RefusedError(status.ESME_RINVPARLEN)
    return int.from_bytes(seconds, "big") * 1_000


def _submission(pdu: Pdu, fields: Mapping[str, Any]) -> Submission:
    payload = pdu.tlv(smpp.Tag.message_payload)
    return Submission(
        destination=destination(fields),
        octets=fields["short_message"] if payload is None else payload,
        data_coding=fields["data_coding"],
        esm_class=fields["esm_class"],
        optout_mention=pdu.tlv_int(smpp.Tag.optout_mention),
        canned=fields["sm_default_msg_id"],
    )


def destination(fields: Mapping[str, Any]) -> Number:
    """Return the number that a request is for.

    Raises:
        RefusedError: it is none.
    """
    try:
        return canonical(fields["destination_addr"], fields["dest_addr_ton"])
    except NumberError:
        raise RefusedError(status.ESME_RINVDSTADR) from None


def instant(text: str, now: int, code: int) -> int:
    """Read a time.

    Raises:
        RefusedError: it is none, with ``code``.
    """
    try:
        return read_time(text, now)
    except TimeError:
        raise RefusedError(code) from None


def message_row(tx: Tx, item: Submitted, identifier: int, outcome: tuple[str, int]) -> Message:
    """Write the row that remembers a submission; ``outcome`` is what was done to its text, and in how many segments."""
    reason, segments = outcome
    fields = item.fields
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
        submitted=tx.now,
        registered=fields["registered_delivery"],
        reason=reason,
        excerpt=excerpt(item.submission),
        segments=segments,
        open=segments,
        request=item.many.identifier(tx) if item.many else 0,
        reference=_reference(item.pdu),
        data_coding=fields["data_coding"],
    )


def _reference(pdu: Pdu) -> int:
    """Return the user_message_reference, which comes back in receipts."""
    value = pdu.tlv(smpp.Tag.user_message_reference) if pdu.tlvs else None
    return NO_REFERENCE if value is None or len(value) != _REFERENCE_OCTETS else int.from_bytes(value, "big")


def excerpt(submission: Submission) -> str:
    """Return the printable ASCII beginning of the text, for receipts."""
    if submission.esm_class & UDHI:
        return ""
    return submission.octets[: 2 * _EXCERPT].replace(b"\0", b"")[:_EXCERPT].translate(_PRINTABLE).decode("ascii")


def segment_body(item: Submitted, part: Encoded, asks: int) -> bytes:
    """Write one segment as the operator gets it: the account's fields, our text, our receipt.

    What short_message cannot hold, which only is the case for what is not text, travels on in message_payload.
    """
    short = len(part.octets) <= smpp.MAX_SHORT_MESSAGE
    fields = {
        **item.fields,
        "esm_class": (item.fields["esm_class"] & ~UDHI) | (UDHI if part.udhi else 0),
        "schedule_delivery_time": "",
        "validity_period": "",
        "registered_delivery": asks,
        "replace_if_present_flag": 0,
        "data_coding": part.data_coding,
        "sm_default_msg_id": 0 if part.octets else item.fields["sm_default_msg_id"],
        "short_message": part.octets if short else b"",
    }
    payload = [] if short else [(int(smpp.Tag.message_payload), part.octets)]
    return smpp.encode_body(smpp.SUBMIT_SM, fields, _passed_on(item.pdu) + payload)


def _passed_on(pdu: Pdu) -> list[tuple[int, bytes]]:
    """Return the TLVs that travel on: all but the text, which we write, and the mention's switch, which was for us."""
    return [tlv for tlv in pdu.tlvs if tlv[0] not in _OURS]

"""One submission as it is admitted: the row that remembers it, and its segments as an operator gets them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from gateway.rules.reading import UDHI
from gateway.rules.times import Spelling, write_validity
from gateway.smpp import pdu as smpp
from gateway.smpp.text import Alphabet, TextError, alphabet_of, decode_text
from gateway.smpp.udh import split_udh
from gateway.store.messages import HTTP, NO_REFERENCE, SMPP, Message
from gateway.submissions.submission import SAR

if TYPE_CHECKING:
    from gateway.rules.carriage import Encoded
    from gateway.rules.policy import Submission
    from gateway.smpp.pdu import Pdu
    from gateway.smpp.text import Meanings
    from gateway.store.base import Tx
    from gateway.submissions.submission import Submitted

_EXCERPT = 20  # characters of the text that a receipt repeats (SMPP 3.4 appendix B)
_HIGH_SURROGATES = [bytes((octet,)) for octet in range(0xD8, 0xDC)]  # the first octet of the first half, likewise
_ESCAPE = b"\x1b"  # the first half of a character of GSM-7, where a cut has parted it from the other
_REMEMBERED_NUMBERS = 20_000  # destinations whose last concatenation reference is remembered
_OURS = SAR.union(map(int, (smpp.Tag.message_payload, smpp.Tag.optout_mention, smpp.Tag.qos_time_to_live)))
_REFERENCE_OCTETS = 2  # of user_message_reference (section 5.3.2.17)


class References:
    """Concatenation references, 16 bits, counted per destination so that two long messages do not mix on a handset."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()

    def next(self, number: str, seed: int) -> int:
        """Return the next reference for ``number``; the first comes from ``seed``, which a restart must not repeat."""
        reference = (self._last.pop(number, seed) + 1) & 0xFFFF
        self._last[number] = reference
        if len(self._last) > _REMEMBERED_NUMBERS:
            self._last.popitem(last=False)
        return reference


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
        excerpt=excerpt(item.submission, item.customer.profile.meanings),
        segments=segments,
        open=segments,
        request=item.many.identifier(tx) if item.many else 0,
        reference=_reference(item.pdu),
        data_coding=fields["data_coding"],
        channel=SMPP if item.call is None else HTTP,
    )


def _reference(pdu: Pdu) -> int:
    """Return the user_message_reference, which comes back in receipts."""
    value = pdu.tlv(smpp.Tag.user_message_reference) if pdu.tlvs else None
    return NO_REFERENCE if value is None or len(value) != _REFERENCE_OCTETS else int.from_bytes(value, "big")


def excerpt(submission: Submission, meanings: Meanings) -> str:
    """Return how the text begins, in printable characters: for receipts, and for lists of messages.

    Args:
        submission: octets that are no text are shown where they are ASCII.
        meanings: what its account means by data_coding 0 and 3.
    """
    text = submission.first
    octets = text.octets
    try:
        if text.esm_class & UDHI:
            octets = split_udh(octets)[1]
        alphabet = alphabet_of(text.data_coding, meanings, octets)
        words = decode_text(_cut(octets, alphabet), alphabet)
    except TextError:
        words = octets[:_EXCERPT].decode("ascii", "replace")
    return words if words.isprintable() else "".join(each if each.isprintable() else "." for each in words)


def _cut(octets: bytes, alphabet: Alphabet) -> bytes:
    """Cut a text where an excerpt ends, but not within a character."""
    if alphabet is not Alphabet.UCS2:
        return octets[:_EXCERPT].removesuffix(_ESCAPE)
    cut = octets[: 2 * _EXCERPT]
    return cut[:-2] if cut[-2:-1] in _HIGH_SURROGATES else cut


def _validity(item: Submitted) -> str:
    """Return the validity_period that an app gave, in whichever field; empty where it gave none."""
    seconds = item.pdu.tlv_int(smpp.Tag.qos_time_to_live) if item.pdu.tlvs else None
    return item.fields["validity_period"] or (write_validity(1_000 * seconds, 0, Spelling.RELATIVE) if seconds else "")


def segment_body(item: Submitted, part: Encoded, asks: int) -> bytes:
    """Write one segment as the operator gets it: the account's fields, our text, our receipt.

    What short_message cannot hold, or the operator is to cut itself, travels on in message_payload. validity_period is
    the app's own: whoever sends the segment puts there what remains of it then, in the operator's spelling. Without
    one, the operator's own counts.
    """
    short = len(part.octets) <= smpp.MAX_SHORT_MESSAGE and not part.payload
    fields = {
        **item.fields,
        "esm_class": (item.fields["esm_class"] & ~UDHI) | (UDHI if part.udhi else 0),
        "schedule_delivery_time": "",
        "validity_period": _validity(item),
        "registered_delivery": asks,
        "replace_if_present_flag": 0,
        "data_coding": part.data_coding,
        "sm_default_msg_id": 0 if part.octets else item.fields["sm_default_msg_id"],
        "short_message": part.octets if short else b"",
    }
    payload = [] if short else [(int(smpp.Tag.message_payload), part.octets)]
    return smpp.encode_body(smpp.SUBMIT_SM, fields, [*_passed_on(item.pdu), *part.tlvs, *payload])


def _passed_on(pdu: Pdu) -> list[tuple[int, bytes]]:
    """Return the TLVs that travel on: all but the text and its place, which we write, and what was for us."""
    return [tlv for tlv in pdu.tlvs if tlv[0] not in _OURS]

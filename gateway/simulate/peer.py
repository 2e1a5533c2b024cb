"""What both simulated peers are made of: asking over a link, putting texts together, waiting for something to be so.

A simulated peer speaks through the gateway's own session and link, so it says nothing that the protocol forbids. What
it believes about a text (alphabet, segments, order) it takes from the octets on the wire and from nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import trio

from gateway.rules.segment import choose
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Event, Expired, Request
from gateway.smpp.text import Alphabet, TextError, alphabet_of, data_coding_of, decode_text, encode_text
from gateway.smpp.udh import Concatenation, concatenation, sar_concatenation, split_udh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.link import Link
    from gateway.smpp.pdu import Pdu

Found = TypeVar("Found")

UDHI = 0x40  # esm_class: short_message begins with a user data header (SMPP 3.4 section 5.2.12)
RECEIPT_ASKED = 1  # registered_delivery, bits 1-0 (section 5.2.17)
_INTERNATIONAL, _ALPHANUMERIC, _NETWORK = 1, 5, 3  # TON (section 5.2.5)
_E164, _UNKNOWN = 1, 0  # NPI (section 5.2.6)
_SHORTEST_NUMBER = 8  # digits; fewer are a short code


class PeerError(Exception):
    """The other side refused us, did not answer in time, or is gone; says which."""


class Changes:
    """Wakes those who wait for something to become true, each time that something may have."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def tell(self) -> None:
        """Say that something has changed."""
        self._event.set()
        self._event = trio.Event()

    async def wait_for(self, condition: Callable[[], Found | None]) -> Found:
        """Return what ``condition`` returns as soon as that is true; it is asked now and after every change."""
        while not (found := condition()):
            await self._event.wait()
        return found


class Text(NamedTuple):
    """A text that arrived whole: joined over ``segments``, which said that they were in ``alphabet``."""

    source: str
    destination: str
    text: str
    alphabet: Alphabet
    segments: int


class Joiner:
    """Puts long messages together from their parts, in whatever order these come."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str, int, int], dict[int, bytes]] = {}

    def add(self, pdu: Pdu) -> Text | None:
        """Take a submit_sm or deliver_sm; returns the text once all of it is here.

        What is not text, or has no sound header, comes back in hexadecimal digits, under BINARY.
        """
        octets, place, alphabet = _content(pdu)
        source, destination = pdu.fields["source_addr"], pdu.fields["destination_addr"]
        segments = 1
        if place is not None:
            key = source, destination, place.reference, place.total
            parts = self._parts.setdefault(key, {})
            parts[place.number] = octets
            if len(parts) < place.total:
                return None
            del self._parts[key]
            octets, segments = b"".join(parts[number] for number in sorted(parts)), place.total
        return Text(source, destination, *_read(octets, alphabet), segments)


def _content(pdu: Pdu) -> tuple[bytes, Concatenation | None, Alphabet]:
    """Return a PDU's part of a text, without any header, its place among other parts, if any, and its alphabet."""
    payload = pdu.tlv(smpp.Tag.message_payload)
    octets: bytes = pdu.fields["short_message"] if payload is None else payload
    alphabet = alphabet_of(pdu.fields["data_coding"])
    if not pdu.fields["esm_class"] & UDHI:
        return octets, sar_concatenation(pdu.tlvs), alphabet
    try:
        header, rest = split_udh(octets)
        return rest, concatenation(header), alphabet
    except TextError:
        return octets, None, Alphabet.BINARY


def _read(octets: bytes, alphabet: Alphabet) -> tuple[str, Alphabet]:
    try:
        return decode_text(octets, alphabet), alphabet
    except TextError:
        return octets.hex(" "), Alphabet.BINARY


class _Reply:
    """What becomes of one request: its response, or why there will be none."""

    def __init__(self) -> None:
        self.outcome: Pdu | PeerError | None = None
        self.changes = Changes()

    def settle(self, outcome: Pdu | PeerError) -> None:
        self.outcome = outcome
        self.changes.tell()


async def ask(link: Link, command: int, body: bytes) -> Pdu:
    """Send a request and return its response, whatever its status.

    Raises:
        PeerError: no answer came in time, or the session ended before it.
    """
    if link.session.finished:
        raise PeerError("the connection is gone")
    reply = _Reply()
    link.send([Request(command, body, reply)])
    outcome: Pdu | PeerError = await reply.changes.wait_for(lambda: reply.outcome)
    if isinstance(outcome, PeerError):
        raise outcome
    return outcome


def settle(event: Event) -> None:
    """Pass an answer, or the lack of one, on to whoever waits in :func:`ask`; other events are left alone."""
    match event:
        case Answered(request, response, _):
            request.context.settle(response)
        case Expired(request):
            request.context.settle(PeerError(f"no answer to {smpp.NAMES[request.command]}"))
        case Ended(reason, unanswered):
            for request in unanswered:
                request.context.settle(PeerError(f"no answer to {smpp.NAMES[request.command]}: {reason}"))
        case _:
            pass


def refuse(link: Link, request: Pdu) -> None:
    """Answer a request that we do not know how to serve, where an answer is due."""
    if request.command not in (smpp.OUTBIND, smpp.ALERT_NOTIFICATION):
        link.respond([(request, status.ESME_RINVCMDID, b"")])


def message_body(command: int, ends: tuple[str, str], content: Mapping[str, Any], payload: bytes | None) -> bytes:
    """Write the body of a submit_sm or deliver_sm.

    Args:
        command: which of the two.
        ends: source and destination; letters, short codes and international numbers each get their TON and NPI.
        content: the fields that matter: ``esm_class``, ``data_coding``, ``short_message``, ``registered_delivery``.
        payload: the text as message_payload, instead of a short_message.
    """
    (source_ton, source_npi), (dest_ton, dest_npi) = (_kind_of(address) for address in ends)
    fields = {
        "service_type": "",
        "source_addr_ton": source_ton,
        "source_addr_npi": source_npi,
        "source_addr": ends[0],
        "dest_addr_ton": dest_ton,
        "dest_addr_npi": dest_npi,
        "destination_addr": ends[1],
        "esm_class": 0,
        "protocol_id": 0,
        "priority_flag": 0,
        "schedule_delivery_time": "",
        "validity_period": "",
        "registered_delivery": 0,
        "replace_if_present_flag": 0,
        "data_coding": 0,
        "sm_default_msg_id": 0,
        "short_message": b"",
        **content,
    }
    tlvs: Sequence[tuple[int, bytes]] = [] if payload is None else [(int(smpp.Tag.message_payload), payload)]
    return smpp.encode_body(command, fields, tlvs)


def _kind_of(address: str) -> tuple[int, int]:
    """Return TON and NPI of an address."""
    if not address.isdecimal():
        return _ALPHANUMERIC, _UNKNOWN
    return (_NETWORK, _UNKNOWN) if len(address) < _SHORTEST_NUMBER else (_INTERNATIONAL, _E164)


def written(text: str) -> tuple[bytes, int]:
    """Write a whole text in the alphabet that takes the fewest segments; returns octets and data_coding."""
    alphabet = choose(text)
    return encode_text(text, alphabet), data_coding_of(alphabet)

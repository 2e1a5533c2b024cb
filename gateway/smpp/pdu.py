"""One PDU: octets in, fields out, and back to the same octets.

Whatever decodes is kept: unknown TLVs, duplicates, their order, even stray octets that are tolerated. So a PDU can be
relayed as it came. What cannot be decoded raises :class:`PduError` with the status to answer with, and nothing else.

In ``fields``, in the specification's spelling and order, integers are ``int``, C-Octet Strings ``str`` (Latin-1, which
takes any octet), and short_message is ``bytes``. ``dest_address`` is a list of :class:`Sme` and
:class:`DistributionList`, ``unsuccess_sme`` one of :class:`Unsuccessful`. Counts and lengths are computed, not kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.smpp import status as statuses
from gateway.smpp.check import check, check_destination
from gateway.smpp.fields import PduError
from gateway.smpp.layout import (
    HEADER_LENGTH,
    LAYOUTS,
    MAX_SHORT_MESSAGE,
    DistributionList,
    Sme,
    Unsuccessful,
    read_body,
    write_body,
)
from gateway.smpp.vocabulary import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    CANCEL_SM,
    DATA_SM,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    NAMES,
    OUTBIND,
    QUERY_SM,
    REPLACE_SM,
    RESPONSE,
    SUBMIT_MULTI,
    SUBMIT_SM,
    UNBIND,
    Tag,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "ALERT_NOTIFICATION",
    "BIND_RECEIVER",
    "BIND_TRANSCEIVER",
    "BIND_TRANSMITTER",
    "CANCEL_SM",
    "DATA_SM",
    "DELIVER_SM",
    "ENQUIRE_LINK",
    "GENERIC_NACK",
    "MAX_SHORT_MESSAGE",
    "NAMES",
    "OUTBIND",
    "QUERY_SM",
    "REPLACE_SM",
    "RESPONSE",
    "SUBMIT_MULTI",
    "SUBMIT_SM",
    "UNBIND",
    "VERSION_34",
    "DistributionList",
    "Pdu",
    "PduError",
    "Sme",
    "Tag",
    "Unsuccessful",
    "check",
    "check_destination",
    "decode",
    "encode",
    "encode_body",
    "header",
    "passes_windows",
    "response",
]

VERSION_34 = 0x34
"""The interface_version of SMPP 3.4; lower ones know no TLVs (section 3.4)."""

_HEADER = struct.Struct(">4I")


@dataclass(slots=True)
class Pdu:
    """A PDU, equal to another when they say the same.

    Attributes:
        command: command_id.
        sequence: sequence_number; any 32-bit value is taken and echoed.
        status: command_status; of no meaning in requests.
        fields: the mandatory fields by name; empty in a response without a body.
        tlvs: (tag, value) in wire order, unknown and duplicate ones included.
        tail: octets behind all that which are tolerated: a NUL after short_message that sm_length does not count, the
            body of a header-only PDU, or that of an error response that cannot be read.
    """

    command: int
    sequence: int = 0
    status: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    tlvs: list[tuple[int, bytes]] = field(default_factory=list)
    tail: bytes = b""

    @property
    def name(self) -> str:
        """What its command is called; the number of an unknown one."""
        return NAMES.get(self.command, hex(self.command))

    def tlv(self, tag: int) -> bytes | None:
        """Return the value of the first TLV under ``tag``, or None."""
        for each, value in self.tlvs:
            if each == tag:
                return value
        return None

    def tlv_int(self, tag: int) -> int | None:
        """Return the first TLV under ``tag`` as an unsigned integer of any length; None if missing or empty."""
        value = self.tlv(tag)
        return int.from_bytes(value, "big") if value else None

    def __repr__(self) -> str:
        shown = {name: "***" if name == "password" else value for name, value in self.fields.items()}
        words = [f"sequence={self.sequence}", f"status={statuses.name(self.status)}"]
        words += [f"{name}={value!r}" for name, value in shown.items()]
        words += [f"0x{tag:04X}={value.hex()!r}" for tag, value in self.tlvs]
        words += [f"tail={self.tail!r}"] if self.tail else []
        return f"<{self.name} {' '.join(words)}>"


def decode(frame: bytes) -> Pdu:
    """Read one whole frame, header included.

    The status of an error response counts, whatever its body holds (SMPP 5.0 section 3.2.1.3), and a header-only PDU
    is what its header says: a body there that cannot be read becomes the ``tail``.

    Raises:
        PduError: the command_id is unknown (ESME_RINVCMDID), or the body cannot be read: the field's or the TLVs' own
            status where there is one, otherwise ESME_RINVCMDLEN.
    """
    if len(frame) < HEADER_LENGTH:
        raise PduError(f"{len(frame)} octets are no header", statuses.ESME_RINVCMDLEN)
    length, command, status, sequence = _HEADER.unpack_from(frame)
    if length != len(frame):
        raise PduError(f"command_length {length} of {len(frame)}", statuses.ESME_RINVCMDLEN, command, sequence)
    layout = LAYOUTS.get(command)
    if layout is None:
        raise PduError(f"unknown command_id 0x{command:08X}", statuses.ESME_RINVCMDID, command, sequence)
    if length == HEADER_LENGTH and (command & RESPONSE or not layout):
        return Pdu(command, sequence, status)
    try:
        fields, tlvs, tail = read_body(layout, frame)
    except PduError as error:
        if layout and not (status and command & RESPONSE):
            error.command, error.sequence = command, sequence
            raise
        fields, tlvs, tail = {}, [], frame[HEADER_LENGTH:]
    return Pdu(command, sequence, status, fields, tlvs, tail)


def encode(pdu: Pdu) -> bytes:
    """Write a PDU, header included; what :func:`decode` read comes out as it went in.

    Raises:
        PduError: as :func:`encode_body`; so a field that was taken although it is too long cannot be sent on.
    """
    body = encode_body(pdu.command, pdu.fields, pdu.tlvs)
    if pdu.tail:
        body += pdu.tail
    return header(len(body), pdu.command, pdu.status, pdu.sequence) + body


def encode_body(command: int, fields: Mapping[str, Any], tlvs: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """Write the octets that follow the header; other names than the layout's in ``fields`` are left alone.

    A response without any field or TLV has no body.

    Raises:
        PduError: the command_id is unknown, a value does not fit its field (with the status for that field) or a TLV
            is too long (ESME_RINVPARLEN).
        KeyError: a field of the layout is missing.
    """
    layout = LAYOUTS.get(command)
    if layout is None:
        raise PduError(f"unknown command_id 0x{command:08X}", statuses.ESME_RINVCMDID, command)
    if command & RESPONSE and not fields and not tlvs:
        return b""
    try:
        return bytes(write_body(layout, fields, tlvs))
    except PduError as error:
        error.command = command
        raise


def passes_windows(frame: bytes) -> bool:
    """Say whether a frame counts in no window: a response, or an enquire_link."""
    command = _HEADER.unpack_from(frame)[1]
    return bool(command & RESPONSE) or command == ENQUIRE_LINK


def header(length_of_body: int, command: int, status: int, sequence: int) -> bytes:
    """Write the 16 octets of a header (section 3.2)."""
    return _HEADER.pack(HEADER_LENGTH + length_of_body, command, status, sequence)


def response(request_command: int, sequence: int, status: int = statuses.ESME_ROK, body: bytes = b"") -> bytes:
    """Write the response to a request; an error leaves ``body`` out (section 4.4.2)."""
    if status:
        body = b""
    return header(len(body), request_command | RESPONSE, status, sequence) + body

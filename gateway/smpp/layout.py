"""Which fields each PDU has, in order, and its whole body out of octets and into them (SMPP 3.4 section 4).

A layout is a sequence of parts: a run of plain fields (:mod:`gateway.smpp.fields`) and, behind it, a field that brings
its own count: the short message or one of the lists of submit_multi. The counts themselves (sm_length,
number_of_dests, no_unsuccess) are read, written and never kept. TLVs follow, in any order (section 3.2.4).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.smpp import status
from gateway.smpp import vocabulary as smpp
from gateway.smpp.fields import PduError, Plain, plain, read_plain, truncated, unfit, write_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HEADER_LENGTH = 16
MAX_SHORT_MESSAGE = 254
MAX_DESTINATIONS = 254
MAX_PASSWORD = 255  # SMPP 3.4 (section 5.2.2) has 8; operators hand out longer ones, and expect them whole
_MAX_UNSUCCESSFUL = 255
_SME, _LIST = 1, 2  # dest_flag
_ERROR_STATUS = struct.Struct(">I")
_TLV = struct.Struct(">HH")

_ADDRESS = plain("dest_addr_ton dest_addr_npi destination_addr:21")
_LIST_NAME = plain("dl_name:21")


class Sme(NamedTuple):
    """One destination of a submit_multi: an address (section 4.5.1.1)."""

    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: str


class DistributionList(NamedTuple):
    """One destination of a submit_multi: a list that the message centre keeps (section 4.5.1.2)."""

    dl_name: str


class Unsuccessful(NamedTuple):
    """A destination that a submit_multi did not reach, and the command_status that says why (section 4.5.2.1)."""

    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: str
    error_status_code: int


Destination = Sme | DistributionList
Tlvs = list[tuple[int, bytes]]


class Counted(NamedTuple):
    """A field that brings its own count: its name, and how it is read (at a position in a frame) and written."""

    name: str
    read: Callable[[bytes, str, int], tuple[Any, int]]
    write: Callable[[Any, bytearray], None]


class Part(NamedTuple):
    """A run of plain fields, and the counted field behind it, if any."""

    run: Plain
    counted: Counted | None = None


def _octet(frame: bytes, position: int, name: str) -> int:
    if position >= len(frame):
        raise truncated(name)
    return frame[position]


def _read_short_message(frame: bytes, _text: str, position: int) -> tuple[bytes, int]:
    length = _octet(frame, position, "sm_length")
    start = position + 1
    end = start + length
    if end > len(frame):
        raise PduError(f"sm_length is {length}, but {len(frame) - start} octets are left", status.ESME_RINVMSGLEN)
    return frame[start:end], end


def _write_short_message(octets: bytes, out: bytearray) -> None:
    if len(octets) > MAX_SHORT_MESSAGE:
        raise unfit("short_message", f"has {len(octets)} octets")
    out.append(len(octets))
    out += octets


def _read_destinations(frame: bytes, text: str, position: int) -> tuple[list[Destination], int]:
    found: list[Destination] = []
    count = _octet(frame, position, "number_of_dests")
    position += 1
    for _ in range(count):
        flag = _octet(frame, position, "dest_flag")
        if flag == _SME:
            fields, position = read_plain(_ADDRESS, frame, text, position + 1)
            found.append(Sme(**fields))
        elif flag == _LIST:
            fields, position = read_plain(_LIST_NAME, frame, text, position + 1)
            found.append(DistributionList(**fields))
        else:
            raise PduError(f"dest_flag is {flag}", status.ESME_RINVDESTFLAG)
    return found, position


def _write_destinations(destinations: Sequence[Destination], out: bytearray) -> None:
    if len(destinations) > MAX_DESTINATIONS:
        raise unfit("dest_address", f"has {len(destinations)} destinations")
    out.append(len(destinations))
    for each in destinations:
        flag, run = (_SME, _ADDRESS) if isinstance(each, Sme) else (_LIST, _LIST_NAME)
        out.append(flag)
        write_plain(run, each._asdict(), out)


def _read_unsuccessful(frame: bytes, text: str, position: int) -> tuple[list[Unsuccessful], int]:
    found = []
    count = _octet(frame, position, "no_unsuccess")
    position += 1
    for _ in range(count):
        fields, position = read_plain(_ADDRESS, frame, text, position)
        end = position + _ERROR_STATUS.size
        if end > len(frame):
            raise truncated("error_status_code")
        found.append(Unsuccessful(**fields, error_status_code=_ERROR_STATUS.unpack_from(frame, position)[0]))
        position = end
    return found, position


def _write_unsuccessful(unsuccessful: Sequence[Unsuccessful], out: bytearray) -> None:
    if len(unsuccessful) > _MAX_UNSUCCESSFUL:
        raise unfit("unsuccess_sme", f"has {len(unsuccessful)} destinations")
    out.append(len(unsuccessful))
    for each in unsuccessful:
        write_plain(_ADDRESS, each._asdict(), out)
        try:
            out += _ERROR_STATUS.pack(each.error_status_code)
        except struct.error as error:
            raise unfit("error_status_code", f"cannot be written: {error}") from None


_SHORT_MESSAGE = Counted("short_message", _read_short_message, _write_short_message)
_DEST_ADDRESS = Counted("dest_address", _read_destinations, _write_destinations)
_UNSUCCESS_SME = Counted("unsuccess_sme", _read_unsuccessful, _write_unsuccessful)

_SOURCE = "source_addr_ton source_addr_npi source_addr:21 "
_DESTINATION = "dest_addr_ton dest_addr_npi destination_addr:21 "
_MESSAGE = (
    "esm_class protocol_id priority_flag schedule_delivery_time:time validity_period:time "
    "registered_delivery replace_if_present_flag data_coding sm_default_msg_id"
)
_LONG_SOURCE = "source_addr_ton source_addr_npi source_addr:65 "

_NOTHING: tuple[Part, ...] = ()
_CREDENTIALS = f"system_id:16 password:{MAX_PASSWORD + 1} "
_BIND = (Part(plain(_CREDENTIALS + "system_type:13 interface_version addr_ton addr_npi address_range:41")),)
_BIND_RESP = (Part(plain("system_id:16")),)
_SM = (Part(plain("service_type:6 " + _SOURCE + _DESTINATION + _MESSAGE), _SHORT_MESSAGE),)
_MESSAGE_ID = (Part(plain("message_id:65")),)

LAYOUTS: dict[int, tuple[Part, ...]] = {
    smpp.GENERIC_NACK: _NOTHING,
    smpp.BIND_RECEIVER: _BIND,
    smpp.BIND_RECEIVER | smpp.RESPONSE: _BIND_RESP,
    smpp.BIND_TRANSMITTER: _BIND,
    smpp.BIND_TRANSMITTER | smpp.RESPONSE: _BIND_RESP,
    smpp.BIND_TRANSCEIVER: _BIND,
    smpp.BIND_TRANSCEIVER | smpp.RESPONSE: _BIND_RESP,
    smpp.OUTBIND: (Part(plain(_CREDENTIALS)),),
    smpp.UNBIND: _NOTHING,
    smpp.UNBIND | smpp.RESPONSE: _NOTHING,
    smpp.ENQUIRE_LINK: _NOTHING,
    smpp.ENQUIRE_LINK | smpp.RESPONSE: _NOTHING,
    smpp.SUBMIT_SM: _SM,
    smpp.SUBMIT_SM | smpp.RESPONSE: _MESSAGE_ID,
    smpp.SUBMIT_MULTI: (
        Part(plain("service_type:6 " + _SOURCE), _DEST_ADDRESS),
        Part(plain(_MESSAGE), _SHORT_MESSAGE),
    ),
    smpp.SUBMIT_MULTI | smpp.RESPONSE: (Part(plain("message_id:65"), _UNSUCCESS_SME),),
    smpp.DELIVER_SM: _SM,
    smpp.DELIVER_SM | smpp.RESPONSE: _MESSAGE_ID,
    smpp.DATA_SM: (
        Part(
            plain(
                "service_type:6 " + _LONG_SOURCE + "dest_addr_ton dest_addr_npi destination_addr:65 "
                "esm_class registered_delivery data_coding"
            )
        ),
    ),
    smpp.DATA_SM | smpp.RESPONSE: _MESSAGE_ID,
    smpp.QUERY_SM: (Part(plain("message_id:65 " + _SOURCE)),),
    smpp.QUERY_SM | smpp.RESPONSE: (Part(plain("message_id:65 final_date:time message_state error_code")),),
    smpp.CANCEL_SM: (Part(plain("service_type:6 message_id:65 " + _SOURCE + _DESTINATION)),),
    smpp.CANCEL_SM | smpp.RESPONSE: _NOTHING,
    smpp.REPLACE_SM: (
        Part(
            plain(
                "message_id:65 " + _SOURCE + "schedule_delivery_time:time validity_period:time "
                "registered_delivery sm_default_msg_id"
            ),
            _SHORT_MESSAGE,
        ),
    ),
    smpp.REPLACE_SM | smpp.RESPONSE: _NOTHING,
    smpp.ALERT_NOTIFICATION: (Part(plain(_LONG_SOURCE + "esme_addr_ton esme_addr_npi esme_addr:65")),),
}
"""The parts of every body that we know, by command_id."""


def read_body(layout: tuple[Part, ...], frame: bytes) -> tuple[dict[str, Any], Tlvs, bytes]:
    """Read what follows the header: fields, TLVs in wire order, and what is tolerated behind them.

    The one thing tolerated is a NUL that ends the short message and was not counted, as several libraries send it.

    Raises:
        PduError: the body is cut short, or is longer than its fields.
    """
    text = frame.decode("latin-1")
    fields: dict[str, Any] = {}
    position = HEADER_LENGTH
    for run, counted in layout:
        read, position = read_plain(run, frame, text, position)
        fields = fields | read if fields else read
        if counted is not None:
            fields[counted.name], position = counted.read(frame, text, position)
    if position + 1 == len(frame) and frame[position] == 0 and "short_message" in fields:
        return fields, [], b"\0"
    return fields, _read_tlvs(frame, position), b""


def _read_tlvs(frame: bytes, position: int) -> Tlvs:
    tlvs = []
    end = len(frame)
    while position < end:
        start = position + _TLV.size
        if start > end:
            raise PduError(f"{end - position} stray octets at the end", status.ESME_RINVOPTPARSTREAM)
        tag, length = _TLV.unpack_from(frame, position)
        position = start + length
        if position > end:
            raise PduError(f"TLV 0x{tag:04X} has {length} octets, {end - start} are left", status.ESME_RINVOPTPARSTREAM)
        tlvs.append((tag, frame[start:position]))
    return tlvs


def write_body(layout: tuple[Part, ...], fields: Mapping[str, Any], tlvs: Sequence[tuple[int, bytes]]) -> bytearray:
    """Write what follows the header.

    Raises:
        PduError: a value does not fit its field, or a TLV its length.
        KeyError: a field of the layout is missing.
    """
    out = bytearray()
    for run, counted in layout:
        write_plain(run, fields, out)
        if counted is not None:
            counted.write(fields[counted.name], out)
    try:
        for tag, value in tlvs:
            out += _TLV.pack(tag, len(value)) + value
    except struct.error as error:
        raise PduError(f"a TLV cannot be written: {error}", status.ESME_RINVPARLEN) from None
    return out

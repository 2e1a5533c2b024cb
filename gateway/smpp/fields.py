"""The plain fields of a PDU: integers of one octet and C-Octet Strings, out of octets and into them.

A run of them is written down much as in the specification's tables: a bare name is an integer of one octet, ``name:21``
a C-Octet String of at most 21 octets with its NUL, ``name:time`` one that is empty or 16 characters long (SMPP 3.4
section 3.1). C-Octet Strings are Latin-1, which takes any octet and gives it back.

Reading is lenient where nothing is lost by it: a string longer than allowed is taken as it is, and
:mod:`gateway.smpp.check` is the strict one. Writing is strict, as the next reader may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.smpp import status

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

STATUS_OF = {
    "service_type": status.ESME_RINVSERTYP,
    "source_addr_ton": status.ESME_RINVSRCTON,
    "source_addr_npi": status.ESME_RINVSRCNPI,
    "source_addr": status.ESME_RINVSRCADR,
    "dest_addr_ton": status.ESME_RINVDSTTON,
    "dest_addr_npi": status.ESME_RINVDSTNPI,
    "destination_addr": status.ESME_RINVDSTADR,
    "dest_address": status.ESME_RINVNUMDESTS,
    "dl_name": status.ESME_RINVDLNAME,
    "esm_class": status.ESME_RINVESMCLASS,
    "priority_flag": status.ESME_RINVPRTFLG,
    "schedule_delivery_time": status.ESME_RINVSCHED,
    "validity_period": status.ESME_RINVEXPIRY,
    "registered_delivery": status.ESME_RINVREGDLVFLG,
    "replace_if_present_flag": status.ESME_RINVREPFLAG,
    "data_coding": status.ESME_RINVDCS,
    "sm_default_msg_id": status.ESME_RINVDFTMSGID,
    "short_message": status.ESME_RINVMSGLEN,
    "message_id": status.ESME_RINVMSGID,
    "system_id": status.ESME_RINVSYSID,
    "password": status.ESME_RINVPASWD,
    "system_type": status.ESME_RINVSYSTYP,
}
"""The command_status for a bad value of a field; for the others it is ESME_RINVCMDLEN."""

Plain = tuple[tuple[str, "Container[int] | None"], ...]
"""A run of plain fields: names, with the lengths that a string may have (without its NUL), or None for an integer."""

_TIME = (0, 16)


class PduError(ValueError):
    """A frame whose body cannot be read, or fields that cannot be written.

    Attributes:
        status: the command_status with which such a request is refused.
        command: the PDU's command_id; 0 where it is not known.
        sequence: the sequence_number of the PDU that was read; 0 when writing.
    """

    def __init__(self, message: str, code: int, command: int = 0, sequence: int = 0) -> None:
        super().__init__(message)
        self.status = code
        self.command = command
        self.sequence = sequence


def truncated(name: str) -> PduError:
    """Make the error for a body that ends before field ``name`` does."""
    return PduError(f"the PDU ends before {name} does", status.ESME_RINVCMDLEN)


def unfit(name: str, why: str) -> PduError:
    """Make the error for a value of field ``name`` that cannot be written."""
    return PduError(f"{name} {why}", STATUS_OF.get(name, status.ESME_RINVCMDLEN))


def plain(notation: str) -> Plain:
    """Read a run of plain fields in the notation of this module, separated by blanks."""
    return tuple((name, _lengths(limit)) for name, _, limit in (each.partition(":") for each in notation.split()))


def _lengths(limit: str) -> Container[int] | None:
    if limit == "time":
        return _TIME
    return range(int(limit)) if limit else None


def read_plain(run: Plain, frame: bytes, text: str, position: int) -> tuple[dict[str, Any], int]:
    """Read a run of fields.

    Args:
        run: which ones.
        frame: the whole PDU.
        text: ``frame`` as Latin-1, decoded once for all strings in it.
        position: where the first field begins.

    Returns:
        The fields, and where the next one begins.

    Raises:
        PduError: the frame ends within the run.
    """
    fields: dict[str, Any] = {}
    find = frame.find
    name = ""
    try:
        for name, lengths in run:
            if lengths is None:
                fields[name] = frame[position]
                position += 1
            elif frame[position]:
                end = find(0, position)
                if end < 0:
                    raise truncated(name)
                fields[name] = text[position:end]
                position = end + 1
            else:  # most strings of most PDUs are empty
                fields[name] = ""
                position += 1
    except IndexError:
        raise truncated(name) from None
    return fields, position


def write_plain(run: Plain, fields: Mapping[str, Any], out: bytearray) -> None:
    """Append the octets of a run of fields to ``out``.

    Raises:
        PduError: an integer that is no octet; a string too long, with a NUL in it or not Latin-1.
        KeyError: a field is missing.
    """
    append = out.append
    name = ""
    try:
        for name, lengths in run:
            value = fields[name]
            if lengths is None:
                append(value)
            elif value:
                out += _c_octet_string(value, lengths)
            else:
                append(0)
    except ValueError as error:
        raise unfit(name, f"cannot be written: {error}") from None


def _c_octet_string(text: str, lengths: Container[int]) -> bytes:
    octets = text.encode("latin-1")
    if len(octets) not in lengths:
        raise ValueError(f"{len(octets)} octets are too many or too few")
    if 0 in octets:
        raise ValueError("there is a NUL in it")
    return octets + b"\0"

"""The strict reading of a request: the command_status with which a message centre refuses fields that deviate.

Decoding takes whatever can be told apart, so that no deviation costs a session; this says what is wrong with it. What
only the account, the clock or the calendar can tell is not looked at, and reserved values that the specification tells
a receiver to ignore (SMPP 3.4 section 3.3), such as a priority_flag of 4, are none of our business.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gateway.smpp import status
from gateway.smpp.fields import STATUS_OF
from gateway.smpp.layout import LAYOUTS, MAX_DESTINATIONS, MAX_SHORT_MESSAGE, Sme
from gateway.smpp.vocabulary import DATA_SM, RESPONSE, SUBMIT_SM, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.smpp.layout import Destination
    from gateway.smpp.pdu import Pdu

_TIME = re.compile(
    r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d\d([0-3]\d|4[0-8])[+-]|\d{15}R"
)  # YYMMDDhhmmsstnnp, or a relative time (section 7.1.1)
_MESSAGE_TYPE = 0x3C  # in esm_class; 0 is an ordinary message, others may do without a text (section 5.2.12)
_MAX_ADDRESS = 20
_MAX_PASSWORD = 8  # section 5.2.2; binds are taken with longer ones (:mod:`gateway.smpp.layout`)
_MAX_NAME = 20

_STRINGS = {
    command: tuple((name, lengths) for run, _ in layout for name, lengths in run if lengths is not None)
    for command, layout in LAYOUTS.items()
}


def _is_time(text: str) -> bool:
    return not text or _TIME.fullmatch(text) is not None


def _is_password(text: str) -> bool:
    return len(text) <= _MAX_PASSWORD


def _is_flag(flag: int) -> bool:
    return flag in (0, 1)


def _is_short(octets: bytes) -> bool:
    return len(octets) <= MAX_SHORT_MESSAGE


def _is_count(destinations: list[Destination]) -> bool:
    return 1 <= len(destinations) <= MAX_DESTINATIONS


_RULES: dict[str, Callable[[Any], bool]] = {
    "password": _is_password,
    "schedule_delivery_time": _is_time,
    "validity_period": _is_time,
    "replace_if_present_flag": _is_flag,
    "dest_address": _is_count,
    "short_message": _is_short,
}


def check(pdu: Pdu) -> int:
    """Return the command_status with which a strict message centre answers a request, ESME_ROK if nothing deviates.

    Args:
        pdu: as it was decoded. A response is never refused.
    """
    fields = pdu.fields
    if pdu.command & RESPONSE:
        return status.ESME_ROK
    for name, lengths in _STRINGS[pdu.command]:
        if len(fields[name]) not in lengths:
            return STATUS_OF.get(name, status.ESME_RINVCMDLEN)
    for name, holds in _RULES.items():
        if name in fields and not holds(fields[name]):
            return STATUS_OF[name]
    if pdu.command == DATA_SM and not fields["esm_class"] & _MESSAGE_TYPE and pdu.tlv(Tag.message_payload) is None:
        return status.ESME_RMISSINGOPTPARAM
    if pdu.command in (SUBMIT_SM, DATA_SM) and not fields["destination_addr"]:
        return status.ESME_RINVDSTADR
    return status.ESME_ROK


def check_destination(destination: Destination) -> int:
    """Return the command_status for one destination of a submit_multi, which says nothing about the others."""
    if isinstance(destination, Sme):
        return status.ESME_ROK if 0 < len(destination.destination_addr) <= _MAX_ADDRESS else status.ESME_RINVDSTADR
    return status.ESME_ROK if 0 < len(destination.dl_name) <= _MAX_NAME else status.ESME_RINVDLNAME

"""What we say to an operator when we bind, and why no connection to it could be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from gateway.config import Operator

_VERSIONS = {"3.3": 0x33, "3.4": 0x34}


def bind_body(operator: Operator, kind: int) -> bytes:
    """Return the body of our bind to an operator; ``kind`` is the command_id of the bind."""
    return smpp.encode_body(
        kind,
        {
            "system_id": operator.system_id,
            "password": operator.password,
            "system_type": operator.system_type,
            "interface_version": _VERSIONS[operator.interface_version],
            "addr_ton": 0,
            "addr_npi": 0,
            "address_range": "",
        },
    )


def cause(error: Exception) -> str:
    """Say what is behind a connection that failed: trio says only that all attempts did."""
    causes: list[BaseException] = [error.__cause__ or error]
    while isinstance(causes[0], BaseExceptionGroup):
        causes[:1] = causes[0].exceptions
    return "; ".join(dict.fromkeys(str(each) for each in causes)) or "timed out"

"""What we say to an operator when we bind, who may call us to, and why no connection to it could be made."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from gateway.rules.bans import origin
from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    import trio

    from gateway.config.models import Operator
    from gateway.config.smpp import Outbind
    from gateway.smpp.pdu import Pdu

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


def caller(stream: trio.SocketStream) -> IPv4Address | IPv6Address | None:
    """Return who has connected to us; nobody where he was gone before we could look."""
    try:
        return origin(stream.socket.getpeername()[0])
    except OSError:
        return None


def may_call(outbind: Outbind, address: IPv4Address | IPv6Address | None) -> bool:
    """Say whether an outbind may come from there."""
    networks = outbind.allow_from
    return address is not None and (networks is None or any(address in each for each in networks))


def is_theirs(outbind: Outbind, pdu: Pdu) -> bool:
    """Say whether an outbind carries the words that it should."""
    given, expected = (pdu.fields["system_id"], pdu.fields["password"]), (outbind.system_id, outbind.password)
    return all(hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(given, expected, strict=True))


def cause(error: Exception) -> str:
    """Say what is behind a connection that failed: trio says only that all attempts did."""
    causes: list[BaseException] = [error.__cause__ or error]
    while isinstance(causes[0], BaseExceptionGroup):
        causes[:1] = causes[0].exceptions
    return "; ".join(dict.fromkeys(str(each) for each in causes)) or "timed out"

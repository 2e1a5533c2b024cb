"""What a peer's version means for what it is sent: below 3.4 there are no TLVs (SMPP 3.4 section 3.4).

A text that stood in message_payload moves into short_message, where 254 octets of it fit; nothing else is lost but what
the older version has no words for. A receipt says in its text what its TLVs say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from gateway.smpp.pdu import Pdu

_OURS = bytes((smpp.VERSION_34,))


def without_tlvs(command: int, body: bytes) -> bytes:
    """Write the body of a request again as version 3.3 has it.

    Args:
        command: a request of ours.
        body: what :func:`gateway.smpp.pdu.encode_body` wrote for it.
    """
    pdu = smpp.decode(smpp.header(len(body), command, 0, 0) + body)
    payload = pdu.tlv(smpp.Tag.message_payload)
    if payload is not None and "short_message" in pdu.fields:
        pdu.fields["short_message"] = payload[: smpp.MAX_SHORT_MESSAGE]
    return smpp.encode_body(command, pdu.fields)


def bind_resp_body(bind: Pdu, system_id: str) -> bytes:
    """Write the body of the response that lets a bind in: our system_id and, from 3.4 on, sc_interface_version."""
    tlvs = [(int(smpp.Tag.sc_interface_version), _OURS)] if bind.fields["interface_version"] >= smpp.VERSION_34 else []
    return smpp.encode_body(bind.command | smpp.RESPONSE, {"system_id": system_id}, tlvs)

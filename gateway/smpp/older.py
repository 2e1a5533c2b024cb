"""What a peer below version 3.4 gets: the same requests without TLVs (SMPP 3.4 section 3.4).

A text that stood in message_payload moves into short_message, where 254 octets of it fit; nothing else is lost but what
the older version has no words for. A receipt says in its text what its TLVs say.
"""

from __future__ import annotations

from gateway.smpp import pdu as smpp


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

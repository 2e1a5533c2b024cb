"""What a peer's version means for what it is sent: below 3.4 there are no TLVs (SMPP 3.4 section 3.4).

A text that stood in message_payload moves into short_message, where 254 octets of it fit; nothing else is lost but what
the older version has no words for. A receipt says in its text what its TLVs say.

A submit_sm keeps what its text cannot do without, a longer payload and its place among parts: these go to an operator
only where its configuration says that it takes them, and to be refused is better than to be cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from gateway.smpp.pdu import Pdu

_TEXT_NEEDS = frozenset(map(int, (smpp.Tag.sar_msg_ref_num, smpp.Tag.sar_total_segments, smpp.Tag.sar_segment_seqnum)))
_OURS = bytes((smpp.VERSION_34,))


def without_tlvs(command: int, body: bytes) -> bytes:
    """Write the body of a request again as version 3.3 has it.

    Args:
        command: a request of ours.
        body: what :func:`gateway.smpp.pdu.encode_body` wrote for it.
    """
    pdu = smpp.decode(smpp.header(len(body), command, 0, 0) + body)
    payload = pdu.tlv(smpp.Tag.message_payload)
    kept = [tlv for tlv in pdu.tlvs if tlv[0] in _TEXT_NEEDS] if command == smpp.SUBMIT_SM else []
    if payload is not None and "short_message" in pdu.fields:
        if command == smpp.SUBMIT_SM and len(payload) > smpp.MAX_SHORT_MESSAGE:
            kept.append((int(smpp.Tag.message_payload), payload))
        else:
            pdu.fields["short_message"] = payload[: smpp.MAX_SHORT_MESSAGE]
    return smpp.encode_body(command, pdu.fields, kept)


def bind_resp_body(bind: Pdu, system_id: str) -> bytes:
    """Write the body of the response that lets a bind in: our system_id and, from 3.4 on, sc_interface_version."""
    tlvs = [(int(smpp.Tag.sc_interface_version), _OURS)] if bind.fields["interface_version"] >= smpp.VERSION_34 else []
    return smpp.encode_body(bind.command | smpp.RESPONSE, {"system_id": system_id}, tlvs)

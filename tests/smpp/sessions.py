"""Sessions to play with: bound ones of either role, requests for them, and what they want written."""

from __future__ import annotations

from gateway.smpp import pdu as smpp
from gateway.smpp.events import Request, RequestReceived
from gateway.smpp.frame import Frames
from gateway.smpp.pdu import Pdu, decode, encode
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from gateway.smpp.timers import Limits

LIMITS = Limits(session_init=10, enquire_link=30, inactivity=300, response=20)
BIND = {
    "system_id": "shop",
    "password": "secret",
    "system_type": "",
    "interface_version": 0x34,
    "addr_ton": 0,
    "addr_npi": 0,
    "address_range": "",
}
SM = {
    "service_type": "",
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "SHOP",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "33612345678",
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 1,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
    "short_message": b"hello",
}


def request(command: int, sequence: int = 1, **fields: object) -> bytes:
    """Write a request with usual fields, some of them given."""
    base = BIND if command in (1, 2, 9) else SM if command in (smpp.SUBMIT_SM, smpp.DELIVER_SM) else {}
    return encode(Pdu(command, sequence, 0, {**base, **fields}))


def sent(session: Session) -> list[Pdu]:
    """Return what a session wants written, as PDUs."""
    frames = Frames()
    frames.feed(session.data_to_send())
    found = []
    while (frame := frames.next()) is not None:
        found.append(decode(frame))
    return found


def server(kind: int = smpp.BIND_TRANSCEIVER, window: int = 100) -> Session:
    """Return a bound session of the message centre."""
    session = Session(Role.MC, LIMITS, 0.0, window=window)
    [event] = session.receive_data(request(kind), 0.0)
    assert isinstance(event, RequestReceived)
    session.accept_bind(event.pdu, "stopgate", 0.0)
    session.data_to_send()
    return session


def client() -> Session:
    """Return a bound session of an ESME."""
    session = Session(Role.ESME, LIMITS, 0.0)
    session.send_request(Request(smpp.BIND_TRANSCEIVER, smpp.encode_body(smpp.BIND_TRANSCEIVER, BIND)), 0.0)
    session.data_to_send()
    session.receive_data(encode(Pdu(smpp.BIND_TRANSCEIVER | smpp.RESPONSE, 1, 0, {"system_id": "smsc"})), 0.0)
    assert session.bound
    return session

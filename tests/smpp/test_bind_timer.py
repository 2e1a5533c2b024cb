"""The time between connection and bind, and between bind and its answer."""

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Ended
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from gateway.smpp.timers import NEVER, Limits

FIELDS = {"system_type": "", "interface_version": 0x34, "addr_ton": 0, "addr_npi": 0, "address_range": ""}
BODY = smpp.encode_body(smpp.BIND_TRANSCEIVER, {"system_id": "shop", "password": "p", **FIELDS})
BIND = smpp.header(len(BODY), smpp.BIND_TRANSCEIVER, 0, 1) + BODY


def judged():
    """Return a session whose peer has sent its bind after 9 of 10 seconds, and the bind."""
    session = Session(Role.MC, Limits(10.0, NEVER, NEVER, 30.0), 0.0)
    [event] = session.receive_data(BIND, 9.0)
    return session, event.pdu


def test_a_bind_in_time_stops_the_timer():
    """A bind that came in time may be answered after the session_init timer would have fired."""
    session, bind = judged()
    assert session.next_deadline() == 39.0
    assert session.handle_timer(38.9) == []
    session.accept_bind(bind, "stopgate", 38.9)
    assert session.bound
    assert session.handle_timer(1_000.0) == []


def test_a_bind_that_nobody_answers_ends():
    """A bind that is not answered within the response timer ends the session."""
    session, bind = judged()
    [event] = session.handle_timer(39.0)
    assert event == Ended("bind not answered in time", [])
    assert session.finished
    assert status.name(bind.status) == "ESME_ROK"

"""What a hostile or confused peer once could do to a session."""

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Expired, Odd, Request
from gateway.smpp.session import Session
from gateway.smpp.state import Role, State
from gateway.smpp.timers import Limits

LIMITS = Limits(session_init=10, enquire_link=30, inactivity=300, response=20)
UNREADABLE = b"\0" * 40 + b"no TLV"


def esme(*, bound=True):
    """Return a session of an ESME whose bind, sequence_number 1, is answered or still open."""
    session = Session(Role.ESME, LIMITS, 0.0)
    session.send_request(Request(smpp.BIND_TRANSCEIVER), 0.0)
    if bound:
        session.receive_data(smpp.response(smpp.BIND_TRANSCEIVER, 1), 0.0)
        assert session.bound
    return session


def test_unreadable_answer_to_enquire_link_is_an_answer():
    """A damaged response under the number of our enquire_link is not the owner's business, and we go on asking."""
    session = esme()
    session.handle_timer(30.0)
    events = session.receive_data(smpp.response(smpp.SUBMIT_SM, 2, 0, UNREADABLE), 31.0)
    assert [type(event) for event in events] == [Odd]
    assert session.next_deadline() == 61.0


def test_unreadable_answer_to_unbind_ends_the_session():
    """A damaged response under the number of our unbind ends the session as any answer does."""
    session = esme()
    session.unbind(1.0)
    assert isinstance(session.receive_data(smpp.response(smpp.SUBMIT_SM, 2, 0, UNREADABLE), 1.0)[-1], Ended)


@pytest.mark.parametrize("command", [smpp.BIND_TRANSMITTER, smpp.DELIVER_SM, 0x666])
def test_unreadable_answer_of_the_wrong_kind_fails_the_request(command):
    """A damaged response to something else is no sign that the request was carried out (ideas 38, 69)."""
    session = esme()
    session.send_request(Request(smpp.SUBMIT_SM, b"", "a"), 0.0)
    answer = session.receive_data(smpp.response(command, 2, 0, UNREADABLE), 1.0)[-1]
    assert isinstance(answer, Answered)
    assert (answer.request.context, answer.response.status) == ("a", status.ESME_RINVCMDID)


def test_answer_to_a_bind_that_was_given_up():
    """A bind_resp that crosses our unbind is passed on and changes nothing."""
    session = esme(bound=False)
    session.unbind(1.0)
    [answered] = session.receive_data(smpp.response(smpp.BIND_TRANSCEIVER, 1), 1.0)
    assert isinstance(answered, Answered)
    assert session.state is State.UNBINDING


def test_the_end_is_the_last_event():
    """Requests that expire together with an enquire_link are told of before the end."""
    session = esme()
    session.handle_timer(30.0)
    session.send_request(Request(smpp.SUBMIT_SM, b"", "a"), 30.0)
    assert [type(event) for event in session.handle_timer(50.0)] == [Expired, Ended]


def test_a_parting_session_waits_for_its_answer_only():
    """While an unbind is unanswered no past deadline remains that would make the owner look again and again."""
    session = esme()
    for now in range(20, 320, 20):
        session.receive_data(smpp.response(smpp.ENQUIRE_LINK, 99), float(now))
        session.handle_timer(float(now))
    assert session.state is State.UNBINDING
    assert session.next_deadline() == 320.0


def test_nothing_is_kept_after_the_end():
    """Octets that come after the end are not kept."""
    session = esme()
    session.end("over")
    assert session.receive_data(bytes(100), 1.0) == []
    assert session._inbox.buffered == 0

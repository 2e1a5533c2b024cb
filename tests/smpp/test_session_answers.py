"""Answers, right and wrong, and what may pass a window that is full."""

from __future__ import annotations

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Expired, Late, Odd, Request, RequestReceived
from gateway.smpp.pdu import Pdu, encode
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from tests.smpp.sessions import BIND, LIMITS, SM, client, request, sent, server

SUBMIT = Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "ours")
DELIVER = Request(smpp.DELIVER_SM, smpp.encode_body(smpp.DELIVER_SM, SM), "ours")


def binding(answer):
    """Return an ESME's session after this answer to its bind, and what the session told."""
    session = Session(Role.ESME, LIMITS, 0.0)
    session.send_request(Request(smpp.BIND_TRANSCEIVER, smpp.encode_body(smpp.BIND_TRANSCEIVER, BIND)), 0.0)
    return session, session.receive_data(answer, 0.0)


@pytest.mark.parametrize("body", [b"", b"\0", b"smsc\0", b"no end", b"\x02\x10\0\x01\x34", b"smsc\0\x02\x10\0\x09"])
@pytest.mark.parametrize("code", [status.ESME_RBINDFAIL, status.ESME_RINVPASWD, status.ESME_RALYBND, 0x1D, 0x400])
def test_a_refused_bind_is_refused_whatever_its_body(body, code):
    """The status of a bind_resp counts, known or not, with any body or none (ideas 5, 6)."""
    session, [event] = binding(smpp.header(len(body), 0x80000009, code, 1) + body)
    assert isinstance(event, Answered)
    assert (event.response.status, session.bound) == (code, False)


@pytest.mark.parametrize(
    "answer",
    [
        smpp.header(0, smpp.GENERIC_NACK, status.ESME_RINVCMDID, 1),
        smpp.header(0, smpp.GENERIC_NACK, 0, 1),
        encode(Pdu(0x80000002, 1, 0, {"system_id": "smsc"})),
        encode(Pdu(0x80000015, 1)),
    ],
    ids=["nack", "nack without a status", "another bind's", "enquire_link_resp"],
)
def test_a_bind_that_something_else_answers_fails_at_once(answer):
    """A generic_nack, or a response of another kind, to the bind's number fails the bind (ideas 7, 8)."""
    session, events = binding(answer)
    [answered] = [event for event in events if isinstance(event, Answered)]
    assert answered.response.command == smpp.GENERIC_NACK
    assert not session.bound


@pytest.mark.parametrize("body", [b"", b"\0", b"0cab20f57fc00000\0", b"x" * 70 + b"\0", b"no end"])
def test_any_message_id_in_a_deliver_sm_resp_is_accepted(body):
    """A deliver_sm_resp counts as taken with an unexpected message_id, or with none (idea 41)."""
    session = server()
    session.send_request(DELIVER, 1.0)
    answered = session.receive_data(smpp.header(len(body), 0x80000005, 0, 1) + body, 1.0)[-1]
    assert isinstance(answered, Answered)
    assert (answered.request.context, answered.response.status) == ("ours", status.ESME_ROK)


@pytest.mark.parametrize("body", [b"", b"\0", b"id", b"id\0\x04\x27"])
def test_an_error_with_a_body_that_is_cut_is_an_error(body):
    """The status of an error submit_sm_resp reaches whoever waits for it (idea 42)."""
    session = client()
    session.send_request(SUBMIT, 1.0)
    [answered] = session.receive_data(smpp.header(len(body), 0x80000004, status.ESME_RTHROTTLED, 2) + body, 1.0)
    assert (answered.request.context, answered.response.status) == ("ours", status.ESME_RTHROTTLED)


def test_the_same_number_twice_is_two_requests():
    """Two requests under one sequence_number are both served and both answered (idea 46)."""
    session = server()
    events = session.receive_data(request(smpp.SUBMIT_SM, 5) + request(smpp.SUBMIT_SM, 5), 1.0)
    for number, event in enumerate(events):
        session.send_response(event.pdu, 0, b"%d\0" % number)
    assert [(each.sequence, each.fields["message_id"]) for each in sent(session)] == [(5, "0"), (5, "1")]


def test_many_requests_in_one_write_are_all_handed_over():
    """A hundred submissions that come at once are a hundred requests, in order (idea 34)."""
    events = server(window=100).receive_data(b"".join(request(smpp.SUBMIT_SM, n) for n in range(1, 101)), 1.0)
    assert [event.pdu.sequence for event in events] == list(range(1, 101))


@pytest.mark.parametrize("body", [b"", b"xyz", b"\x04\x28\0\x01\x50"])
def test_enquire_link_is_answered_by_a_header_alone(body):
    """Whatever body an enquire_link has, its response is sixteen octets (idea 44)."""
    session = server()
    session.receive_data(smpp.header(len(body), smpp.ENQUIRE_LINK, 0, 3) + body, 1.0)
    assert session.data_to_send() == smpp.header(0, 0x80000015, 0, 3)


@pytest.mark.parametrize("role", Role)
def test_enquire_link_before_the_bind_is_answered(role):
    """A peer of either side may ask whether we live before anybody has bound (idea 59)."""
    session = Session(role, LIMITS, 0.0)
    session.receive_data(request(smpp.ENQUIRE_LINK, 3), 0.0)
    assert [each.command for each in sent(session)] == [0x80000015]


def test_many_enquire_links_are_answered_and_not_told():
    """A peer that asks a thousand times a second is answered each time, and nobody is told (idea 56)."""
    session = server(window=1)
    asked = b"".join(request(smpp.ENQUIRE_LINK, n) for n in range(1, 1_001))
    assert session.receive_data(asked, 1.0) == []
    assert [each.sequence for each in sent(session)] == list(range(1, 1_001))


def test_answers_and_enquire_links_pass_a_full_window():
    """While requests are held back, responses reach their requests and enquire_link is answered (ideas 53, 77)."""
    session = server(window=1)
    session.send_request(DELIVER, 1.0)
    sent(session)
    pipelined = request(smpp.SUBMIT_SM, 1) + request(smpp.SUBMIT_SM, 2) + request(smpp.ENQUIRE_LINK, 3)
    first, answered = session.receive_data(pipelined + smpp.response(smpp.DELIVER_SM, 1, 0, b"\0"), 1.0)
    assert (first.pdu.sequence, answered.request.context) == (1, "ours")
    assert [each.command for each in sent(session)] == [0x80000015]
    session.send_response(first.pdu)
    assert [event.pdu.sequence for event in session.receive_data(b"", 1.0)] == [2]


def test_responses_and_our_unbind_need_no_room():
    """However many of our requests are open, responses and our own unbind leave (idea 77)."""
    session = client()
    for _ in range(1_000):
        session.send_request(SUBMIT, 1.0)
    sent(session)
    [event] = session.receive_data(request(smpp.DELIVER_SM, 4), 1.0)
    session.send_response(event.pdu, 0, b"\0")
    session.unbind(1.0)
    assert [each.command for each in sent(session)] == [0x80000005, smpp.UNBIND]


def test_what_is_held_back_keeps_its_order():
    """Requests that wait, an unbind among them, are taken in the order in which they came (idea 77)."""
    session = server(window=1)
    pipelined = [request(smpp.SUBMIT_SM, n) for n in (1, 2, 3)] + [request(smpp.UNBIND, 4), request(smpp.SUBMIT_SM, 5)]
    taken = session.receive_data(b"".join(pipelined), 1.0)
    for event in taken:
        if isinstance(event, RequestReceived):
            taken += session.send_response(event.pdu)
            taken += session.receive_data(b"", 1.0)
    assert [event.pdu.sequence for event in taken[:3]] == [1, 2, 3]
    assert [each.sequence for each in sent(session)] == [1, 2, 3, 4]
    assert session.finished


def test_too_much_held_back_stops_the_reader():
    """A peer far beyond its window is not read any more until responses have left (idea 92)."""
    session = server(window=1)
    events = session.receive_data(b"".join(request(smpp.SUBMIT_SM, n) for n in range(1, 1_000)), 1.0)
    assert session.blocked
    while events:
        assert len(events) == 1
        session.send_response(events[0].pdu)
        events = session.receive_data(b"", 1.0)
    assert [each.sequence for each in sent(session)] == list(range(1, 1_000))
    assert not session.blocked


def test_an_answer_that_comes_too_late_frees_nothing_twice():
    """A response after its request has expired is told of as late, once, and the count stays right (idea 66)."""
    session = client()
    session.send_request(SUBMIT, 1.0)
    session.send_request(SUBMIT, 15.0)
    assert [type(event) for event in session.handle_timer(21.0)] == [Expired]
    answer = smpp.response(smpp.SUBMIT_SM, 2, 0, b"id\0")
    [late] = session.receive_data(answer, 22.0)
    assert (late.request, late.response.fields) == (SUBMIT, {"message_id": "id"})
    assert [type(event) for event in session.receive_data(answer, 23.0)] == [Odd]
    assert session.in_flight == 1


def test_late_answers_of_another_kind_are_odd():
    """What comes late under the number of a request and answers another one is nobody's answer."""
    session = client()
    session.send_request(SUBMIT, 1.0)
    session.handle_timer(21.0)
    assert [type(each) for each in session.receive_data(smpp.response(smpp.QUERY_SM, 2, 8), 22.0)] == [Odd]


def test_only_some_late_answers_are_known():
    """A thousand requests that were given up are remembered, the oldest is forgotten first."""
    session = client()
    numbers = [session.send_request(SUBMIT, 1.0) for _ in range(1_001)]
    session.handle_timer(21.0)
    answers = [session.receive_data(smpp.response(smpp.SUBMIT_SM, number, 8), 22.0) for number in numbers]
    assert [type(event) for [event] in answers] == [Odd] + [Late] * 1_000


def test_an_old_session_remembers_nothing_that_is_over():
    """After many requests and answers a session holds no more than a young one (idea 78)."""
    session = client()
    for number in range(2, 5_002):
        assert session.send_request(SUBMIT, 1.0) == number
        session.receive_data(smpp.response(smpp.SUBMIT_SM, number, 0, b"id\0"), 1.0)
    assert (session.in_flight, len(session._pending._pending)) == (0, 0)


def test_a_session_begins_its_numbers_at_one():
    """A new session numbers its requests from 1, whatever came before it (idea 107)."""
    assert [Session(Role.ESME, LIMITS, 0.0).send_request(SUBMIT, 0.0) for _ in range(2)] == [1, 1]


def test_what_comes_behind_the_last_word_is_ignored():
    """A request behind the unbind that we answered is neither served nor answered (idea 102)."""
    session = server()
    events = session.receive_data(request(smpp.UNBIND, 1) + request(smpp.SUBMIT_SM, 2), 1.0)
    events += session.receive_data(request(smpp.SUBMIT_SM, 3), 1.0)
    assert [type(event) for event in events] == [Ended]
    assert [each.sequence for each in sent(session)] == [1]


def test_unbind_waits_for_all_that_is_in_progress():
    """An unbind with several requests in progress is answered behind the last of them (idea 101)."""
    session = server()
    events = session.receive_data(
        b"".join(request(smpp.SUBMIT_SM, n) for n in (1, 2, 3)) + request(smpp.UNBIND, 4), 1.0
    )
    for event in reversed(events):
        session.send_response(event.pdu)
    assert [each.sequence for each in sent(session)] == [3, 2, 1, 4]


@pytest.mark.parametrize("password", ["secret", ""])
def test_outbind_is_handed_over_and_never_answered(password):
    """An outbind before the bind reaches the owner, and nothing is written (idea 32)."""
    session = Session(Role.ESME, LIMITS, 0.0)
    [event] = session.receive_data(encode(Pdu(smpp.OUTBIND, 1, 0, {"system_id": "smsc", "password": password})), 0.0)
    assert event.pdu.fields["password"] == password
    assert (sent(session), session.owed) == ([], 0)

"""The session machine, played without a socket or a clock."""

from __future__ import annotations

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Expired, Odd, Request, RequestReceived
from gateway.smpp.session import Session
from gateway.smpp.state import ALLOWED, MOVES, IllegalMoveError, Move, Role, State, diagram, move
from gateway.smpp.window import LAST_SEQUENCE, Window
from tests.smpp.sessions import LIMITS, SM, client, request, sent, server

# States


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (smpp.BIND_TRANSMITTER, State.BOUND_TX),
        (smpp.BIND_RECEIVER, State.BOUND_RX),
        (smpp.BIND_TRANSCEIVER, State.BOUND_TRX),
    ],
)
def test_a_bind_leads_to_its_state(kind, state):
    """Each of the three binds leads to the state of its name."""
    assert server(kind).state is state


def test_a_move_that_the_table_lacks_is_illegal():
    """A closed session cannot be bound again."""
    with pytest.raises(IllegalMoveError, match="CLOSED"):
        move(State.CLOSED, Move.BOUND_RECEIVER)


def test_the_diagram_shows_every_move():
    """The documentation's diagram has one arrow for each row of the table, and the ends."""
    assert diagram().count("-->") == len(MOVES) + 2


def test_a_second_bind_is_refused_and_changes_nothing():
    """A bind on a bound session is answered ESME_RALYBND (idea 17)."""
    session = server()
    assert isinstance(session.receive_data(request(smpp.BIND_RECEIVER, 7), 1.0)[0], Odd)
    [response] = sent(session)
    assert (response.command, response.sequence) == (smpp.BIND_RECEIVER | smpp.RESPONSE, 7)
    assert response.status == status.ESME_RALYBND
    assert session.state is State.BOUND_TRX


def test_a_request_in_the_wrong_state_gets_its_own_response():
    """submit_sm on a receiver bind is answered with submit_sm_resp ESME_RINVBNDSTS, and the session lives (idea 23)."""
    session = server(smpp.BIND_RECEIVER)
    session.receive_data(request(smpp.SUBMIT_SM, 9), 1.0)
    [response] = sent(session)
    assert (response.command, response.status) == (smpp.SUBMIT_SM | smpp.RESPONSE, status.ESME_RINVBNDSTS)
    assert session.bound


@pytest.mark.parametrize(("role", "state"), sorted(ALLOWED))
def test_every_request_is_answered_once_or_handed_over_once(role, state):
    """In no state is a request both answered by the session and handed to the owner, or neither."""
    for command in (smpp.SUBMIT_SM, smpp.DELIVER_SM, smpp.ENQUIRE_LINK, smpp.BIND_RECEIVER):
        session = Session(role, LIMITS, 0.0)
        session.state = state
        session._allowed = ALLOWED[role, state]
        events = session.receive_data(request(command, 5), 0.0)
        answered, handed = len(sent(session)), sum(isinstance(event, RequestReceived) for event in events)
        assert answered + handed == (0 if state is State.CLOSED else 1)


def test_what_follows_a_bind_waits_for_its_verdict():
    """An app may pipeline behind its bind: nothing is refused for coming early (idea 11)."""
    session = Session(Role.MC, LIMITS, 0.0)
    events = session.receive_data(request(smpp.BIND_TRANSCEIVER) + request(smpp.SUBMIT_SM, 2), 0.0)
    assert len(events) == 1
    [submit] = session.accept_bind(events[0].pdu, "stopgate", 0.0)
    assert submit.pdu.command == smpp.SUBMIT_SM


def test_a_refused_bind_is_answered_before_the_end():
    """The response to a refused bind is written, and then the session is over (idea 15)."""
    session = Session(Role.MC, LIMITS, 0.0)
    [event] = session.receive_data(request(smpp.BIND_RECEIVER), 0.0)
    ended = session.refuse_bind(event.pdu, status.ESME_RINVPASWD)
    assert isinstance(ended, Ended)
    assert session.finished
    assert [each.status for each in sent(session)] == [status.ESME_RINVPASWD]


# Windows and numbers


def test_requests_beyond_the_window_wait_in_the_buffer():
    """With a window of two, the third submission is taken only when a response has been sent."""
    session = server(window=2)
    events = session.receive_data(b"".join(request(smpp.SUBMIT_SM, n) for n in (1, 2, 3)), 1.0)
    assert [event.pdu.sequence for event in events] == [1, 2]
    session.send_response(events[0].pdu)
    [third] = session.receive_data(b"", 1.0)
    assert third.pdu.sequence == 3


@pytest.mark.parametrize("sequence", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_any_sequence_number_is_echoed(sequence):
    """A peer's sequence_number comes back bit for bit, also outside the specified range (idea 47)."""
    session = server()
    session.receive_data(request(smpp.ENQUIRE_LINK, sequence), 1.0)
    assert [each.sequence for each in sent(session)] == [sequence]


def test_sequence_numbers_begin_again_and_skip_those_in_flight():
    """After 0x7FFFFFFF comes 1, or the first number that is free (idea 48)."""
    window = Window(10)
    window.open(Request(smpp.ENQUIRE_LINK), 0.0)
    window._sequence = LAST_SEQUENCE - 1
    assert [window.open(Request(smpp.ENQUIRE_LINK), 0.0) for _ in range(2)] == [LAST_SEQUENCE, 2]


def test_both_directions_may_use_the_same_number():
    """Our request 1 and the peer's request 1 do not touch each other (idea 49)."""
    session = server()
    session.send_request(Request(smpp.DELIVER_SM, smpp.encode_body(smpp.DELIVER_SM, SM), "ours"), 1.0)
    [event] = session.receive_data(request(smpp.SUBMIT_SM, 1), 1.0)
    assert isinstance(event, RequestReceived)
    [answer] = session.receive_data(smpp.response(smpp.DELIVER_SM, 1, 0, b"\0"), 1.0)
    assert answer.request.context == "ours"


def test_answers_out_of_order_find_their_requests():
    """Responses may come in any order (idea 64)."""
    session = client()
    for name in "abc":
        session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), name), 0.0)
    answers = [smpp.response(smpp.SUBMIT_SM, n, 0, b"id\0") for n in (4, 2, 3)]
    events = session.receive_data(b"".join(answers), 1.0)
    assert [event.request.context for event in events] == ["c", "a", "b"]
    assert session.in_flight == 0


def test_a_second_answer_to_one_request_is_odd_and_nothing_else():
    """A duplicate response completes nothing twice (idea 68)."""
    session = client()
    session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "a"), 0.0)
    events = session.receive_data(smpp.response(smpp.SUBMIT_SM, 2, 0, b"id\0") * 2, 1.0)
    assert [type(event) for event in events] == [Answered, Odd]


def test_an_answer_of_the_wrong_kind_fails_the_request():
    """A matching number with another command_id is a failure, not a success (idea 69)."""
    session = client()
    session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "a"), 0.0)
    events = session.receive_data(smpp.response(smpp.DATA_SM, 2, 0, b"id\0"), 1.0)
    [answered] = [event for event in events if isinstance(event, Answered)]
    assert answered.response.status != status.ESME_ROK


def test_a_generic_nack_answers_the_request_of_its_number():
    """generic_nack with a matching sequence_number completes that request as failed (idea 7)."""
    session = client()
    session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "a"), 0.0)
    [event] = session.receive_data(smpp.header(0, smpp.GENERIC_NACK, status.ESME_RSYSERR, 2), 1.0)
    assert (event.request.context, event.response.status) == ("a", status.ESME_RSYSERR)


# Damage


def test_an_unknown_request_is_nacked_and_the_next_one_served():
    """An unknown command_id gets generic_nack ESME_RINVCMDID; the session goes on (idea 37)."""
    session = server()
    session.receive_data(smpp.header(0, 0x1234, 0, 8) + request(smpp.ENQUIRE_LINK, 9), 1.0)
    first, second = sent(session)
    assert (first.command, first.status, first.sequence) == (smpp.GENERIC_NACK, status.ESME_RINVCMDID, 8)
    assert second.command == smpp.ENQUIRE_LINK | smpp.RESPONSE


@pytest.mark.parametrize("command", [0x80001234, smpp.GENERIC_NACK, smpp.SUBMIT_SM | smpp.RESPONSE])
def test_responses_and_nacks_are_never_answered(command):
    """What looks like a response, known or not, leads to no answer: no loops (ideas 38, 43)."""
    session = server()
    session.receive_data(smpp.header(0, command, 3, 77), 1.0)
    assert sent(session) == []
    assert session.bound


@pytest.mark.parametrize("length", [0, 4, 15, 70_001, 0xF0000010])
def test_an_unusable_length_ends_the_session_with_a_nack(length):
    """A command_length that cannot be right is nacked with ESME_RINVCMDLEN, and the session ends (ideas 35, 36)."""
    session = server()
    frame = length.to_bytes(4, "big") + bytes(12)
    ended = session.receive_data(frame, 1.0)[-1]
    assert isinstance(ended, Ended)
    [nack] = sent(session)
    assert (nack.command, nack.status) == (smpp.GENERIC_NACK, status.ESME_RINVCMDLEN)


def test_a_damaged_request_gets_its_own_response():
    """An unterminated string is answered in the request's own response, and the session lives (idea 39)."""
    session = server()
    whole = request(smpp.SUBMIT_SM, 6)
    cut = (40).to_bytes(4, "big") + whole[4:40]
    session.receive_data(cut, 1.0)
    [response] = sent(session)
    assert (response.command, response.sequence) == (smpp.SUBMIT_SM | smpp.RESPONSE, 6)
    assert response.status != status.ESME_ROK
    assert session.bound


@pytest.mark.parametrize(
    "greeting", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(9)]
)
def test_other_protocols_end_the_session(greeting):
    """HTTP and TLS greetings on the SMPP port end that session at once (idea 45)."""
    session = Session(Role.MC, LIMITS, 0.0)
    assert isinstance(session.receive_data(greeting, 0.0)[-1], Ended)


# Time


def test_silence_before_the_bind_ends_the_session():
    """Who does not bind in time is hung up on, three octets of a header or not (ideas 12, 13)."""
    session = Session(Role.MC, LIMITS, 0.0)
    session.receive_data(b"\0\0\0", 9.0)
    assert session.handle_timer(9.9) == []
    assert isinstance(session.handle_timer(10.0)[0], Ended)


def test_silence_is_asked_about_and_any_pdu_postpones_the_question():
    """enquire_link goes out after the configured silence, counted from the last octets heard (idea 50)."""
    session = server()
    session.receive_data(request(smpp.ENQUIRE_LINK, 2), 20.0)
    sent(session)
    session.handle_timer(49.0)
    assert sent(session) == []
    session.handle_timer(50.0)
    assert [each.command for each in sent(session)] == [smpp.ENQUIRE_LINK]


def test_no_answer_to_enquire_link_ends_the_session_and_hands_over_what_is_open():
    """A dead peer's unanswered requests come back exactly once (ideas 51, 72)."""
    session = client()
    session.handle_timer(30.0)
    session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "a"), 45.0)
    [ended] = session.handle_timer(50.0)
    assert [each.context for each in ended.unanswered] == ["a"]


def test_another_pdu_proves_life_as_well():
    """While an enquire_link is open, any PDU from the peer keeps the session alive (idea 52)."""
    session = client()
    session.handle_timer(30.0)
    session.receive_data(request(smpp.DELIVER_SM, 1), 35.0)
    assert not any(isinstance(event, Ended) for event in session.handle_timer(50.0))


def test_a_request_without_an_answer_expires_once():
    """The response timer gives the request back and frees its place (idea 65)."""
    session = client()
    session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "a"), 1.0)
    assert session.handle_timer(20.9) == []
    [expired] = session.handle_timer(21.0)
    assert isinstance(expired, Expired)
    assert session.in_flight == 0
    assert session.handle_timer(22.0) == []


def test_inactivity_unbinds():
    """Only transactions postpone the inactivity timer; its end is a polite unbind (ideas 57, 58)."""
    session = server()
    for now in range(10, 300, 10):
        session.receive_data(request(smpp.ENQUIRE_LINK, now), float(now))
    session.data_to_send()
    session.handle_timer(300.0)
    assert [each.command for each in sent(session)] == [smpp.UNBIND]
    assert isinstance(session.handle_timer(320.0)[0], Ended)


# Unbind


def test_unbind_is_answered_after_what_is_owed():
    """The peer's unbind waits until its submissions have been answered (idea 96)."""
    session = server()
    [submit] = session.receive_data(request(smpp.SUBMIT_SM, 1) + request(smpp.UNBIND, 2), 1.0)
    assert sent(session) == []
    assert isinstance(session.send_response(submit.pdu, 0, b"id\0")[0], Ended)
    assert [each.command for each in sent(session)] == [smpp.SUBMIT_SM | smpp.RESPONSE, smpp.UNBIND | smpp.RESPONSE]


def test_both_sides_may_unbind_at_once():
    """Crossing unbinds are both answered (idea 99)."""
    session = server()
    session.unbind(1.0)
    ours = sent(session)[0].sequence
    events = session.receive_data(request(smpp.UNBIND, 5) + smpp.response(smpp.UNBIND, ours), 1.0)
    assert [each.command for each in sent(session)] == [smpp.UNBIND | smpp.RESPONSE]
    assert sum(isinstance(event, Ended) for event in events) == 1


def test_a_submission_that_crosses_our_unbind_is_answered():
    """It is refused, not lost in silence (idea 100)."""
    session = server()
    session.unbind(1.0)
    sent(session)
    session.receive_data(request(smpp.SUBMIT_SM, 3), 1.0)
    assert [each.status for each in sent(session)] == [status.ESME_RINVBNDSTS]


@pytest.mark.parametrize("size", [1, 2, 3, 15, 16, 17])
def test_chunks_do_not_matter(size):
    """The stream may be cut anywhere (idea 33)."""
    stream = request(smpp.BIND_TRANSCEIVER) + b"".join(request(smpp.SUBMIT_SM, n) for n in range(2, 6))
    session = Session(Role.MC, LIMITS, 0.0)
    seen = []
    for at in range(0, len(stream), size):
        events = session.receive_data(stream[at : at + size], 0.0)
        while events:
            seen += [event.pdu.sequence for event in events]
            binds = [event.pdu for event in events if event.pdu.command == smpp.BIND_TRANSCEIVER]
            events = session.accept_bind(binds[0], "x", 0.0) if binds else []
    assert seen == [1, 2, 3, 4, 5]

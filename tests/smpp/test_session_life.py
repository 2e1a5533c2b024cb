"""How a session finds out that its peer is gone, and how it ends."""

from __future__ import annotations

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Ended, Expired, Request
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from tests.smpp.sessions import LIMITS, SM, client, request, sent, server

SUBMIT = Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM), "ours")


def ended(events):
    """Return the reasons for which a session ended."""
    return [event.reason for event in events if isinstance(event, Ended)]


@pytest.mark.parametrize("role", Role)
def test_nobody_is_asked_before_the_bind(role):
    """No enquire_link leaves before the bind, however long that takes (idea 59)."""
    session = Session(role, LIMITS._replace(session_init=1_000), 0.0)
    assert session.next_deadline() == 1_000
    assert (session.handle_timer(500.0), sent(session)) == ([], [])


def test_the_bind_stops_the_first_timer():
    """Who has bound in time is not hung up on later; who was refused is gone already (idea 14)."""
    session = server()
    assert ended(session.handle_timer(10.0)) == []
    session = Session(Role.MC, LIMITS, 0.0)
    [event] = session.receive_data(request(smpp.BIND_RECEIVER), 9.0)
    assert session.refuse_bind(event.pdu, status.ESME_RINVPASWD).reason == "bind refused with ESME_RINVPASWD"
    assert session.handle_timer(10.0) == []


def test_a_bind_that_nobody_answers_ends():
    """A peer that takes the connection and never answers the bind is given up after the response timer (idea 3)."""
    session = Session(Role.ESME, LIMITS._replace(session_init=20), 0.0)
    session.send_request(Request(smpp.BIND_RECEIVER, b""), 0.0)
    assert ended(session.handle_timer(20.0)) == ["no bind in time"]


@pytest.mark.parametrize(
    "answer",
    [
        smpp.header(0, 0x80000015, status.ESME_RSYSERR, 1),
        smpp.header(0, 0x80000006, 0, 1),
        smpp.header(0, smpp.GENERIC_NACK, status.ESME_RINVCMDID, 1),
    ],
    ids=["an error", "unbind_resp", "a nack"],
)
def test_any_answer_to_enquire_link_proves_life(answer):
    """An enquire_link that is answered wrongly is answered: the session goes on, and asks again later (idea 60)."""
    session = server()
    session.handle_timer(30.0)
    assert [each.command for each in sent(session)] == [smpp.ENQUIRE_LINK]
    assert ended(session.receive_data(answer, 31.0)) == []
    assert ended(session.handle_timer(60.9)) == []
    session.handle_timer(61.0)
    assert [each.command for each in sent(session)] == [smpp.ENQUIRE_LINK]


def test_a_peer_without_a_sign_of_life_ends_in_bounded_time():
    """A peer whose host is gone is found out after the silence and the response timer (idea 61)."""
    session, now = server(), 0.0
    while not session.finished:
        now = session.next_deadline()
        session.handle_timer(now)
    assert now == LIMITS.enquire_link + LIMITS.response


def test_an_answer_behind_much_else_is_no_silence():
    """A peer that sends without end, the answer to our question last, is alive (idea 55)."""
    session = client()
    session.handle_timer(30.0)
    session.send_request(SUBMIT, 30.0)
    for tenth in range(301, 600):
        assert ended(session.receive_data(request(smpp.DELIVER_SM, tenth), tenth / 10)) == []
        assert ended(session.handle_timer(tenth / 10)) == []
        session.owed = 0
    assert session.bound


def test_whom_we_do_not_read_is_not_called_silent():
    """While we hold a peer up its answers are unread, so it is not given up for them (idea 92)."""
    session = server(window=1)
    session.receive_data(b"".join(request(smpp.SUBMIT_SM, n) for n in range(1, 1_000)), 1.0)
    session.handle_timer(31.0)
    assert session.blocked
    assert ended(session.handle_timer(51.0)) == []


def test_parting_is_not_disturbed_by_other_timers():
    """While an unbind waits for its answer, only the response timer runs: nothing is asked, nothing is due at once."""
    session = server()
    session.unbind(29.0)
    assert session.next_deadline() == 49.0
    session.handle_timer(40.0)
    assert [each.command for each in sent(session)] == [smpp.UNBIND]
    assert ended(session.handle_timer(49.0)) == ["no answer to unbind"]


def test_what_expires_with_the_session_is_told_before_the_end():
    """A request that expires together with an enquire_link is handed back once, and the end comes last (idea 72)."""
    session = client()
    session.handle_timer(30.0)
    session.send_request(SUBMIT, 30.0)
    events = session.handle_timer(50.0)
    assert [type(event) for event in events] == [Expired, Ended]
    assert events[1].unanswered == []


def test_how_long_a_bind_lasted_is_counted_to_the_last_sign_of_life():
    """A peer that binds and then says nothing has not lasted, whenever that is found out (ideas 108, 109)."""
    silent, unbound = client(), Session(Role.ESME, LIMITS, 0.0)
    silent.handle_timer(30.0)
    silent.handle_timer(50.0)
    assert (silent.finished, silent.lasted, unbound.lasted) == (True, 0.0, 0.0)
    lively = client()
    lively.receive_data(request(smpp.ENQUIRE_LINK, 1), 42.0)
    assert lively.lasted == 42.0


def test_a_peer_that_hangs_up_instead_of_answering_an_unbind():
    """A connection that closes behind our unbind ends the session once, with nothing left open (idea 97)."""
    session = client()
    session.unbind(1.0)
    assert session.end("closed by the peer") == Ended("closed by the peer", [])
    assert (session.in_flight, session.next_deadline()) == (0, float("inf"))

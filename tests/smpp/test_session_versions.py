"""What versions of SMPP mean for a session: sc_interface_version, and who is sent TLVs."""

from __future__ import annotations

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import receipt
from gateway.smpp.events import Request, RequestReceived
from gateway.smpp.older import without_tlvs
from gateway.smpp.pdu import Pdu, encode
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from tests.smpp.sessions import BIND, LIMITS, SM, request, sent

OLD, NEW = [0x00, 0x31, 0x33], [0x34, 0x35, 0x50, 0xFF]
RECEIPT = {**SM, "esm_class": 4, "short_message": receipt.write(receipt.Receipt("abc", receipt.DELIVERED))}


def bound_by(version):
    """Return a session of the message centre whose peer bound with this interface_version, and our bind_resp."""
    session = Session(Role.MC, LIMITS, 0.0)
    [event] = session.receive_data(request(smpp.BIND_TRANSCEIVER, interface_version=version), 0.0)
    session.accept_bind(event.pdu, "stopgate", 0.0)
    [response] = sent(session)
    return session, response


def bound_to(tlvs):
    """Return a session of an ESME whose bind_resp carried these TLVs."""
    session = Session(Role.ESME, LIMITS, 0.0)
    session.send_request(Request(smpp.BIND_TRANSCEIVER, smpp.encode_body(smpp.BIND_TRANSCEIVER, BIND)), 0.0)
    sent(session)
    session.receive_data(encode(Pdu(0x80000009, 1, 0, {"system_id": "smsc"}, tlvs)), 0.0)
    assert session.bound
    return session


@pytest.mark.parametrize("version", OLD + NEW)
def test_sc_interface_version_is_told_to_those_who_can_read_it(version):
    """A peer of 3.4 or later, reserved values included, learns our version; an older one gets no TLV (idea 21)."""
    _, response = bound_by(version)
    assert response.fields["system_id"] == "stopgate"
    assert response.tlvs == ([(0x0210, b"\x34")] if version in NEW else [])


@pytest.mark.parametrize("version", OLD + NEW)
def test_receipts_to_older_peers_say_everything_in_their_text(version):
    """A deliver_sm to a peer below 3.4 has no TLVs, and its text names the id and the state (idea 21)."""
    session, _ = bound_by(version)
    body = smpp.encode_body(smpp.DELIVER_SM, RECEIPT, receipt.tlvs("abc", receipt.DELIVERED))
    session.send_request(Request(smpp.DELIVER_SM, body), 1.0)
    [pdu] = sent(session)
    assert bool(pdu.tlvs) is (version in NEW)
    read = receipt.read(pdu.fields["short_message"])
    assert (pdu.fields, read.message_id, read.state) == (RECEIPT, "abc", receipt.DELIVERED)


@pytest.mark.parametrize("length", [0, 1, 254, 255, 1_000])
def test_a_payload_becomes_a_short_message(length):
    """A text in message_payload moves into short_message for a peer below 3.4, its first 254 octets at least."""
    text = b"x" * length
    body = smpp.encode_body(smpp.DELIVER_SM, {**SM, "short_message": b""}, [(0x0424, text), (0x1400, b"vendor")])
    pdu = smpp.decode(smpp.header(len(older := without_tlvs(smpp.DELIVER_SM, body)), smpp.DELIVER_SM, 0, 1) + older)
    assert (pdu.fields, pdu.tlvs) == ({**SM, "short_message": text[:254]}, [])


@pytest.mark.parametrize(
    ("tlvs", "takes"),
    [
        ([], True),
        ([(0x0210, b"")], True),
        ([(0x0210, b"\x34")], True),
        ([(0x0210, b"\x50")], True),
        ([(0x0210, b"\x33")], False),
        ([(0x0210, b"\0")], False),
        ([(0x0210, b"\0\x34")], True),
    ],
)
def test_an_operator_that_does_not_say_its_version_takes_tlvs(tlvs, takes):
    """Only a sc_interface_version below 3.4 keeps TLVs from an operator; many leave it out and take them (idea 22)."""
    session = bound_to(tlvs)
    session.send_request(Request(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, SM, [(0x0204, b"\0\1")])), 1.0)
    [pdu] = sent(session)
    assert (pdu.fields, bool(pdu.tlvs)) == (SM, takes)


def test_a_submission_keeps_what_its_text_needs():
    """A submit_sm is not cut for an operator below 3.4: a long payload and the place among parts stay (idea 22)."""
    sar = [(0x020C, b"\0\7"), (0x020E, b"\2"), (0x020F, b"\1")]
    for text, kept in ((b"x" * 254, sar), (b"x" * 255, [*sar, (0x0424, b"x" * 255)])):
        tlvs = [*sar, (0x1400, b"vendor"), (0x0424, text)]
        older = without_tlvs(smpp.SUBMIT_SM, smpp.encode_body(smpp.SUBMIT_SM, {**SM, "short_message": b""}, tlvs))
        pdu = smpp.decode(smpp.header(len(older), smpp.SUBMIT_SM, 0, 1) + older)
        assert (pdu.fields["short_message"], pdu.tlvs) == (b"" if len(text) > 254 else text, kept)


def test_bind_resp_and_what_follows_it_may_come_in_one_segment():
    """A deliver_sm right behind the bind_resp is handed over (idea 9)."""
    session = Session(Role.ESME, LIMITS, 0.0)
    session.send_request(Request(smpp.BIND_RECEIVER, smpp.encode_body(smpp.BIND_RECEIVER, BIND)), 0.0)
    response = encode(Pdu(0x80000001, 1, 0, {"system_id": "smsc"}))
    events = session.receive_data(response + request(smpp.DELIVER_SM, 5), 0.0)
    assert [event.pdu.sequence for event in events if isinstance(event, RequestReceived)] == [5]


def test_what_comes_before_the_bind_resp_is_refused():
    """A deliver_sm before the bind_resp is answered ESME_RINVBNDSTS, and the bind goes on (idea 10)."""
    session = Session(Role.ESME, LIMITS, 0.0)
    session.send_request(Request(smpp.BIND_RECEIVER, smpp.encode_body(smpp.BIND_RECEIVER, BIND)), 0.0)
    sent(session)
    response = encode(Pdu(0x80000001, 1, 0, {"system_id": "smsc"}))
    session.receive_data(request(smpp.DELIVER_SM, 5) + response, 0.0)
    [refusal] = sent(session)
    assert (refusal.command, refusal.status, session.bound) == (0x80000005, 0x04, True)

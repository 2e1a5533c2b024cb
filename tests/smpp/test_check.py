"""The strict reading of requests."""

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status

SUBMIT_SM = {
    "service_type": "",
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "SHOP",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "33600000001",
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 0,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
    "short_message": b"text",
}
BIND = {
    "system_id": "shop",
    "password": "secret",
    "system_type": "",
    "interface_version": 0x34,
    "addr_ton": 0,
    "addr_npi": 0,
    "address_range": "",
}
DATA_SM = {name: value for name, value in SUBMIT_SM.items() if name != "short_message"}
PAYLOAD = (int(smpp.Tag.message_payload), b"text")


def submit_multi(*destinations):
    """Make a submit_multi to these destinations."""
    return smpp.Pdu(smpp.SUBMIT_MULTI, fields={**SUBMIT_SM, "dest_address": list(destinations)})


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("service_type", "ABCDE", status.ESME_ROK),
        ("service_type", "ABCDEF", status.ESME_RINVSERTYP),
        ("source_addr", "1" * 20, status.ESME_ROK),
        ("source_addr", "1" * 21, status.ESME_RINVSRCADR),
        ("source_addr", "", status.ESME_ROK),
        ("destination_addr", "1" * 21, status.ESME_RINVDSTADR),
        ("destination_addr", "", status.ESME_RINVDSTADR),
        ("schedule_delivery_time", "261231235959948-", status.ESME_ROK),
        ("schedule_delivery_time", "000007000000000R", status.ESME_ROK),
        ("schedule_delivery_time", "261331235959900+", status.ESME_RINVSCHED),
        ("schedule_delivery_time", "261231245959900+", status.ESME_RINVSCHED),
        ("schedule_delivery_time", "261231235959949+", status.ESME_RINVSCHED),
        ("schedule_delivery_time", "261231235959900 ", status.ESME_RINVSCHED),
        ("schedule_delivery_time", "26123123595990+", status.ESME_RINVSCHED),
        ("validity_period", "260132000000000+", status.ESME_RINVEXPIRY),
        ("validity_period", "2601010000", status.ESME_RINVEXPIRY),
        ("priority_flag", 4, status.ESME_ROK),
        ("registered_delivery", 3, status.ESME_ROK),
        ("replace_if_present_flag", 1, status.ESME_ROK),
        ("replace_if_present_flag", 2, status.ESME_RINVREPFLAG),
        ("short_message", b"x" * 254, status.ESME_ROK),
        ("short_message", b"x" * 255, status.ESME_RINVMSGLEN),
    ],
)
def test_submit_sm(field, value, code):
    """A submit_sm that deviates in one field is refused with that field's status, at the field's very limit."""
    assert smpp.check(smpp.Pdu(smpp.SUBMIT_SM, fields={**SUBMIT_SM, field: value})) == code


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("system_id", "x" * 15, status.ESME_ROK),
        ("system_id", "x" * 16, status.ESME_RINVSYSID),
        ("password", "x" * 8, status.ESME_ROK),
        ("password", "x" * 9, status.ESME_RINVPASWD),
        ("system_type", "x" * 13, status.ESME_RINVSYSTYP),
        ("address_range", "x" * 41, status.ESME_RINVCMDLEN),
    ],
)
def test_bind(field, value, code):
    """A bind with a field that is too long is refused with that field's status, if it has one."""
    assert smpp.check(smpp.Pdu(smpp.BIND_TRANSCEIVER, fields={**BIND, field: value})) == code


@pytest.mark.parametrize(
    ("fields", "tlvs", "code"),
    [
        ({}, [PAYLOAD], status.ESME_ROK),
        ({}, [], status.ESME_RMISSINGOPTPARAM),
        ({"esm_class": 4}, [], status.ESME_ROK),
        ({"source_addr": "1" * 64}, [PAYLOAD], status.ESME_ROK),
        ({"source_addr": "1" * 65}, [PAYLOAD], status.ESME_RINVSRCADR),
        ({"destination_addr": ""}, [PAYLOAD], status.ESME_RINVDSTADR),
    ],
)
def test_data_sm(fields, tlvs, code):
    """A data_sm needs its text in message_payload unless it is a receipt, and takes longer addresses."""
    assert smpp.check(smpp.Pdu(smpp.DATA_SM, fields={**DATA_SM, **fields}, tlvs=tlvs)) == code


@pytest.mark.parametrize(
    ("destinations", "code"),
    [
        ([smpp.Sme(1, 1, "33600000001"), smpp.DistributionList("friends")], status.ESME_ROK),
        ([smpp.Sme(1, 1, "33600000001")] * 254, status.ESME_ROK),
        ([smpp.Sme(1, 1, "33600000001")] * 255, status.ESME_RINVNUMDESTS),
        ([], status.ESME_RINVNUMDESTS),
        ([smpp.Sme(1, 1, "33600000001"), smpp.Sme(1, 1, "")], status.ESME_ROK),
    ],
)
def test_submit_multi(destinations, code):
    """A submit_multi needs 1 to 254 destinations, each of which is judged for itself."""
    assert smpp.check(submit_multi(*destinations)) == code


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        (smpp.Sme(1, 1, "33600000001"), status.ESME_ROK),
        (smpp.Sme(1, 1, ""), status.ESME_RINVDSTADR),
        (smpp.Sme(1, 1, "1" * 21), status.ESME_RINVDSTADR),
        (smpp.DistributionList("x" * 20), status.ESME_ROK),
        (smpp.DistributionList("x" * 21), status.ESME_RINVDLNAME),
        (smpp.DistributionList(""), status.ESME_RINVDLNAME),
    ],
)
def test_destination(destination, code):
    """A destination needs an address, or the name of a list, that fits."""
    assert smpp.check_destination(destination) == code


def test_responses_are_never_refused():
    """Nothing is wrong with a response, as nobody may answer it."""
    assert smpp.check(smpp.Pdu(smpp.SUBMIT_SM | smpp.RESPONSE, fields={"message_id": "x" * 99})) == status.ESME_ROK
    assert smpp.check(smpp.Pdu(smpp.GENERIC_NACK)) == status.ESME_ROK


@pytest.mark.parametrize("command", [smpp.UNBIND, smpp.ENQUIRE_LINK])
def test_header_only_requests_pass(command):
    """There is nothing to find in a request that is only a header."""
    assert smpp.check(smpp.Pdu(command)) == status.ESME_ROK

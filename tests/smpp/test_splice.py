"""One field of a submit_sm that is written already, replaced: every other octet stays as it was."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import pdu as smpp
from gateway.smpp.splice import with_validity

WORDS = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=5)
OCTETS = st.integers(0, 255)
TIMES = st.sampled_from(["", "000000010000000R", "261231235959900+"])
FIELDS = st.fixed_dictionaries(
    {
        "service_type": WORDS,
        "source_addr_ton": OCTETS,
        "source_addr_npi": OCTETS,
        "source_addr": WORDS,
        "dest_addr_ton": OCTETS,
        "dest_addr_npi": OCTETS,
        "destination_addr": WORDS,
        "esm_class": OCTETS,
        "protocol_id": OCTETS,
        "priority_flag": OCTETS,
        "schedule_delivery_time": TIMES,
        "validity_period": TIMES,
        "registered_delivery": OCTETS,
        "replace_if_present_flag": OCTETS,
        "data_coding": OCTETS,
        "sm_default_msg_id": OCTETS,
        "short_message": st.binary(max_size=40),
    }
)


@given(FIELDS, TIMES, st.lists(st.tuples(OCTETS, st.binary(max_size=9)), max_size=2))
def test_only_the_validity_changes(fields, other, tlvs):
    """Another validity_period takes the place of the one that is there; where there is none, nothing changes."""
    expected = fields | {"validity_period": other} if fields["validity_period"] else fields
    body = with_validity(smpp.encode_body(smpp.SUBMIT_SM, fields, tlvs), lambda: other)
    assert body == smpp.encode_body(smpp.SUBMIT_SM, expected, tlvs)


@given(st.binary(max_size=60))
def test_anything_else_stays(body):
    """Octets that are no submit_sm with a validity_period stay as they are, or lose nothing but one string."""
    taken = with_validity(body, lambda: "")
    assert taken == body or (len(taken) < len(body) and body.startswith(taken[:1]) and body.endswith(taken[-1:]))

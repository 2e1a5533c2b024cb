"""PDUs out of octets and into them."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import smpp as oracle

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.layout import LAYOUTS

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
    "registered_delivery": 1,
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
LATIN_1 = st.characters(min_codepoint=1, max_codepoint=255)
OCTET = st.integers(0, 255)
ADDRESS = (OCTET, OCTET, st.text(LATIN_1, max_size=20))
COUNTED = {
    "short_message": st.binary(max_size=254),
    "dest_address": st.lists(
        st.one_of(st.builds(smpp.Sme, *ADDRESS), st.builds(smpp.DistributionList, st.text(LATIN_1, max_size=20))),
        max_size=4,
    ),
    "unsuccess_sme": st.lists(st.builds(smpp.Unsuccessful, *ADDRESS, st.integers(0, 2**32 - 1)), max_size=4),
}
TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=4)


def strings(lengths):
    """Return a strategy for the C-Octet Strings of these lengths."""
    return st.one_of(
        *(st.text(LATIN_1, min_size=size, max_size=size) for size in {min(lengths), 1, max(lengths)} & {*lengths})
    )


def fields_of(command):
    """Return a strategy for the fields of a command."""
    found = {}
    for run, counted in LAYOUTS[command]:
        found |= {name: OCTET if lengths is None else strings(lengths) for name, lengths in run}
        if counted is not None:
            found[counted.name] = COUNTED[counted.name]
    return st.fixed_dictionaries(found)


def pdus(*commands):
    """Return a strategy for PDUs with these commands, by default any."""
    return st.sampled_from(commands or sorted(LAYOUTS)).flatmap(
        lambda command: st.builds(
            smpp.Pdu, st.just(command), st.integers(0, 2**32 - 1), st.sampled_from([0, 0x58]), fields_of(command), TLVS
        )
    )


def framed(command, body, code=0):
    """Put a header before a body."""
    return smpp.header(len(body), command, code, 7) + body


# Round trips


@given(pdus())
def test_what_is_encoded_decodes_to_the_same(pdu):
    """Every PDU that can be made comes back equal, in all its parts."""
    assert smpp.decode(smpp.encode(pdu)) == pdu


@given(st.sampled_from(sorted(LAYOUTS)), st.sampled_from([0, 0x58]), st.binary(max_size=80))
def test_noise_in_a_body_raises_nothing_else(command, code, body):
    """Any body under a known command gives a PDU or PduError, and such a PDU the same octets or PduError."""
    frame = framed(command, body, code)
    try:
        assert smpp.encode(smpp.decode(frame)) == frame
    except smpp.PduError as error:
        assert smpp.NAMES[error.command]  # noqa: PT017 (noise may as well raise nothing)


@given(pdus(), st.data())
def test_damage_raises_nothing_else(pdu, data):
    """A PDU with octets changed, dropped or added gives a PDU or PduError under its own command and sequence."""
    body = bytearray(smpp.encode(pdu)[16:])
    start = data.draw(st.integers(0, len(body)))
    body[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    frame = framed(pdu.command, bytes(body))
    try:
        assert (decoded := smpp.decode(frame)).command == pdu.command
        assert smpp.encode(decoded) == frame
    except smpp.PduError as error:
        assert error.command == pdu.command  # noqa: PT017 (damage may as well raise nothing)
        assert error.sequence in (7, 0)  # noqa: PT017 (the same)


@given(st.binary(max_size=40))
def test_noise_in_a_frame_raises_nothing_else(frame):
    """Octets at random are refused."""
    with pytest.raises(smpp.PduError):
        smpp.decode(frame)


@given(st.text(LATIN_1, max_size=20))
def test_any_octet_survives_in_a_string(text):
    """A C-Octet String takes any octet but NUL and gives it back."""
    body = smpp.encode_body(smpp.SUBMIT_SM, {**SUBMIT_SM, "source_addr": text})
    assert smpp.decode(framed(smpp.SUBMIT_SM, body)).fields["source_addr"].encode("latin-1") == text.encode("latin-1")


def test_a_long_string_is_taken():
    """A C-Octet String longer than the specification allows is read, and left to the check."""
    frame = smpp.encode(smpp.Pdu(smpp.SUBMIT_SM, 1, 0, SUBMIT_SM)).replace(b"SHOP\0", b"S" * 30 + b"\0")
    frame = smpp.header(len(frame) - 16, smpp.SUBMIT_SM, 0, 1) + frame[16:]
    assert smpp.decode(frame).fields["source_addr"] == "S" * 30


def test_wire_order_and_duplicates_of_tlvs_are_kept():
    """TLVs stay in wire order, unknown tags and duplicates included."""
    tlvs = [(0x3FFF, b"b"), (0x0204, b"\0\1"), (0x3FFF, b"a"), (0x130C, b"")]
    frame = smpp.encode(smpp.Pdu(smpp.SUBMIT_SM, 1, 0, SUBMIT_SM, tlvs))
    assert smpp.decode(frame).tlvs == tlvs


# Bodies that are not as they should be


@pytest.mark.parametrize("request_command", [smpp.SUBMIT_SM, smpp.DELIVER_SM, smpp.BIND_TRANSCEIVER, smpp.SUBMIT_MULTI])
def test_a_response_may_have_no_body(request_command):
    """A response without a body decodes without fields and encodes to its header."""
    frame = smpp.response(request_command, 7)
    pdu = smpp.decode(frame)
    assert (pdu.fields, pdu.tlvs, pdu.tail) == ({}, [], b"")
    assert smpp.encode(pdu) == frame


@pytest.mark.parametrize("body", [b"\0", b"id\0", b"no end", b"\xff\xff\xff", b"\2\x10\0\1\x34"])
def test_the_status_of_an_error_response_counts(body):
    """An error response is read whatever its body holds, and its octets are kept."""
    frame = framed(smpp.SUBMIT_SM | smpp.RESPONSE, body, status.ESME_RTHROTTLED)
    pdu = smpp.decode(frame)
    assert (pdu.status, pdu.sequence) == (status.ESME_RTHROTTLED, 7)
    assert smpp.encode(pdu) == frame


@pytest.mark.parametrize("command", [smpp.UNBIND, smpp.ENQUIRE_LINK | smpp.RESPONSE, smpp.GENERIC_NACK])
@pytest.mark.parametrize("body", [b"\0", b"\xff" * 9])
def test_a_header_only_pdu_is_taken_with_a_body(command, body):
    """Octets behind a header-only PDU are its tail."""
    pdu = smpp.decode(framed(command, body))
    assert (pdu.command, pdu.fields, pdu.tlvs, pdu.tail) == (command, {}, [], body)


def test_a_header_only_pdu_may_carry_tlvs():
    """TLVs behind a header-only PDU, such as SMPP 5.0's congestion_state, are read."""
    pdu = smpp.decode(framed(smpp.CANCEL_SM | smpp.RESPONSE, b"\x04\x28\0\1\x55"))
    assert (pdu.tlvs, pdu.tail) == ([(0x0428, b"\x55")], b"")


def test_one_nul_behind_the_text_is_tolerated():
    """One NUL that ends short_message and was not counted is kept as the tail; two, or another octet, are refused."""
    body = smpp.encode_body(smpp.SUBMIT_SM, SUBMIT_SM)
    assert smpp.decode(framed(smpp.SUBMIT_SM, body + b"\0")).tail == b"\0"
    for stray in (b"\0\0", b"x"):
        with pytest.raises(smpp.PduError) as raised:
            smpp.decode(framed(smpp.SUBMIT_SM, body + stray))
        assert raised.value.status == status.ESME_RINVOPTPARSTREAM


def test_a_nul_behind_tlvs_is_not_tolerated():
    """A NUL behind TLVs is a stray octet, as short_message has ended before them."""
    body = smpp.encode_body(smpp.SUBMIT_SM, SUBMIT_SM, [(0x0204, b"\0\1")])
    with pytest.raises(smpp.PduError) as raised:
        smpp.decode(framed(smpp.SUBMIT_SM, body + b"\0"))
    assert raised.value.status == status.ESME_RINVOPTPARSTREAM


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        (smpp.SUBMIT_SM, b"", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_SM, b"no end", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_SM, b"\0\1", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_SM, bytes(16), status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_SM, bytes(16) + b"\5text", status.ESME_RINVMSGLEN),
        (smpp.SUBMIT_SM, bytes(16) + b"\4text\2", status.ESME_RINVOPTPARSTREAM),
        (smpp.SUBMIT_SM, bytes(16) + b"\4text\2\4\0\2\0", status.ESME_RINVOPTPARSTREAM),
        (smpp.SUBMIT_MULTI, b"\0\0\0\0", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_MULTI, b"\0\0\0\0\1", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_MULTI, b"\0\0\0\0\1\1\1\1", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_MULTI, b"\0\0\0\0\1\3\1\1x\0", status.ESME_RINVDESTFLAG),
        (smpp.SUBMIT_MULTI | smpp.RESPONSE, b"id\0", status.ESME_RINVCMDLEN),
        (smpp.SUBMIT_MULTI | smpp.RESPONSE, b"id\0\1\1\1x\0\0\0\1", status.ESME_RINVCMDLEN),
        (smpp.QUERY_SM | smpp.RESPONSE, b"\0\0\2", status.ESME_RINVCMDLEN),
        (smpp.OUTBIND | smpp.RESPONSE, b"", status.ESME_RINVCMDID),
        (0x0A, b"anything", status.ESME_RINVCMDID),
    ],
)
def test_a_damaged_body_is_refused(command, body, code):
    """A body that cannot be read is refused with the status that fits it, under its own command and sequence."""
    with pytest.raises(smpp.PduError) as raised:
        smpp.decode(framed(command, body))
    assert (raised.value.status, raised.value.command, raised.value.sequence) == (code, command, 7)


@pytest.mark.parametrize("claimed", [0, 15, 16, 18])
def test_a_frame_is_as_long_as_it_claims(claimed):
    """A frame longer or shorter than its command_length is refused, under its own command and sequence."""
    frame = claimed.to_bytes(4, "big") + framed(smpp.UNBIND, b"x")[4:]
    with pytest.raises(smpp.PduError) as raised:
        smpp.decode(frame)
    error = raised.value
    assert (error.status, error.command, error.sequence) == (status.ESME_RINVCMDLEN, smpp.UNBIND, 7)


# Fields that cannot be written


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("service_type", "ABCDEF", status.ESME_RINVSERTYP),
        ("source_addr", "1" * 21, status.ESME_RINVSRCADR),
        ("source_addr", "1\0", status.ESME_RINVSRCADR),
        ("source_addr", "€", status.ESME_RINVSRCADR),
        ("source_addr_ton", 256, status.ESME_RINVSRCTON),
        ("dest_addr_npi", -1, status.ESME_RINVDSTNPI),
        ("destination_addr", "1" * 21, status.ESME_RINVDSTADR),
        ("schedule_delivery_time", "2601010000", status.ESME_RINVSCHED),
        ("validity_period", "x" * 17, status.ESME_RINVEXPIRY),
        ("protocol_id", 256, status.ESME_RINVCMDLEN),
        ("short_message", b"x" * 255, status.ESME_RINVMSGLEN),
    ],
)
def test_what_does_not_fit_is_not_written(field, value, code):
    """A value that does not fit its field raises with the field's status, and names the field."""
    with pytest.raises(smpp.PduError, match=field) as raised:
        smpp.encode_body(smpp.SUBMIT_SM, {**SUBMIT_SM, field: value})
    assert (raised.value.status, raised.value.command) == (code, smpp.SUBMIT_SM)


@pytest.mark.parametrize(
    ("command", "fields", "code"),
    [
        (smpp.SUBMIT_MULTI, {"dest_address": [smpp.Sme(1, 1, "1")] * 255}, status.ESME_RINVNUMDESTS),
        (smpp.SUBMIT_MULTI, {"dest_address": [smpp.Sme(1, 1, "1" * 21)]}, status.ESME_RINVDSTADR),
        (smpp.SUBMIT_MULTI, {"dest_address": [smpp.DistributionList("x" * 21)]}, status.ESME_RINVDLNAME),
        (
            smpp.SUBMIT_MULTI | smpp.RESPONSE,
            {"message_id": "", "unsuccess_sme": [smpp.Unsuccessful(1, 1, "1", 2**32)]},
            status.ESME_RINVCMDLEN,
        ),
        (
            smpp.SUBMIT_MULTI | smpp.RESPONSE,
            {"message_id": "", "unsuccess_sme": [smpp.Unsuccessful(1, 1, "1", 1)] * 256},
            status.ESME_RINVCMDLEN,
        ),
        (0x0A, {}, status.ESME_RINVCMDID),
    ],
)
def test_lists_that_do_not_fit_are_not_written(command, fields, code):
    """A list that is too long, or that holds what does not fit, raises with the status for it."""
    with pytest.raises(smpp.PduError) as raised:
        smpp.encode_body(command, {**SUBMIT_SM, **fields})
    assert raised.value.status == code


@pytest.mark.parametrize("tlv", [(0x0424, bytes(65_536)), (0x1_0000, b"")])
def test_a_tlv_that_does_not_fit_is_not_written(tlv):
    """A TLV whose tag or length needs more than 16 bits raises."""
    with pytest.raises(smpp.PduError) as raised:
        smpp.encode_body(smpp.SUBMIT_SM, SUBMIT_SM, [tlv])
    assert raised.value.status == status.ESME_RINVPARLEN


def test_the_longest_payload_fits():
    """A message_payload of 65 535 octets comes back whole."""
    pdu = smpp.Pdu(smpp.SUBMIT_SM, 1, 0, {**SUBMIT_SM, "short_message": b""}, [(0x0424, bytes(65_535))])
    assert smpp.decode(smpp.encode(pdu)) == pdu


def test_a_missing_field_is_not_made_up():
    """A field that the caller forgot is an error, not an empty field."""
    with pytest.raises(KeyError, match="message_id"):
        smpp.encode_body(smpp.SUBMIT_SM | smpp.RESPONSE, {}, [(0x0423, b"\3\0\1")])


# The parts of a PDU


def test_an_error_response_has_no_body():
    """A response carries its body with ESME_ROK only."""
    assert smpp.response(smpp.SUBMIT_SM, 7, status.ESME_ROK, b"id\0") == framed(smpp.SUBMIT_SM | smpp.RESPONSE, b"id\0")
    refused = smpp.response(smpp.SUBMIT_SM, 7, status.ESME_RTHROTTLED, b"id\0")
    assert refused == smpp.header(0, smpp.SUBMIT_SM | smpp.RESPONSE, status.ESME_RTHROTTLED, 7)


@pytest.mark.parametrize(
    ("values", "octets", "number"),
    [
        ([], None, None),
        ([b"first\0", b"second\0"], b"first\0", 0x666972737400),
        ([b"no end"], b"no end", 0x6E6F20656E64),
        ([b""], b"", None),
        ([b"\0\x01"], b"\0\x01", 1),
        ([b"\xe9\0"], b"\xe9\0", 0xE900),
    ],
)
def test_tlvs_are_read_as_octets_and_numbers(values, octets, number):
    """The first TLV of a tag counts; as a number it has any length but none."""
    pdu = smpp.Pdu(smpp.DELIVER_SM, tlvs=[(0x0427, b"\2"), *((0x001E, value) for value in values)])
    assert pdu.tlv(smpp.Tag.receipted_message_id) == octets
    assert pdu.tlv_int(smpp.Tag.receipted_message_id) == number


def test_repr_says_what_the_pdu_says_without_the_password():
    """A PDU shows its name, numbers, fields and TLVs, and hides a password."""
    shown = repr(smpp.Pdu(smpp.BIND_TRANSCEIVER, 7, 0, BIND, [(0x0210, b"\x34")], b"\0"))
    assert shown.startswith("<bind_transceiver sequence=7 status=ESME_ROK system_id='shop' password='***'")
    assert shown.endswith("0x0210='34' tail=b'\\x00'>")
    assert "secret" not in shown
    assert repr(smpp.Pdu(0x0A)) == "<0xa sequence=0 status=ESME_ROK>"


def test_names_and_layouts_know_the_same_commands():
    """Every command that has a name has a layout, and the other way round."""
    assert set(smpp.NAMES) == set(LAYOUTS)
    assert smpp.NAMES[smpp.SUBMIT_SM] == "submit_sm"
    assert smpp.NAMES[smpp.SUBMIT_MULTI | smpp.RESPONSE] == "submit_multi_resp"


@pytest.mark.parametrize(
    ("tag", "number"),
    [
        (smpp.Tag.receipted_message_id, 0x001E),
        (smpp.Tag.sar_msg_ref_num, 0x020C),
        (smpp.Tag.sc_interface_version, 0x0210),
        (smpp.Tag.message_payload, 0x0424),
        (smpp.Tag.message_state, 0x0427),
        (smpp.Tag.its_session_info, 0x1383),
        (smpp.Tag.optout_mention, 0x1534),
    ],
)
def test_tags_have_the_specifications_numbers(tag, number):
    """A tag is its number in the specification, or in our contract."""
    assert tag == number


# Against another codec

PEER = SimpleNamespace(next_sequence=lambda: 1, sequence=1)
KNOWN_TO_THE_PEER = sorted(
    smpp.NAMES.keys()
    - {
        *(smpp.SUBMIT_MULTI, smpp.SUBMIT_MULTI | smpp.RESPONSE, smpp.OUTBIND),
        *(smpp.CANCEL_SM, smpp.CANCEL_SM | smpp.RESPONSE, smpp.REPLACE_SM, smpp.REPLACE_SM | smpp.RESPONSE),
    }
)


@given(pdus(*KNOWN_TO_THE_PEER))
def test_another_codec_reads_the_same(pdu):
    """Smpplib finds in our octets the fields that we put there."""
    pdu.tlvs = []
    theirs = oracle.parse_pdu(smpp.encode(pdu), client=PEER, allow_unknown_opt_params=True)
    assert (theirs.command, theirs.sequence, theirs.status) == (smpp.NAMES[pdu.command], pdu.sequence, pdu.status)
    for name, value in pdu.fields.items():
        expected = value.encode("latin-1") if isinstance(value, str) else value
        assert (getattr(theirs, name) or None) == (expected or None), name  # it has no empty short_message, but None


@pytest.mark.parametrize(
    ("command", "fields", "tlvs"),
    [
        (smpp.BIND_TRANSCEIVER, BIND, []),
        (smpp.BIND_TRANSMITTER | smpp.RESPONSE, {"system_id": "smsc"}, [("sc_interface_version", 0x34)]),
        (smpp.SUBMIT_SM, SUBMIT_SM, [("user_message_reference", 513), ("source_port", 9200)]),
        (smpp.DELIVER_SM, SUBMIT_SM, [("network_error_code", b"\3\0\1"), ("message_state", 2)]),
        (smpp.SUBMIT_SM | smpp.RESPONSE, {"message_id": "0123456789abcdef"}, []),
        (
            smpp.QUERY_SM,
            {"message_id": "1", "source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "36034"},
            [],
        ),
        (smpp.ENQUIRE_LINK, {}, []),
        (smpp.UNBIND, {}, []),
    ],
)
def test_another_codec_writes_the_same(command, fields, tlvs):
    """What smpplib writes decodes to what it was told to write, and encodes to the same octets."""
    theirs = oracle.make_pdu(smpp.NAMES[command], client=PEER, **fields, **dict(tlvs))
    theirs.sequence = 7
    frame = theirs.generate()
    pdu = smpp.decode(frame)
    assert (pdu.sequence, pdu.fields) == (7, fields)
    for name, value in tlvs:
        assert (pdu.tlv(smpp.Tag[name]) if isinstance(value, bytes) else pdu.tlv_int(smpp.Tag[name])) == value
    assert smpp.encode(pdu) == frame

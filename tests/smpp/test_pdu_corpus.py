"""The PDUs that other projects' test suites and a strict reading of the specification hold, against our codec."""

import json
import re
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.frame import FrameError, Frames

CORPUS = Path(__file__).parents[2].parent / "shared" / "data" / "pdus.tsv"

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of PDUs is not beside this checkout")

HEADER_ONLY = "a header-only PDU is what its header says: acted on, its body kept as the tail"
UNCOUNTED_NUL = "a NUL behind short_message that sm_length does not count is what several libraries send"
VERSION_5 = "broadcast_sm and its kin are SMPP 5.0 only, and unknown here"

DECODED_ALTHOUGH_MALFORMED = {
    "test_decode_command_length_too_long [unbind] @L537": HEADER_ONLY,
    "decode_generic_nack_with_body @L125": HEADER_ONLY,
    "decode_unbind_with_body @L219": HEADER_ONLY,
    "unbind with body": HEADER_ONLY,
    "parse: negative resp with nonempty malformed body [submit_sm_resp] @L107": (
        "an error response is its status and sequence, whatever its body holds"
    ),
    "should read a submit_sm with an ending NULL octet to the short_message @L83": UNCOUNTED_NUL,
    "test_01_replace_sm_encode @L117": UNCOUNTED_NUL,
}
REFUSED_ALTHOUGH_VALID = {"broadcast_sm_resp @L193": VERSION_5}
REFUSED_FOR_ANOTHER_REASON = {"query_broadcast_sm @L73": VERSION_5}

HEADER = {"command_length", "command_id", "command_status", "sequence_number", "command"}
COUNTS = {"sm_length", "number_of_dests", "no_unsuccess", "tlvs"}
TEXT_TLVS = {smpp.Tag.receipted_message_id, smpp.Tag.additional_status_info_text, 0x060D}


class Row(NamedTuple):
    """One PDU, or stream of PDUs, of the corpus."""

    name: str
    source: str
    octets: bytes
    expected: dict
    verdict: str
    notes: str

    @property
    def suggested(self):
        """The status that the corpus suggests; an impossible command_length where it has no number."""
        found = re.search(r"suggest status 0x(\w+)", self.notes)
        return int(found[1], 16) if found else 0x02

    @property
    def answer(self):
        """The name of the status that the corpus suggests for a request that can be read but deviates, or None."""
        found = re.fullmatch(r"(?:.*; )?(?:\w+_resp )?(ESME_R\w+)(?:;.*)?", self.notes)
        return found and found[1]


def read_corpus():
    """Yield the rows of the corpus, none where it is absent."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines()[1:] if CORPUS.exists() else []
    for line in lines:
        name, source, octets, expected, verdict, notes = line.split("\t")
        yield Row(name, source, bytes.fromhex(octets), json.loads(expected), verdict, notes)


ROWS = list(read_corpus())


def rows(*verdicts, but=()):
    """Parametrize with the rows of these verdicts."""
    chosen = [row for row in ROWS if row.verdict in verdicts and row.name not in but]
    return pytest.mark.parametrize("row", chosen, ids=[row.name for row in chosen])


def destination(entry):
    """Return a dest_address of the corpus as the codec has it."""
    if entry["dest_flag"] == 2:
        return smpp.DistributionList(entry["dl_name"])
    return smpp.Sme(entry["dest_addr_ton"], entry["dest_addr_npi"], entry["destination_addr"])


def expected_fields(expected):
    """Return the mandatory fields that the corpus expects, as the codec has them."""
    fields = {name: value for name, value in expected.items() if name not in HEADER | COUNTS}
    if "short_message" in fields:
        fields["short_message"] = bytes.fromhex(fields["short_message"])
        assert expected["sm_length"] == len(fields["short_message"])
    if "dest_address" in fields:
        fields["dest_address"] = [destination(entry) for entry in fields["dest_address"]]
    return fields


def expected_tlv(tlv):
    """The (tag, value) of a TLV in the corpus, which tells how long it is and what it means."""
    value, length = tlv["value"], tlv["length"]
    if "hex" in tlv:
        octets = bytes.fromhex(tlv["hex"])
    elif isinstance(value, int):
        octets = value.to_bytes(length, "big")
    elif tlv["tag"] in TEXT_TLVS:
        octets = value.encode("latin-1").ljust(length, b"\0")
    else:
        octets = bytes.fromhex(value)
    assert len(octets) == length
    return tlv["tag"], octets


def assert_as_expected(pdu, expected):
    """Compare every part of a decoded PDU with the corpus, the order of fields and TLVs included."""
    assert (pdu.command, pdu.status, pdu.sequence) == (
        expected["command_id"],
        expected["command_status"],
        expected["sequence_number"],
    )
    assert smpp.NAMES[pdu.command] == expected["command"]
    assert pdu.fields == expected_fields(expected)
    assert list(pdu.fields) == list(expected_fields(expected))
    assert pdu.tlvs == [expected_tlv(tlv) for tlv in expected.get("tlvs", [])]


def first_frame(octets):
    """Return the first whole frame of a stream, or None."""
    frames = Frames()
    frames.feed(octets)
    return frames.next()


@rows("valid", "odd", but=REFUSED_ALTHOUGH_VALID)
def test_decodes(row):
    """What is valid, or deviates but can be read, decodes to what a strict decoder of its own found in it."""
    assert first_frame(row.octets) == row.octets
    assert_as_expected(smpp.decode(row.octets), row.expected)


@rows("valid", but=REFUSED_ALTHOUGH_VALID)
def test_valid_ones_encode_to_the_same_octets(row):
    """What is valid comes out of the codec as it went in."""
    assert smpp.encode(smpp.decode(row.octets)) == row.octets


@rows("odd")
def test_odd_ones_encode_to_the_same_octets_or_are_too_long(row):
    """What deviates comes out as it went in, unless a field that is no password is too long to be sent."""
    if re.search(r"^(?!password).*octets > max|octets, spec 1 or 17|sm_length 255", row.notes):
        with pytest.raises(smpp.PduError):
            smpp.encode(smpp.decode(row.octets))
    else:
        assert smpp.encode(smpp.decode(row.octets)) == row.octets


@rows("valid", but=REFUSED_ALTHOUGH_VALID)
def test_valid_ones_pass_the_check(row):
    """A strict message centre finds nothing wrong with what is valid."""
    assert smpp.check(smpp.decode(row.octets)) == 0


@rows("odd", but={row.name for row in ROWS if not row.answer})
def test_check_agrees_with_the_suggestion(row):
    """A strict message centre answers what deviates with the status that the corpus suggests."""
    assert status.name(smpp.check(smpp.decode(row.octets))) == row.answer


@rows("malformed", but=DECODED_ALTHOUGH_MALFORMED)
def test_malformed_ones_are_refused(row):
    """What cannot be read is refused with the status that fits it, and with the PDU's own sequence_number."""
    with pytest.raises((smpp.PduError, FrameError)) as raised:
        smpp.decode(first_frame(row.octets))
    if row.name not in REFUSED_FOR_ANOTHER_REASON:
        assert raised.value.status == row.suggested
    assert raised.value.sequence == int.from_bytes(row.octets[12:16], "big")


@rows("malformed", but={row.name for row in ROWS} - DECODED_ALTHOUGH_MALFORMED.keys())
def test_malformed_ones_that_are_tolerated_are_kept(row):
    """What is malformed and tolerated all the same comes out as it went in, what was too much included."""
    frame = first_frame(row.octets)
    pdu = smpp.decode(frame)
    assert pdu.tail
    assert smpp.encode(pdu) == frame


@rows("valid", but={row.name for row in ROWS} - REFUSED_ALTHOUGH_VALID.keys())
def test_valid_ones_of_later_versions_are_unknown(row):
    """Commands that only SMPP 5.0 has are refused as unknown."""
    with pytest.raises(smpp.PduError) as raised:
        smpp.decode(row.octets)
    assert raised.value.status == 0x03


@rows("incomplete")
def test_incomplete_ones_are_waited_for(row):
    """What is not whole yet gives no frame, and no error."""
    assert first_frame(row.octets) is None


def expect_stream(row, cuts):
    """Feed the row's octets, cut at ``cuts``; its PDUs must come out, and its rest stay."""
    frames, found = Frames(), []
    bounds = sorted({0, *cuts, len(row.octets)})
    for start, end in pairwise(bounds):
        frames.feed(row.octets[start:end])
        with suppress(FrameError):  # the rest may begin with an impossible length
            found.extend(frames)
    assert len(found) == len(row.expected["pdus"])
    for frame, expected in zip(found, row.expected["pdus"], strict=True):
        assert_as_expected(smpp.decode(frame), expected)
    assert frames.buffered == len(bytes.fromhex(row.expected.get("rest", "")))


@rows("stream")
@given(data=st.data())
def test_streams_decode_in_any_chunking(row, data):
    """However a stream is cut, the same PDUs come out of it and the same octets are left."""
    expect_stream(row, data.draw(st.sets(st.integers(0, len(row.octets)))))


@rows("stream")
def test_streams_decode_octet_by_octet(row):
    """A stream that comes one octet at a time gives the same PDUs."""
    expect_stream(row, range(len(row.octets)))

"""Delivery receipts: read in every vendor's spelling, written in ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import receipt
from gateway.smpp.receipt import Receipt, Spelling, normalise_id, read, write

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "receipts.tsv"

# Rows that read() alone does not decide, by line of the file.
EXCEPTIONS = {63: "an inbound text with esm_class 0: is_receipt keeps it away from read()"}

USUAL = "id:7 sub:001 dlvrd:001 submit date:2501011200 done date:2501011201 stat:DELIVRD err:000 text:Hello"


def corpus():
    """Return (line, text, expected) for every row of the corpus."""
    if not CORPUS.exists():
        return []
    rows = [line.split("\t") for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    return [(number, json.loads(row[0]), json.loads(row[1])) for number, row in enumerate(rows[1:], 2)]


def tlvs_of(values):
    """Return the TLVs of a row as they come in a PDU."""
    found = []
    if "receipted_message_id" in values:
        found.append((0x001E, values["receipted_message_id"].encode() + b"\0"))
    if "message_state" in values:
        found.append((0x0427, bytes([values["message_state"]])))
    if "network_error_code" in values:
        found.append((0x0423, bytes.fromhex(values["network_error_code"])))
    return found


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of receipts is not beside this checkout")
def test_receipts_of_many_vendors_are_read():
    """Every receipt of the corpus gives the id, state, error, dates and text that its own suite expects."""
    rows = [row for row in corpus() if row[0] not in EXCEPTIONS]
    assert len(rows) > 50
    for number, text, expected in rows:
        found = read(text, tlvs_of(expected.get("tlv", {})))
        if expected["id"] is None and "tlv" not in expected:
            assert found is None, number
            continue
        state = expected.get("effective_state", expected["state"])
        assert found == Receipt(
            message_id=expected.get("effective_id", expected["id"]),
            state=receipt.UNKNOWN if state is None else state,
            err=expected["err"] or "",
            submit_date=expected["submit_date"] or "",
            done_date=expected["done_date"] or "",
            text=expected["text"] or "",
            stat=expected["stat"] or "",
            text_id=expected["id"] or "",
        ), number


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of receipts is not beside this checkout")
def test_octets_in_any_alphabet_read_like_the_text():
    """A receipt reads alike as Latin-1 octets, padded with NULs, and in UCS-2."""
    for number, text, _ in corpus():
        assert read(text.encode("latin-1")) == read(text) == read(text + "\0"), number
        assert read(text.encode("utf-16-be")) == read(text), number


@pytest.mark.parametrize(
    ("esm_class", "final"),
    [
        (0x04, True),
        (0x47, True),
        (0x84, True),
        (0x00, False),
        (0x43, False),
        (0x08, False),
        (0x0C, False),
        (0x24, False),
        (0x20, False),
        (0x61, False),
    ],
)
def test_the_type_bits_of_esm_class_tell_a_receipt(esm_class, final):
    """Mode, UDHI and reply path do not matter, and no other type is a receipt."""
    assert receipt.is_receipt(esm_class) is final


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("SCHEDULED", 0),
        ("ENROUTE", 1),
        ("DELIVRD", 2),
        ("delivered", 2),
        ("EXPIRED", 3),
        ("DELETED", 4),
        ("UNDELIV", 5),
        ("ACCEPTD", 6),
        ("UNKNOWN", 7),
        ("REJECTD", 8),
        ("Rejected", 8),
        ("SKIPPED", 9),
        ("WHATEVER", 7),
        ("2", 7),
    ],
)
def test_words_become_states(stat, state):
    """The words of 3.4, their full forms and any case are known; others are UNKNOWN and kept as spelled."""
    found = read(f"id:1 stat:{stat} err:1")
    assert (found.state, found.stat) == (state, stat)


def test_only_states_that_end_a_message_are_final():
    """Receipts that report progress, acceptance or nothing known leave the message open."""
    assert [state for state in range(10) if Receipt("1", state).final] == [2, 3, 4, 5, 8, 9]


def test_a_text_that_imitates_a_receipt_changes_nothing():
    """Nothing is read behind text: once the state is known, whatever fields are missing before it."""
    found = read("id:1 stat:UNDELIV text:err:9 id:2 stat:DELIVRD done date:2501011201")
    assert found == Receipt("1", 5, text="err:9 id:2 stat:DELIVRD done date:2501011201", stat="UNDELIV", text_id="1")


def test_an_empty_value_does_not_take_the_next_key():
    """A key without a value is empty, and the key behind it is read."""
    found = read("id: sub:001 submit date: done date:2501011201 stat:EXPIRED err: text: x")
    assert (found.message_id, found.submit_date, found.done_date, found.err) == ("", "", "2501011201", "")
    assert found.text == " x"


@pytest.mark.parametrize("text", ["", "Hello", "STOP", "valid:1 void:2", "text:Hello", "err:000", "submit date:1"])
def test_what_names_neither_id_nor_state_is_no_receipt(text):
    """Without an id or a state there is nothing to act on."""
    assert read(text) is None


def test_parameters_fill_what_the_text_lacks():
    """Each field comes from its own TLV, else from the text; unreadable TLVs count as absent."""
    assert read(b"", [(0x001E, b"ab")]) == Receipt("ab", receipt.UNKNOWN)
    assert read("id:1 stat:DELIVRD", [(0x0427, b"\x63"), (0x001E, b"\0")]).state == receipt.DELIVERED
    assert read("id:1 stat:DELIVRD", [(0x001E, b"\0")]).message_id == "1"
    assert read("id:1 stat:UNDELIV", [(0x0423, b"\x03\x00\x20")]).err == "032"
    assert read("id:1 stat:UNDELIV err:1", [(0x0423, b"\x03\x00\x20")]).err == "1"
    assert read("", [(0x001E, b"first\0"), (0x001E, b"second\0")]).message_id == "first"


@given(st.one_of(st.text(), st.binary()), st.lists(st.tuples(st.sampled_from([0x1E, 0x423, 0x427]), st.binary())))
def test_nothing_that_arrives_makes_reading_fail(text, tlvs):
    """Any text and any TLVs give a receipt with a known state, or none."""
    found = read(text, tlvs)
    assert found is None or found.state in range(10)


def test_a_receipt_is_written_in_the_usual_form():
    """The text is that of Appendix B, cut at 20 octets of the message's text."""
    given_ = Receipt("0123456789abcdef", 2, "000", "2501011200", "2501011201", "Bonjour, la boutique vous attend")
    assert write(given_) == (
        b"id:0123456789abcdef sub:001 dlvrd:001 submit date:2501011200 done date:2501011201 "
        b"stat:DELIVRD err:000 text:Bonjour, la boutique"
    )


def test_a_written_receipt_says_whether_it_was_delivered():
    """Only DELIVERED counts as delivered, an absent error is 000, and the text is spelled in ASCII."""
    assert write(Receipt("1", 5, text="Été à 10 €")) == (
        b"id:1 sub:001 dlvrd:000 submit date: done date: stat:UNDELIV err:000 text:Ete a 10 ?"
    )


@given(
    st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True),
    st.integers(1, 8),
    st.from_regex("[0-9]{3}", fullmatch=True),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
)
def test_what_is_written_is_read_back(message_id, state, err, text):
    """A receipt of ours reads as what went in, by its text alone and by its TLVs alone."""
    ours = Receipt(message_id, state, err, "2501011200", "2501011201", text)
    found = read(write(ours))
    assert found._replace(stat="", text_id="") == ours
    assert read(b"", receipt.tlvs(message_id, state)) == Receipt(message_id, state)


def test_parameters_are_spelled_as_the_specification_says():
    """receipted_message_id ends with a NUL and message_state is one octet."""
    assert receipt.tlvs("ab", 5) == [(0x001E, b"ab\0"), (0x0427, b"\x05")]


@pytest.mark.parametrize(
    ("text", "spelling", "key"),
    [
        ("0000ABcd", "auto", "abcd"),
        ("0318794433", "auto", "318794433"),
        ("13006AC1", "auto", "13006ac1"),
        ("000", "auto", "0"),
        ("", "auto", ""),
        (" 12 ", "auto", "12"),
        ("13006AC1", "hex", "318794433"),
        ("0x13006ac1", "hex", "318794433"),
        ("0318794433", "decimal", "318794433"),
        ("13006AC1", "decimal", "13006ac1"),
        ("bc59b8aa-2fd2", "hex", "bc59b8aa-2fd2"),
        ("1_0", "decimal", "1_0"),
        ("-1", "decimal", "-1"),
        ("\u0661", "decimal", "\u0661"),
        ("ffffffffffffffff", "hex", "18446744073709551615"),
        ("10000000000000000", "hex", "10000000000000000"),
        ("0018446744073709551616", "decimal", "18446744073709551616"),
    ],
)
def test_an_id_has_one_key(text, spelling, key):
    """Numbers of up to 64 bits are written in decimal; other ids keep their spelling but for case and zeros."""
    assert normalise_id(text, spelling) == key


@given(st.integers(0, 2**64 - 1), st.integers(0, 20), st.booleans(), st.booleans())
def test_an_id_meets_its_receipt_in_the_other_radix(number, zeros, capitals, decimal):
    """The id of submit_sm_resp and the id of the receipt, by text or by TLV, land on one key under each setting."""
    as_hex = f"{number:0{zeros}X}" if capitals else f"{number:0{zeros}x}"
    as_decimal = f"{number:0{zeros}d}"
    setting = Spelling.DECIMAL if decimal else Spelling.HEX
    submitted, told = (as_hex, as_decimal) if decimal else (as_decimal, as_hex)
    key = receipt.key_of_response(submitted, setting)
    assert receipt.key_of_receipt(read(f"id:{told} stat:DELIVRD"), setting) == key
    assert receipt.key_of_receipt(read(f"id:{told} stat:DELIVRD", [(0x1E, told.encode())]), setting) == key
    assert receipt.key_of_receipt(read("", [(0x1E, submitted.encode() + b"\0")]), setting) == key


def test_a_parameter_that_differs_from_the_text_is_a_copy_of_the_answer():
    """A receipted_message_id in another radix than the text is matched as submit_sm_resp spelled it."""
    found = read("id:1854209028 stat:DELIVRD", [(0x001E, b"6E84FC04\0")])
    assert receipt.key_of_receipt(found, "decimal") == receipt.key_of_response("6e84fc04", "decimal")
    assert receipt.key_of_receipt(found, "auto") == receipt.key_of_response("6E84FC04", "auto")


def test_one_radix_is_never_mistaken_for_the_other():
    """Digits that read as different numbers in the two radices have different keys, and auto assumes neither."""
    found = read("id:10 stat:DELIVRD")
    assert receipt.key_of_receipt(found, "hex") != receipt.key_of_response("10", "hex")
    assert receipt.key_of_receipt(found, "auto") == receipt.key_of_response("10", "auto") == "10"


@pytest.mark.parametrize(
    ("text", "tlvs", "alike"),
    [
        (USUAL.encode(), [], True),
        (USUAL.upper().encode(), [], True),
        (USUAL.encode("utf-16-be"), [], True),
        (b"id:7 stat:DELIVRD", [], True),
        (b"", [(0x001E, b"7\0")], True),
        (b"", [(0x0427, b"\2")], False),
        (b"Stop " + USUAL.encode(), [], False),
        (b"id:7", [], False),
        (b"stat:DELIVRD", [], False),
        (b"id: stat:DELIVRD", [], False),
        (b"id:7 stat:STOP", [], False),
        (b"STOP", [], False),
        (b"", [], False),
    ],
)
def test_a_receipt_without_its_mark_is_told_narrowly(text, tlvs, alike):
    """Only a receipted_message_id, or a text that begins with an id and has a known state, is like a receipt."""
    assert receipt.reads_like_one(text, tlvs) is alike


@given(st.binary(max_size=80), st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=4)), max_size=3))
def test_telling_receipts_apart_never_fails(text, tlvs):
    """Whatever is told to be like a receipt can be read as one."""
    assert not receipt.reads_like_one(b"id:1 stat:DELIVRD " + text) or read(b"id:1 stat:DELIVRD " + text, tlvs)
    assert receipt.reads_like_one(text, tlvs) in (True, False)

"""The vocabulary of command_status."""

import pytest

from gateway.smpp import status

SPECIFICATION = {  # SMPP 3.4 section 5.1.3
    0x00: "ROK",
    0x01: "RINVMSGLEN",
    0x02: "RINVCMDLEN",
    0x03: "RINVCMDID",
    0x04: "RINVBNDSTS",
    0x05: "RALYBND",
    0x06: "RINVPRTFLG",
    0x07: "RINVREGDLVFLG",
    0x08: "RSYSERR",
    0x0A: "RINVSRCADR",
    0x0B: "RINVDSTADR",
    0x0C: "RINVMSGID",
    0x0D: "RBINDFAIL",
    0x0E: "RINVPASWD",
    0x0F: "RINVSYSID",
    0x11: "RCANCELFAIL",
    0x13: "RREPLACEFAIL",
    0x14: "RMSGQFUL",
    0x15: "RINVSERTYP",
    0x33: "RINVNUMDESTS",
    0x34: "RINVDLNAME",
    0x40: "RINVDESTFLAG",
    0x42: "RINVSUBREP",
    0x43: "RINVESMCLASS",
    0x44: "RCNTSUBDL",
    0x45: "RSUBMITFAIL",
    0x48: "RINVSRCTON",
    0x49: "RINVSRCNPI",
    0x50: "RINVDSTTON",
    0x51: "RINVDSTNPI",
    0x53: "RINVSYSTYP",
    0x54: "RINVREPFLAG",
    0x55: "RINVNUMMSGS",
    0x58: "RTHROTTLED",
    0x61: "RINVSCHED",
    0x62: "RINVEXPIRY",
    0x63: "RINVDFTMSGID",
    0x64: "RX_T_APPN",
    0x65: "RX_P_APPN",
    0x66: "RX_R_APPN",
    0x67: "RQUERYFAIL",
    0xC0: "RINVOPTPARSTREAM",
    0xC1: "ROPTPARNOTALLWD",
    0xC2: "RINVPARLEN",
    0xC3: "RMISSINGOPTPARAM",
    0xC4: "RINVOPTPARAMVAL",
    0xFE: "RDELIVERYFAILURE",
    0xFF: "RUNKNOWNERR",
    0x100: "RSERTYPUNAUTH",  # from here on SMPP 5.0
    0x101: "RPROHIBITED",
    0x102: "RSERTYPUNAVAIL",
    0x103: "RSERTYPDENIED",
    0x104: "RINVDCS",
}
OURS = {
    0x410: "OPTED_OUT",
    0x411: "MENTION_DOES_NOT_FIT",
    0x412: "MENTION_REQUIRED",
    0x413: "NOT_TEXT",
    0x414: "OUTSIDE_HOURS",
    0x415: "NO_CREDIT",
}
NAMED = {code: f"ESME_{name}" for code, name in SPECIFICATION.items()} | OURS


def test_constants_are_the_specifications():
    """Every status of the specification is a constant under its own name, ours are besides, and there are no others."""
    constants = {value: name for name, value in vars(status).items() if name.isupper() and isinstance(value, int)}
    assert constants == NAMED


@pytest.mark.parametrize(("code", "name"), NAMED.items())
def test_name_is_the_constants(code, name):
    """A status is named as its constant."""
    assert status.name(code) == name


@pytest.mark.parametrize("code", NAMED)
def test_description_is_a_sentence(code):
    """Every named status is described in words of its own."""
    words = status.describe(code)
    assert " " in words
    assert "<" not in words
    assert [other for other in NAMED if status.describe(other) == words] == [code]


def test_unnamed_status_is_its_number():
    """A status that nobody named is spelled and described by all 32 bits of its number."""
    assert status.name(0x41F) == "0x0000041F"
    assert status.name(0xFFFFFFFF) == "0xFFFFFFFF"
    assert "0x0000041F" in status.describe(0x41F)

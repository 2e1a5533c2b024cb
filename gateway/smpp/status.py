"""The words for command_status: what each code is called and what it says.

A status is a plain 32-bit integer, because peers send codes that nobody has named and those must be kept and passed on
as they are. The names and sentences of SMPP 3.4 (section 5.1.3) come from smpplib's tables; beside them stand the codes
of SMPP 5.0 that a 3.4 peer may meet, and our own from the range that the specification leaves to message centres.
"""

from __future__ import annotations

from smpplib import consts

ESME_ROK: int = consts.SMPP_ESME_ROK
ESME_RINVMSGLEN: int = consts.SMPP_ESME_RINVMSGLEN
ESME_RINVCMDLEN: int = consts.SMPP_ESME_RINVCMDLEN
ESME_RINVCMDID: int = consts.SMPP_ESME_RINVCMDID
ESME_RINVBNDSTS: int = consts.SMPP_ESME_RINVBNDSTS
ESME_RALYBND: int = consts.SMPP_ESME_RALYBND
ESME_RINVPRTFLG: int = consts.SMPP_ESME_RINVPRTFLG
ESME_RINVREGDLVFLG: int = consts.SMPP_ESME_RINVREGDLVFLG
ESME_RSYSERR: int = consts.SMPP_ESME_RSYSERR
ESME_RINVSRCADR: int = consts.SMPP_ESME_RINVSRCADR
ESME_RINVDSTADR: int = consts.SMPP_ESME_RINVDSTADR
ESME_RINVMSGID: int = consts.SMPP_ESME_RINVMSGID
ESME_RBINDFAIL: int = consts.SMPP_ESME_RBINDFAIL
ESME_RINVPASWD: int = consts.SMPP_ESME_RINVPASWD
ESME_RINVSYSID: int = consts.SMPP_ESME_RINVSYSID
ESME_RCANCELFAIL: int = consts.SMPP_ESME_RCANCELFAIL
ESME_RREPLACEFAIL: int = consts.SMPP_ESME_RREPLACEFAIL
ESME_RMSGQFUL: int = consts.SMPP_ESME_RMSGQFUL
ESME_RINVSERTYP: int = consts.SMPP_ESME_RINVSERTYP
ESME_RINVNUMDESTS: int = consts.SMPP_ESME_RINVNUMDESTS
ESME_RINVDLNAME: int = consts.SMPP_ESME_RINVDLNAME
ESME_RINVDESTFLAG: int = consts.SMPP_ESME_RINVDESTFLAG
ESME_RINVSUBREP: int = consts.SMPP_ESME_RINVSUBREP
ESME_RINVESMCLASS: int = consts.SMPP_ESME_RINVESMCLASS
ESME_RCNTSUBDL: int = consts.SMPP_ESME_RCNTSUBDL
ESME_RSUBMITFAIL: int = consts.SMPP_ESME_RSUBMITFAIL
ESME_RINVSRCTON: int = consts.SMPP_ESME_RINVSRCTON
ESME_RINVSRCNPI: int = consts.SMPP_ESME_RINVSRCNPI
ESME_RINVDSTTON: int = consts.SMPP_ESME_RINVDSTTON
ESME_RINVDSTNPI: int = consts.SMPP_ESME_RINVDSTNPI
ESME_RINVSYSTYP: int = consts.SMPP_ESME_RINVSYSTYP
ESME_RINVREPFLAG: int = consts.SMPP_ESME_RINVREPFLAG
ESME_RINVNUMMSGS: int = consts.SMPP_ESME_RINVNUMMSGS
ESME_RTHROTTLED: int = consts.SMPP_ESME_RTHROTTLED
ESME_RINVSCHED: int = consts.SMPP_ESME_RINVSCHED
ESME_RINVEXPIRY: int = consts.SMPP_ESME_RINVEXPIRY
ESME_RINVDFTMSGID: int = consts.SMPP_ESME_RINVDFTMSGID
ESME_RX_T_APPN: int = consts.SMPP_ESME_RX_T_APPN
ESME_RX_P_APPN: int = consts.SMPP_ESME_RX_P_APPN
ESME_RX_R_APPN: int = consts.SMPP_ESME_RX_R_APPN
ESME_RQUERYFAIL: int = consts.SMPP_ESME_RQUERYFAIL
ESME_RINVOPTPARSTREAM: int = consts.SMPP_ESME_RINVOPTPARSTREAM
ESME_ROPTPARNOTALLWD: int = consts.SMPP_ESME_ROPTPARNOTALLWD
ESME_RINVPARLEN: int = consts.SMPP_ESME_RINVPARLEN
ESME_RMISSINGOPTPARAM: int = consts.SMPP_ESME_RMISSINGOPTPARAM
ESME_RINVOPTPARAMVAL: int = consts.SMPP_ESME_RINVOPTPARAMVAL
ESME_RDELIVERYFAILURE: int = consts.SMPP_ESME_RDELIVERYFAILURE
ESME_RUNKNOWNERR: int = consts.SMPP_ESME_RUNKNOWNERR

# SMPP 5.0, table 4-45
ESME_RSERTYPUNAUTH = 0x100
ESME_RPROHIBITED = 0x101
ESME_RSERTYPUNAVAIL = 0x102
ESME_RSERTYPDENIED = 0x103
ESME_RINVDCS = 0x104

# Ours, from the message centre's own range 0x400-0x4FF
OPTED_OUT = 0x410
MENTION_DOES_NOT_FIT = 0x411
MENTION_REQUIRED = 0x412
NOT_TEXT = 0x413
OUTSIDE_HOURS = 0x414
NO_CREDIT = 0x415

_NAMES = {code: name for name, code in vars().items() if name.startswith("ESME_")} | {
    OPTED_OUT: "OPTED_OUT",
    MENTION_DOES_NOT_FIT: "MENTION_DOES_NOT_FIT",
    MENTION_REQUIRED: "MENTION_REQUIRED",
    NOT_TEXT: "NOT_TEXT",
    OUTSIDE_HOURS: "OUTSIDE_HOURS",
    NO_CREDIT: "NO_CREDIT",
}

_DESCRIPTIONS: dict[int, str] = consts.DESCRIPTIONS | {
    ESME_RINVREGDLVFLG: "Invalid registered_delivery flag",  # smpplib leaves this one out
    ESME_RSERTYPUNAUTH: "Not authorised to use this service_type",
    ESME_RPROHIBITED: "Prohibited from using this operation",
    ESME_RSERTYPUNAVAIL: "This service_type is unavailable",
    ESME_RSERTYPDENIED: "This service_type is denied",
    ESME_RINVDCS: "Invalid data_coding",
    OPTED_OUT: "The number has opted out",
    MENTION_DOES_NOT_FIT: "The text and the opt-out mention do not fit into the segments allowed",
    MENTION_REQUIRED: "A marketing account may not leave the opt-out mention out",
    NOT_TEXT: "A marketing message that is not text cannot carry the opt-out mention",
    OUTSIDE_HOURS: "Outside the hours in which marketing may be sent",
    NO_CREDIT: "The prepaid credits do not cover the message",
}


def name(code: int) -> str:
    """Name a status: ``ESME_RTHROTTLED``; one that has no name is spelled as its number, ``0x0000041F``."""
    return _NAMES.get(code) or f"0x{code:08X}"


def describe(code: int) -> str:
    """Say in a sentence what a status means, for logs and people."""
    return _DESCRIPTIONS.get(code) or f"Status {name(code)}, which has no name in the specification"

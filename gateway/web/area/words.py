"""Words for what the gateway calls by names and numbers: each is the msgid of its translations."""

from gateway.rules.reason import Reason
from gateway.smpp import status
from gateway.store import ledger, messages


def _(words: str) -> str:
    """Mark words for translation; they are translated where they are shown."""
    return words


# Why a draft was not sent: what is wrong with it, or the status that it was answered with.
PROBLEMS = {
    "recipient": _("The recipient is not a phone number."),
    "text": _("There is no text, or one that cannot be sent."),
    "sender": _("The sender must be up to 11 plain letters and digits, or a number."),
    status.name(status.OPTED_OUT): _("The recipient has opted out."),
    status.name(status.MENTION_DOES_NOT_FIT): _(
        "Text and mention do not fit into the segments that your account may use."
    ),
    status.name(status.MENTION_REQUIRED): _("Marketing always carries the mention."),
    status.name(status.OUTSIDE_HOURS): _("It is outside the hours in which your account may send marketing."),
    status.name(status.NO_CREDIT): _("Your account's credits do not cover it."),
    status.name(status.ESME_RBINDFAIL): _("Your account is suspended."),
    status.name(status.ESME_RINVDSTADR): _("The recipient is not a number that we can send to."),
    status.name(status.ESME_RTHROTTLED): _("Your account's rate is used up for this second. Try again."),
    status.name(status.ESME_RINVMSGLEN): _("The text is longer than the segments that your account may use."),
    status.name(status.ESME_RMSGQFUL): _("The gateway takes nothing at this moment. Try again soon."),
    status.name(status.ESME_RSYSERR): _("The gateway could not keep it. Try again soon."),
}

# Why a preview shows nothing that would be sent.
REFUSALS = {
    Reason.OPTED_OUT: _("Refused: the recipient has opted out."),
    Reason.DOES_NOT_FIT: _("Refused: with the mention it takes more segments than your account may use."),
    Reason.TOO_LONG: _("Refused: it takes more segments than your account may use."),
    Reason.TOO_LONG_FOR_OPERATOR: _("Refused: no operator takes a message of this length."),
    Reason.MENTION_REQUIRED: _("Refused: marketing always carries the mention."),
    Reason.OUTSIDE_HOURS: _("Refused at this hour: it is outside the hours in which you may send."),
    Reason.NO_ROUTE: _("Refused: no operator carries this number."),
    Reason.NOT_TEXT: _("Refused: it is not a text."),
}

# Why a message that was accepted is rejected after all, by what its receipt calls it.
REJECTIONS = {
    f"{code:03X}": PROBLEMS[status.name(code)]
    for code in (status.OPTED_OUT, status.MENTION_DOES_NOT_FIT, status.OUTSIDE_HOURS, status.NO_CREDIT)
}

# What is wrong with a list of numbers, or with a row of it, as `gateway.rules` says it.
ROWS = (
    _("no column of numbers; name one of them number, in the first line"),
    _("more than one column may be the numbers; name one of them number, in the first line"),
    _("has too few columns"),
    _("may be a French mobile without its 0, or a number abroad: write 0 or + before it"),
    _("is for another account, or one that does not exist"),
    _("has a source of more than 32 characters"),
    _("has a short code that is none"),
    _("says neither true nor false about everything"),
    _("has a date that is none: write 2026-01-31 or 31/01/2026, with a time or without"),
    _("has a date in the future"),
    _("too short for its country"),
    _("too long for its country"),
    _("a local number without its area code"),
    _("not a length that its country uses"),
    _("only digits, spaces and punctuation make up a phone number"),
    _("far too long for a phone number"),
    _("no digits"),
    _("no country has this calling code"),
    _("too short or too long for a phone number"),
    _("a phone number has 7 to 15 digits"),
    _("no French number has a 0 after its calling code"),
)

# What was done to a text so that the mention fits.
REMARKS = {
    Reason.APPENDED_WITHOUT_SEPARATOR: _(
        "The space before the mention was left out, so that it costs no segment more."
    ),
    Reason.TRANSLITERATED: _("Characters outside GSM-7 were replaced, so that the mention costs no segment more."),
    Reason.EXTENDED: _("The mention takes one segment more."),
    Reason.TRUNCATED: _("The text was cut, so that the mention fits."),
    Reason.ALREADY_THERE: _("Your text says it already: nothing is added."),
    Reason.NOT_WANTED: _("The mention is left out, as you asked."),
}

# message_state of SMPP 3.4, 5.2.28, and the look of its badge.
STATES = {
    messages.ENROUTE: (_("on its way"), "live"),
    messages.DELIVERED: (_("delivered"), "good"),
    messages.EXPIRED: (_("expired"), "warn"),
    messages.DELETED: (_("cancelled"), ""),
    messages.UNDELIVERABLE: (_("undeliverable"), "bad"),
    messages.ACCEPTED: (_("accepted"), "good"),
    messages.UNKNOWN: (_("unknown"), "warn"),
    messages.REJECTED: (_("rejected"), "bad"),
    messages.SKIPPED: (_("skipped"), "warn"),
}

# What events of the ledger are for.
KINDS = {
    ledger.CONFIRMATION: _("opt-out confirmed"),
    ledger.UNDELIVERED: _("confirmation that did not arrive"),
    ledger.GRANT: _("credits granted"),
    ledger.SUBMISSIONS: _("messages"),
}

# Where an opt-out came from.
SOURCES = {
    "sms": _("by SMS"),
    "web": _("on the web"),
    "api": _("by the interface"),
    "cli": _("by hand"),
    "import": _("imported"),
    "review": _("after review"),
}

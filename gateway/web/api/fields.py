"""Values that go over the interface, each with what may be said of it: texts, numbers, reasons, instants."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
MOST_TEXT = 16_000  # characters; a message_payload holds 64,000 octets of them

# Patterns that values follow, and what is said of those that do not: a pattern says little to who reads it.
NUMBERS, REASONS, SHORT_CODES = r"^[0-9+().\-/ ]+$", r"\S", r"^[0-9]+$"
SENDERS = r"^(\+?[0-9]{1,20}|[A-Za-z0-9 .&\-]{1,11}|)$"
KEYS, CURSORS = r"^[!-~]+$", r"^[A-Za-z0-9_\-]+$"
UNLIKE = {
    NUMBERS: "has more in it than digits, spaces and + ( ) . / -",
    REASONS: "has nothing in it that can be seen",
    SHORT_CODES: "has more in it than digits",
    SENDERS: "is neither a number of up to 20 digits nor up to 11 of A-Z, a-z, 0-9, space, . & and -",
    KEYS: "has more in it than ASCII characters without spaces",
    CURSORS: "is no cursor of ours; begin again without one",
}


def _rfc3339(value: object) -> object:
    """Refuse what pydantic would take for an instant besides: bare numbers, for one."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("is no instant of RFC 3339, such as 2027-01-04T09:00:00+01:00")
    return value


def _whole(text: str) -> str:
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("has half a surrogate pair in it, which is no character")
    return text


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339), Field(strict=False)]
Text = Annotated[
    str,
    Field(min_length=1, max_length=MOST_TEXT, description="What to say; the mention is added by the gateway."),
    AfterValidator(_whole),
]
Number = Annotated[
    str,
    Field(
        min_length=3,
        max_length=32,
        pattern=NUMBERS,
        description="A number in any usual spelling; international ones are never misunderstood.",
        examples=["+33612345678", "06 12 34 56 78"],
    ),
]
Reason = Annotated[
    str,
    Field(min_length=1, max_length=500, pattern=REASONS, description="Why; kept as evidence."),
    AfterValidator(_whole),
]


class Given(BaseModel):
    """What clients send: nothing that is not declared."""

    model_config = ConfigDict(extra="forbid", strict=True)

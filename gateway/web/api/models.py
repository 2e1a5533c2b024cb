"""What goes over the interface, as models: they check what comes in, and are what the documentation shows."""

from __future__ import annotations

import re
from datetime import datetime  # noqa: TC003 (pydantic reads the annotations)
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

State = Literal[
    "enroute",
    "delivered",
    "expired",
    "deleted",
    "undeliverable",
    "accepted",
    "unknown",
    "rejected",
    "skipped",
]
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
MOST_TEXT = 16_000  # characters; a message_payload holds 64,000 octets of them


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
        pattern=r"^[0-9+().\-/ ]+$",
        description="A number in any usual spelling; international ones are never misunderstood.",
        examples=["+33612345678", "06 12 34 56 78"],
    ),
]
Reason = Annotated[
    str,
    Field(min_length=1, max_length=500, pattern=r"\S", description="Why; kept as evidence."),
    AfterValidator(_whole),
]


class Given(BaseModel):
    """What clients send: nothing that is not declared."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Draft(Given):
    """A text for a number, to be looked at."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "+33612345678", "text": "Bonjour Léa, -20 % samedi"}]}
    )

    to: Number
    text: Text
    mention: Annotated[
        bool | None,
        Field(description="Append the mention or not; null: as the account has it. Marketing always carries it."),
    ] = None


class NewMessage(Draft):
    """A message to be sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"to": "+33612345678", "text": "Bonjour Léa, -20 % samedi", "from": "SHOP"},
                {"to": "+4915112345678", "text": "Guten Tag", "send_at": "2027-01-04T09:00:00+01:00"},
            ]
        }
    )

    sender: Annotated[
        str,
        Field(
            alias="from",
            max_length=20,
            pattern=r"^(\+?[0-9]{1,20}|[A-Za-z0-9 .&\-]{1,11}|)$",
            description="Digits, or up to 11 letters and digits. Empty: what the operator shows by itself.",
        ),
    ] = ""
    send_at: Annotated[Instant | None, Field(description="When, up to a year ahead; null: at once.")] = None
    valid_for: Annotated[
        int | None, Field(ge=60, le=2_592_000, description="Seconds after which it is not worth sending any more.")
    ] = None
    priority: Annotated[int, Field(ge=0, le=3, description="The highest goes first among those of the account.")] = 0
    reference: Annotated[
        int | None, Field(ge=0, le=65_535, description="A number of yours that comes back in the receipt.")
    ] = None


class Accepted(BaseModel):
    """A message that was accepted; it is on disk."""

    id: Annotated[str, Field(description="Our message_id, sortable by time.", examples=["0cab20f57fc00000"])]
    to: Annotated[str, Field(description="The number's one spelling: digits, calling code first.")]
    state: State
    reason: Annotated[
        str, Field(description="What was done with the text, such as `appended`; in one word.", examples=["appended"])
    ]
    segments: Annotated[int, Field(description="What it takes on the radio, and costs.")]


class Message(Accepted):
    """A message as it stands."""

    sender: Annotated[str, Field(alias="from")]
    channel: Annotated[Literal["smpp", "http"], Field(description="How it came in, and its receipt goes out.")]
    error: Annotated[str, Field(description="The network's error, as in a receipt; `000` is none.")]
    reference: int | None
    submitted_at: datetime
    done_at: Annotated[datetime | None, Field(description="When it reached its final state.")]


class Size(BaseModel):
    """What a text takes."""

    segments: int
    alphabet: Annotated[Literal["GSM7", "UCS2"], Field(description="GSM-7 has 160 septets a segment, UCS-2 70 units.")]
    units: Annotated[int, Field(description="Septets or UTF-16 code units.")]


class Shown(BaseModel):
    """The mention within the text."""

    words: str
    start: Annotated[int, Field(description="Where it begins, in characters from 0.")]


class Foreign(BaseModel):
    """A character that is not in GSM-7."""

    character: str
    places: Annotated[list[int], Field(description="Where it stands in the text, in characters from 0.")]
    spelling: Annotated[str | None, Field(description="The nearest spelling in GSM-7, if there is a faithful one.")]


class Refused(BaseModel):
    """Why it would be refused."""

    command_status: Annotated[str, Field(examples=["0x410"])]
    reason: str


class Previewed(BaseModel):
    """What a text would become; nothing was sent."""

    to: str
    territory: Annotated[str, Field(description="Two letters, `FR`; overseas parts of France have their own.")]
    reason: Annotated[str, Field(examples=["appended"])]
    refusal: Refused | None
    text: Annotated[str, Field(description="Exactly what would arrive; empty where it would be refused.")]
    segments: Annotated[list[str], Field(description="The same, cut into segments.")]
    before: Annotated[Size, Field(description="What the text alone takes.")]
    after: Annotated[Size, Field(description="What it takes with the mention; `segments` is what it costs.")]
    room: Annotated[int, Field(description="Septets or code units that are left in the last segment.")]
    mention: Shown | None
    foreign: Annotated[list[Foreign], Field(description="What keeps the text as written out of GSM-7.")]
    due: Annotated[datetime | None, Field(description="When it would leave; null: at once.")]
    plain: Annotated[
        Previewed | None, Field(description="The same without accents, where that is another message.")
    ] = None


class OptOut(BaseModel):
    """A number that has opted out."""

    number: str
    since: datetime
    source: Annotated[str, Field(description="`sms`, `web`, `api` or `cli`.")]
    short_code: str
    everything: Annotated[bool, Field(description="Whether all traffic is refused, and not marketing alone.")]
    scope: Annotated[Literal["account", "everybody"], Field(description="Whose marketing is refused.")]


class OptOuts(BaseModel):
    """A page of opt-outs, newest first."""

    items: list[OptOut]
    next_cursor: Annotated[str | None, Field(description="Ask for the next page with it; null: there is none.")]


class NewOptOut(Given):
    """A number to be opted out."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"number": "+33612345678", "reason": "asked for it on the phone"}]}
    )

    number: Number
    reason: Reason


class Case(BaseModel):
    """A text that may be an opt-out; marketing to its number waits until somebody has read it."""

    number: str
    short_code: str
    text: str
    rule: Annotated[str, Field(description="What made it doubtful.")]
    since: datetime
    until: Annotated[datetime, Field(description="When it counts as an opt-out if nobody has decided.")]
    scope: Annotated[Literal["account", "everybody"], Field(description="Whose marketing waits.")]


class Cases(BaseModel):
    """What waits for a decision, the most urgent first."""

    items: list[Case]


class Decision(Given):
    """What somebody who has read a text says it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"short_code": "36034", "opt_out": False, "reason": "a question about an order"}]
        }
    )

    short_code: Annotated[str, Field(min_length=3, max_length=15, pattern=r"^[0-9]+$")]
    opt_out: Annotated[bool, Field(description="Whether it is an opt-out; it is confirmed and billed as any.")]
    reason: Reason


class Event(BaseModel):
    """A billable event."""

    id: str
    time: datetime
    kind: Annotated[str, Field(examples=["opt_out_confirmation"])]
    credits: int
    number: str
    short_code: str
    source: str
    message_id: str


class Events(BaseModel):
    """A page of the ledger, newest first."""

    items: list[Event]
    next_cursor: Annotated[str | None, Field(description="Ask for the next page with it; null: there is none.")]


class Month(BaseModel):
    """What one month cost, by kind of event; months are UTC's."""

    month: Annotated[str, Field(examples=["2026-11"])]
    kind: str
    events: int
    credits: int


class Usage(BaseModel):
    """What the account has used."""

    months: list[Month]
    balance: Annotated[int, Field(description="Credits granted less charged; below zero the account owes some.")]


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    pointer: Annotated[str, Field(description="Where: a JSON pointer into the body, or a parameter's name.")]
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/api/v1/docs#opted-out",
                    "title": "The number has opted out",
                    "status": 422,
                    "detail": "The number has opted out",
                    "command_status": "0x410",
                    "reason": "opted_out",
                }
            ]
        }
    )

    type: Annotated[str, Field(description="What kind of problem; leads to its explanation.")]
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
    command_status: Annotated[str | None, Field(description="What an app would be answered over SMPP.")] = None
    reason: str | None = None


Json = dict[str, Any]

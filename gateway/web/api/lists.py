"""What the interface lists, and what is said about it: opt-outs, texts to be read, billable events, their sums."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 (pydantic reads the annotations)
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.web.api.fields import SHORT_CODES, Given, Number, Reason


class OptOut(BaseModel):
    """A number that has opted out."""

    number: str
    since: datetime
    source: Annotated[str, Field(description="`sms`, `web`, `api`, `cli`, or `import` where no list said another.")]
    short_code: str
    everything: Annotated[bool, Field(description="Whether all traffic is refused, and not marketing alone.")]
    scope: Annotated[Literal["account", "everybody"], Field(description="Whose marketing is refused.")]


class OptOuts(BaseModel):
    """A page of opt-outs, newest first."""

    items: list[OptOut]
    next_cursor: Annotated[str | None, Field(description="Ask for the next page with it; null: there is none.")]


class NewOptOut(Given):
    """A number to be opted out."""

    number: Number
    reason: Reason


class Case(BaseModel):
    """A text that may be an opt-out; marketing to its number waits until somebody has read it."""

    number: str
    short_code: str
    text: Annotated[str, Field(description="As it was written to the account; empty where the scope is everybody.")]
    rule: Annotated[str, Field(description="What made it doubtful.")]
    since: datetime
    until: Annotated[datetime, Field(description="When it counts as an opt-out if nobody has decided.")]
    scope: Annotated[Literal["account", "everybody"], Field(description="Whose marketing waits.")]


class Cases(BaseModel):
    """A page of what waits for a decision, the most urgent first."""

    items: list[Case]
    next_cursor: Annotated[str | None, Field(description="Ask for the next page with it; null: there is none.")]


class Decision(Given):
    """What somebody who has read a text says it is."""

    short_code: Annotated[str, Field(min_length=3, max_length=15, pattern=SHORT_CODES)]
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
    note: Annotated[str, Field(description="More about it, such as why credits were granted; mostly empty.")]


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

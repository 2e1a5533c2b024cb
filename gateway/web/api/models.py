"""Messages and previews as they go over the interface: models check what comes in, and are what is documented."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 (pydantic reads the annotations)
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.web.api.fields import SENDERS, Given, Instant, Number, Text

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


class Draft(Given):
    """A text for a number, to be looked at."""

    to: Number
    text: Text
    mention: Annotated[
        bool | None,
        Field(description="Append the mention or not; null: as the account has it. Marketing always carries it."),
    ] = None


class NewMessage(Draft):
    """A message to be sent."""

    sender: Annotated[
        str,
        Field(
            alias="from",
            max_length=20,
            pattern=SENDERS,
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
    text: Annotated[str, Field(description="Exactly what would arrive; with a refusal, what would without it.")]
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

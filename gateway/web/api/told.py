"""What webhooks are told, for the description of the interface; :mod:`gateway.hooks` writes it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 (pydantic reads the annotations)
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.web.api.models import State  # noqa: TC001 (pydantic reads the annotations)

if TYPE_CHECKING:
    from fastapi import FastAPI


class Receipt(BaseModel):
    """How a message that came in over HTTP has ended."""

    message_id: str
    number: str
    sender: Annotated[str, Field(alias="from")]
    state: State
    error: Annotated[str, Field(description="The network's error; `000` is none.")]
    segments: int
    reference: Annotated[int | None, Field(description="The one that came with the message.")]
    submitted_at: datetime
    done_at: datetime


class Change(BaseModel):
    """An opt-out from the account's marketing, or its end."""

    number: str
    short_code: Annotated[str, Field(description="`web` where it came from the page.")]
    source: Annotated[str, Field(description="`sms`, `web`, `api` or `cli`.")]
    everything: Annotated[bool, Field(description="Whether all traffic is refused, and not marketing alone.")]
    evidence: str


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid")

    timestamp: datetime
    account: str


class ReceiptEvent(_Event):
    """A message has ended."""

    type: Literal["receipt"]
    data: Receipt


class OptOutEvent(_Event):
    """A number has opted out."""

    type: Literal["opt_out"]
    data: Change


class OptInEvent(_Event):
    """A number may be sent marketing again."""

    type: Literal["opt_in"]
    data: Change


def add_webhooks(app: FastAPI) -> None:
    """Describe the events; nothing is served for them."""

    async def receipt(event: ReceiptEvent) -> None:
        """Post what became of a message that came in over HTTP."""

    async def opt_out(event: OptOutEvent) -> None:
        """Post that a subscriber has opted out of the account's marketing, by a text or on the page."""

    async def opt_in(event: OptInEvent) -> None:
        """Post that START has lifted an opt-out from the account's marketing."""

    for tell in (receipt, opt_out, opt_in):
        name = tell.__name__
        app.webhooks.post(name, operation_id=f"tell_{name}", summary=name, status_code=204)(tell)

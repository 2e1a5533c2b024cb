"""What all sections of the configuration have in common, and small ones that stand inside others."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.configvalues import Address, Duration, Network, OperatorPassword, SystemId


class Section(BaseModel):
    """A mapping in the file: frozen, and only with the keys it declares."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reconnect(Section):
    """Pauses between attempts to bind: from `initial`, doubling, to `maximum`."""

    initial: Duration = 1.0
    maximum: Duration = 60.0

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.maximum < self.initial:
            raise ValueError("maximum must not be shorter than initial")
        return self


class Outbind(Section):
    """Where an operator connects to ask us to bind; `system_id` and `password` are what it calls itself by."""

    listen: Annotated[list[Address], Field(min_length=1)]
    system_id: SystemId
    password: Annotated[OperatorPassword, Field(repr=False)]
    allow_from: list[Network] | None = [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")]

"""The sections about connections: where upstream apps and operators come in, what strangers may take, TLS, pauses."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.config.values import Address, Count, Duration, File, Network, OperatorPassword, Section, SystemId
from gateway.smpp import status

_STATUSES = {name: code for name, code in vars(status).items() if name.startswith("ESME_")}
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|[1-9][0-9]{0,9}")
_LAST_STATUS = 0xFFFFFFFF


def command_status(value: object) -> int:
    """Return the command_status of `0x45`, `69` or `ESME_RSUBMITFAIL`; ValueError for anything else."""
    if isinstance(value, str):
        value = _STATUSES.get(value, int(value, 0) if _NUMBER.fullmatch(value) else None)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LAST_STATUS:
        raise ValueError("must be a command_status, such as 0x58 or ESME_RTHROTTLED, and not that of success")
    return value


CommandStatus = Annotated[int, BeforeValidator(command_status)]


class Certificate(Section):
    """What a server shows; with `client_ca` its clients have to show a certificate that it has signed."""

    certificate: File
    key: File
    client_ca: File | None = None


class SmppTls(Certificate):
    """TLS towards upstream apps."""

    listen: Annotated[list[Address], Field(min_length=1)] = [("0.0.0.0", 3550)]  # noqa: S104  the contract's default


class SmppLimits(Section):
    """What strangers may take: connections, and failed binds of one address before it is banned for a while."""

    connections: Count = 4_000
    unbound: Count = 1_000
    unbound_per_address: Count = 250
    failures: Count = 10
    ban: Duration = 300.0
    exempt: list[Network] = []


class Smpp(Section):
    """Where upstream apps bind; timers as in SMPP 3.4, 7.2. `max_pdu` in octets."""

    listen: Annotated[list[Address], Field(min_length=1)] = [("127.0.0.1", 2775)]
    tls: SmppTls | None = None
    limits: SmppLimits = SmppLimits()
    system_id: SystemId = "stopgate"
    session_init_timeout: Duration = 10.0
    enquire_link: Duration = 30.0
    inactivity_timeout: Duration = 300.0
    response_timeout: Duration = 30.0
    max_pdu: Annotated[int, Field(ge=4096, le=16_777_216)] = 70_000


class OperatorTls(Section):
    """TLS towards an operator; without `ca`, the system's certificate authorities."""

    ca: File | None = None
    certificate: File | None = None
    key: File | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


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

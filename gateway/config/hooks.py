"""Webhooks in the configuration: where an account is told over HTTPS what an app would be told over SMPP."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import IPv6Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from gateway.config.values import Count, Duration, File, Section, seconds, unique

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # octets of a secret (Standard Webhooks, "signature scheme")
_HOST = r"(?P<name>[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?)|\[(?P<address>[0-9A-Fa-f:.]+)\]"
_URL = re.compile(rf"https?://({_HOST})(:(?P<port>[0-9]{{1,5}}))?([/?][!\"$-~]*)?")
_LONGEST_NAME, _PORTS = 253, range(1, 65_536)


def _secret(text: str) -> str:
    try:
        octets = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        octets = b""
    if not text.startswith(_PREFIX) or not _SHORTEST <= len(octets) <= _LONGEST:
        raise ValueError(
            f"must be {_PREFIX} and {_SHORTEST} to {_LONGEST} octets in base64; "
            f'make one with: echo "{_PREFIX}$(openssl rand -base64 32)"'
        )
    return text


def _url(text: str) -> str:
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError(
            "must be a web address in plain letters, without a name, a password or a fragment, such as "
            '"https://shop.example"; other letters are written as xn-- and %'
        )
    if found["port"] and int(found["port"]) not in _PORTS:
        raise ValueError(f"has a port that there is not, {found['port']}")
    if found["address"]:
        IPv6Address(found["address"])  # raises ValueError, which says what is wrong
    elif len(found["name"]) > _LONGEST_NAME:
        raise ValueError(f"has a host of more than {_LONGEST_NAME} characters")
    return text


Secret = Annotated[str, AfterValidator(_secret)]


class Webhook(Section):
    """Where an account is told of receipts and opt-outs; `private` lets it be an address that is not public."""

    private: bool = False
    url: Annotated[str, AfterValidator(_url)]
    secret: Annotated[Secret, Field(repr=False)]
    previous_secret: Annotated[Secret | None, Field(repr=False)] = None
    events: Annotated[list[Literal["receipt", "opt_out", "opt_in"]], AfterValidator(unique)] = [
        "receipt",
        "opt_out",
        "opt_in",
    ]
    timeout: Annotated[Duration, Field(le=60)] = seconds("10s")
    at_once: Annotated[Count, Field(le=100)] = 8
    ca: File | None = None

    @field_validator("url")
    @classmethod
    def _encrypted(cls, value: str, info: ValidationInfo) -> str:
        if value.startswith("http:") and not info.data.get("private"):
            raise ValueError("must be https://; plain http is for private: true only")
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """What requests are signed with: the secret, and for as long as receivers change over the one before."""
        return (self.secret,) if self.previous_secret is None else (self.secret, self.previous_secret)

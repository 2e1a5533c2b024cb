"""The small values a configuration is made of: durations, addresses, networks, names, texts; and its shorthands.

Each is an annotated type for a pydantic model: what the file says goes in, what the program uses comes out, and what
cannot be meant is refused in one sentence with a remedy.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from gateway.smpp.layout import MAX_PASSWORD
from gateway.smpp.text import encode_gsm7
from gateway.store.url import check_url

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SHORTEST, _LONGEST = 0.001, 36_500 * 86_400.0  # a millisecond, a hundred years
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]+)):([0-9]{1,5})")
_LAST_PORT = 65535
_HASH = re.compile(r"\$argon2id\$v=19\$m=\d{1,7},t=\d{1,4},p=\d{1,3}\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}")
_SEGMENT = 160  # septets in one short message
_HALF_SEGMENT = 80

# The same octets in GSM-7, ASCII and Latin-1, whatever data_coding 0 means at an operator (3GPP TS 23.038, 6.2.1).
COMMON = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \n\r!\"#%&'()*+,-./:;<=>?")


def seconds(value: object) -> float:
    """Seconds in `30s`, `5m`, `2h`, `365d` or `200ms`; ValueError for anything else, and for nothing at all."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match or not float(match[1]):
        raise ValueError("must be a duration with its unit, such as 30s, 5m, 2h or 365d")
    duration = float(match[1]) * _UNITS[match[2]]
    if not _SHORTEST <= duration <= _LONGEST:
        raise ValueError("must be a duration from 1ms to 36500d")
    return duration


def address(value: object) -> tuple[str, int]:
    """Host and port of `127.0.0.1:2775`, `localhost:2775` or `[::1]:2775`; port 0 takes any free one."""
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[3]) > _LAST_PORT:
        raise ValueError('must be "host:port", such as "127.0.0.1:2775" or "[::1]:2775"')
    return match[1] or match[2], int(match[3])


def _host(text: str) -> str:
    try:
        text.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"must be the name of a host or its address: {error}") from error
    return text


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(f"must be a network, such as 192.0.2.0/24: {error}") from error


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic reports ValueError only
    return value


def _common(text: str) -> str:
    foreign = sorted(set(text) - COMMON)
    if foreign:
        raise ValueError(f"{_listed(foreign)} is not the same octet at every operator; use plain letters and digits")
    return text


def septets(text: str) -> int:
    """Septets `text` takes in GSM-7 (extension characters take two); ValueError names what is not in GSM-7."""
    encoded = encode_gsm7(text)
    if encoded is None:
        foreign = sorted({character for character in text if encode_gsm7(character) is None})
        raise ValueError(f"{_listed(foreign)} is not in GSM-7 and would double the cost; write it without")
    return len(encoded)


def _listed(characters: list[str]) -> str:
    return " ".join(repr(character) for character in characters)


def _one_segment(text: str) -> str:
    length = septets(text)
    if not 0 < length <= _SEGMENT:
        raise ValueError(f"must be one segment of 1 to {_SEGMENT} septets, has {length}")
    return text


def _publisher(text: str) -> str:
    if (length := septets(text)) > _HALF_SEGMENT:
        raise ValueError(f"must be at most {_HALF_SEGMENT} septets to fit the answer to CONTACT, has {length}")
    return text


def _contact(text: str) -> str:
    if text.count("{publisher}") != 1:
        raise ValueError("must say {publisher} once")
    if (length := septets(text.replace("{publisher}", ""))) > _HALF_SEGMENT:
        raise ValueError(f"must be at most {_HALF_SEGMENT} septets beside the publisher, has {length}")
    return text


def _short_code_mention(text: str) -> str:
    if text.count("{short_code}") != 1:
        raise ValueError("must say {short_code} once")
    _common(text.replace("{short_code}", ""))
    return text


def _web_url(text: str) -> str:
    try:
        port = urlsplit(text).port  # raises where it is no address at all
    except ValueError:
        port = 0
    if port == 0 or not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text):
        raise ValueError('must be a web address, such as "https://no-sms.eu"')
    return text.rstrip("/")


def _like(pattern: str, sentence: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


def unique(values: list[str]) -> list[str]:
    """Refuse a list that names anything twice."""
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


def off(value: object) -> object:
    """Read `off` as the word it is; YAML reads it as false."""
    return "off" if value is False else value


def listen_nowhere(value: object) -> object:
    """Read `web: null` as `web: {listen: null}`."""
    return {"listen": None} if value is None else value


def switch(value: object) -> object:
    """Read `tls: true` as `tls: {}` and `tls: false` as none."""
    if isinstance(value, bool):
        return {} if value else None
    return value


def named(value: object) -> object:
    """Tell each entry of a mapping the key it stands under, as `name`."""
    if not isinstance(value, dict):
        return value
    return {key: {"name": key, **entry} if isinstance(entry, dict) else entry for key, entry in value.items()}


class Section(BaseModel):
    """A mapping in the file: frozen, and only with the keys it declares."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


def own_names(entries: dict[str, _Entry]) -> dict[str, _Entry]:
    """Refuse an entry that calls itself other than its key does."""
    for key, entry in entries.items():
        if entry.name != key:
            raise ValueError(f"{key} is called {entry.name!r} inside; leave its name out")
    return entries


def over(defaults: dict[str, str]) -> BeforeValidator:
    """Lay what the file says over `defaults`, key by key."""
    return BeforeValidator(lambda value: {**defaults, **value} if isinstance(value, dict) else value)


def defined(kind: str) -> AfterValidator:
    """Refuse a name that the rest of the file does not define.

    The validation's context says, under `kind`, which names are defined; without a context every name passes.
    """

    def check(value: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get(kind)
        if known is not None and value not in known:
            raise ValueError(f"there is no {kind} {value!r}; defined: {', '.join(sorted(known)) or 'none'}")
        return value

    return AfterValidator(check)


def _from_folder(file: Path, info: ValidationInfo) -> Path:
    """Take a relative path from the folder of the configuration, which the validation's context names."""
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / file


def _password_or_hash(text: str) -> str:
    if text.startswith("$argon2") and not _HASH.fullmatch(text):
        raise ValueError("looks like a hash and is none; use one that `stopgate hash-password` prints, whole")
    return text


Duration = Annotated[float, BeforeValidator(seconds)]
Address = Annotated[tuple[str, int], BeforeValidator(address)]
Host = Annotated[str, Field(min_length=1), AfterValidator(_host)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Count = Annotated[int, BeforeValidator(_not_bool), Field(ge=1)]
Port = Annotated[int, BeforeValidator(_not_bool), Field(ge=1, le=_LAST_PORT)]
Name = Annotated[str, _like(r"[A-Za-z0-9_.-]{1,63}", "must be 1 to 63 letters, digits, '_', '.' or '-'")]
# SMPP 3.4, 5.2.1: 16 octets with the closing NUL.
SystemId = Annotated[str, _like(r"[!-~]{1,15}", "must be 1 to 15 ASCII characters without spaces, as SMPP asks")]
SystemType = Annotated[str, _like(r"[ -~]{0,12}", "must be at most 12 ASCII characters, as SMPP asks")]
Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD), AfterValidator(_password_or_hash)]
File = Annotated[Path, AfterValidator(_from_folder)]
OperatorPassword = Annotated[
    str, _like(rf"[ -~]{{0,{MAX_PASSWORD}}}", f"must be at most {MAX_PASSWORD} ASCII characters")
]
ApiKey = Annotated[str, _like(r"[!-~]{16,255}", "must be 16 to 255 ASCII characters without spaces")]
Digits = Annotated[str, _like(r"[0-9]{0,15}", "must be at most 15 digits, without +")]
ShortCode = Annotated[str, _like(r"[0-9]{3,15}", "must be 3 to 15 digits")]
Territory = Annotated[str, _like(r"[A-Z]{2}", "must be two capital letters, such as FR")]
Language = Annotated[str, _like(r"[a-z]{2}", "must be two small letters, such as fr")]
Confirmation = Annotated[str, AfterValidator(_one_segment)]
Publisher = Annotated[str, AfterValidator(_publisher)]
Contact = Annotated[str, AfterValidator(_contact)]
ShortCodeMention = Annotated[str, Field(max_length=40), AfterValidator(_short_code_mention)]
WebMention = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_common)]
Separator = Annotated[str, Field(max_length=5), AfterValidator(_common)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
StoreUrl = Annotated[str, AfterValidator(check_url)]

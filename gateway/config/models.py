"""The configuration: one YAML file in, checked and frozen models out, or every problem in it at once.

The models below are the reference for what may be written (the commented example is `config/gateway.yaml`). Durations
are seconds, addresses (host, port). Each value is checked for itself as far as that goes, so that one mistake does not
hide another.
"""

import os
import socket
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from gateway.config.file import ConfigError, read
from gateway.config.hooks import Webhook
from gateway.config.hours import Opening
from gateway.config.problems import clashes, names_in, problems_of
from gateway.config.routes import dead_ends
from gateway.config.smpp import Certificate, CommandStatus, OperatorTls, Outbind, Reconnect, Smpp
from gateway.config.values import (
    Address,
    ApiKey,
    Confirmation,
    Contact,
    Count,
    Digits,
    Duration,
    File,
    Host,
    Language,
    Name,
    Network,
    OperatorPassword,
    Password,
    Port,
    Publisher,
    Section,
    Separator,
    ShortCode,
    ShortCodeMention,
    StoreUrl,
    SystemId,
    SystemType,
    Territory,
    WebMention,
    WebUrl,
    defined,
    listen_nowhere,
    named,
    over,
    own_names,
    seconds,
    switch,
    unique,
)
from gateway.store.url import is_file, sqlite_path

__all__ = ["Account", "Config", "ConfigError", "Operator", "load"]

CONFIRMATION = {
    "fr": "Demande enregistrée : vous ne recevrez plus de messages publicitaires de cet expéditeur. SMS non surtaxé.",
    "en": "Your request is registered: you will receive no more marketing from this sender. SMS at no extra cost.",
}
CONTACT = {
    "fr": "Expéditeur : {publisher}. STOP pour ne plus recevoir ses publicités.",
    "en": "Sender: {publisher}. Reply STOP to receive no more marketing from them.",
}

START = {
    "fr": "C'est noté : vous recevrez de nouveau nos messages. STOP pour ne plus les recevoir. SMS non surtaxé.",
    "en": "Noted: you will receive our messages again. Reply STOP to end them. SMS at no extra cost.",
}
HELP = {
    "fr": "STOP pour ne plus recevoir de publicité, CONTACT pour savoir qui vous écrit, START pour en recevoir de "
    "nouveau. SMS non surtaxé.",
    "en": "Reply STOP to receive no more marketing, CONTACT to learn who writes to you, START to receive it again. "
    "SMS at no extra cost.",
}


class Log(Section):
    """What the log says and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    numbers: Literal["masked", "clear"] = "masked"
    texts: Literal["hidden", "clear"] = "hidden"


class Web(Section):
    """The client area and the opt-out form; `listen: null` serves neither."""

    listen: Address | None = ("127.0.0.1", 8080)
    public_url: WebUrl = "https://no-sms.eu"
    proxies: list[Network] = [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")]
    tls: Certificate | None = None
    admins: Annotated[dict[Name, Password], Field(repr=False)] = {}


class MetricsListener(Section):
    """The private listener with /metrics, /healthz and /readyz; `listen: null` serves none."""

    listen: Address | None = ("127.0.0.1", 9100)


class Delivery(Section):
    """How long what we accepted is worth trying."""

    validity: Duration = seconds("48h")
    account_queue: Duration = seconds("48h")
    report_wait: Duration = seconds("72h")
    held_parts: Duration = seconds("5m")


class Retention(Section):
    """How long what has ended is kept; opt-outs and their evidence have a setting of their own."""

    messages: Duration = seconds("30d")
    texts: Duration = seconds("3d")


class Mention(Section):
    """What is appended, where a short code can be texted and elsewhere."""

    short_code: ShortCodeMention = "STOP {short_code}"
    web: WebMention = "no-sms.eu"


class OptOut(Section):
    """The mention, and what happens on STOP. The first short code is current, the others are still listened to."""

    short_codes: Annotated[list[ShortCode], Field(min_length=1), AfterValidator(unique)] = ["36034"]
    mention: Mention = Mention()
    short_code_territories: list[Territory] = ["FR"]
    separator: Separator = " "
    scope: Literal["senders", "last", "platform"] = "senders"
    attribution_window: Duration = seconds("365d")
    confirmation: Annotated[dict[Language, Confirmation], over(CONFIRMATION)] = CONFIRMATION
    contact: Annotated[dict[Language, Contact], over(CONTACT)] = CONTACT
    start: Annotated[dict[Language, Confirmation], over(START)] = START
    help: Annotated[dict[Language, Confirmation], over(HELP)] = HELP
    review: Duration = seconds("7d")
    retention: Duration = seconds("1095d")


OperatorName = Annotated[str, defined("operator")]


class Route(Section):
    """Which operators carry the numbers that begin with one of `prefixes`, in order; `""` begins every number."""

    prefixes: Annotated[list[Digits], Field(min_length=1)]
    operators: Annotated[list[OperatorName], Field(min_length=1), AfterValidator(unique)]


class Account(Section):
    """An upstream customer; its name is the system_id it binds with. Rates in segments and in requests a second."""

    name: SystemId
    password: Annotated[Password, Field(repr=False)]
    kind: Literal["marketing", "notification"] = "marketing"
    mention: bool = True
    publisher: Publisher = ""
    short_codes: Annotated[list[ShortCode], AfterValidator(unique)] = []
    language: Annotated[Language, defined("language")] = "fr"
    default_alphabet: Literal["gsm", "latin1"] = "gsm"
    data_coding_3: Literal["latin1", "gsm"] = "latin1"
    max_segments: Annotated[Count, Field(le=255)] = 6
    fit: Annotated[list[Literal["separator", "transliterate"]], AfterValidator(unique)] = [
        "separator",
        "transliterate",
    ]
    overflow: Literal["extend", "reject", "truncate"] = "extend"
    hours: Opening = "off"
    hours_policy: Literal["hold", "reject"] = "hold"
    on_opted_out: Literal["reject", "receipt"] = "reject"
    forward_mo: bool = True
    routes: list[Route] = []
    max_binds: Count = 4
    window: Count = 100
    rate: Count | None = 200
    credits: Literal["prepaid"] | None = None
    allow_from: list[Network] | None = [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")]
    web_password: Annotated[Password | None, Field(repr=False)] = None
    api_key: Annotated[ApiKey | None, Field(repr=False)] = None
    api_rate: Count | None = 50
    webhook: Webhook | None = None

    @field_validator("mention")
    @classmethod
    def _marketing_has_a_mention(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  pydantic's signature
        if not value and info.data.get("kind") == "marketing":
            raise ValueError("may be false for notification accounts only; marketing always carries the mention")
        return value


class Operator(Section):
    """An SMSC we bind to. `rate` in segments a second; `binds` on each node that binds here."""

    name: Name
    host: Host
    port: Port = 2775
    tls: Annotated[OperatorTls | None, BeforeValidator(switch)] = None
    system_id: SystemId
    password: Annotated[OperatorPassword, Field(repr=False)]
    system_type: SystemType = ""
    interface_version: Annotated[Literal["3.3", "3.4"], BeforeValidator(str)] = "3.4"
    bind: Literal["transceiver", "pair"] = "transceiver"
    binds: Count = 1
    outbind: Outbind | None = None
    nodes: list[Name] | None = None
    window: Count = 50
    rate: Count | None = 100
    default_alphabet: Literal["gsm", "latin1"] = "gsm"
    data_coding_3: Literal["latin1", "gsm"] = "latin1"
    long_messages: Literal["udh8", "udh16", "sar", "payload"] = "udh8"
    message_id: Literal["auto", "hex", "decimal"] = "auto"
    receipt_id: Literal["auto", "text", "tlv"] = "auto"
    receipts_by: Literal["esm_class", "content"] = "esm_class"
    uncertain: Literal["retry", "fail"] = "retry"
    validity: Literal["relative", "absolute", "none"] = "relative"
    statuses: dict[CommandStatus, Literal["slow", "later", "next", "fail"]] = {}
    receipts: bool = True
    enquire_link: Duration = 30.0
    response_timeout: Duration = 30.0
    reconnect: Reconnect = Reconnect()

    @field_validator("long_messages")
    @classmethod
    def _without_tlvs(cls, value: str, info: ValidationInfo) -> str:
        if value in ("sar", "payload") and info.data.get("interface_version") == "3.3":
            raise ValueError("needs TLVs, which interface_version 3.3 does not have; use udh8 or udh16")
        return value

    @field_validator("outbind")
    @classmethod
    def _in_clear(cls, value: Outbind | None, info: ValidationInfo) -> Outbind | None:
        if value is not None and info.data.get("tls") is not None:
            raise ValueError("is answered in clear, password included; not together with tls")
        return value


class Config(Section):
    """The whole file."""

    node: Name = Field(default_factory=socket.gethostname)
    store: StoreUrl = "sqlite:////var/lib/stopgate/gateway.db"
    control: File | None = None
    log: Log = Log()
    smpp: Smpp = Smpp()
    web: Annotated[Web, BeforeValidator(listen_nowhere)] = Web()
    metrics: Annotated[MetricsListener, BeforeValidator(listen_nowhere)] = MetricsListener()
    delivery: Delivery = Delivery()
    retention: Retention = Retention()
    opt_out: OptOut = OptOut()
    accounts: Annotated[dict[str, Account], BeforeValidator(named), AfterValidator(own_names)] = {}
    operators: Annotated[dict[str, Operator], BeforeValidator(named), AfterValidator(own_names)] = {}
    routes: list[Route] = []

    @property
    def control_socket(self) -> Path | None:
        """Where commands reach a running gateway: as configured, or beside the database where that is a file."""
        if self.control is not None or not is_file(self.store):
            return self.control
        database = sqlite_path(self.store)
        return database.with_name(f"{database.name}.control")


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check the file at `path`.

    `environ` supplies `${NAME}`. Raises `ConfigError` with every problem found, each with its line, column and key.
    """
    document = read(path, environ)
    problems = document.problems + clashes(document, Config()) + dead_ends(document)
    try:
        context = {**_defined(document.data), "folder": path.parent}
        config = Config.model_validate(document.data, context=context)
    except ValidationError as error:
        problems += problems_of(error, document, Config)
    if problems:
        raise ConfigError(path, problems)
    return config


def _defined(data: object) -> dict[str, set[str]]:
    """Names that the file defines, whether or not what they name is right."""
    confirmation, contact = names_in(data, "opt_out", "confirmation"), names_in(data, "opt_out", "contact")
    languages = (CONFIRMATION.keys() | confirmation) & (CONTACT.keys() | contact)
    return {"operator": names_in(data, "operators"), "language": languages}

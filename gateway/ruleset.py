"""The configuration in the words of the rules: what :mod:`gateway.rules` needs to know, made once from the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.rules.hours import PRESETS, Hours
from gateway.rules.mention import Budget, Overflow
from gateway.rules.policy import Kind, Mentions, Profile
from gateway.smpp.text import Alphabet

if TYPE_CHECKING:
    from gateway.config import Account, Config, OptOut

Routes = list[tuple[tuple[str, ...], tuple[str, ...]]]

_ALPHABETS = {"gsm": Alphabet.GSM7, "latin1": Alphabet.LATIN1}


def alphabet(name: str) -> Alphabet:
    """Return what data_coding 0 means, from its name in the configuration."""
    return _ALPHABETS[name]


def mentions(opt_out: OptOut) -> Mentions:
    """Return the opt-out texts; the first short code is the current one."""
    code = opt_out.short_codes[0]
    return Mentions(
        short_code=code,
        short_code_text=opt_out.mention.short_code.format(short_code=code),
        web_text=opt_out.mention.web,
        territories=frozenset(opt_out.short_code_territories),
    )


def profile(account: Account, opt_out: OptOut) -> Profile:
    """Return an account as the rules see it."""
    budget = Budget(
        max_segments=account.max_segments,
        separator=opt_out.separator,
        fit=tuple(account.fit),
        overflow=Overflow(account.overflow),
    )
    return Profile(
        account=account.name,
        kind=Kind(account.kind),
        mention=account.mention,
        default_alphabet=alphabet(account.default_alphabet),
        budget=budget,
        receipt_when_opted_out=account.on_opted_out == "receipt",
    )


def hours(account: Account) -> Hours | None:
    """Return when an account's marketing may be sent; None: at any time."""
    if isinstance(account.hours, str):
        return PRESETS.get(account.hours)
    return Hours(account.hours.week, account.hours.holidays)


def routes(config: Config) -> Routes:
    """Return the routes as (prefixes, operators)."""
    return [(tuple(route.prefixes), tuple(route.operators)) for route in config.routes]

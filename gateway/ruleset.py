"""The configuration in the words of the rules: what :mod:`gateway.rules` needs to know, made once from the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.rules.carriage import Long
from gateway.rules.hours import PRESETS, Hours
from gateway.rules.mention import Budget, Overflow
from gateway.rules.pacing import Pace, Step
from gateway.rules.policy import Kind, Mentions, Outlet, Profile, choose
from gateway.rules.times import Spelling
from gateway.smpp.text import Alphabet, Meanings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gateway.config.models import Account, Config, Operator, OptOut, Route

Routes = list[tuple[tuple[str, ...], tuple[str, ...]]]

_ALPHABETS = {"gsm": Alphabet.GSM7, "latin1": Alphabet.LATIN1}


def alphabet(name: str) -> Alphabet:
    """Return what data_coding 0 means, from its name in the configuration."""
    return _ALPHABETS[name]


def meanings(peer: Account | Operator) -> Meanings:
    """Return what a peer means by data_coding 0 and 3."""
    return Meanings(alphabet(peer.default_alphabet), alphabet(peer.data_coding_3))


def outlet(operator: Operator) -> Outlet:
    """Return what an operator expects of messages."""
    takes_tlvs, (zero, three) = operator.interface_version != "3.3", meanings(operator)
    gsm_is_three = zero is not Alphabet.GSM7 and three is Alphabet.GSM7
    default, coding = (three, 3) if gsm_is_three else (zero, 0)
    return Outlet(default, Long(operator.long_messages), takes_tlvs, coding)


def mentions(opt_out: OptOut, own_codes: Sequence[str] = ()) -> Mentions:
    """Return the opt-out texts of who has codes of their own, or has not; the first short code is the current one."""
    codes = own_codes or opt_out.short_codes
    code = codes[0]
    return Mentions(
        short_code=code,
        short_code_text=opt_out.mention.short_code.format(short_code=code),
        web_text=opt_out.mention.web,
        territories=frozenset(opt_out.short_code_territories),
        codes=tuple(codes),
    )


def mentions_of_all(config: Config) -> dict[str, Mentions]:
    """Return the opt-out texts of each account."""
    return {name: mentions(config.opt_out, account.short_codes) for name, account in config.accounts.items()}


def codes(config: Config) -> dict[str, str]:
    """Return every short code that is listened to, and whose own it is ("": everybody's)."""
    own = {code: name for name, account in config.accounts.items() for code in account.short_codes}
    return dict.fromkeys(config.opt_out.short_codes, "") | own


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
        meanings=meanings(account),
        budget=budget,
        receipt_when_opted_out=account.on_opted_out == "receipt",
    )


def pace(operator: Operator) -> Pace:
    """Return how fast an operator may be sent to, and what follows from its answers."""
    own = {code: Step(step) for code, step in operator.statuses.items()}
    return Pace(
        operator.window,
        operator.rate,
        retry_uncertain=operator.uncertain == "retry",
        own_steps=own,
        validity=Spelling(operator.validity),
    )


def hours(account: Account) -> Hours | None:
    """Return when an account's marketing may be sent; None: at any time."""
    if isinstance(account.hours, str):
        return PRESETS.get(account.hours)
    return Hours(account.hours.week, account.hours.holidays)


class Routing:
    """Who carries what: an account's own routes where one fits, else those of all."""

    def __init__(self, config: Config) -> None:
        self._common = _routes(config.routes)
        self._own = {name: _routes(account.routes) for name, account in config.accounts.items() if account.routes}

    def operators(self, account: str, number: str, usable: Collection[str] = ()) -> list[str]:
        """Return the operators for a message of ``account``: those of its longest prefix, usable ones first."""
        own = choose(number, self._own[account], usable) if account in self._own else []
        return own or choose(number, self._common, usable)

    def shared(self, operator: str, others: Collection[str]) -> bool:
        """Say whether any route of ``operator`` has one of the ``others``, too."""
        routes = (route for each in (self._common, *self._own.values()) for route in each)
        return any(operator in operators and not set(others).isdisjoint(operators) for _, operators in routes)


def _routes(models: Iterable[Route]) -> Routes:
    return [(tuple(route.prefixes), tuple(route.operators)) for route in models]


def alike(one: Operator, other: Operator) -> bool:
    """Say whether operators read what was written for either."""
    return outlet(one) == outlet(other)

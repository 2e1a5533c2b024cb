"""Previews under one configuration: whose text, to whom, by which operator, and when.

Used by the command line, the client area and the HTTP interface alike. What the store knows of a number or an account
is part of the question; :meth:`Previews.informed` asks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway import ruleset
from gateway.rules.policy import Kind, Outlet, Refuse
from gateway.rules.preview import Draft, preview
from gateway.rules.reason import Reason
from gateway.smpp import status
from gateway.store import blacklist, reviews, settings
from gateway.submissions.openings import Openings

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.config.models import Config
    from gateway.rules.number import Number
    from gateway.rules.preview import Preview
    from gateway.store.base import Snapshot, Tx


class Wish(NamedTuple):
    """A text that an account, by its name, would send to a number.

    ``optout_mention`` is the TLV, None where there is none; ``mention`` the account's own switch where it differs from
    the configuration; ``opted_out`` whether the number refuses what the account sends; ``held_until`` until when
    marketing waits for who reads a text of that number, in milliseconds since 1970; 0: it does not.
    """

    account: str
    number: Number
    text: str
    optout_mention: int | None = None
    mention: bool | None = None
    opted_out: bool = False
    held_until: int = 0


class Previews:
    """Tells what texts would become.

    Args:
        config: accounts, operators, routes, opt-out texts, hours.
    """

    def __init__(self, config: Config) -> None:
        self._accounts = config.accounts
        self._mentions = ruleset.mentions_of_all(config)
        self._routing = ruleset.Routing(config)
        self._outlets = {name: ruleset.outlet(each) for name, each in config.operators.items()}
        self._profiles = {name: ruleset.profile(account, config.opt_out) for name, account in config.accounts.items()}
        self._openings = Openings(config)

    def informed(self, source: Tx | Snapshot, wish: Wish) -> Wish:
        """Return a wish with what the store knows: opt-outs, texts under review, what its account has switched."""
        marketing, number = self._profiles[wish.account].kind is Kind.MARKETING, wish.number.key
        refuses = blacklist.refuses(blacklist.of_number(source, number), number, wish.account, marketing=marketing)
        if not marketing:
            return wish._replace(opted_out=refuses, mention=settings.mention(source, wish.account))
        return wish._replace(opted_out=refuses, held_until=reviews.until(source, number, wish.account))

    def preview(self, wish: Wish, now: int, usable: Collection[str] = ()) -> Preview:
        """Return what a text would become, sent at ``now``, in milliseconds since 1970.

        Args:
            wish: the text, whose it is, and for whom.
            now: the present.
            usable: operators that have a link; the first of the route that is one of them would get it, else the first.

        Raises:
            KeyError: there is no such account.
        """
        profile = self._profiles[wish.account]
        if wish.mention is not None:
            profile = profile._replace(mention=wish.mention)
        operators = self._routing.operators(wish.account, wish.number.key, usable)
        outlet = self._outlets[operators[0]] if operators else Outlet()
        draft = Draft(wish.text, profile, wish.number, outlet, wish.optout_mention)
        found = preview(draft, self._mentions[wish.account], opted_out=wish.opted_out)
        if not operators:
            return found.refused(Refuse(status.ESME_RINVDSTADR, Reason.NO_ROUTE))
        return found if found.refusal else self._timed(found, wish, now)

    def _timed(self, found: Preview, wish: Wish, now: int) -> Preview:
        """Say when it would leave, or that the account would rather not send it later."""
        due = self._openings.next(wish.account, wish.number, now).due
        if due == now:
            return found._replace(due=wish.held_until) if wish.held_until > now else found
        if self._accounts[wish.account].hours_policy == "reject":
            return found.refused(Refuse(status.OUTSIDE_HOURS, Reason.OUTSIDE_HOURS))
        return found._replace(due=due)

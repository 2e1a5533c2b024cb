"""Whose opt-out it is: which accounts a text to a short code is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.ruleset import codes
from gateway.store.blacklist import EVERYBODY
from gateway.store.contacts import WEB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.config.models import Config
    from gateway.store.contacts import Contact


class Attribution:
    """The rules of one configuration.

    Attributes:
        codes: every short code that is listened to, current and retired.
        window_ms: how far back marketing counts that was sent to the number.
    """

    def __init__(self, config: Config) -> None:
        self._accounts = config.accounts
        self._scope = config.opt_out.scope
        self._owners = codes(config)
        self._with_own = {owner for owner in self._owners.values() if owner}
        self.codes = frozenset(self._owners)
        self.window_ms = int(config.opt_out.attribution_window * 1_000)

    def concerned(self, code: str) -> frozenset[str]:
        """Return the codes that what was heard is about: a text is about the one that was texted, a form about all."""
        return self.codes | {WEB} if code == WEB else frozenset({code})

    def whose(self, code: str, senders: Sequence[Contact]) -> list[str]:
        """Say whose marketing is refused; when nobody is known to have sent any, that of all accounts of the code."""
        if self._scope == "platform" or not senders:
            owner = self.owner(code) if self._scope != "platform" else ""
            return [owner or EVERYBODY]
        return [each.account for each in (senders[:1] if self._scope == "last" else senders)]

    def is_of(self, account: str, code: str) -> bool:
        """Say whether ``account`` is one of those whose opt-outs a START to ``code`` lifts."""
        owner = self.owner(code)
        return account == owner if owner else account not in self._with_own

    def owner(self, code: str) -> str:
        """Return the account whose own a code is; "": it is everybody's."""
        return self._owners.get(code, "")

    def wants_texts(self, account: str) -> bool:
        """Say whether ``account`` gets copies of texts."""
        known = self._accounts.get(account)
        return known is not None and known.forward_mo

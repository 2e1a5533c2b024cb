"""Which messages on their way are refused by the numbers that they are for.

Admission refuses what a number has opted out of; this is the same rule for what was accepted before the opt-out. What
waits in the spool is cancelled in the transaction of the opt-out; what a node has in memory is reviewed by it before it
is sent, and so is whatever it takes from the spool for a number that has opted out of anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.rules.policy import Kind
from gateway.store import blacklist, held, messages, spool
from gateway.store.messages import PLATFORM, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.config import Config
    from gateway.store.base import Tx
    from gateway.store.messages import Finished, Message


class Refusals:
    """The rule, for the accounts of one configuration."""

    def __init__(self, config: Config) -> None:
        self._marketing = {name: Kind(account.kind) is Kind.MARKETING for name, account in config.accounts.items()}

    def refused(self, tx: Tx, ids: Collection[int]) -> set[int]:
        """Return those of these messages that their numbers refuse, as things are now."""
        found = messages.get(tx, ids)
        entries = blacklist.lookup(tx, {message.number for message in found.values()})
        return {message.id for message in found.values() if entries and self._is_refused(message, entries)}

    def _is_refused(self, message: Message, entries: blacklist.Entries) -> bool:
        account = message.account
        # An account that is gone from the configuration might have been one for marketing.
        marketing = self._marketing.get(account, True)
        return account != PLATFORM and blacklist.refuses(entries, message.number, account, marketing=marketing)

    def cancel(self, tx: Tx, number: str) -> list[Finished]:
        """End what waits for ``number`` and is refused, as DELETED; returns the messages that ended."""
        doomed = self.refused(tx, spool.messages_to(tx, number) | held.messages_to(tx, [number]))
        spool.remove_message(tx, doomed)
        held.remove(tx, doomed)
        return messages.settle(tx, [Outcome(message, messages.DELETED, final=True) for message in sorted(doomed)])

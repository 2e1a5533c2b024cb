"""Which messages on their way are refused by the numbers that they are for, or are held back from them.

Admission refuses what a number has opted out of; this is the same rule for what was accepted before the opt-out. What
waits in the spool is ended in the transaction of the opt-out; what a node has in memory is reviewed by it before it
is sent, and so is whatever it takes from the spool for a number that has opted out of anything, or may have.

No message goes out half: one of which an operator has a segment already is finished, for it cannot be called back and
nobody can read half of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.homeward import REFUSED
from gateway.rules.policy import Kind
from gateway.store import blacklist, held, messages, reviews, spool, waiting
from gateway.store.messages import PLATFORM, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.config.models import Config
    from gateway.store.base import Tx
    from gateway.store.messages import Finished, Message


class Standing(NamedTuple):
    """Of some messages: those that are refused, and until when others are held back."""

    refused: set[int]
    held_until: dict[int, int]


def refusal(message: int) -> Outcome:
    """Return the end of a message that its number refuses."""
    return Outcome(message, messages.REJECTED, REFUSED, final=True)


class Refusals:
    """The rule, for the accounts of one configuration."""

    def __init__(self, config: Config) -> None:
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._marketing = {name: Kind(account.kind) is Kind.MARKETING for name, account in config.accounts.items()}

    def judge(self, tx: Tx, ids: Collection[int], begun: Collection[int] = ()) -> Standing:
        """Say which of these messages must not be sent, or not yet, as things are now; ``begun``: some of them."""
        found = messages.get(tx, ids)
        numbers = {message.number for message in found.values()}
        entries, pending = blacklist.lookup(tx, numbers), reviews.lookup(tx, numbers)
        if not entries and not pending:
            return Standing(set(), {})
        several = {message.id for message in found.values() if message.segments > 1}
        finish = messages.begun(tx, several).union(begun)
        open_ones = [message for message in found.values() if message.id not in finish]
        refused = {message.id for message in open_ones if self._is_refused(message, entries)}
        waiting = {message.id: self._held_until(message, pending) for message in open_ones}
        return Standing(refused, {each: until for each, until in waiting.items() if until and each not in refused})

    def _is_refused(self, message: Message, entries: blacklist.Entries) -> bool:
        account = message.account
        return account != PLATFORM and blacklist.refuses(
            entries, message.number, account, marketing=self._is_marketing(account)
        )

    def _held_until(self, message: Message, pending: reviews.Pending) -> int:
        account = message.account
        if account == PLATFORM or not self._is_marketing(account):
            return 0
        return reviews.held_until(pending, message.number, account)

    def _is_marketing(self, account: str) -> bool:
        # An account that is gone from the configuration might have been one for marketing.
        return self._marketing.get(account, True)

    def cancel(self, tx: Tx, numbers: Collection[str]) -> list[Finished]:
        """End what waits for these numbers and is refused; returns the messages that ended.

        A message of which other segments are in the memory of a node is left: that may have begun to send it.
        """
        segments = waiting.messages_to(tx, numbers)
        parts = held.messages_to(tx, numbers)
        refused = self.judge(tx, segments.keys() | parts).refused
        found = messages.get(tx, refused)
        doomed = {each for each in refused if each in parts or segments[each] >= found[each].segments}
        spool.remove_message(tx, doomed)
        held.remove(tx, doomed)
        return messages.settle(tx, [refusal(message) for message in sorted(doomed)])

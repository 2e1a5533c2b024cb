"""Balances: what each account was granted less what it was charged, kept beside the ledger that they are the sum of.

A row of the ledger changes its account's balance in the same transaction. What submissions cost is debited here at once
and gathered (*pending*) until it goes into the ledger as one row (:func:`gateway.store.ledger.settle_pending`), for a
row for each message would make all nodes wait for one end of one chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from gateway.store.base import Snapshot, Tx
    from gateway.store.messages import Message


class Use(NamedTuple):
    """What submissions cost: credits, for so many messages; negative where they are given back."""

    credits: int
    messages: int


class Pending(NamedTuple):
    """What is debited and not in the ledger yet."""

    account: str
    credits: int
    messages: int


def balance(tx: Tx | Snapshot, account: str) -> int:
    """Return the credits that an account may still spend; below zero it owes some."""
    return next((int(row[0]) for row in tx.rows("SELECT credits FROM balance WHERE account = ?", (account,))), 0)


def balances(tx: Tx | Snapshot) -> dict[str, int]:
    """Return the balance of every account that was ever granted or charged anything."""
    return dict(tx.rows("SELECT account, credits FROM balance ORDER BY account"))


def to_spend(tx: Tx, accounts: Collection[str]) -> dict[str, int]:
    """Return the balances of these accounts, which nobody else changes before the commit."""
    found = tx.each(
        f"SELECT account, credits FROM balance WHERE account IN ({{rows}}) ORDER BY account{tx.for_update}",  # noqa: S608 (constants)
        [(account,) for account in sorted(accounts)],
    )
    return dict(found)


def charge(tx: Tx, amounts: Mapping[str, int]) -> None:
    """Charge accounts what rows of the ledger say, in the transaction that writes these; negative: granted."""
    tx.insert(
        "balance (account, credits)",
        [(account, -amount) for account, amount in sorted(amounts.items()) if amount],
        "ON CONFLICT (account) DO UPDATE SET credits = balance.credits + excluded.credits",
    )


def debit(tx: Tx, uses: Mapping[str, Use]) -> None:
    """Debit accounts what their submissions cost; it is pending from now on."""
    tx.insert(
        "balance (account, credits, pending, messages, since)",
        [(account, -use.credits, use.credits, use.messages, tx.now) for account, use in sorted(uses.items())],
        "ON CONFLICT (account) DO UPDATE SET credits = balance.credits + excluded.credits, "
        "pending = balance.pending + excluded.pending, messages = balance.messages + excluded.messages, "
        "since = CASE WHEN balance.since = 0 THEN excluded.since ELSE balance.since END",
    )


def give_back(tx: Tx, unsent: Iterable[Message]) -> None:
    """Give back what messages have cost that ended before anything of them was sent."""
    uses: dict[str, Use] = {}
    for each in unsent:
        if each.price:
            before = uses.get(each.account, Use(0, 0))
            uses[each.account] = Use(before.credits - each.price, before.messages - 1)
    debit(tx, uses)


class Purse:
    """What some accounts, the prepaid ones, may spend in one transaction, and what they have spent.

    All others spend what they like.
    """

    def __init__(self, tx: Tx, prepaid: Collection[str]) -> None:
        self._tx = tx
        self._left = dict.fromkeys(prepaid, 0) | to_spend(tx, prepaid) if prepaid else {}
        self._uses: dict[str, Use] = {}

    def covers(self, account: str, price: int) -> bool:
        """Say whether an account may spend so many credits more."""
        return account not in self._left or price <= max(0, self._left[account])

    def spend(self, account: str, price: int, messages: int = 1) -> int:
        """Spend credits on a message; returns what it has cost: nothing, where the account is not prepaid."""
        if account not in self._left:
            return 0
        self._left[account] -= price
        before = self._uses.get(account, Use(0, 0))
        self._uses[account] = Use(before.credits + price, before.messages + messages)
        return price

    def write(self) -> None:
        """Debit what was spent."""
        debit(self._tx, self._uses)


def take_pending(tx: Tx, before: int) -> list[Pending]:
    """Take what has been pending since before an instant; whoever takes it writes it into the ledger."""
    found = tx.rows(
        f"SELECT account, pending, messages FROM balance WHERE since > 0 AND since < ? ORDER BY account{tx.for_update}",  # noqa: S608 (constants)
        (before,),
    )
    tx.each(
        "UPDATE balance SET credits = credits + pending, pending = 0, messages = 0, since = 0 "
        "WHERE account IN ({rows}) AND since > 0",
        [(row[0],) for row in found],
    )
    return [Pending(*row) for row in found]


def summed(tx: Tx | Snapshot) -> dict[str, int]:
    """Return, for each account, what its rows of the ledger must add up to if its balance is right."""
    found = tx.rows("SELECT account, credits + pending FROM balance ORDER BY account")
    return {account: -int(sum_) for account, sum_ in found}

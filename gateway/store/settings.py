"""Settings: what accounts have set for themselves in the client area; it counts before the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.store.base import Snapshot, Tx

_MENTION = "mention"
_WORDS = {False: "off", True: "on"}


def mentions(tx: Tx, accounts: Collection[str]) -> dict[str, bool]:
    """Return which of these accounts have switched the mention on or off for themselves."""
    found = tx.each(
        "SELECT account, value FROM setting WHERE account IN ({rows}) AND name = 'mention'",
        [(each,) for each in accounts],
    )
    return {account: value == _WORDS[True] for account, value in found}


def mention(tx: Tx | Snapshot, account: str) -> bool | None:
    """Return how an account has set the mention; None: it has not."""
    found = [*tx.rows("SELECT value FROM setting WHERE account = ? AND name = ?", (account, _MENTION))]
    return found[0][0] == _WORDS[True] if found else None


def set_mention(tx: Tx, account: str, *, on: bool) -> None:
    """Switch an account's mention on or off; whether the account may do that is the caller's business."""
    tx.insert(
        "setting (account, name, value)",
        [(account, _MENTION, _WORDS[on])],
        "ON CONFLICT (account, name) DO UPDATE SET value = excluded.value",
    )

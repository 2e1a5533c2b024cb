"""Contacts: which account sent marketing to which number through which code, and when last.

This is what makes a STOP attributable on a shared short code: no guess at the last message, but evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.base import Tx

WEB = "web"  # the code of messages that carried the web mention


class Contact(NamedTuple):
    """An account that sent marketing to the number in question."""

    account: str
    last_sent: int


def touch(tx: Tx, rows: Sequence[tuple[str, str, str]]) -> None:
    """Note marketing sent now, as (number, code, account)."""
    tx.insert(
        "contact (number, code, account, last_sent)",
        [(*row, tx.now) for row in sorted(rows)],  # in one order on all nodes, so that they never wait for each other
        "ON CONFLICT (number, code, account) DO UPDATE SET last_sent = excluded.last_sent",
    )


def senders(tx: Tx, number: str, code: str, since: int) -> list[Contact]:
    """Return who sent marketing to ``number`` through ``code`` from ``since`` on, most recent first."""
    found = tx.rows(
        "SELECT account, last_sent FROM contact WHERE number = ? AND code = ? AND last_sent >= ? "
        "ORDER BY last_sent DESC, account",
        (number, code, since),
    )
    return [Contact(*row) for row in found]

"""Contacts: which account sent marketing to which number through which code, and when last.

This is what makes a STOP attributable on a shared short code: no guess at the last message, but evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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


def sent_since(tx: Tx, number: str, since: int) -> bool:
    """Say whether anybody has sent marketing to a number after an instant, through whichever code."""
    return bool(tx.rows("SELECT 1 FROM contact WHERE number = ? AND last_sent > ? LIMIT 1", (number, since)))


def senders(tx: Tx, asked: Collection[tuple[str, str]], since: int) -> dict[tuple[str, str], list[Contact]]:
    """Return who sent marketing to numbers through codes, (number, code), from ``since`` on, most recent first."""
    found = tx.each(
        "WITH asked (number, code, since) AS ({rows}) "
        "SELECT contact.number, contact.code, account, last_sent FROM asked CROSS JOIN contact "
        "WHERE contact.number = asked.number AND contact.code = asked.code AND last_sent >= asked.since "
        "ORDER BY last_sent DESC, account",
        [(*each, since) for each in sorted(asked)],
    )
    known: dict[tuple[str, str], list[Contact]] = {}
    for number, code, *contact in found:
        known.setdefault((number, code), []).append(Contact(*contact))
    return known

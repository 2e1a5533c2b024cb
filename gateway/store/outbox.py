"""Events that wait in the spool for webhooks: those of one number go out one after the other, in their order.

An event is a row of the lane ``webhook/ACCOUNT`` with the command 0 and a body of JSON. The oldest of a number is the
only one of it that can be claimed, whichever node asks, so a receiver is never told of the second before it has taken
the first; events of other numbers do not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.spool import COLUMNS, Spooled

if TYPE_CHECKING:
    from gateway.store.base import Tx

EVENT = 0  # the command of a row that is no PDU


def webhook_lane(account: str) -> str:
    """Name the lane of an account's webhook."""
    return f"webhook/{account}"


def claim(tx: Tx, lane: str, limit: int) -> list[Spooled]:
    """Hand up to ``limit`` events that are due to us, each the oldest of its number."""
    found = tx.rows(
        "WITH picked AS MATERIALIZED (SELECT id FROM spool AS event WHERE lane = ? AND claimed IS NULL AND due <= ? "  # noqa: S608 (constants)
        "AND NOT EXISTS (SELECT 1 FROM spool AS older WHERE older.command = 0 AND older.lane = event.lane "
        f"AND older.number = event.number AND older.id < event.id) ORDER BY due, id LIMIT ?{tx.skip_locked}) "
        f"UPDATE spool SET claimed = ? WHERE id IN (SELECT id FROM picked) RETURNING {COLUMNS}",
        (lane, tx.now, limit, tx.holder),
    )
    return sorted(Spooled(*row) for row in found)

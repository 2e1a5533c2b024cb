"""What waits in the spool, by the messages that it belongs to: found and read, and left where it is.

What a node holds in memory is not among it. Whoever is to change a message takes what of it waits away from the nodes
until the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.spool import COLUMNS, Spooled

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.store.base import Row, Tx


def messages_to(tx: Tx, numbers: Collection[str]) -> dict[int, int]:
    """Return the messages to these numbers of which something waits, and how many segments of each do."""
    found = tx.each(
        "SELECT message, count(*) FROM spool WHERE number IN ({rows}) AND number <> '' AND claimed IS NULL "
        "GROUP BY message",
        [(number,) for number in sorted(numbers)],
    )
    return {int(message): int(count) for message, count in found}


def messages_of(tx: Tx, whose: tuple[str, str], between: tuple[int, int], limit: int) -> list[int]:
    """Return messages of an account to a number of which something waits, in order, as far as ``limit``.

    Args:
        tx: the transaction.
        whose: the account, and the number.
        between: behind which message, and up to which.
        limit: how many.
    """
    found = tx.rows(
        "SELECT DISTINCT message FROM spool WHERE account = ? AND number = ? AND number <> '' AND claimed IS NULL "
        "AND message > ? AND message <= ? ORDER BY message LIMIT ?",
        (*whose, *between, limit),
    )
    return [int(each) for (each,) in found]


def segments_of(tx: Tx, messages: Collection[int]) -> dict[int, list[Spooled]]:
    """Return the waiting segments of these messages, which no node takes before the commit."""
    return {message: [Spooled(*row) for row in rows] for message, rows in _of(tx, messages, COLUMNS).items()}


def beginnings(tx: Tx, messages: Collection[int], octets: int) -> dict[int, list[bytes]]:
    """Return how the bodies of these messages' waiting segments begin, which no node takes before the commit."""
    found = _of(tx, messages, f"substr(body, 1, {octets})")
    return {message: [bytes(body) for (body,) in rows] for message, rows in found.items()}


def _of(tx: Tx, messages: Collection[int], columns: str) -> dict[int, list[Row]]:
    found = tx.each(
        f"SELECT message, {columns} FROM spool WHERE claimed IS NULL AND message IN ({{rows}}) "  # noqa: S608 (constants)
        f"ORDER BY id{tx.for_update}{' SKIP LOCKED' if tx.for_update else ''}",
        [(each,) for each in messages],
    )
    rows: dict[int, list[Row]] = {}
    for message, *row in found:
        rows.setdefault(int(message), []).append(tuple(row))
    return rows

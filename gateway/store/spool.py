"""The spool: PDUs that are still to be handed to a peer, each in the lane of that peer.

A row is *waiting* (``claimed`` is NULL) until a node takes it into memory, *claimed* while that node holds it, and gone
once its outcome is settled. A node that starts releases what it held when it died, so nothing is forgotten; what was
on the wire at that moment is sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

_COLUMNS = "id, lane, message, number, command, body, due, expires, attempts"


class Spooled(NamedTuple):
    """One PDU in a lane; ``due`` and ``expires`` in milliseconds since 1970, ``body`` the octets after the header."""

    id: int
    lane: str
    message: int
    number: str
    command: int
    body: bytes
    due: int
    expires: int
    attempts: int = 0


def operator_lane(operator: str) -> str:
    """Name the lane of an operator."""
    return f"operator/{operator}"


def account_lane(account: str) -> str:
    """Name the lane of an account: its receipts and inbound texts."""
    return f"account/{account}"


def add(tx: Tx, rows: Sequence[Spooled], claimed: str | None) -> None:
    """Put rows into their lanes: waiting, or held by the node ``claimed`` already."""
    tx.insert(f"spool ({_COLUMNS}, claimed)", [(*row, claimed) for row in rows])


def claim(tx: Tx, lane: str, node: str, limit: int) -> list[Spooled]:
    """Hand up to ``limit`` waiting rows of ``lane`` that are due to ``node``, in the order of their due times."""
    found = tx.rows(
        f"SELECT {_COLUMNS} FROM spool WHERE lane = ? AND claimed IS NULL AND due <= ? ORDER BY due, id LIMIT ?",  # noqa: S608 (constants)
        (lane, tx.now, max(limit, 0)),  # SQLite takes a negative limit for none
    )
    rows = [Spooled(*row) for row in found]
    tx.each(
        "WITH taken (id, node) AS (VALUES {rows}) "
        "UPDATE spool SET claimed = taken.node FROM taken WHERE spool.id = taken.id AND claimed IS NULL",
        [(row.id, node) for row in rows],
    )
    return rows


def next_due(tx: Tx, lane: str) -> int | None:
    """Return when the first waiting row of ``lane`` is due."""
    [(due,)] = tx.rows("SELECT min(due) FROM spool WHERE lane = ? AND claimed IS NULL", (lane,))
    return due if due is None else int(due)


def remove(tx: Tx, ids: Collection[int]) -> None:
    """Take settled rows out."""
    tx.each("DELETE FROM spool WHERE id IN (VALUES {rows})", [(each,) for each in ids])


def release(tx: Tx, rows: Collection[tuple[int, int, int]]) -> None:
    """Give claimed rows back, as (id, due, attempts): they wait again."""
    tx.each(
        "WITH freed (id, due, attempts) AS (VALUES {rows}) "
        "UPDATE spool SET claimed = NULL, due = freed.due, attempts = freed.attempts FROM freed "
        "WHERE spool.id = freed.id AND claimed IS NOT NULL",
        list(rows),
    )


def release_node(tx: Tx, node: str) -> None:
    """Give back everything that ``node`` held: it has just started, so it holds nothing."""
    tx.rows("UPDATE spool SET claimed = NULL WHERE claimed = ?", (node,))


def waiting(tx: Tx, lane: str, after: tuple[int, int], limit: int) -> list[tuple[int, int, str]]:
    """Return (due, id, number) of up to ``limit`` waiting rows of ``lane`` that come after the (due, id) given."""
    return [
        (int(due), int(row), str(number))
        for due, row, number in tx.rows(
            "SELECT due, id, number FROM spool WHERE lane = ? AND claimed IS NULL AND (due, id) > (?, ?) "
            "ORDER BY due, id LIMIT ?",
            (lane, *after, limit),
        )
    ]


def move(tx: Tx, moves: Sequence[tuple[int, str]]) -> None:
    """Put waiting rows into other lanes, as (id, lane)."""
    tx.each(
        "WITH moved (id, lane) AS (VALUES {rows}) "
        "UPDATE spool SET lane = moved.lane FROM moved WHERE spool.id = moved.id AND claimed IS NULL",
        moves,
    )


def expired(tx: Tx, limit: int) -> list[Spooled]:
    """Return up to ``limit`` waiting rows whose time is over."""
    found = tx.rows(
        f"SELECT {_COLUMNS} FROM spool WHERE claimed IS NULL AND expires <= ? ORDER BY expires LIMIT ?",  # noqa: S608 (constants)
        (tx.now, limit),
    )
    return [Spooled(*row) for row in found]


def remove_message(tx: Tx, messages: Collection[int]) -> None:
    """Take out the segments of these messages that no node holds: their message has failed already."""
    tx.each("DELETE FROM spool WHERE claimed IS NULL AND message IN (VALUES {rows})", [(each,) for each in messages])


def lengths(tx: Tx) -> list[tuple[str, int]]:
    """Return (lane, rows) for every lane that is not empty."""
    return [(str(lane), int(count)) for lane, count in tx.rows("SELECT lane, count(*) FROM spool GROUP BY lane")]

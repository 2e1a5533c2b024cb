"""What has been kept for long enough goes, a page at a time, in the order of a key; never what somebody still needs.

Each function looks at one page of rows behind a key, takes out (or empties) those whose time is over, and says behind
which key to go on. So a purge reads each row once, whatever it may take out, and holds up nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store import evidence
from gateway.store.ids import first_id
from gateway.store.messages import ENROUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.base import Row, Tx

Key = tuple[int | str, ...]
START: Key = (0,)
FIRST_CONTACT: Key = ("", "", "")


class Purged(NamedTuple):
    """What one page came to: rows taken out, and the key to go on behind; None at the end."""

    gone: int
    after: Key | None


def messages(tx: Tx, after: Key, before: int, limit: int) -> Purged:
    """Take out messages that ended before the instant ``before`` (milliseconds since 1970)."""
    rows = _ids(
        tx, f"message WHERE state <> {ENROUTE} AND done < ? AND id < ? AND id > ?", (before, before, after), limit
    )
    tx.each("DELETE FROM message WHERE id IN ({rows})", rows)
    return _purged(rows, limit)


def texts(tx: Tx, after: Key, before: int, limit: int) -> Purged:
    """Take the beginning of their text from messages that ended before an instant."""
    rows = _ids(
        tx,
        f"message WHERE excerpt <> '' AND state <> {ENROUTE} AND done < ? AND id < ? AND id > ?",
        (before, before, after),
        limit,
    )
    tx.each("UPDATE message SET excerpt = '' WHERE id IN ({rows})", rows)
    return _purged(rows, limit)


def confirmations(tx: Tx, after: Key, before: int, limit: int) -> Purged:
    """Take out what is known about confirmations that were sent before an instant; evidence and ledger stay."""
    found = tx.rows(
        "SELECT message FROM confirmation WHERE at < ? AND message < ? AND message > ? ORDER BY message LIMIT ?",
        (before, first_id(before), *after, limit),
    )
    tx.each("DELETE FROM confirmation WHERE message IN ({rows})", found)
    return _purged(found, limit)


def contacts(tx: Tx, after: Key, before: int, limit: int) -> Purged:
    """Take out who sent marketing to whom, last before an instant: it attributes no STOP any more."""
    page = tx.rows(
        "SELECT number, code, account, last_sent FROM contact WHERE (number, code, account) > (?, ?, ?) "
        "ORDER BY number, code, account LIMIT ?",
        (*after, limit),
    )
    old = [tuple(key) for *key, last_sent in page if last_sent < before]
    tx.each("DELETE FROM contact WHERE (number, code, account) IN ({rows})", old)
    return Purged(len(old), tuple(page[-1][:3]) if len(page) == limit else None)


def proofs(tx: Tx, after: Key, before: int, limit: int) -> Purged:
    """Empty evidence about numbers of which nothing has been heard since an instant and that have not opted out."""
    rows = evidence.old(tx, int(after[0]), before, limit)
    evidence.empty(tx, [row for row, idle in rows if idle])
    return Purged(sum(idle for _, idle in rows), (rows[-1][0],) if len(rows) == limit else None)


def _ids(tx: Tx, what: str, values: tuple[int, int, Key], limit: int) -> list[Row]:
    """Return the ids that a condition on (done, id, id) selects."""
    before, made_before, after = values
    return tx.rows(f"SELECT id FROM {what} ORDER BY id LIMIT ?", (before, first_id(made_before), *after, limit))  # noqa: S608 (constants)


def _purged(rows: Sequence[Row], limit: int) -> Purged:
    return Purged(len(rows), tuple(rows[-1]) if len(rows) == limit else None)

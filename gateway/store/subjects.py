"""Everything that is kept about one phone number, for whom it belongs to: to be handed over, or to be erased.

Some of it has to stay: an opt-out that is in force, with the evidence that it rests on, is what keeps marketing away;
the ledger is what accounts are charged by, and a chain in which nothing can be changed. Whoever erases is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.store import evidence
from gateway.store.messages import ENROUTE
from gateway.store.tables import COPIED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.base import Snapshot, Tx

_OPT_OUT = "the opt-out is in force: without it marketing could be sent again; the law asks for its proof"
_LEDGER = "billing; a chain that cannot be changed, kept as long as accounts have to be"
_ON_ITS_WAY = "on its way; ends within days, and goes then as everything that has ended does"
_ERASABLE = ("confirmation", "contact", "alert", "inbound_read")
_BY_NUMBER = tuple(table for table in COPIED if "number" in (*table.key, *table.others) and table.name != "node")


class Erased(NamedTuple):
    """What became of a table's rows about a number: how many are gone, how many stay, and why."""

    table: str
    gone: int
    kept: int
    why: str = ""


def about(snapshot: Tx | Snapshot, number: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row about a number, by table, octets in hexadecimal digits; tables without any are left out."""
    found = {}
    for table in _BY_NUMBER:
        columns = (*table.key, *table.others)
        rows = snapshot.rows(f"SELECT {', '.join(columns)} FROM {table.name} WHERE number = ?", (number,))  # noqa: S608 (constants)
        lines = [dict(zip(columns, map(_readable, row), strict=True)) for row in rows]
        if lines:
            found[table.name] = lines
    return found


def _readable(value: Any) -> Any:  # noqa: ANN401 (whatever a column holds)
    return value.hex() if isinstance(value, bytes) else value


def messages(snapshot: Tx | Snapshot, number: str) -> list[int]:
    """Return the messages to a number that have ended; no index leads there, so look where it holds nobody up."""
    found = snapshot.rows(f"SELECT id FROM message WHERE number = ? AND state <> {ENROUTE}", (number,))  # noqa: S608 (constants)
    return [int(identifier) for (identifier,) in found]


def erase(tx: Tx, number: str, ended: Sequence[int]) -> list[Erased]:
    """Take out what is kept about a number, ``ended`` messages to it too, but for what has to stay.

    Returns what became of each table's rows; of messages on their way and of the ledger it does not look for any.
    """
    needed = {row for (row,) in tx.rows("SELECT evidence FROM blacklist WHERE number = ?", (number,))}
    needed |= {row for (row,) in tx.rows("SELECT evidence FROM review WHERE number = ?", (number,))}
    ours = {each.id for each in evidence.about(tx, number)}
    evidence.empty(tx, sorted(ours - needed))
    tx.each(f"DELETE FROM message WHERE id IN ({{rows}}) AND state <> {ENROUTE}", [(each,) for each in ended])  # noqa: S608 (constants)
    return [
        Erased("blacklist", 0, _count(tx, "blacklist", number), _OPT_OUT),
        Erased("review", 0, _count(tx, "review", number), "a text that may be an opt-out waits for its reader"),
        Erased("evidence", len(ours - needed), len(ours & needed), _OPT_OUT),
        *(Erased(table, _delete(tx, table, number), 0) for table in _ERASABLE),
        Erased("message", len(ended), 0),
        Erased("held", 0, _count(tx, "held", number), _ON_ITS_WAY),
        Erased("inbound", 0, _count(tx, "inbound", number), "a part of a text that is read within minutes"),
        Erased("spool", 0, _count(tx, "spool", number), _ON_ITS_WAY),
    ]


def _delete(tx: Tx, table: str, number: str) -> int:
    return len(tx.rows(f"DELETE FROM {table} WHERE number = ? RETURNING number", (number,)))  # noqa: S608 (constants)


def left(snapshot: Tx | Snapshot, number: str) -> list[Erased]:
    """Return what is left of a number where no index leads: in the ledger, and of messages on their way."""
    return [
        Erased("message", 0, _count(snapshot, "message", number), _ON_ITS_WAY),
        Erased("ledger", 0, _count(snapshot, "ledger", number), _LEDGER),
    ]


def _count(tx: Tx | Snapshot, table: str, number: str) -> int:
    [(count,)] = tx.rows(f"SELECT count(*) FROM {table} WHERE number = ?", (number,))  # noqa: S608 (constants)
    return int(count)

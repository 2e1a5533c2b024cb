"""What a copy of a store takes along: every table and column, or the reason why it stays behind.

This is the one place to decide about a table or a column that a migration adds; a test compares it with the schema.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.base import Row, Tx

Key = tuple[Any, ...]
_STRIDE = 100_000  # rows counted by one statement


class Table(NamedTuple):
    """A table that is copied, in the order of its key.

    Attributes:
        name: its name.
        key: the columns of its primary key.
        others: its other columns.
        left: columns that stay behind and get their defaults.
    """

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...]
    left: tuple[str, ...] = ()

    def page(self, tx: Tx, after: Key, limit: int) -> list[Row]:
        """Return up to ``limit`` rows behind the key ``after`` (all: ``()``), each beginning with its key."""
        columns = ", ".join((*self.key, *self.others))
        where, order = self._behind(after)
        return tx.rows(f"SELECT {columns} FROM {self.name}{where}{order} LIMIT ?", (*after, limit))  # noqa: S608 (constants)

    def put(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Insert rows as :meth:`page` returns them; what is NULL is left out, for a set wants a type in each column."""
        columns = (*self.key, *self.others)
        groups: dict[tuple[bool, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple([value is not None for value in row]) if None in row else (), []).append(row)
        for given, group in groups.items():
            names = list(compress(columns, given)) if given else columns
            values = [tuple(compress(row, given)) for row in group] if given else group
            tx.insert(f"{self.name} ({', '.join(names)})", values)

    def key_of(self, row: Row) -> Key:
        """Return the key of a row."""
        return row[: len(self.key)]

    def last(self, tx: Tx) -> Key:
        """Return the largest key, ``()`` if there is no row."""
        order = ", ".join(f"{column} DESC" for column in self.key)
        found = tx.rows(f"SELECT {', '.join(self.key)} FROM {self.name} ORDER BY {order} LIMIT 1")  # noqa: S608 (constants)
        return found[0] if found else ()

    def stride(self, tx: Tx, after: Key) -> tuple[int, Key]:
        """Count some rows behind the key ``after``; returns how many, and the key to go on from: ``()`` at the end."""
        where, order = self._behind(after)
        keys = ", ".join(self.key)
        far = tx.rows(f"SELECT {keys} FROM {self.name}{where}{order} LIMIT 1 OFFSET ?", (*after, _STRIDE - 1))  # noqa: S608 (constants)
        if far:
            return _STRIDE, far[0]
        [(count,)] = tx.rows(f"SELECT count(*) FROM {self.name}{where}", after)  # noqa: S608 (constants)
        return int(count), ()

    def _behind(self, after: Key) -> tuple[str, str]:
        keys = ", ".join(self.key)
        where = f" WHERE ({keys}) > ({', '.join('?' * len(after))})" if after else ""
        return where, f" ORDER BY {keys}"


def _table(name: str, key: str, others: str, left: str = "") -> Table:
    return Table(name, *(tuple(names.split()) for names in (key, others, left)))


# Names and numbers of nodes go along, for identifiers contain the number; what a process held does not, so held rows
# arrive as waiting.
COPIED = (
    _table("node", "number", "name", left="holder lease round"),
    _table("blacklist", "number account", "since source code everything evidence"),
    _table(
        "inbound",
        "number code wide reference total place",
        "until operator source_ton source_npi source_addr dest_ton dest_npi esm_class data_coding doubtful octets",
    ),
    _table("inbound_read", "number code wide reference total place digest", "at"),
    _table("review", "number account code", "since until evidence"),
    _table(
        "evidence",
        "id",
        "at number code source operator data_coding octets normalised rule effect accounts note vocabulary language "
        "esm_class position nonce digest hash",
    ),
    _table("ledger", "position", "id at account kind credits number code source message evidence hash note"),
    _table("chain_head", "chain", "position hash"),
    _table("balance", "account", "credits pending messages since"),
    _table("confirmation", "message", "number at account code operator evidence"),
    _table("contact", "number code account", "last_sent"),
    _table(
        "message",
        "id",
        "account source_ton source_npi source_addr dest_ton dest_npi dest_addr number submitted registered reason "
        "excerpt segments open state worst error done request reference data_coding joined channel begun price",
    ),
    _table(
        "held", "id", "bundle account number source_addr wide reference total place until due expires body", "origin"
    ),
    _table("setting", "account name", "value"),
    _table("alert", "number account source_addr", "source_ton source_npi at"),
    _table("sent", "operator remote_id", "message segments at"),
    _table("idempotency", "account key", "digest at status message reason segments"),
    _table("seal", "name", "secret"),
    _table("api_key", "id", "account hash hint created expires"),
    _table("parked", "id", "operator remote_id at state error"),
    _table(
        "spool",
        "id",
        "lane due expires attempts message number command body account priority closes parts",
        left="claimed",
    ),
)
LEFT = {
    "migration": "each store keeps its own, and they must agree",
    "presence": "the links of processes, which have ended",
    "login": "whoever is logged in logs in again",
    "share": "what processes used of limited rates, likewise",
}

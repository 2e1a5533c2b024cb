"""Bring a database to the newest schema, and learn who we are in it.

Migrations are numbered SQL files beside this module; what has been applied is kept in the database itself. A database
that is newer than the program is refused: going back would lose what only the newer program understands.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from gateway.store.base import StoreError
from gateway.store.ids import MAX_NODES, unwire

if TYPE_CHECKING:
    from gateway.store.base import Tx


class Place(NamedTuple):
    """Where a process stands in a database."""

    node: int
    floor: int


def migrations() -> list[tuple[int, str, str]]:
    """Return every migration as (number, name, SQL), in order."""
    folder = resources.files("gateway.store") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8")) for file in files]


def migrate(tx: Tx, node: str) -> Place:
    """Apply what is missing, and return the node's number and the largest identifier in use.

    Raises:
        StoreError: the database is newer than this program, or has no room for another node.
    """
    tx.rows(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL)"
    )
    [(applied,)] = tx.rows("SELECT coalesce(max(number), 0) FROM migration")
    known = migrations()
    if applied > known[-1][0]:
        raise StoreError(
            f"the database has schema {applied}, this program knows {known[-1][0]}; install a newer stopgate"
        )
    for number, name, sql in known:
        if number > applied:
            tx.rows(sql)
            tx.rows("INSERT INTO migration (number, name, at) VALUES (?, ?, ?)", (number, name, tx.now))
    return Place(_node_number(tx, node), _floor(tx))


def _node_number(tx: Tx, name: str) -> int:
    known = tx.rows("SELECT number FROM node WHERE name = ?", (name,))
    if known:
        return int(known[0][0])
    used = {number for (number,) in tx.rows("SELECT number FROM node")}
    number = next((number for number in range(MAX_NODES) if number not in used), None)
    if number is None:
        raise StoreError(f"{MAX_NODES} nodes have used this database; delete retired ones from its table 'node'")
    tx.rows("INSERT INTO node (number, name) VALUES (?, ?)", (number, name))
    return number


def _floor(tx: Tx) -> int:
    tables = ("message", "spool", "evidence", "parked")
    largest = [int(tx.rows(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]) for table in tables]  # noqa: S608 (our own names)
    [(billed,)] = tx.rows("SELECT coalesce(max(id), '') FROM ledger")  # spelled for the wire, where order is the same
    return max(*largest, unwire(billed) or 0)

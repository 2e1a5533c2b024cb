"""Bring a database to the newest schema.

Migrations are numbered SQL files beside this module, in SQLite's words; what only one engine needs stands in a file of
the same number with the engine's name, and is run right after. What has been applied is kept in the database itself. A
database that is newer than the program is refused: going back would lose what only the newer program understands.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from gateway.store import nodes
from gateway.store.base import StoreError
from gateway.store.ids import unwire

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.base import Row, Snapshot, Tx

COPYIST = "store copy/"  # how the names of processes begin that may open an unfinished copy; no node's name has a slash
_UNFINISHED = 1_000_000  # this "migration" is in a copy until it has been verified; older programs refuse it, too


class Place(NamedTuple):
    """Where a process stands in a database: its number, and the largest identifier in use."""

    node: int
    floor: int


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    sql: str


def migrations(engine: str) -> list[Migration]:
    """Return every migration for ``engine``, in order; the SQL is in SQLite's words but for what only it has."""
    folder = resources.files("gateway.store") / "migrations"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    common = sorted(name for name in texts if name.count(".") == 1)
    own = {name: texts.get(f"{name.removesuffix('.sql')}.{engine}.sql", "") for name in common}
    return [Migration(int(name[:4]), name[5:-4], f"{texts[name]}\n{own[name]}") for name in common]


def migrate(tx: Tx, node: str, engine: str = "sqlite", words: Callable[[str], str] = str) -> Place:
    """Apply what is missing, and return the place of the process called ``node``.

    Args:
        tx: a transaction of its own.
        node: the name of this process.
        engine: the engine's name in the names of files.
        words: puts SQLite's words into the engine's.

    Raises:
        StoreError: the database is newer than this program, is an unfinished copy, or has no room for another node.
    """
    tx.lock(["migrate"])
    tx.rows("CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)")
    if unfinished(tx) and not node.startswith(COPYIST):
        raise StoreError(
            "the database is an unfinished copy of another; run the same `stopgate store copy` again, or drop it"
        )
    applied = schema_of(tx)
    known = migrations(engine)
    if applied > known[-1].number:
        raise StoreError(
            f"the database has schema {applied}, this program knows {known[-1].number}; install a newer stopgate"
        )
    for number, name, sql in known:
        if number > applied:
            tx.rows(words(sql))
            tx.rows("INSERT INTO migration (number, name, at) VALUES (?, ?, ?)", (number, name, tx.now))
    return Place(nodes.number_of(tx, node), _floor(tx))


def newest() -> int:
    """Return the number of the newest schema that this program knows."""
    return migrations("sqlite")[-1].number


def schema_of(tx: Tx | Snapshot) -> int:
    """Return the number of a database's schema."""
    [(number,)] = tx.rows("SELECT coalesce(max(number), 0) FROM migration WHERE number <> ?", (_UNFINISHED,))
    return int(number)


def unfinished(tx: Tx) -> bool:
    """Tell whether the database is a copy that has not been verified yet."""
    return bool(tx.rows("SELECT number FROM migration WHERE number = ?", (_UNFINISHED,)))


def begin_copy(tx: Tx) -> None:
    """Let nobody but a copyist open the database from now on."""
    tx.rows(
        "INSERT INTO migration (number, name, at) VALUES (?, 'unfinished copy', ?) ON CONFLICT (number) DO NOTHING",
        (_UNFINISHED, tx.now),
    )


def end_copy(tx: Tx) -> None:
    """Let everybody open the database."""
    tx.rows("DELETE FROM migration WHERE number = ?", (_UNFINISHED,))


def schema(tx: Tx) -> list[Row]:
    """Return the (number, name) of what has been applied."""
    return tx.rows("SELECT number, name FROM migration WHERE number <> ? ORDER BY number", (_UNFINISHED,))


def _floor(tx: Tx) -> int:
    tables = ("message", "spool", "evidence", "parked", "api_key")
    largest = [int(tx.rows(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]) for table in tables]  # noqa: S608 (our own names)
    [(held,)] = tx.rows("SELECT coalesce(max(holder), 0) FROM node")
    [(billed,)] = tx.rows("SELECT coalesce(max(id), '') FROM ledger")  # spelled for the wire, where order is the same
    return max(*largest, int(held), unwire(billed) or 0)

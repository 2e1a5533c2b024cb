"""A transaction on PostgreSQL: one statement for a whole set of rows.

A set travels as one array for each column, so a statement is the same for any number of rows and is planned from a
prepared text. The arrays are spelled here: joining strings costs a fraction of what the driver takes for an element.

Each statement is waited for. In a pipeline the server would not know that we stand idle within a transaction, so it
would never end that of a frozen process; and under load a pipeline is not even faster, for the driver gives the
interpreter away for each statement all the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from psycopg import Connection

    from gateway.store.base import Row
    from gateway.store.ids import Ids

_log = structlog.get_logger()
CHANNEL = "stopgate"
_WORDS = {"INTEGER": "BIGINT", "BLOB": "BYTEA", "TEXT": 'TEXT COLLATE "C"', "WITHOUT ROWID": ""}
_WORD = re.compile(rf"\b({'|'.join(_WORDS)})\b")
_MOST_ROWS = 5_000  # of one statement; a few megabytes


class PostgresTx:
    """A transaction on the writer's connection (see :class:`gateway.store.base.Tx`).

    Args:
        connection: in a transaction.
        ids: makes identifiers, of ``now`` or later.
        now: the database's clock, in milliseconds since 1970.
        holder: the token of our membership, 0 without one.
    """

    for_update = " FOR UPDATE"
    skip_locked = " FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: Connection[Any], ids: Ids, now: int, holder: int = 0) -> None:
        self._connection = connection
        self.told: set[str] = set()  # what other nodes are to hear
        self.now = now
        self.holder = holder
        ids.advance(now)
        self.new_id = ids.next

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        if not values:
            return self._run(sql, None)
        return self._run(translated(sql), [_plain(value) for value in values])

    def each(self, sql: str, rows: Sequence[Row]) -> list[Row]:
        """Run a set-based statement over ``rows``."""
        found: list[Row] = []
        for start in range(0, len(rows), _MOST_ROWS):
            columns = list(zip(*rows[start : start + _MOST_ROWS], strict=True))
            kinds = tuple(map(_kind, columns))
            arrays = [_ARRAYS[kind](column) for kind, column in zip(kinds, columns, strict=True)]
            found += self._run(_set_based(sql, kinds), arrays)
        return found

    def insert(self, into: str, rows: Sequence[Row], then: str = "") -> list[Row]:
        """Insert ``rows``."""
        return self.each(f"INSERT INTO {into} {{rows}} {then}", rows)

    def lock(self, names: Collection[str], *, shared: bool = False) -> None:
        """Hold advisory locks on ``names`` until the commit, taken in one order by everybody."""
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self._for_each(f"{function}(hashtextextended(name, 0))", names)

    def notify(self, names: Collection[str]) -> None:
        """Have others told after the commit."""
        self.told.update(names)

    def _for_each(self, call: str, names: Collection[str]) -> None:
        if names:
            array = _texts(sorted(set(names)))
            self._run(f"SELECT {call} FROM unnest(%s::text[]) AS name", [array])  # noqa: S608 (our own words)

    def _run(self, sql: str, values: list[Any] | None) -> list[Row]:
        cursor = self._connection.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def tell(connection: Connection[Any], names: Collection[str]) -> None:
    """Tell everybody who listens, outside of any transaction: what cannot be told, others find by looking."""
    if names:
        try:
            connection.execute(f"SELECT pg_notify('{CHANNEL}', name) FROM unnest(%s::text[]) AS name", [sorted(names)])  # noqa: S608 (our own words)
        except psycopg.Error as error:
            _log.warning("notify_failed", reason=str(error).strip())


def in_our_words(sql: str) -> str:
    """Put a migration from SQLite's words into PostgreSQL's; texts compare by their octets, as there."""
    return _WORD.sub(lambda word: _WORDS[word[0]], sql)


@lru_cache(maxsize=1024)
def translated(sql: str) -> str:
    """Spell the places as the driver does."""
    return sql.replace("%", "%%").replace("?", "%s")


@lru_cache(maxsize=1024)
def _set_based(sql: str, kinds: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return sql.replace("%", "%%").replace("{rows}", f"SELECT * FROM unnest({arrays})")  # noqa: S608 (likewise)


def _plain(value: Any) -> Any:  # noqa: ANN401 (any value of a column)
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    """Replace the one character that PostgreSQL's texts cannot hold: refusing a message for it would help nobody."""
    return text.replace("\0", "\ufffd")


def _kind(column: Sequence[Any]) -> str:
    """Return the type of a column's values; without any, one that is as good as another."""
    value = next((value for value in column if value is not None), "")
    return next(kind for python, kind in _KINDS.items() if isinstance(value, python))  # an enumeration's members, too


def _integers(column: Sequence[int | None]) -> str:
    return "{" + ",".join(map(str, column)).replace("None", "NULL") + "}"


def _texts(column: Sequence[str | None]) -> str:
    if None in column:
        return "{" + ",".join("NULL" if text is None else f'"{_escaped(text)}"' for text in column) + "}"
    joined = "".join(column)  # type: ignore[arg-type]  # there is no None
    if '"' in joined or "\\" in joined or "\0" in joined:
        return '{"' + '","'.join(map(_escaped, column)) + '"}'  # type: ignore[arg-type]  # likewise
    return '{"' + '","'.join(column) + '"}'  # type: ignore[arg-type]  # likewise


def _escaped(text: str) -> str:
    return _storable(text.replace("\\", "\\\\").replace('"', '\\"'))


def _octets(column: Sequence[bytes | None]) -> str:
    return "{" + ",".join("NULL" if octets is None else rf'"\\x{octets.hex()}"' for octets in column) + "}"


_KINDS = {int: "bigint", str: "text", bytes: "bytea"}
_ARRAYS: dict[str, Callable[[Sequence[Any]], str]] = {"bigint": _integers, "text": _texts, "bytea": _octets}

"""Reading a SQLite database at leisure: snapshots on a connection of its own; the one that writes goes on meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import apsw

from gateway.store.base import StoreError
from gateway.store.sqlite_file import identity, must_exist, translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gateway.store.base import Row


class SqliteSnapshot:
    """One read transaction (see :class:`gateway.store.base.Snapshot`)."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one SELECT; its rows come as they are asked for."""
        return self._connection.execute(sql, values)


class SqliteSource:
    """A file that exists, open for reading only (see :class:`gateway.store.base.Source`).

    Raises:
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        must_exist(path)
        self._path = path
        self._file = identity(path)
        try:
            # Not SQLITE_OPEN_READONLY: whoever closes the file last clears its log away.
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self._connection.execute("PRAGMA query_only = ON")
        except apsw.Error as error:
            raise translate(error, path) from error

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """Hold one instant of the database until the block ends.

        Raises:
            StoreError: it cannot be read, or is none of ours.
        """
        try:
            self._connection.execute("BEGIN")
            yield SqliteSnapshot(self._connection)
            self._connection.execute("ROLLBACK")
        except apsw.SQLError as error:
            reason = f"is no database of this release ({error}); start the gateway on it once"
            raise StoreError(f"{self._path}: {reason}") from error
        except apsw.Error as error:
            raise translate(error, self._path) from error

    def fit(self) -> bool:
        """Say whether another snapshot may be taken: the file is still there, and nobody is still reading the last."""
        held = self._connection.txn_state() != apsw.SQLITE_TXN_NONE
        return not held and identity(self._path) == self._file

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close(force=True)

"""Rows in order, more of them than fit into memory: SQLite sorts them in a file of its own, which ends with us.

Entries of a list go into a table one behind the other then: a thousand neighbours change a few pages of it, where a
thousand at random would change a page each.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from gateway.store.base import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.store.base import Row

_CACHE_KIB = 65_536
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}", "threads = 0")


class Sorter:
    """Rows that begin with two texts and a rank, by which they are sorted.

    Of those with the same two texts, only the first by rank, and then as they came, counts.
    """

    def __init__(self, connection: apsw.Connection, width: int) -> None:
        columns = ", ".join(f"c{number}" for number in range(width))
        self._connection = connection
        self._insert = f"INSERT INTO row ({columns}) VALUES ({', '.join('?' * width)})"  # noqa: S608 (numbers)
        self._select = f"SELECT {columns} FROM row ORDER BY c0, c1, c2, rowid"  # noqa: S608 (likewise)
        connection.execute(f"CREATE TABLE row ({columns})")

    def __len__(self) -> int:
        """Count the rows, those that do not count included."""
        [(count,)] = self._connection.execute("SELECT coalesce(max(rowid), 0) FROM row").fetchall()
        return count  # type: ignore[return-value]  # a number

    def add(self, rows: Sequence[Row]) -> None:
        """Take rows in.

        Raises:
            StoreError: there is no room for them.
        """
        with _in_words():
            self._connection.executemany(self._insert, rows)

    def sorted(self, size: int) -> Iterator[list[Row]]:
        """Yield the rows in order, up to ``size`` together.

        Raises:
            StoreError: there is no room to sort them.
        """
        with _in_words():
            chunk: list[Row] = []
            before: Row = ()
            for row in self._connection.execute(self._select):
                if row[:2] != before:
                    before = row[:2]
                    chunk.append(row)
                if len(chunk) == size:
                    yield chunk
                    chunk = []
            if chunk:
                yield chunk


@contextmanager
def sorter(width: int) -> Iterator[Sorter]:
    """Open a sorter for rows of ``width`` columns; its file is in the folder for temporary files (TMPDIR)."""
    connection = apsw.Connection("")  # a temporary file, gone when it is closed
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN")
        yield Sorter(connection, width)
    finally:
        connection.close(force=True)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise StoreError("no room to sort the list in; set TMPDIR to a folder that has some") from error
    except apsw.Error as error:
        raise StoreError(f"the list cannot be sorted in the folder for temporary files (TMPDIR): {error}") from error

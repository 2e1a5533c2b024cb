"""Reading from PostgreSQL at leisure: one snapshot on a connection of its own, rows fetched as they are asked for."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from gateway.store.base import StoreError
from gateway.store.postgres_errors import translate
from gateway.store.postgres_link import Link
from gateway.store.postgres_tx import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.store.base import Row

_MOMENTS = 1.0  # seconds
_PATIENCE = 6.0  # seconds for one statement or some rows; the server itself gives a statement up before that
_IDLE = "10min"  # between two of them, when rows are taken slowly; whoever has frozen must not hold old rows for ever
_UNDEFINED = ("42P01", "42703")  # a table, a column
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '{idle}'"


class PostgresSnapshot:
    """One read transaction (see :class:`gateway.store.base.Snapshot`)."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one SELECT; its rows come as they are asked for."""
        with self._connection.cursor(name="snapshot") as cursor:
            cursor.execute(translated(sql), list(values))
            yield from cursor


class PostgresSource:
    """A database, connected to for reading only (see :class:`gateway.store.base.Source`).

    Raises:
        StoreError: it cannot be had.
    """

    def __init__(self, url: str) -> None:
        link = Link(url, "stopgate/reader")
        self._label = link.label
        self._connection = link.connect()
        self._connection.patience = _PATIENCE

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Hold one instant of the database until the block ends.

        Raises:
            StoreError: it cannot be read, or is none of ours.
        """
        try:
            self._connection.execute(_BEGIN.format(idle=_IDLE))
            yield PostgresSnapshot(self._connection)
            self._connection.execute("ROLLBACK")
        except psycopg.Error as error:
            if error.sqlstate in _UNDEFINED:
                reason = "is no database of this release; start the gateway on it once"
                raise StoreError(f"{self._label}: {reason}") from error
            raise translate(error, self._label) from error

    def fit(self) -> bool:
        """Say whether another snapshot may be taken: the server still answers, within moments."""
        self._connection.deadline = time.monotonic() + _MOMENTS
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        self._connection.deadline = math.inf
        return True

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

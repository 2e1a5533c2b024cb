"""Reading from PostgreSQL at leisure: one snapshot on a connection of its own, rows fetched as they are asked for."""

from __future__ import annotations

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

_UNDEFINED = ("42P01", "42703")  # a table, a column
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0"


class PostgresSnapshot:
    """One read transaction (see :class:`gateway.store.base.Snapshot`)."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one SELECT; its rows come as they are asked for."""
        with self._connection.cursor(name="snapshot") as cursor:
            cursor.execute(translated(sql), list(values))
            yield from cursor


@contextmanager
def read_server(url: str) -> Iterator[PostgresSnapshot]:
    """Connect to a database for reading only.

    Raises:
        StoreError: it cannot be had or read, or is none of ours.
    """
    link = Link(url, "stopgate/reader")
    connection = link.connect()
    try:
        connection.execute(_BEGIN)
        yield PostgresSnapshot(connection)
    except psycopg.Error as error:
        if error.sqlstate in _UNDEFINED:
            raise StoreError(f"{link.label}: is no database of this release; start the gateway on it once") from error
        raise translate(error, link.label) from error
    finally:
        connection.close()

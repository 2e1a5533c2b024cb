"""A gateway's database seen from outside, and what others may do to it."""

from contextlib import contextmanager

import apsw
import psycopg

_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$
"""
_REFUSING = ("message", "evidence")


class SqliteFile:
    """A SQLite database."""

    def __init__(self, path):
        self.url = f"sqlite:///{path}"
        self._path = str(path)

    def rows(self, sql):
        """Read."""
        connection = apsw.Connection(self._path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    @contextmanager
    def full(self, store):
        """Leave ``store`` no room for another page in any commit that begins meanwhile."""
        connection, commit = store._connection, store._commit

        def without_room(jobs):  # in the writer's thread: nobody else may use its connection while it does
            [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
            connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
            try:
                return commit(jobs)
            finally:
                connection.execute("PRAGMA max_page_count = 1000000").fetchall()

        store._commit = without_room
        try:
            yield
        finally:
            store._commit = commit


class PostgresSchema:
    """A schema on a PostgreSQL server."""

    def __init__(self, url):
        self.url = url

    def rows(self, sql):
        """Read."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def full(self, _store):
        """Refuse new rows as a server does whose disk is full: filling one for real would fill it for all tests."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_FULL)
            for table in _REFUSING:  # one table at a time, for a round of the gateway may have locked the other
                connection.execute(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()")
            yield
            for table in _REFUSING:
                connection.execute(f"DROP TRIGGER full_disk ON {table}")
            connection.execute("DROP FUNCTION full_disk")

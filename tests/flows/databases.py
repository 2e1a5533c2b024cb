"""A gateway's database seen from outside, and what others may do to it."""

from contextlib import contextmanager

import apsw
import psycopg

_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON message EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE INSERT ON evidence EXECUTE FUNCTION full_disk();
"""


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
    def locked(self):
        """Hold the write lock, as another process might."""
        connection = apsw.Connection(self._path)
        connection.set_busy_timeout(1_000)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.close()

    @contextmanager
    def full(self, store):
        """Leave ``store`` no room for another page."""
        connection = store._connection
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        try:
            yield
        finally:
            connection.execute("PRAGMA max_page_count = 1000000")


class PostgresSchema:
    """A schema on a PostgreSQL server."""

    def __init__(self, url):
        self.url = url

    def rows(self, sql):
        """Read."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def locked(self):
        """Hold a lock that every round needs, as a node that looks for the dead might."""
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE node IN EXCLUSIVE MODE")
            yield

    @contextmanager
    def full(self, _store):
        """Refuse new rows as a server does whose disk is full: filling one for real would fill it for all tests."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_FULL)
            yield
            connection.execute("DROP FUNCTION full_disk CASCADE")

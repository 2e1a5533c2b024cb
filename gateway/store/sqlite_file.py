"""The file of a SQLite database: opened, kept to one gateway, its log copied back, and its errors put into words."""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING

import apsw
import structlog

from gateway.store.base import StoreError, StoreFullError, TakenError

if TYPE_CHECKING:
    from pathlib import Path

_log = structlog.get_logger()
_SENTENCES = {
    apsw.FullError: "no space left on the disk; free some, the gateway goes on by itself",
    apsw.IOError: "cannot be read or written; check the disk and the system's log",
    apsw.BusyError: "is locked by another process; stop whatever else holds it",
    apsw.ReadOnlyError: "is read-only; check the mount, and the owner and the mode of the file and of its folder",
    apsw.CorruptError: "is damaged; restore a backup",
    apsw.NotADBError: "is not a SQLite database; restore a backup or name another file",
    apsw.CantOpenError: "cannot be opened; the gateway's user must be able to write the folder, too",
}
# Errors of the database itself; any other is the fault of the work that raised it.
EVERYBODYS_TROUBLE = (*_SENTENCES, apsw.NoMemError, apsw.ProtocolError)
_GONE = "was deleted or replaced under the running gateway; put it back, or stop the gateway and restore a backup"
_LOG_GONE = (
    "was deleted or replaced under the running gateway; restart that, and nothing of what it acknowledged is lost"
)
_LOG = ("-wal", "-shm")
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # or INSERT OR REPLACE would slip past the ledger's triggers
    "PRAGMA cache_size = -32768",
    "PRAGMA journal_size_limit = 67108864",
)

_LONG_LIST = 1_000_000  # entries
_MAPPED = 1 << 31  # octets at the most


def open_database(path: Path) -> apsw.Connection:
    """Open the file, created with mode 0600 when it does not exist, as durable as SQLite can.

    Raises:
        StoreError: it cannot be opened or read; the sentence says what to do.
    """
    if not path.parent.is_dir():
        raise StoreError(f"{path}: the folder {path.parent} does not exist; create it, owned by the gateway's user")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened for writing: {error.strerror}; check owner and mode") from error
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(2_000)
        for pragma in _PRAGMAS:
            connection.execute(pragma).fetchall()
    except apsw.Error as error:
        connection.close()
        raise translate(error, path) from error
    return connection


def map_long_list(connection: apsw.Connection) -> None:
    """Have a database with a long blacklist read through the system's memory, not through ours.

    A look at each of a campaign's numbers goes to a page that nobody has read lately; mapped, it costs half as much. A
    short list is in our own memory soon, and an error of the disk then remains one that SQLite can tell of.
    """
    [(entries,)] = connection.execute("SELECT count(*) FROM (SELECT 1 FROM blacklist LIMIT ?)", (_LONG_LIST,))
    if entries == _LONG_LIST:
        connection.execute(f"PRAGMA mmap_size = {_MAPPED}").fetchall()


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from any other that may take its place; None where there is none.

    What is committed to a file that no path leads to any more is lost with the process.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Footing:
    """The files that an open database stands on: itself, and its log, which what is committed goes to first.

    Args:
        path: of the database; its log is there already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = {each: identity(each) for each in _files(path)}

    def lost(self) -> str:
        """Say which file no path leads to any more, so that what is committed goes with the process, and what to do."""
        gone = [each for each, known in self._files.items() if identity(each) != known]
        if not gone:
            return ""
        if gone[0] != self._path and _files(self._path) != [*self._files]:  # the folder was moved, and a link with it
            self._files = dict(zip(_files(self._path), self._files.values(), strict=True))
            return self.lost()
        return f"{gone[0]}: {_GONE if gone[0] == self._path else _LOG_GONE}"


def _files(path: Path) -> list[Path]:
    """Return where a database and its log are; SQLite keeps the log where the file really is."""
    real = path.resolve()
    return [path, *(real.with_name(real.name + suffix) for suffix in _LOG)]


def lock_of(path: Path) -> Path:
    """Return the file that keeps other gateways off a database, by whichever link they come to it."""
    real = path.resolve()
    return real.with_name(f"{real.name}.lock")


def lock(path: Path) -> IO[str]:
    """Keep other gateways off the file until what this returns is closed, which the end of the process does, too.

    The lock has a file of its own, for SQLite locks parts of the database itself, and would lose them with ours.
    """
    try:
        descriptor = os.open(lock_of(path), os.O_WRONLY | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise TakenError(f"{path}: another gateway runs on this file; one file serves one process") from error
    except OSError as error:
        raise StoreError(f"{path}.lock: cannot be opened for writing: {error.strerror}") from error
    return file


def must_exist(path: Path) -> None:
    """Raise StoreError where there is no file."""
    if not path.exists():
        raise StoreError(f"{path}: there is no such database; check `store`, or start the gateway once to make it")


def copy_log(path: Path) -> bool:
    """Copy what the log holds into the database, on a connection of our own; returns whether it could be done."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        finally:
            connection.close()
    except apsw.BusyError:  # another process is copying it
        return False
    except apsw.Error as error:
        _log.warning("checkpoint_failed", path=str(path), reason=str(error))
        return False
    return True


def translate(error: apsw.Error | StoreError, path: Path) -> StoreError:
    """Say in one sentence what the database's error means and what to do."""
    if isinstance(error, StoreError):
        return type(error)(f"{path}: {error}")
    kind = StoreFullError if isinstance(error, apsw.FullError) else StoreError
    return kind(f"{path}: {_SENTENCES.get(type(error), error)}")

"""A SQLite database as one file, copied while a gateway works on it: what one instant held, checked, on disk."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import apsw

from gateway.store.base import StoreError
from gateway.store.sqlite_file import must_exist, translate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAGES = 2_048  # copied in one step: 8 MiB
_BESIDE = ("-wal", "-shm", "-journal")


class Progress(Protocol):
    """Is told how far a copy is."""

    def begin(self, stage: str, total: int, unit: str = "rows") -> None:
        """A stage of so many units begins."""

    def advance(self, done: int) -> None:
        """So many more are done."""


@contextmanager
def copied(source: Path, target: Path, progress: Progress) -> Iterator[Path]:
    """Copy a database to a new file of mode 0600, which gets its name once the block that checks it has ended.

    Args:
        source: a database, at work or not.
        target: no file may be there yet.
        progress: told of pages.

    Yields:
        The copy under its name for the time being. If the block raises, it is gone.

    Raises:
        StoreError: one of the two cannot be read or written, or the copy is damaged.
    """
    must_exist(source)
    must_be_new(target)
    partial = target.with_name(f"{target.name}.partial")
    try:
        _make(partial)
        _copy(source, partial, progress)
        progress.begin("check", 0)
        _check(partial)
        yield partial
        _put(partial, target)
    except apsw.FullError as error:  # the source is only read
        raise StoreError(f"{target}: has no room on its disk; make some, or name another file") from error
    except apsw.Error as error:
        raise translate(error, source) from error
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise StoreError(f"{str(target)!r}: is no name in UTF-8; name another file") from error
    finally:
        for suffix in ("", *_BESIDE, ".lock"):
            partial.with_name(f"{partial.name}{suffix}").unlink(missing_ok=True)


def must_be_new(target: Path) -> None:
    """Raise StoreError where a database, or what belongs to one, is in the way."""
    for suffix in ("", *_BESIDE):
        path = target.with_name(f"{target.name}{suffix}")
        if path.exists():
            raise StoreError(f"{path}: is there already, and is not overwritten; move it away, or name another file")


def _make(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _copy(source: Path, partial: Path, progress: Progress) -> None:
    """Copy page by page within one read transaction: what is written meanwhile does not get in, or begin it anew."""
    origin, copy = _opened(source), apsw.Connection(str(partial))
    try:
        origin.execute("BEGIN; SELECT count(*) FROM sqlite_schema")
        with copy.backup("main", origin, "main") as backup:
            backup.step(1)
            progress.begin("copy", backup.page_count, "pages")
            while not backup.done:
                left = backup.remaining
                backup.step(_PAGES)
                progress.advance(left - backup.remaining)
    finally:
        copy.close()
        origin.close(force=True)


def _opened(source: Path) -> apsw.Connection:
    """Open a database that somebody may work on; one that is a single file is read as it is, on whatever disk."""
    if any(source.with_name(f"{source.name}{suffix}").exists() for suffix in _BESIDE):
        return apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    name = f"{source.resolve().as_uri()}?immutable=1"
    return apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _check(partial: Path) -> None:
    connection = apsw.Connection(str(partial))
    try:
        [(verdict,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
    finally:
        connection.close()
    if verdict != "ok":
        raise StoreError(f"the copy is damaged, and so is probably the original: {verdict}; restore an older backup")


def _put(partial: Path, target: Path) -> None:
    """Give the copy its name once it is on disk, and the name too."""
    _sync(partial, os.O_RDWR)
    partial.rename(target)
    _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

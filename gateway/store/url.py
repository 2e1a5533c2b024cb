"""Where ``store:`` in the configuration points to, and which engine that takes."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.store.base import StoreError, TakenError
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_file import lock, lock_of, must_exist
from gateway.store.sqlite_snapshot import SqliteSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.store.base import Snapshot, Source
    from gateway.store.postgres import PostgresStore

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")
_FORMS = "must be sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host/database"


def check_url(url: str) -> str:
    """Return a store's URL if it may be one; what only the database knows is not asked.

    Raises:
        ValueError: it is of no form that there is; the text repeats nothing of it, for it may hold a password.
    """
    if url == f"{_SQLITE}:memory:":
        raise ValueError("must name a file: what is in memory only is lost with the process")
    if url.startswith(_SQLITE) and url != _SQLITE:
        return url
    if not url.startswith(_POSTGRES):
        raise ValueError(_FORMS)
    try:
        path = urlsplit(url.replace(",", "-")).path  # libpq takes several hosts, and a port for each
    except ValueError:
        raise ValueError(_FORMS) from None
    if not path.strip("/"):
        raise ValueError("must name a database: postgresql://user@host/database")
    return url


def is_file(url: str) -> bool:
    """Tell whether a store is a file on this machine."""
    return url.startswith(_SQLITE)


def sqlite_path(url: str) -> Path:
    """Return the file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
    return Path(url.removeprefix(_SQLITE))


def open_store(
    url: str, node: str, observe: Callable[[float, int], None] | None = None, *, create: bool = True
) -> SqliteStore | PostgresStore:
    """Open the store that ``url`` names for the process called ``node``.

    Args:
        url: checked already.
        node: the name of this process among those that share the database.
        observe: told the seconds and the number of items of each commit.
        create: whether a file that does not exist is made.

    Raises:
        StoreError: it cannot be had; the sentence says why and what to do.
    """
    if is_file(url):
        if not create:
            must_exist(sqlite_path(url))
        return SqliteStore(sqlite_path(url), node, observe)
    with driver():
        from gateway.store.postgres import PostgresStore  # noqa: PLC0415 (its driver is an extra)
    return PostgresStore(url, node, observe)


def open_source(url: str) -> Source:
    """Open what ``url`` names for reading at leisure, also while gateways work on it; nothing is made or changed.

    Raises:
        StoreError: it cannot be had; the sentence says why and what to do.
    """
    if is_file(url):
        return SqliteSource(sqlite_path(url))
    with driver():
        from gateway.store.postgres_snapshot import PostgresSource  # noqa: PLC0415 (likewise)
    return PostgresSource(url)


@contextmanager
def read_store(url: str) -> Iterator[Snapshot]:
    """Hold one instant of what ``url`` names until the block ends.

    Raises:
        StoreError: as :func:`open_source` does, and where it cannot be read or is none of ours.
    """
    with closing(open_source(url)) as source, source.snapshot() as snapshot:
        yield snapshot


@contextmanager
def driver() -> Iterator[None]:
    """Say what is missing where PostgreSQL's driver cannot be imported.

    Raises:
        StoreError: likewise.
    """
    try:
        yield
    except ImportError as error:
        raise StoreError(
            "store: PostgreSQL takes a driver; install it with: pip install 'stopgate[postgres]'"
        ) from error


def is_missing(url: str) -> bool:
    """Tell whether a store would have to be made first; one on a server says so itself when it is opened."""
    return is_file(url) and not sqlite_path(url).is_file()


def is_busy(url: str) -> bool:
    """Tell whether a gateway works on a store that takes one writer at a time, who would wait for us."""
    if not url.startswith(_SQLITE) or not lock_of(sqlite_path(url)).exists():  # nor do we make one
        return False
    try:
        with reserved(url):
            return False
    except TakenError:
        return True


def is_same(one: str, other: str) -> bool:
    """Tell whether two URLs are one store as far as they tell: a server has many names."""
    files = [sqlite_path(url).resolve() for url in (one, other) if is_file(url)]
    return one == other or (len(files) == 2 and files[0] == files[1])  # noqa: PLR2004 (both of them)


@contextmanager
def reserved(url: str) -> Iterator[None]:
    """Keep gateways off a store that takes only one process; where several share it, their leases have to be asked.

    Raises:
        TakenError: a process is at work on it.
        StoreError: it cannot be reserved.
    """
    if not is_file(url):
        yield
        return
    with lock(sqlite_path(url)):
        yield

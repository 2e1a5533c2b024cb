"""Where ``store:`` in the configuration points to, and which engine that takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.store.base import StoreError
from gateway.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.postgres import PostgresStore

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")
_FORMS = "must be sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host/database"


def check_url(url: str) -> str:
    """Return a store's URL if it may be one; what only the database knows is not asked.

    Raises:
        ValueError: it is of no form that there is; the text repeats nothing of it, for it may hold a password.
    """
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


def sqlite_path(url: str) -> Path:
    """Return the file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
    return Path(url.removeprefix(_SQLITE))


def open_store(url: str, node: str, observe: Callable[[float, int], None] | None = None) -> SqliteStore | PostgresStore:
    """Open the store that ``url`` names for the process called ``node``.

    Args:
        url: checked already.
        node: the name of this process among those that share the database.
        observe: told the seconds and the number of items of each commit.

    Raises:
        StoreError: it cannot be had; the sentence says why and what to do.
    """
    if url.startswith(_SQLITE):
        return SqliteStore(sqlite_path(url), node, observe)
    try:
        from gateway.store.postgres import PostgresStore  # noqa: PLC0415 (its driver is an extra)
    except ImportError as error:
        raise StoreError(
            "store: PostgreSQL takes a driver; install it with: pip install 'stopgate[postgres]'"
        ) from error
    return PostgresStore(url, node, observe)

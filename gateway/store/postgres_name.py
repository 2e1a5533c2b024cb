"""A node's name belongs to one process: a lock of its session says that it runs, and its lease that it lives.

Started twice by mistake, the second process is refused and the first goes on undisturbed. A process that died has lost
its session with it, so its successor starts at once; one that is frozen or cut off keeps its session for a while, but
renews its lease no more: its successor waits for as long as any other node would, or both would send the same rows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from gateway.store import nodes
from gateway.store.base import TakenError
from gateway.store.postgres_errors import translate

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK = (
    "SELECT pg_try_advisory_lock(hashtextextended(concat('stopgate/', current_schema(), '/', number), 0)), lease "
    "FROM node WHERE number = %s"
)
_PATIENCE = nodes.LEASE_MS / 1_000  # seconds: whoever renews nothing for so long has stopped sending before
_LOOK = 0.2  # seconds between looks


def take_name(connection: Connection[Any], node: int, label: str) -> None:
    """Keep the name of ``node`` for this session, or find out that whoever has it lives no more.

    Raises:
        TakenError: it lives.
        StoreError: the database cannot be asked; ``label`` says which.
    """
    gives_up = time.monotonic() + _PATIENCE
    try:
        [(ours, lease)] = connection.execute(_LOCK, [node]).fetchall()
        while not ours and time.monotonic() < gives_up:
            time.sleep(_LOOK)
            [(ours, now)] = connection.execute(_LOCK, [node]).fetchall()
            if not ours and now != lease:
                raise TakenError(f"{label}: another process runs as this node; stop it, or give each a name of its own")
    except psycopg.Error as error:
        raise translate(error, label) from error


def keep_name(connection: Connection[Any], node: int) -> None:
    """Take the name again on a new connection; the session of the lost one may have it still."""
    connection.execute(_LOCK, [node])

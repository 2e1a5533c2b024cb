"""API keys that were made on the command line: their hashes, whose they are, and until when they count."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.store.base import Snapshot, Tx

_COLUMNS = "id, account, hash, hint, created, expires"


class ApiKey(NamedTuple):
    """One key; ``hint`` is how it begins, ``expires`` an instant in milliseconds since 1970, 0 for never."""

    id: int
    account: str
    hash: str
    hint: str
    created: int
    expires: int


def add(tx: Tx, key: ApiKey) -> None:
    """Keep a new key."""
    tx.insert(f"api_key ({_COLUMNS})", [key])


def every(tx: Tx | Snapshot, account: str | None = None) -> list[ApiKey]:
    """Return all keys, or those of an account, expired ones included, the oldest first."""
    found = tx.rows(
        f"SELECT {_COLUMNS} FROM api_key WHERE account = coalesce(?, account) ORDER BY id",  # noqa: S608 (constants)
        (account,),
    )
    return [ApiKey(*row) for row in found]


def expire(tx: Tx, account: str, at: int) -> int:
    """Let the keys of an account that count beyond the instant ``at`` end then; returns how many those are."""
    found = tx.rows(
        "UPDATE api_key SET expires = ? WHERE account = ? AND (expires = 0 OR expires > ?) RETURNING id",
        (at, account, at),
    )
    return len(found)


def revoke(tx: Tx, identifier: int) -> bool:
    """Delete a key; returns whether there was one."""
    return bool(tx.rows("DELETE FROM api_key WHERE id = ? RETURNING id", (identifier,)))

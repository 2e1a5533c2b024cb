"""API keys that were made on the command line: their hashes, whose they are, and until when they count."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.store.base import Snapshot, Tx

PREFIX = "sg_"  # so that a key that has leaked is recognised as one
HASHED = "sha256:"
_OCTETS = 32  # of chance in a key: nobody guesses it, so its hash need not be a slow one
_HINT = 8  # characters by which people tell keys apart
_COLUMNS = "id, account, hash, hint, created, expires"


class ApiKey(NamedTuple):
    """One key; ``hint`` is how it begins, ``expires`` an instant in milliseconds since 1970, 0 for never."""

    id: int
    account: str
    hash: str
    hint: str
    created: int
    expires: int


def new_key() -> str:
    """Return a key that nobody has."""
    return PREFIX + secrets.token_urlsafe(_OCTETS)


def hash_of(key: str) -> str:
    """Return what is kept of a key."""
    return HASHED + hashlib.sha256(key.encode()).hexdigest()


def make(tx: Tx, account: str, key: str) -> ApiKey:
    """Keep a key for an account, and return what is kept of it."""
    made = ApiKey(tx.new_id(), account, hash_of(key), key[:_HINT], tx.now, 0)
    add(tx, made)
    return made


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

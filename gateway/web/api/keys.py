"""Who asks: bearer keys, of which we keep hashes alone.

A key stands in the configuration (in clear or as its hash), or was made on the command line and is in the database with
the instant at which it ends: two keys count beside each other while clients change over. What the database says is
looked at again every few seconds at most, so a new key works, and a revoked one ends, after that time at the latest.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import trio

from gateway.store import apikeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.config import Account
    from gateway.store.base import Store

PREFIX = "sg_"
HASHED = "sha256:"
_OCTETS = 32  # of chance in a key: nobody guesses it, so its hash need not be a slow one
_HINT = 8  # characters by which people tell keys apart
_FRESH = 2.0  # seconds


def new_key() -> str:
    """Return a key that nobody has."""
    return PREFIX + secrets.token_urlsafe(_OCTETS)


def hint(key: str) -> str:
    """Return how a key begins."""
    return key[:_HINT]


def hash_of(key: str) -> str:
    """Return what is kept of a key."""
    return HASHED + hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """Tells whose a key is.

    Args:
        accounts: the configured accounts.
        store: what has the other keys.
    """

    def __init__(self, accounts: Mapping[str, Account], store: Store) -> None:
        self._accounts = accounts
        self._configured = {
            each.api_key if each.api_key.startswith(HASHED) else hash_of(each.api_key): name
            for name, each in accounts.items()
            if each.api_key is not None
        }
        self._store = store
        self._made: dict[str, apikeys.ApiKey] = {}
        self._fresh_until = -1.0
        self._reading = trio.Lock()

    async def owner(self, key: str) -> str | None:
        """Return the account that a key is of; None: of none.

        Raises:
            StoreError: the database cannot say.
        """
        digest = hash_of(key)
        if digest in self._configured:
            return self._configured[digest]
        await self._refresh()
        found = self._made.get(digest)
        if found is None or 0 < found.expires <= self._store.clock() or found.account not in self._accounts:
            return None
        return found.account

    async def _refresh(self) -> None:
        async with self._reading:
            if trio.current_time() >= self._fresh_until:
                self._made = {each.hash: each for each in await self._store.transact(apikeys.every)}
                self._fresh_until = trio.current_time() + _FRESH

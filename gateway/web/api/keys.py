"""Who asks: bearer keys, of which we keep hashes alone.

A key stands in the configuration (in clear or as its hash), or was made on the command line and is in the database with
the instant at which it ends: two keys count beside each other while clients change over. What the database says is
looked at again every few seconds at most, so a new key works, and a revoked one ends, after that time at the latest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from gateway.store import apikeys
from gateway.store.apikeys import HASHED, hash_of
from gateway.web.current import Current

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.web.site import Site

_FRESH = 2.0  # seconds


class Keys:
    """Tells whose a key is.

    Args:
        site: knows the accounts, and the store that has the other keys.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._configured = Current(site, _configured)
        self._made: dict[str, apikeys.ApiKey] = {}
        self._fresh_until = -1.0
        self._reading = trio.Lock()

    async def owner(self, key: str) -> str | None:
        """Return the account that a key is of; None: of none.

        Raises:
            StoreError: the database cannot say.
        """
        digest = hash_of(key)
        configured = self._configured.get()
        if digest in configured:
            return configured[digest]
        await self._refresh()
        found = self._made.get(digest)
        if (
            found is None
            or 0 < found.expires <= self._site.backend.clock()
            or found.account not in self._site.config.accounts
        ):
            return None
        return found.account

    async def _refresh(self) -> None:
        async with self._reading:
            if trio.current_time() >= self._fresh_until:
                self._made = {each.hash: each for each in await self._site.backend.transact(apikeys.every)}
                self._fresh_until = trio.current_time() + _FRESH


def _configured(config: Config) -> dict[str, str]:
    """Return the accounts of the keys in a configuration, by their hashes."""
    keys = ((name, each.api_key) for name, each in config.accounts.items())
    return {key if key.startswith(HASHED) else hash_of(key): name for name, key in keys if key is not None}

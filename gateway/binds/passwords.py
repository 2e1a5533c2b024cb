"""Passwords of upstream apps: checked in a thread, few at a time, and each at most once.

A hash costs a tenth of a second and 64 MiB on purpose. So a password that was right is remembered, under a keyed
digest whose key never leaves the process, and one that is being checked is not checked a second time beside it:
a storm of rebinds costs one check for each account and stalls no traffic. Wrong ones are not remembered; how
many of them come is limited at the door.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

import argon2
import trio

if TYPE_CHECKING:
    from collections.abc import Callable

_CHECKS_AT_ONCE = 2
_REMEMBERED = 10_000  # more than there are accounts


class _Check:
    """A check that is under way."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.right: bool | None = None  # None: given up, its connection has ended or is not wanted any more


class Passwords:
    """Checks passwords, in clear or as argon2id hashes; of these ``at_once`` at the same time."""

    def __init__(self, at_once: int = _CHECKS_AT_ONCE) -> None:
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: dict[bytes, _Check] = {}
        self._hasher = argon2.PasswordHasher()
        self._limit = trio.CapacityLimiter(at_once)

    async def check(self, expected: str, given: str, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Say whether ``given`` is the password ``expected``, or hashed into it.

        ``wanted`` is asked when a thread is free: whoever is not wanted any more by then costs no check, and is wrong.
        """
        if not expected.startswith("$argon2"):
            return hmac.compare_digest(self._digest(expected), self._digest(given))
        digest = self._digest(f"{expected}\0{given}")
        while digest not in self._verified:
            check = self._under_way.get(digest)
            if check is None:
                return await self._begin(digest, partial(self._verify, expected, given), wanted)
            await check.over.wait()
            if check.right is not None:
                return check.right
        return True

    async def _begin(self, digest: bytes, verify: Callable[[], bool], wanted: Callable[[], bool]) -> bool:
        check = self._under_way[digest] = _Check()
        try:
            async with self._limit:
                check.right = await trio.to_thread.run_sync(verify) if wanted() else None
        finally:
            del self._under_way[digest]
            check.over.set()
        if check.right:
            self._remember(digest)
        return bool(check.right)

    def _remember(self, digest: bytes) -> None:
        self._verified[digest] = None
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), hashlib.sha256)

    def _verify(self, expected: str, given: str) -> bool:
        try:
            return self._hasher.verify(expected, given)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

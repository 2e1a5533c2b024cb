"""Who is logged in: a token in the browser's cookie, its digest in the database, revocable at any time, at all nodes.

The token itself is kept nowhere here. A login ends when its owner leaves, after an hour without a request, after twelve
hours in any case, when the password changes in the configuration, and when the account loses its access.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import trio
from starlette.requests import Request
from starlette.responses import Response

from gateway.store import logins
from gateway.store.base import Snapshot, StoreError, Tx
from gateway.store.logins import Login
from gateway.web.site import Site

COOKIE = "__Host-login"  # browsers take it through TLS only, for this very host and all its paths
LIFE, IDLE = 43_200_000, 3_600_000  # milliseconds
_NOTED_EVERY = 300_000  # milliseconds between two notes that somebody is here
_TRUSTED_FOR = 3.0  # seconds that a login which was ended at another node may still be taken for one
_REMEMBERED = 1_000


class Guest(NamedTuple):
    """Somebody who is logged in: who, with the token that forms must carry."""

    login: Login
    csrf: str

    @property
    def account(self) -> str:
        """Whose pages they see; '' for no account's."""
        return self.login.account

    @property
    def admin(self) -> bool:
        """Whether they are an administrator."""
        return bool(self.login.admin)


class Logins:
    """The logins of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._backend = site.backend
        self._known: OrderedDict[str, tuple[Login, float]] = OrderedDict()

    def password(self, who: str) -> tuple[str | None, bool]:
        """Return somebody's password as configured, None where they may not log in, and whether they administer."""
        if who in self._site.config.web.admins:
            return self._site.config.web.admins[who], True
        account = self._site.config.accounts.get(who)
        return (account.web_password if account else None), False

    async def begin(self, who: str, response: Response) -> None:
        """Log somebody in, whose password was right, with the cookie of a response."""
        password, admin = self.password(who)
        token, now = secrets.token_urlsafe(32), self._backend.clock()
        login = Login(_digest(token), who, int(admin), "" if admin else who, _proof(token, password or ""), now, now)
        await self._backend.transact(partial(_begun, login=login))
        response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")

    async def find(self, request: Request) -> Guest | None:
        """Return who sends a request, if they are logged in."""
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        login = await self._look_up(_digest(token))
        if login is None or not self._holds(login, token):
            return None
        if self._backend.clock() - login.seen > _NOTED_EVERY:
            with suppress(StoreError):  # pages are read while nothing can be kept, too
                await self._backend.transact(partial(logins.seen, digest=login.digest))
            self._known.pop(login.digest, None)
        return Guest(login, hmac.digest(token.encode(), b"form", "sha256").hex())

    async def look_at(self, guest: Guest, account: str) -> None:
        """Show an administrator an account's pages from now on."""
        await self._backend.transact(partial(logins.look_at, digest=guest.login.digest, account=account))
        self._known.pop(guest.login.digest, None)

    async def end(self, guest: Guest, response: Response, *, everywhere: bool = False) -> None:
        """Log somebody out, `everywhere` in all their browsers."""
        await self._backend.transact(partial(_ended, login=guest.login, everywhere=everywhere))
        self._known.clear()
        response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")

    async def _look_up(self, digest: str) -> Login | None:
        known, until = self._known.get(digest, (None, 0.0))
        if known is not None and trio.current_time() < until:
            return known

        def work(snapshot: Snapshot) -> Login | None:
            return logins.find(snapshot, digest)

        found = await self._site.reader.read(work)
        if found is not None:
            self._known[digest] = found, trio.current_time() + _TRUSTED_FOR
            self._known.move_to_end(digest)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _holds(self, login: Login, token: str) -> bool:
        now = self._backend.clock()
        password, admin = self.password(login.who)
        if password is None or admin != bool(login.admin):
            return False
        same = hmac.compare_digest(login.proof, _proof(token, password))
        return same and login.begun > now - LIFE and login.seen > now - IDLE


def from_guest(guest: Guest, form: Mapping[str, object]) -> bool:
    """Say whether a form carries the token of whoever is logged in."""
    given = form.get("csrf")
    return isinstance(given, str) and hmac.compare_digest(guest.csrf.encode(), given.encode())


def _begun(tx: Tx, login: Login) -> None:
    logins.forget(tx, login.begun - LIFE, login.begun - IDLE)
    logins.begin(tx, login)


def _ended(tx: Tx, login: Login, *, everywhere: bool) -> None:
    logins.end(tx, login.digest)
    if everywhere:
        logins.end_all(tx, login.who, login.admin)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _proof(token: str, password: str) -> str:
    """Return what a login keeps of a password: nobody can guess at that without the browser's token."""
    return hmac.digest(token.encode(), b"proof" + password.encode(), "sha256").hex()

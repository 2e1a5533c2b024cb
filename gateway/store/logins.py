"""Logins: who is logged in to the client area, alike for all nodes, until they leave or are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.store.base import Snapshot, Tx

_COLUMNS = "digest, who, admin, account, proof, begun, seen"


class Login(NamedTuple):
    """One login; ``digest`` is the SHA-256 of the browser's token, times are in milliseconds since 1970.

    ``who`` is an account, or an administrator where ``admin`` is 1; ``account`` whose pages are shown, '' for no
    account's; ``proof`` is of the password as it was at log-in.
    """

    digest: str
    who: str
    admin: int
    account: str
    proof: str
    begun: int
    seen: int


def begin(tx: Tx, login: Login) -> None:
    """Remember a login."""
    tx.insert(f"login ({_COLUMNS})", [login])


def find(tx: Tx | Snapshot, digest: str) -> Login | None:
    """Return the login under a digest, if there is one."""
    found = [*tx.rows(f"SELECT {_COLUMNS} FROM login WHERE digest = ?", (digest,))]  # noqa: S608 (constants)
    return Login(*found[0]) if found else None


def seen(tx: Tx, digest: str) -> None:
    """Note that somebody has been here just now."""
    tx.rows("UPDATE login SET seen = ? WHERE digest = ?", (tx.now, digest))


def look_at(tx: Tx, digest: str, account: str) -> None:
    """Show an administrator the pages of an account."""
    tx.rows("UPDATE login SET account = ? WHERE digest = ? AND admin = 1", (account, digest))


def end(tx: Tx, digest: str) -> None:
    """Forget a login."""
    tx.rows("DELETE FROM login WHERE digest = ?", (digest,))


def end_all(tx: Tx, who: str, admin: int) -> None:
    """Forget all logins of somebody."""
    tx.rows("DELETE FROM login WHERE who = ? AND admin = ?", (who, admin))


def forget(tx: Tx, begun: int, seen: int) -> None:
    """Forget logins that began before ``begun`` or were last seen before ``seen``."""
    tx.rows("DELETE FROM login WHERE begun < ? OR seen < ?", (begun, seen))

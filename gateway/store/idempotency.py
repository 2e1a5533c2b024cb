"""Answers that are kept under an Idempotency-Key, so that a request that comes again is answered and not acted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

Key = tuple[str, str]  # an account, and the key that it chose


class Kept(NamedTuple):
    """One answer: to the request with this ``digest``, decided at ``at`` (milliseconds since 1970)."""

    account: str
    key: str
    digest: str
    at: int
    status: int
    message: int
    reason: str
    segments: int


def lock(tx: Tx, keys: Collection[Key]) -> None:
    """Keep other nodes from deciding requests under these keys until the commit."""
    tx.lock([f"idempotency/{account}/{key}" for account, key in keys])


def find(tx: Tx, keys: Collection[Key]) -> dict[Key, Kept]:
    """Return the answers that are kept under these keys."""
    found = tx.each(
        "WITH asked (account, key) AS ({rows}) SELECT kept.account, kept.key, digest, at, status, message, reason, "
        "segments FROM idempotency AS kept JOIN asked ON kept.account = asked.account AND kept.key = asked.key",
        list(keys),
    )
    return {(row[0], row[1]): Kept(*row) for row in found}


def keep(tx: Tx, answers: Sequence[Kept]) -> None:
    """Keep answers under keys that hold none."""
    tx.insert("idempotency (account, key, digest, at, status, message, reason, segments)", answers)


def forget(tx: Tx, before: int, limit: int) -> int:
    """Let go of up to ``limit`` answers older than an instant; returns how many that was."""
    gone = tx.rows(
        "DELETE FROM idempotency WHERE (account, key) IN "
        "(SELECT account, key FROM idempotency WHERE at < ? ORDER BY at LIMIT ?) RETURNING at",
        (before, limit),
    )
    return len(gone)

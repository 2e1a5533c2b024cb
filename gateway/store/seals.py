"""Secrets of the gateway's own, made by whichever node needs one first and the same at all of them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.store.base import Tx

_OCTETS = 32


def shared(tx: Tx, name: str) -> bytes:
    """Return the secret of this name."""
    tx.insert("seal (name, secret)", [(name, secrets.token_hex(_OCTETS))], "ON CONFLICT (name) DO NOTHING")
    [(secret,)] = tx.rows("SELECT secret FROM seal WHERE name = ?", (name,))
    return bytes.fromhex(secret)

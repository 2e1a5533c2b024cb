"""The ledger: billable events, append-only, each row chained to the one before by its SHA-256."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.store.base import Tx

CONFIRMATION = "opt_out_confirmation"
_GENESIS = "0" * 64
_FOR_EVER = 2**63 - 1
_COLUMNS = "id, at, account, kind, credits, number, code, source, message, evidence"


class Event(NamedTuple):
    """One billable event; ``at`` in milliseconds since 1970, ``message`` the message_id of the confirmation."""

    id: str
    at: int
    account: str
    kind: str
    credits: int
    number: str
    code: str
    source: str
    message: str
    evidence: int


def chain(previous: str, event: Event) -> str:
    """Return the hash of ``event`` after a row with the hash ``previous``: SHA-256 over both, as compact JSON."""
    return hashlib.sha256(json.dumps([previous, *event], separators=(",", ":")).encode()).hexdigest()


def append(tx: Tx, event: Event) -> None:
    """Add one event to the end of the chain."""
    tx.lock(["ledger"])  # one end to append to, however many nodes
    last = tx.rows("SELECT position, hash FROM ledger ORDER BY position DESC LIMIT 1")
    position, previous = last[0] if last else (0, _GENESIS)
    tx.rows(
        f"INSERT INTO ledger (position, {_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (constants)
        (position + 1, *event, chain(previous, event)),
    )


def events(tx: Tx, account: str | None = None, since: int = 0, until: int | None = None) -> list[Event]:
    """Return events in their order: of one account or all, from ``since`` to before ``until``."""
    found = tx.rows(
        f"SELECT {_COLUMNS} FROM ledger WHERE at >= ? AND at < ? AND account = coalesce(?, account) ORDER BY position",  # noqa: S608 (constants)
        (since, _FOR_EVER if until is None else until, account),
    )
    return [Event(*row) for row in found]

"""The ledger: billable events, append-only, each row chained to the one before by its SHA-256."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from gateway.store.base import Snapshot, Tx

CONFIRMATION = "opt_out_confirmation"
_FOR_EVER = 2**63 - 1
_PAGE = 5_000  # rows read at once
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


class Link(NamedTuple):
    """A row's place in the chain; ``position`` counts from 1."""

    position: int
    hash: str


START = Link(0, "0" * 64)  # before the first row


class Verdict(NamedTuple):
    """How far the chain holds: ``last`` is its last good row, ``broken`` the first position that is not as it was."""

    last: Link
    broken: int | None


def chain(previous: str, event: Event) -> str:
    """Return the hash of ``event`` after a row with the hash ``previous``: SHA-256 over both, as compact JSON."""
    return hashlib.sha256(json.dumps([previous, *event], separators=(",", ":")).encode()).hexdigest()


def append(tx: Tx, event: Event) -> None:
    """Add one event to the end of the chain."""
    tx.lock(["ledger"])  # one end to append to, however many nodes
    end = last(tx)
    tx.rows(
        f"INSERT INTO ledger (position, {_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (constants)
        (end.position + 1, *event, chain(end.hash, event)),
    )


def events(tx: Tx | Snapshot, account: str | None = None, since: int = 0, until: int | None = None) -> Iterator[Event]:
    """Yield events in their order: of one account or all, from ``since`` to before ``until``."""
    found = tx.rows(
        f"SELECT {_COLUMNS} FROM ledger WHERE at >= ? AND at < ? AND account = coalesce(?, account) ORDER BY position",  # noqa: S608 (constants)
        (since, _FOR_EVER if until is None else until, account),
    )
    return (Event(*row) for row in found)


def last(tx: Tx) -> Link:
    """Return the end of the chain as it is written, :data:`START` if there is no row."""
    found = tx.rows("SELECT position, hash FROM ledger ORDER BY position DESC LIMIT 1")
    return Link(*found[0]) if found else START


def verify(tx: Tx, after: Link = START, limit: int = _FOR_EVER) -> Verdict:
    """Recompute the chain: every row's hash, and that no position is missing between ``after`` and the last one.

    Rows that were cut off at the end leave a chain that holds; they are missed only by who has kept the last hash.

    Args:
        tx: a transaction.
        after: a row that is good already, to go on from.
        limit: the most rows to look at; the whole rest when there are no more.
    """
    while limit > 0:
        rows = tx.rows(
            f"SELECT position, hash, {_COLUMNS} FROM ledger WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608 (constants)
            (after.position, min(limit, _PAGE)),
        )
        for position, written, *event in rows:
            expected = Link(after.position + 1, chain(after.hash, Event(*event)))
            if position != expected.position or written != expected.hash:
                return Verdict(after, expected.position)
            after = expected
        limit = limit - len(rows) if rows else 0
    return Verdict(after, None)


async def verify_all(once: Callable[[Callable[[Tx], Verdict]], Awaitable[Verdict]]) -> Verdict:
    """Recompute the whole chain in many short transactions, each by ``once``: a gateway may be at work meanwhile."""
    verdict, before = Verdict(START, None), None
    while verdict.last != before:
        before = verdict.last
        verdict = await once(partial(verify, after=before, limit=_PAGE))
    return verdict

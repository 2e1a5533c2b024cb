"""The ledger: what accounts are charged and granted, append-only, each row chained to the one before by its SHA-256.

A row's ``credits`` are what its account is charged: 1 for a confirmation, less than zero for a grant. So an account's
balance is the sum of its rows with the sign turned round. Rows never change; what becomes known later about one of them
is another row. Where the chain ends is kept apart from it, so a row that is cut off at its end is missed, also when
others have been added since.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gateway.store import balances
from gateway.store.ids import wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from gateway.store.base import Snapshot, Tx

CONFIRMATION = "opt_out_confirmation"
UNDELIVERED = "opt_out_confirmation_undelivered"  # free; follows the event of a confirmation that did not arrive
GRANT = "grant"
SUBMISSIONS = "submissions"  # what a prepaid account's messages cost, summed up
_FOR_EVER = 2**63 - 1
_PAGE = 5_000  # rows read at once
_DAY_MS = 86_400_000
_CHAIN = "ledger"
_COLUMNS = "id, at, account, kind, credits, number, code, source, message, evidence, note"


class Event(NamedTuple):
    """One row; ``at`` in milliseconds since 1970, ``message`` the message_id of the confirmation."""

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
    note: str = ""


class Total(NamedTuple):
    """What an account's events of one kind came to in one month ("2026-11", UTC)."""

    account: str
    month: str
    kind: str
    events: int
    credits: int


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


def append(tx: Tx, events: Sequence[Event]) -> None:
    """Add events to the end of the chain, and what they charge to the balances."""
    if not events:
        return
    tx.lock(["ledger"])  # one end to append to, however many nodes
    end, rows = head(tx), []
    for event in events:
        end = Link(end.position + 1, chain(end.hash, event))
        rows.append((end.position, *event, end.hash))
    tx.insert(f"ledger (position, {_COLUMNS}, hash)", rows)
    set_head(tx, _CHAIN, end)
    charges: Counter[str] = Counter()
    for event in events:
        charges[event.account] += event.credits
    balances.charge(tx, charges)


def grant(tx: Tx, account: str, amount: int, why: tuple[str, str]) -> Event:
    """Grant credits to an account, or take some back where they are negative; ``why``: the reason, and the source."""
    reason, source = why
    event = Event(wire(tx.new_id()), tx.now, account, GRANT, -amount, "", "", source, "", 0, reason)
    append(tx, [event])
    return event


def settle_pending(tx: Tx, before: int) -> list[Event]:
    """Write what submissions have cost since before an instant: one event for each account."""
    events = [
        Event(wire(tx.new_id()), tx.now, each.account, SUBMISSIONS, each.credits, "", "", "smpp", "", 0, note)
        for each in balances.take_pending(tx, before)
        if each.credits or each.messages  # what was given back before it was written down leaves nothing to say
        for note in [f"{each.messages} messages"]
    ]
    append(tx, events)
    return events


def follow_up(tx: Tx, messages: Sequence[str]) -> None:
    """Write down, free of charge, that these confirmations were not delivered, as far as they were billed."""
    found = tx.each(
        f"SELECT {_COLUMNS} FROM ledger WHERE message IN ({{rows}}) AND message <> '' AND kind = '{CONFIRMATION}' "  # noqa: S608 (constants)
        "ORDER BY position",
        [(message,) for message in messages],
    )
    billed = [Event(*row) for row in found]
    append(
        tx,
        [
            each._replace(id=wire(tx.new_id()), at=tx.now, kind=UNDELIVERED, credits=0, note=f"follows {each.id}")
            for each in billed
        ],
    )


def events(tx: Tx | Snapshot, account: str | None = None, since: int = 0, until: int | None = None) -> Iterator[Event]:
    """Yield events in their order: of one account or all, from ``since`` to before ``until``.

    They are read page by page, as far as there are any when the first one is asked for.
    """
    whose, values = ("AND account = ?", (account,)) if account is not None else ("", ())
    behind, upto = 0, last(tx).position
    while True:
        found = list(
            tx.rows(
                f"SELECT position, {_COLUMNS} FROM ledger WHERE position > ? AND position <= ? AND at >= ? AND at < ? "  # noqa: S608 (constants)
                f"{whose} ORDER BY position LIMIT ?",
                (behind, upto, since, _FOR_EVER if until is None else until, *values, _PAGE),
            )
        )
        yield from (Event(*row[1:]) for row in found)
        if len(found) < _PAGE:
            return
        behind = found[-1][0]


def page(tx: Tx | Snapshot, account: str, before: int | None = None, limit: int = 50) -> tuple[list[Event], int | None]:
    """Return up to ``limit`` events of an account, newest first, and the ``before`` of the next page; None: no more."""
    found = list(
        tx.rows(
            f"SELECT position, {_COLUMNS} FROM ledger WHERE account = ? AND position < ? "  # noqa: S608 (constants)
            "ORDER BY position DESC LIMIT ?",
            (account, _FOR_EVER if before is None else before, limit + 1),
        )
    )
    following = found[limit - 1][0] if len(found) > limit else None
    return [Event(*row[1:]) for row in found[:limit]], following


def totals(tx: Tx | Snapshot, account: str | None = None, since: int = 0, until: int | None = None) -> list[Total]:
    """Sum events up by account, month and kind, in this order: of one account or all, in a period as :func:`events`."""
    found = tx.rows(
        "SELECT account, at / ?, kind, count(*), sum(credits) FROM ledger "
        "WHERE at >= ? AND at < ? AND account = coalesce(?, account) GROUP BY 1, 2, 3",
        (_DAY_MS, since, _FOR_EVER if until is None else until, account),
    )
    events: Counter[tuple[str, str, str]] = Counter()
    charged: Counter[tuple[str, str, str]] = Counter()
    for name, day, kind, count, amount in found:
        key = (name, f"{datetime.fromtimestamp(day * _DAY_MS / 1_000, UTC):%Y-%m}", kind)
        events[key] += count
        charged[key] += int(amount)
    return [Total(*key, events[key], charged[key]) for key in sorted(events)]


def head(tx: Tx | Snapshot) -> Link:
    """Return where the chain ends by what is kept apart from it, :data:`START` if it is empty."""
    return head_of(tx, _CHAIN)


def head_of(tx: Tx | Snapshot, chain: str) -> Link:
    """Return where a chain ends by what is kept apart from it, :data:`START` if it is empty."""
    found = tx.rows("SELECT position, hash FROM chain_head WHERE chain = ?", (chain,))
    return next((Link(*row) for row in found), START)


def set_head(tx: Tx, chain: str, end: Link) -> None:
    """Remember where a chain ends now."""
    tx.rows(
        "INSERT INTO chain_head (chain, position, hash) VALUES (?, ?, ?) "
        "ON CONFLICT (chain) DO UPDATE SET position = excluded.position, hash = excluded.hash",
        (chain, *end),
    )


def last(tx: Tx | Snapshot) -> Link:
    """Return the end of the chain as it is written, :data:`START` if there is no row."""
    found = tx.rows("SELECT position, hash FROM ledger ORDER BY position DESC LIMIT 1")
    return next((Link(*row) for row in found), START)


def verify(
    tx: Tx | Snapshot,
    after: Link = START,
    limit: int = _FOR_EVER,
    see: Callable[[Link, Event], None] = lambda _link, _event: None,
) -> Verdict:
    """Recompute the chain: every row's hash, that no position is missing, and that it ends where it must.

    Args:
        tx: a transaction, or a snapshot.
        after: a row that is good already, to go on from.
        limit: the most rows to look at; the whole rest when there are no more.
        see: called with every good row.
    """
    while limit > 0:
        count = 0
        for position, written, *columns in tx.rows(
            f"SELECT position, hash, {_COLUMNS} FROM ledger WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608 (constants)
            (after.position, min(limit, _PAGE)),
        ):
            event = Event(*columns)
            expected = Link(after.position + 1, chain(after.hash, event))
            if position != expected.position or written != expected.hash:
                return Verdict(after, expected.position)
            after, count = expected, count + 1
            see(after, event)
        if not count:
            return _at_the_end(tx, after)
        limit -= count
    return Verdict(after, None)


def _at_the_end(tx: Tx | Snapshot, after: Link) -> Verdict:
    """Judge a chain that holds as far as it goes: it must go as far as its head says."""
    return Verdict(after, None if head(tx) == after else after.position + 1)


async def verify_all(once: Callable[[Callable[[Tx], Verdict]], Awaitable[Verdict]]) -> Verdict:
    """Recompute the whole chain in many short transactions, each by ``once``: a gateway may be at work meanwhile."""
    verdict, before = Verdict(START, None), None
    while verdict.last != before:
        before = verdict.last
        verdict = await once(partial(verify, after=before, limit=_PAGE))
    return verdict

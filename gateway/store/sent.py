"""What operators have taken and not reported on yet, by their own ids, and receipts that match nothing yet.

Of every segment that an operator takes it is remembered under which id, in the commit that takes the segment out of the
spool. A receipt that comes before that is parked, and found by the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store.messages import UNKNOWN, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gateway.store.base import Tx

_SENT = "SELECT operator, remote_id, message, segments FROM sent"
Key = tuple[str, str]  # an operator, and its own id for a segment


class Held(NamedTuple):
    """What an operator has taken under one id; ``at`` is when, in milliseconds since 1970, where that was asked for."""

    message: int
    segments: int
    at: int = 0


def taken(tx: Tx, rows: Sequence[tuple[str, str, int]]) -> list[Outcome]:
    """Remember who holds which segment, as (operator, remote_id, message), oldest first.

    Several segments of one message may have one id. An id that another message had means the newer one from now on:
    nobody can tell any more what becomes of the older one, so its segments end UNKNOWN, which is returned.
    """
    held: dict[Key, Held] = {}
    lost: list[Held] = []
    for operator, remote, message in rows:
        _hold(held, (operator, remote), Held(message, 1, tx.now), lost)
    columns, news = "sent (operator, remote_id, message, segments, at)", sorted(held)
    conflict = "ON CONFLICT (operator, remote_id) DO"
    found = tx.insert(
        columns, [(*key, *held[key]) for key in news], f"{conflict} NOTHING RETURNING operator, remote_id"
    )
    again = sorted(held.keys() - {(str(operator), str(remote)) for operator, remote in found})
    if again:
        older = tx.each(f"{_SENT} WHERE (operator, remote_id) IN ({{rows}}){tx.for_update}", again)
        known = {(str(operator), str(remote)): Held(*each) for operator, remote, *each in older}
        for key in again:
            _hold(known, key, held[key], lost)
        tx.insert(
            columns,
            [(*key, *known[key]) for key in again],
            f"{conflict} UPDATE SET message = excluded.message, segments = excluded.segments, at = excluded.at",
        )
    return outcomes_of(lost, UNKNOWN)


def _hold(held: dict[Key, Held], key: Key, new: Held, lost: list[Held]) -> None:
    """Let ``key`` stand for ``new``: beside what it stands for, or instead."""
    older = held.get(key)
    if older is not None and older.message == new.message:
        new = new._replace(segments=older.segments + new.segments)
    elif older is not None:
        lost.append(older)
    held[key] = new


def report(tx: Tx, keys: Collection[Key]) -> dict[Key, Held]:
    """Return what an operator is known to hold under each (operator, remote_id), and forget it: it reported.

    Of two receipts for one segment, on one node or two, only the first finds it.
    """
    found = tx.each(
        "DELETE FROM sent WHERE (operator, remote_id) IN ({rows}) RETURNING operator, remote_id, message, segments, at",
        list(keys),
    )
    return {(operator, remote): Held(*each) for operator, remote, *each in found}


def outcomes_of(held: Iterable[Held], state: int, error: str = "000") -> list[Outcome]:
    """Return the outcome of every segment that is held."""
    return [Outcome(message, state, error) for message, segments, _ in held for _ in range(segments)]


def give_up(tx: Tx, before: int, limit: int) -> list[Outcome]:
    """Forget up to ``limit`` ids that operators gave before this instant and never reported on: they end UNKNOWN."""
    found = tx.rows(
        "WITH old AS MATERIALIZED (SELECT operator, remote_id FROM sent WHERE at < ? "  # noqa: S608 (constants)
        f"ORDER BY at LIMIT ?{tx.skip_locked}) DELETE FROM sent "
        "WHERE (operator, remote_id) IN (SELECT operator, remote_id FROM old) RETURNING message, segments",
        (before, limit),
    )
    return outcomes_of([Held(*each) for each in found], UNKNOWN)


def park(tx: Tx, rows: Sequence[tuple[str, str, int, str]]) -> None:
    """Keep receipts that match nothing yet, as (operator, remote_id, state, error)."""
    tx.insert(
        "parked (id, at, operator, remote_id, state, error)",
        [(tx.new_id(), tx.now, *row) for row in rows],
    )


def unpark(tx: Tx, keys: Collection[tuple[str, str]]) -> list[tuple[str, str, int, str]]:
    """Take out the parked receipts of these (operator, remote_id), oldest first."""
    found = tx.each(
        "DELETE FROM parked WHERE (operator, remote_id) IN ({rows}) RETURNING id, operator, remote_id, state, error",
        list(keys),
    )
    return [row[1:] for row in sorted(found)]


def rescue_parked(tx: Tx, since: int) -> list[Outcome]:
    """Match receipts parked since an instant with segments that another node settled meanwhile, unseen by either.

    Both are forgotten, and the outcomes returned.
    """
    found = tx.rows(
        "SELECT parked.operator, parked.remote_id, parked.state, parked.error FROM parked "
        "JOIN sent ON sent.operator = parked.operator AND sent.remote_id = parked.remote_id "
        "WHERE parked.at >= ? ORDER BY parked.id",
        (since,),
    )
    news = {(operator, remote): (state, error) for operator, remote, state, error in found}
    held = report(tx, news.keys())
    unpark(tx, held.keys())
    return [outcome for key, each in held.items() for outcome in outcomes_of([each], *news[key])]


def forget_parked(tx: Tx, before: int, limit: int) -> int:
    """Forget up to ``limit`` receipts parked before this instant, which nothing will ever match; returns how many."""
    found = tx.rows(
        "DELETE FROM parked WHERE id IN (SELECT id FROM parked WHERE at < ? ORDER BY at LIMIT ?) RETURNING id",
        (before, limit),
    )
    return len(found)

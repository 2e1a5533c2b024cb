"""Messages: what was accepted, which segments an operator holds, and the one final state that each message reaches.

A message leaves ENROUTE exactly once: when all of its segments have an outcome, or when one of them has failed for
good. Every statement that changes a state is guarded by the state it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gateway.store.base import Tx

ENROUTE, DELIVERED, EXPIRED, DELETED, UNDELIVERABLE, ACCEPTED, UNKNOWN, REJECTED, SKIPPED = range(1, 10)
NONE = 0  # no segment has an outcome yet

# How bad a state is, for folding the states of segments into one: the last of these wins.
_SEVERITY = {
    state: rank
    for rank, state in enumerate(
        (NONE, DELIVERED, ACCEPTED, UNKNOWN, DELETED, EXPIRED, SKIPPED, UNDELIVERABLE, REJECTED)
    )
}

# A message with a lost part cannot become whole again.
_FATAL = frozenset({UNDELIVERABLE, REJECTED, SKIPPED})

_SENT = "SELECT operator, remote_id, message, segments FROM sent"
Key = tuple[str, str]  # an operator, and its own id for a segment
_COLUMNS = (
    "id, account, source_ton, source_npi, source_addr, dest_ton, dest_npi, dest_addr, number, submitted, registered, "
    "reason, excerpt, segments, open, state, request, reference, data_coding"
)
NO_REFERENCE = -1


class Message(NamedTuple):
    """One accepted message; addresses as the account wrote them, ``number`` canonical.

    ``request`` is the id of the submit_multi that it came in, 0 when its own id is the one that the account knows;
    ``reference`` the user_message_reference, ``data_coding`` as submitted.
    """

    id: int
    account: str
    source_ton: int
    source_npi: int
    source_addr: str
    dest_ton: int
    dest_npi: int
    dest_addr: str
    number: str
    submitted: int
    registered: int
    reason: str
    excerpt: str
    segments: int
    open: int
    state: int = ENROUTE
    request: int = 0
    reference: int = NO_REFERENCE
    data_coding: int = 0

    @property
    def known_as(self) -> int:
        """The id that the account knows."""
        return self.request or self.id


class Outcome(NamedTuple):
    """What became of one segment: a final message_state and the network's error, as in a receipt.

    ``final``: it ends the whole message, whatever becomes of other segments.
    """

    message: int
    state: int
    error: str = "000"
    final: bool = False


class Held(NamedTuple):
    """What an operator has taken under one id."""

    message: int
    segments: int


class Known(NamedTuple):
    """What is known about a message that somebody asks about; ``done``: when it ended, 0 while it is ENROUTE."""

    message: Message
    error: str
    done: int


class Finished(NamedTuple):
    """A message that has just reached its final state."""

    message: Message
    state: int
    error: str


def add(tx: Tx, rows: Sequence[Message]) -> None:
    """Remember accepted messages."""
    tx.insert(f"message ({_COLUMNS})", rows)


def get(tx: Tx, ids: Collection[int]) -> dict[int, Message]:
    """Return the messages of these ids that are known."""
    found = tx.each(f"SELECT {_COLUMNS} FROM message WHERE id IN ({{rows}})", [(each,) for each in ids])  # noqa: S608 (constants)
    return {row[0]: Message(*row) for row in found}


def known_as(tx: Tx, requests: Collection[int]) -> dict[int, list[Known]]:
    """Return the messages that accounts know under these ids: several under that of a submit_multi."""
    rows = [(each,) for each in requests]
    select = f"SELECT {_COLUMNS}, error, coalesce(done, 0) FROM message"  # noqa: S608 (constants)
    found = tx.each(f"{select} WHERE id IN ({{rows}}) AND request = 0", rows)
    found += tx.each(f"{select} WHERE request IN ({{rows}}) AND request <> 0 ORDER BY id", rows)
    known: dict[int, list[Known]] = {}
    for *columns, error, done in found:
        message = Message(*columns)
        known.setdefault(message.known_as, []).append(Known(message, error, done))
    return known


def overall(known: Sequence[Known]) -> tuple[int, str, int]:
    """Fold messages under one id into (state, error, done): ENROUTE while one of them is, else the worst state."""
    if any(each.message.state == ENROUTE for each in known):
        return ENROUTE, "", 0
    worst = max(known, key=lambda each: _SEVERITY[each.message.state])
    return worst.message.state, worst.error, max(each.done for each in known)


def rewrite(tx: Tx, rows: Sequence[Message]) -> None:
    """Give messages of which nothing has been sent another text, and what goes with it."""
    tx.each(
        "WITH news (id, registered, reason, excerpt, segments) AS ({rows}) "
        "UPDATE message SET registered = news.registered, reason = news.reason, excerpt = news.excerpt, "
        "segments = news.segments, open = news.segments FROM news WHERE message.id = news.id AND message.state = 1",
        [(each.id, each.registered, each.reason, each.excerpt, each.segments) for each in rows],
    )


def taken(tx: Tx, rows: Sequence[tuple[str, str, int]]) -> list[Outcome]:
    """Remember who holds which segment, as (operator, remote_id, message), oldest first.

    Several segments of one message may have one id. An id that another message had means the newer one from now on:
    nobody can tell any more what becomes of the older one, so its segments end UNKNOWN, which is returned.
    """
    held: dict[Key, Held] = {}
    lost: list[Held] = []
    for operator, remote, message in rows:
        _hold(held, (operator, remote), Held(message, 1), lost)
    columns, news = "sent (operator, remote_id, message, segments, at)", sorted(held)
    conflict = "ON CONFLICT (operator, remote_id) DO"
    found = tx.insert(
        columns, [(*key, *held[key], tx.now) for key in news], f"{conflict} NOTHING RETURNING operator, remote_id"
    )
    again = sorted(held.keys() - {(str(operator), str(remote)) for operator, remote in found})
    if again:
        older = tx.each(f"{_SENT} WHERE (operator, remote_id) IN ({{rows}}){tx.for_update}", again)
        known = {(str(operator), str(remote)): Held(*each) for operator, remote, *each in older}
        for key in again:
            _hold(known, key, held[key], lost)
        tx.insert(
            columns,
            [(*key, *known[key], tx.now) for key in again],
            f"{conflict} UPDATE SET message = excluded.message, segments = excluded.segments, at = excluded.at",
        )
    return outcomes_of(lost, UNKNOWN)


def _hold(held: dict[Key, Held], key: Key, new: Held, lost: list[Held]) -> None:
    """Let ``key`` stand for ``new``: beside what it stands for, or instead."""
    older = held.get(key)
    if older is not None and older.message == new.message:
        new = Held(new.message, older.segments + new.segments)
    elif older is not None:
        lost.append(older)
    held[key] = new


def report(tx: Tx, keys: Collection[Key]) -> dict[Key, Held]:
    """Return what an operator is known to hold under each (operator, remote_id), and forget it: it reported.

    Of two receipts for one segment, on one node or two, only the first finds it.
    """
    found = tx.each(
        "DELETE FROM sent WHERE (operator, remote_id) IN ({rows}) RETURNING operator, remote_id, message, segments",
        list(keys),
    )
    return {(operator, remote): Held(message, segments) for operator, remote, message, segments in found}


def outcomes_of(held: Iterable[Held], state: int, error: str = "000") -> list[Outcome]:
    """Return the outcome of every segment that is held."""
    return [Outcome(message, state, error) for message, segments in held for _ in range(segments)]


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


def rescue_parked(tx: Tx) -> list[Outcome]:
    """Match parked receipts with segments that another node settled at the same instant, unseen by either.

    Both are forgotten, and the outcomes returned.
    """
    found = tx.rows(
        "SELECT parked.operator, parked.remote_id, parked.state, parked.error FROM parked "
        "JOIN sent ON sent.operator = parked.operator AND sent.remote_id = parked.remote_id ORDER BY parked.id"
    )
    news = {(operator, remote): (state, error) for operator, remote, state, error in found}
    held = report(tx, news.keys())
    unpark(tx, held.keys())
    return [outcome for key, each in held.items() for outcome in outcomes_of([each], *news[key])]


def forget_parked(tx: Tx, before: int) -> None:
    """Forget receipts parked before this instant: nothing will ever match them."""
    tx.rows("DELETE FROM parked WHERE at < ?", (before,))


def settle(tx: Tx, outcomes: Iterable[Outcome]) -> list[Finished]:
    """Count segments' outcomes and return the messages that are final now, each exactly once in its life."""
    by_message: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        by_message.setdefault(outcome.message, []).append(outcome)
    found = tx.each(
        f"SELECT {_COLUMNS}, worst, error FROM message WHERE id IN ({{rows}}) AND state = {ENROUTE} "  # noqa: S608 (constants)
        f"ORDER BY id{tx.for_update}",
        [(each,) for each in sorted(by_message)],
    )
    finished: list[Finished] = []
    news: list[tuple[int, int, int, int, str, int]] = []
    for *columns, worst_yet, error_yet in found:
        message = Message(*columns)
        left, state, worst, error = _fold(message.open, worst_yet, error_yet, by_message[message.id])
        news.append((message.id, left, state, worst, error, 0 if state == ENROUTE else tx.now))
        if state != ENROUTE:
            finished.append(Finished(message, state, error))
    tx.each(
        "WITH news (id, open, state, worst, error, done) AS ({rows}) "
        "UPDATE message SET open = news.open, state = news.state, worst = news.worst, error = news.error, "
        "done = nullif(news.done, 0) FROM news WHERE message.id = news.id AND message.state = 1",  # 1: ENROUTE
        news,
    )
    return finished


def _fold(left: int, worst: int, error: str, outcomes: list[Outcome]) -> tuple[int, int, int, str]:
    """Fold outcomes into a message's (open segments, state, worst, error): DELIVERED when all are, else the worst."""
    ended = False
    for outcome in outcomes:
        if _SEVERITY[outcome.state] > _SEVERITY[worst]:
            worst, error = outcome.state, outcome.error
        ended = ended or outcome.final or outcome.state in _FATAL
    left = max(left - len(outcomes), 0)
    return left, worst if ended or not left else ENROUTE, worst, error

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
PLATFORM = ""  # the account of our own messages, and of events that nobody else pays
STATES = {  # what they are called in words
    ENROUTE: "enroute",
    DELIVERED: "delivered",
    EXPIRED: "expired",
    DELETED: "deleted",
    UNDELIVERABLE: "undeliverable",
    ACCEPTED: "accepted",
    UNKNOWN: "unknown",
    REJECTED: "rejected",
    SKIPPED: "skipped",
}

# How bad a state is, for folding the states of segments into one: the last of these wins.
_SEVERITY = {
    state: rank
    for rank, state in enumerate(
        (NONE, DELIVERED, ACCEPTED, UNKNOWN, DELETED, EXPIRED, SKIPPED, UNDELIVERABLE, REJECTED)
    )
}

# A message with a lost part cannot become whole again.
_FATAL = frozenset({UNDELIVERABLE, REJECTED, SKIPPED})

_COLUMNS = (
    "id, account, source_ton, source_npi, source_addr, dest_ton, dest_npi, dest_addr, number, submitted, registered, "
    "reason, excerpt, segments, open, state, request, reference, data_coding, joined, channel, price"
)
NO_REFERENCE = -1
SMPP, HTTP = "smpp", "http"  # how a message came in, and its receipt goes out


class Message(NamedTuple):
    """One accepted message; addresses as the account wrote them, ``number`` canonical.

    ``request`` is the id of the submit_multi that it came in, 0 when its own id is the one that the account knows;
    ``reference`` the user_message_reference, ``data_coding`` as submitted. ``joined``: of a part of a message that the
    account had cut, the part whose state is that of all; 0 for a message that was submitted whole, or is incomplete.
    ``channel`` is how it came in; ``price`` how many prepaid credits it has cost.
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
    joined: int = 0
    channel: str = SMPP
    price: int = 0

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
        "WITH news (id, registered, reason, excerpt, segments, price) AS ({rows}) "
        "UPDATE message SET registered = news.registered, reason = news.reason, excerpt = news.excerpt, "
        "segments = news.segments, open = news.segments, price = news.price "
        "FROM news WHERE message.id = news.id AND message.state = 1",
        [(each.id, each.registered, each.reason, each.excerpt, each.segments, each.price) for each in rows],
    )


def join(tx: Tx, rows: Sequence[tuple[int, int, str, int, int]]) -> None:
    """Let parts be one message, as (id, joined, reason, segments, price); only the one that stands for all has both.

    Where ``joined`` is 0 the message cannot be, and the reason says why.
    """
    tx.each(
        "WITH news (id, joined, reason, segments, price) AS ({rows}) "
        "UPDATE message SET joined = news.joined, reason = news.reason, segments = news.segments, "
        "open = news.segments, price = news.price FROM news WHERE message.id = news.id AND message.state = 1",
        rows,
    )


def begin(tx: Tx, ids: Collection[int]) -> None:
    """Remember that operators have taken segments of these messages, which have several."""
    tx.each("UPDATE message SET begun = 1 WHERE id IN ({rows}) AND begun = 0", [(each,) for each in sorted(ids)])


def begun(tx: Tx, ids: Collection[int]) -> set[int]:
    """Return those of these messages of which an operator has taken a segment, of several."""
    found = tx.each("SELECT id FROM message WHERE id IN ({rows}) AND begun = 1", [(each,) for each in ids])
    return {int(each) for (each,) in found}


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
    return finished + end_joined(tx, [each for each in finished if each.message.joined == each.message.id])


def end_joined(tx: Tx, finished: Sequence[Finished]) -> list[Finished]:
    """End the other parts of messages that were joined, in the state of the one that ended."""
    found = tx.each(
        f"SELECT {_COLUMNS} FROM message WHERE joined IN ({{rows}}) AND joined <> 0 AND state = {ENROUTE} "  # noqa: S608 (constants)
        f"ORDER BY id{tx.for_update}",
        [(each.message.id,) for each in finished],
    )
    ends = {each.message.id: each for each in finished}
    others = [ends[part.joined]._replace(message=part) for part in (Message(*row) for row in found)]
    tx.each(
        "WITH news (id, state, error, done) AS ({rows}) UPDATE message SET state = news.state, worst = news.state, "
        "error = news.error, done = news.done FROM news WHERE message.id = news.id AND message.state = 1",  # 1: ENROUTE
        [(each.message.id, each.state, each.error, tx.now) for each in others],
    )
    return others


def _fold(left: int, worst: int, error: str, outcomes: list[Outcome]) -> tuple[int, int, int, str]:
    """Fold outcomes into a message's (open segments, state, worst, error): DELIVERED when all are, else the worst."""
    ended = False
    for outcome in outcomes:
        if _SEVERITY[outcome.state] > _SEVERITY[worst]:
            worst, error = outcome.state, outcome.error
        ended = ended or outcome.final or outcome.state in _FATAL
    left = max(left - len(outcomes), 0)
    return left, worst if ended or not left else ENROUTE, worst, error

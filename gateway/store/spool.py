"""The spool: PDUs that are still to be handed to a peer, each in the lane of that peer.

A lane consists of *queues*: what one account has there at one priority. Rows of a queue keep their order; queues are
served beside each other, so they are found, counted and claimed one by one.

A row is *waiting* (``claimed`` is NULL) until a node takes it into memory, *claimed* (by the node's holder token) while
the node holds it, and gone once its outcome is settled. What a dead node held is released when it starts again, or by
another node once its lease is over (:mod:`gateway.store.nodes`), so nothing is forgotten; what was on the wire at that
moment is sent again. Whoever settles a row that others have taken over meanwhile is told so, and leaves it to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.rules.size import Size

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

Queue = tuple[str, int]  # an account and a priority
URGENT = -1  # due at once, and before others
COLUMNS = "id, lane, message, number, command, body, due, expires, attempts, account, priority, closes, parts"


class Spooled(NamedTuple):
    """One PDU in a lane; ``body`` is the octets after the header.

    ``due`` and ``expires`` are milliseconds since 1970; due 0 is at once, whatever a clock does meanwhile, and
    :data:`URGENT` at once and before others. ``account`` says with whom a row of an operator's lane shares its turns
    ('': the platform's own, and all of an account's lane), ``priority`` is its priority_flag (SMPP 3.4 section 5.2.14).
    ``closes``: when the hours end within which it may be sent, 0: never. ``parts``: how many segments its message has.
    """

    id: int
    lane: str
    message: int
    number: str
    command: int
    body: bytes
    due: int
    expires: int
    attempts: int = 0
    account: str = ""
    priority: int = 0
    closes: int = 0
    parts: int = 1

    @property
    def queue(self) -> Queue:
        """Where in its lane the row stands in line."""
        return self.account, self.priority


class Expired(NamedTuple):
    """A row that waited in ``lane`` for too long; ``message``: 0 for none."""

    id: int
    lane: str
    message: int


def size(rows: Collection[Spooled]) -> Size:
    """Return how much ``rows`` are."""
    return Size(len(rows), sum(len(row.body) for row in rows))


def operator_lane(operator: str) -> str:
    """Name the lane of an operator."""
    return f"operator/{operator}"


def account_lane(account: str) -> str:
    """Name the lane of an account: its receipts and inbound texts."""
    return f"account/{account}"


def add(tx: Tx, rows: Sequence[Spooled], *, held: bool = False) -> None:
    """Put rows into their lanes: waiting, or held by us already."""
    if held:
        tx.insert(f"spool ({COLUMNS}, claimed)", [(*row, tx.holder) for row in rows])
    else:
        tx.insert(f"spool ({COLUMNS})", rows)


def queues(tx: Tx, lane: str) -> list[Queue]:
    """Return the queues of ``lane`` in which rows wait, due or not; a step in the index for each."""
    return [
        (str(account), int(priority))
        for (priority,) in _distinct(tx, "priority", "lane = ?", (lane,))
        for (account,) in _distinct(tx, "account", "lane = ? AND priority = ?", (lane, priority))
    ]


def claim(tx: Tx, lane: str, queue: Queue, limit: Size) -> list[Spooled]:
    """Hand waiting rows of a queue that are due to us, in the order in which they were accepted.

    As many as ``limit`` says, up to the row with which its octets are reached: so there is one at least, however long.
    Where it is not reached in either way (:meth:`Size.reaches`), these are all that there are.

    Rows that were due at once and rows that waited for an instant, for which they may have been refused before, share
    the room where there are too many of both, so neither keeps the other waiting.
    """

    def take(first: int, last: int, room: Size) -> list[Spooled]:
        if not room:
            return []
        found = tx.rows(
            "WITH picked AS MATERIALIZED (SELECT id, due, length(body) AS octets FROM spool "  # noqa: S608 (constants)
            "WHERE lane = ? AND account = ? AND priority = ? AND claimed IS NULL AND due BETWEEN ? AND ? "
            f"ORDER BY due, id LIMIT ?{tx.skip_locked}), "
            "summed AS (SELECT id, octets, sum(octets) OVER (ORDER BY due, id ROWS UNBOUNDED PRECEDING) AS upto "
            "FROM picked) "
            "UPDATE spool SET claimed = ? WHERE id IN (SELECT id FROM summed WHERE upto - octets < ?) "
            f"RETURNING {COLUMNS}",
            (lane, *queue, first, last, room.rows, tx.holder, room.octets),
        )
        return [Spooled(*row) for row in found]

    half = Size((limit.rows + 1) // 2, (limit.octets + 1) // 2)
    timed = take(1, tx.now, half)
    left = limit.less(size(timed))
    rows = timed + take(URGENT, 0, Size(left.rows, max(left.octets, limit.octets - half.octets)))
    if size(timed).reaches(half):
        rows += take(1, tx.now, limit.less(size(rows)))
    return sorted(rows)


def next_due(tx: Tx, lane: str) -> int | None:
    """Return when the next row of a lane is due that is not yet, in milliseconds since 1970; None: there is none."""
    [(due,)] = tx.rows("SELECT min(due) FROM spool WHERE lane = ? AND claimed IS NULL AND due > ?", (lane, tx.now))
    return None if due is None else int(due)


def ready(tx: Tx, lanes: Collection[str]) -> list[str]:
    """Return those of ``lanes`` that have a waiting row which is due."""
    found = tx.each(
        "WITH mine (name, now) AS ({rows}) SELECT name FROM mine WHERE EXISTS "
        "(SELECT 1 FROM spool WHERE lane = mine.name AND claimed IS NULL AND due <= mine.now)",
        [(lane, tx.now) for lane in lanes],
    )
    return [str(lane) for (lane,) in found]


def remove(tx: Tx, ids: Collection[int]) -> set[int]:
    """Take settled rows out; returns those that were there, and not in another node's hands meanwhile."""
    gone = tx.each(
        "WITH settled (id, holder) AS ({rows}) DELETE FROM spool WHERE id IN (SELECT id FROM settled) "
        "AND (claimed IS NULL OR claimed = (SELECT max(holder) FROM settled)) RETURNING id",
        [(each, tx.holder) for each in ids],
    )
    return {int(each) for (each,) in gone}


def release(tx: Tx, rows: Collection[Spooled]) -> None:
    """Give rows that we hold back, each with its lane, due, attempts and closes as they are to be: they wait again."""
    tx.each(
        "WITH freed (id, lane, due, attempts, closes, holder) AS ({rows}) UPDATE spool SET claimed = NULL, "
        "lane = freed.lane, due = freed.due, attempts = freed.attempts, closes = freed.closes FROM freed "
        "WHERE spool.id = freed.id AND claimed = freed.holder",
        [(row.id, row.lane, row.due, row.attempts, row.closes, tx.holder) for row in rows],
    )


def release_held(tx: Tx, holder: int) -> list[str]:
    """Give back everything that ``holder``, which is no more, held; returns the lanes of it."""
    found = tx.rows("UPDATE spool SET claimed = NULL WHERE claimed = ? RETURNING lane", (holder,))
    return sorted({str(lane) for (lane,) in found})


def waiting(tx: Tx, lane: str, after: tuple[int, int], limit: int) -> list[tuple[int, int, str, str]]:
    """Return (due, id, number, account) of up to ``limit`` waiting rows of ``lane`` behind the (due, id) given."""
    return [
        (int(due), int(row), str(number), str(account))
        for due, row, number, account in tx.rows(
            "SELECT due, id, number, account FROM spool WHERE lane = ? AND claimed IS NULL AND (due, id) > (?, ?) "
            "ORDER BY due, id LIMIT ?",
            (lane, *after, limit),
        )
    ]


def waiting_lanes(tx: Tx) -> list[str]:
    """Return the lanes in which rows wait, one step in the index for each."""
    return [str(lane) for (lane,) in _distinct(tx, "lane")]


def move(tx: Tx, moves: Sequence[tuple[int, str]]) -> None:
    """Put waiting rows into other lanes, as (id, lane)."""
    tx.each(
        "WITH moved (id, lane) AS ({rows}) "
        "UPDATE spool SET lane = moved.lane FROM moved WHERE spool.id = moved.id AND claimed IS NULL",
        moves,
    )


def hasten(tx: Tx, rows: Sequence[Spooled]) -> None:
    """Give waiting rows another ``due`` and ``closes``: those that they have here."""
    tx.each(
        "WITH news (id, due, closes) AS ({rows}) UPDATE spool SET due = news.due, closes = news.closes FROM news "
        "WHERE spool.id = news.id AND claimed IS NULL",
        [(row.id, row.due, row.closes) for row in rows],
    )


def expire(tx: Tx, limit: int) -> list[Expired]:
    """Take out up to ``limit`` waiting rows whose time is over, and return what they were; no body is read."""
    found = tx.rows(
        "WITH old AS MATERIALIZED (SELECT id FROM spool WHERE claimed IS NULL AND expires <= ? "  # noqa: S608 (constants)
        f"ORDER BY expires LIMIT ?{tx.skip_locked}) DELETE FROM spool WHERE id IN (SELECT id FROM old) "
        "RETURNING id, lane, message",
        (tx.now, limit),
    )
    return [Expired(*row) for row in found]


def remove_message(tx: Tx, messages: Collection[int]) -> None:
    """Take out the segments of these messages that no node holds: they are not to be sent any more."""
    tx.each("DELETE FROM spool WHERE claimed IS NULL AND message IN ({rows})", [(each,) for each in messages])


def let_go(tx: Tx, number: str, account: str | None, due: int) -> list[str]:
    """Let rows to ``number`` that were held back until ``due`` go at once: those of an account, or all (None).

    Returns their lanes.
    """
    found = tx.rows(
        "UPDATE spool SET due = 0 WHERE number = ? AND number <> '' AND claimed IS NULL AND due = ? "
        "AND account = coalesce(?, account) RETURNING lane",
        (number, due, account),
    )
    return sorted({str(lane) for (lane,) in found})


def held(tx: Tx, ids: Collection[int]) -> set[int]:
    """Return those of these rows that we hold, and not another node by now."""
    found = tx.each(
        "WITH asked (id, holder) AS ({rows}) SELECT spool.id FROM spool JOIN asked ON spool.id = asked.id "
        "WHERE claimed = asked.holder",
        [(each, tx.holder) for each in ids],
    )
    return {int(each) for (each,) in found}


def lengths(tx: Tx) -> list[tuple[str, int]]:
    """Return (lane, rows) for every lane that is not empty."""
    return [(str(lane), int(count)) for lane, count in tx.rows("SELECT lane, count(*) FROM spool GROUP BY lane")]


def _distinct(tx: Tx, column: str, where: str = "", values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return each value of a column in the waiting rows that meet a condition, which an index begins with."""
    least = f"SELECT min({column}) FROM spool WHERE claimed IS NULL{where and f' AND {where}'}"  # noqa: S608 (constants)
    return tx.rows(
        f"WITH RECURSIVE known (value) AS ({least} UNION ALL SELECT ({least} AND {column} > known.value) FROM known "  # noqa: S608 (constants)
        "WHERE known.value IS NOT NULL) SELECT value FROM known WHERE value IS NOT NULL",
        (*values, *values),
    )

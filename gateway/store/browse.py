"""The spool as people look at it: how much waits in each lane and for how long, and which rows are meant.

What the gateway needs of the spool is in :mod:`gateway.store.spool`; here nothing is in a hurry, and everything goes a
page at a time, in the order of the identifiers, so that a gateway at work is held up by none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store.ids import made_at
from gateway.store.spool import COLUMNS, Spooled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.store.base import Snapshot, Tx

_AT_ONCE = 5_000  # rows of a list that are held together
# An id that an account knows may be that of a submit_multi, or of one part of a message whose rows another stands for.
_MEANT = (
    "SELECT CASE WHEN joined = 0 THEN id ELSE joined END FROM message WHERE id = ? "
    "UNION SELECT id FROM message WHERE request = ? AND request <> 0"
)
_SELECTED = (
    "lane = coalesce(?, lane) AND number = coalesce(?, number) AND account = coalesce(?, account) "
    f"AND (message = coalesce(?, message) OR message IN ({_MEANT}))"
)


class Selection(NamedTuple):
    """Which rows are meant: those in which everything is as given here; None is whatever.

    ``message`` is the id that its account knows.
    """

    lane: str | None = None
    message: int | None = None
    number: str | None = None
    account: str | None = None

    @property
    def values(self) -> tuple[str | int | None, ...]:
        """What stands for the question marks of the condition."""
        return self.lane, self.number, self.account, self.message, self.message, self.message


class LaneStatus(NamedTuple):
    """What one lane has in the spool.

    ``due`` rows could be sent at once, ``later`` ones wait for their time, ``held`` ones are in a gateway's memory;
    ``tried`` of all these have been refused before. ``oldest`` is when the oldest was accepted, ``since`` since when
    the longest waiting of those that are not for later has waited (0: there is none), in milliseconds since 1970.
    """

    lane: str
    rows: int
    due: int
    later: int
    held: int
    tried: int
    oldest: int
    since: int


class Listed(NamedTuple):
    """A row without its body (see :class:`gateway.store.spool.Spooled`), and whether a gateway has it in memory."""

    id: int
    lane: str
    message: int
    account: str
    number: str
    due: int
    expires: int
    attempts: int
    priority: int
    held: bool


def status(snapshot: Tx | Snapshot, now: int) -> Iterator[LaneStatus]:
    """Yield what each lane has that is not empty; ``now`` in milliseconds since 1970.

    Parts of messages that are not complete are in no lane; here they are called ``parts/ACCOUNT``.
    """
    found = snapshot.rows(
        "SELECT lane, count(*), sum(CASE WHEN claimed IS NULL AND due <= ? THEN 1 ELSE 0 END), "
        "sum(CASE WHEN claimed IS NULL AND due > ? THEN 1 ELSE 0 END), "
        "sum(CASE WHEN claimed IS NULL THEN 0 ELSE 1 END), "
        "sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), min(id), "
        "min(CASE WHEN due BETWEEN 1 AND ? THEN due END), min(CASE WHEN due <= 0 THEN id END) "
        "FROM spool GROUP BY lane "
        "UNION ALL SELECT 'parts/' || account, count(*), 0, count(*), 0, 0, min(id), NULL, NULL FROM held "
        "GROUP BY account ORDER BY 1",
        (now, now, now),
    )
    for lane, rows, due, later, held, tried, oldest, timed, at_once in found:
        since = min([each for each in (timed, at_once and made_at(at_once)) if each], default=0)
        yield LaneStatus(lane, int(rows), int(due), int(later), int(held), int(tried), made_at(oldest), since)


def listing(snapshot: Tx | Snapshot, selection: Selection) -> Iterator[Listed]:
    """Yield the rows selected, the oldest first: page by page, as far as there are any when the first is asked for."""
    [(upto,)] = snapshot.rows("SELECT coalesce(max(id), 0) FROM spool")
    behind = 0
    while True:
        found = list(
            snapshot.rows(
                "SELECT id, lane, message, account, number, due, expires, attempts, priority, "  # noqa: S608 (constants)
                "CASE WHEN claimed IS NULL THEN 0 ELSE 1 END "
                f"FROM spool WHERE id > ? AND id <= ? AND {_SELECTED} ORDER BY id LIMIT ?",
                (behind, upto, *selection.values, _AT_ONCE),
            )
        )
        yield from (Listed(*row)._replace(held=bool(row[-1])) for row in found)
        if len(found) < _AT_ONCE:
            return
        behind = found[-1][0]


def page(tx: Tx, selection: Selection, after: int, limit: int) -> list[Spooled]:
    """Return up to ``limit`` of the rows selected that wait, behind the id ``after``; no node takes them meanwhile."""
    found = tx.rows(
        f"SELECT {COLUMNS} FROM spool WHERE claimed IS NULL AND id > ? AND {_SELECTED} ORDER BY id LIMIT ?"  # noqa: S608 (constants)
        f"{tx.for_update}{' SKIP LOCKED' if tx.for_update else ''}",
        (after, *selection.values, limit),
    )
    return [Spooled(*row) for row in found]


def count(tx: Tx, selection: Selection) -> tuple[int, int]:
    """Return how many of the rows selected wait, and how many a gateway has in memory."""
    [(waiting, held)] = tx.rows(
        "SELECT coalesce(sum(CASE WHEN claimed IS NULL THEN 1 ELSE 0 END), 0), "  # noqa: S608 (constants)
        f"coalesce(sum(CASE WHEN claimed IS NULL THEN 0 ELSE 1 END), 0) FROM spool WHERE {_SELECTED}",
        selection.values,
    )
    return int(waiting), int(held)

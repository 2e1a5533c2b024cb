"""What a person may do to rows that wait in the spool: try them again now, or drop them.

Both go a page at a time, each in a transaction of its own, and touch nothing that a gateway has in memory: what is
there may be on the wire. Neither lets anything slip past the rules: what is tried again still keeps to its account's
hours, what is dropped ends as DELETED with a receipt where one was asked for, and answers of ours to subscribers, which
the law asks for, are not dropped at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.homeward import Homeward
from gateway.rules.number import canonical
from gateway.store import browse, messages, spool
from gateway.store.messages import PLATFORM, Outcome
from gateway.store.spool import account_lane
from gateway.submissions.openings import Openings

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.store.base import Tx
    from gateway.store.browse import Selection
    from gateway.store.spool import Spooled

PAGE = 1_000  # rows of one transaction


class Tended(NamedTuple):
    """What one page came to: rows looked at, rows acted on, and the id to go on behind, None at the end."""

    seen: int
    done: int
    after: int | None


class Tending:
    """The two ways of acting, for the accounts of one configuration."""

    def __init__(self, config: Config) -> None:
        self._openings = Openings(config)
        self._home = Homeward(config)

    def retry(self, tx: Tx, selection: Selection, after: int = 0) -> Tended:
        """Let rows that were refused before be tried again now, or when the hours of their account begin."""
        page = browse.page(tx, selection, after, PAGE)
        tried = [row for row in page if row.attempts]
        spool.hasten(tx, [self._at_once(row, tx.now) for row in tried])
        tx.notify({row.lane for row in tried})
        return _tended(page, len(tried))

    def _at_once(self, row: Spooled, now: int) -> Spooled:
        if not row.closes:
            return row._replace(due=now)
        due, closes = self._openings.next(row.account, canonical(row.number), now)
        return row._replace(due=due, closes=closes)

    def drop(self, tx: Tx, selection: Selection, after: int = 0) -> Tended:
        """Take rows out for good: their messages end as DELETED, receipts and texts for accounts without a word."""
        page = browse.page(tx, selection, after, PAGE)
        gone = spool.remove(tx, [row.id for row in page if _may_be_dropped(row)])
        ended = {row.message for row in page if row.id in gone and row.message}
        finished = messages.settle(tx, [Outcome(each, messages.DELETED, final=True) for each in sorted(ended)])
        spool.remove_message(tx, [each.message.id for each in finished if each.message.segments > 1])
        receipts = self._home.receipts(tx, finished)
        spool.add(tx, receipts)
        tx.notify({row.lane for row in receipts})
        return _tended(page, len(gone))


def _may_be_dropped(row: Spooled) -> bool:
    return row.account != PLATFORM or row.lane.startswith(account_lane(""))


def _tended(page: list[Spooled], done: int) -> Tended:
    return Tended(len(page), done, page[-1].id if len(page) == PAGE else None)

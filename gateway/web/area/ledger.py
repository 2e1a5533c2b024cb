"""The ledger: what the account was charged and granted, month by month and event by event, and what is left."""

from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from gateway.store import balances, ledger
from gateway.store.base import Snapshot
from gateway.store.ledger import Event, Total
from gateway.web.area.frame import Frame, Visit
from gateway.web.area.tables import PIECE, Line, Table, instant
from gateway.web.site import Site

_COLUMNS = ["id", "time", "kind", "credits", "number", "short_code", "source", "message_id", "note"]
_MONTHS = 12  # that are shown at once


class Account(NamedTuple):
    """What the page shows: the balance, what months come to, newest first, and a page of events."""

    balance: int
    months: list[Total]
    events: list[Event]
    following: int | None


class Ledger:
    """The ledger's pages."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [self._frame.show("/ledger", self._show), self._frame.show("/ledger.csv", self._export)]

    async def _show(self, visit: Visit) -> Response:
        before = visit.field("before")
        start = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None  # noqa: PLR2004 (int64)

        def work(snapshot: Snapshot) -> Account:
            events, following = ledger.page(snapshot, visit.account, start)
            totals = [] if start else ledger.totals(snapshot, visit.account)
            return Account(balances.balance(snapshot, visit.account), totals[::-1], events, following)

        found = await self._site.reader.read(work)
        recent = sorted({each.month for each in found.months})[-_MONTHS:]
        context = {
            "found": found,
            "first": start is None,
            "recent": [each for each in found.months if each.month in recent],
            "earlier": [each for each in found.months if each.month not in recent],
        }
        return await self._frame.page(visit, "ledger", context)

    async def _export(self, visit: Visit) -> Response:
        def part(snapshot: Snapshot, before: int | None) -> tuple[list[Line], int | None]:
            events, following = ledger.page(snapshot, visit.account, before, PIECE)
            return [
                (e.id, instant(e.at), e.kind, e.credits, e.number, e.code, e.source, e.message, e.note) for e in events
            ], following

        return Table(self._site.reader, "ledger", _COLUMNS, part)

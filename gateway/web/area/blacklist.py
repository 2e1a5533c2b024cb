"""The blacklist: who has opted out of the account's marketing, searched, changed with a reason, and written as CSV."""

from functools import partial

import trio
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from gateway.optout.effect import Decided, lift, opt_out_by_hand
from gateway.rules.number import NumberError, canonical
from gateway.store import listing
from gateway.store.base import Snapshot
from gateway.store.blacklist import EVERYBODY
from gateway.store.listing import Page
from gateway.web.area.counts import Counts
from gateway.web.area.frame import Frame, Visit, done
from gateway.web.area.tables import PIECE, Line, Table, instant
from gateway.web.site import Site

_COLUMNS = ["number", "since", "source", "short_code", "everything"]
_NOTHING = Page([], None)
_LONGEST = 500  # characters of a reason


class Blacklist:
    """The blacklist's pages."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame
        self._counts = Counts()

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            self._frame.show("/blacklist", self._show),
            self._frame.show("/blacklist.csv", self._export),
            self._frame.change("/blacklist/add", self._add),
            self._frame.change("/blacklist/remove", self._remove),
        ]

    async def _show(self, visit: Visit) -> Response:
        return await self._page(visit)

    async def _page(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        query, after, accounts = visit.field("q"), visit.field("after") or None, [visit.account, EVERYBODY]
        try:
            digits = listing.digits(query) if query else ""
        except NumberError:
            digits, problem = "", problem or "search"
        now = trio.current_time()

        def work(snapshot: Snapshot) -> tuple[Page, int]:
            found = _NOTHING if problem == "search" else listing.page(snapshot, accounts, digits, after)
            return found, 0 if query or after else self._counts.of(snapshot, visit.account, now)

        try:
            page, count = await self._site.reader.read(work)
        except ValueError:
            raise HTTPException(404) from None
        context = {
            "page": page,
            "count": count,
            "query": query,
            "whole": _number(query),
            "problem": problem,
            "number": visit.field("number"),
            "reason": visit.field("reason"),
            "everybody": EVERYBODY,
            "first": after is None,
        }
        return await self._frame.page(visit, "blacklist", context, status)

    async def _export(self, visit: Visit) -> Response:
        def part(snapshot: Snapshot, after: str | None) -> tuple[list[Line], str | None]:
            page = listing.page(snapshot, [visit.account, EVERYBODY], after=after, limit=PIECE)
            return [(e.number, instant(e.since), e.source, e.code, int(e.everything)) for e in page.entries], page.next

        return Table(self._site.reader, "blacklist", _COLUMNS, part)

    async def _add(self, visit: Visit) -> Response:
        decided = self._decided(visit)
        if isinstance(decided, str):
            return await self._page(visit, decided, 422)
        added = await self._site.backend.transact(partial(opt_out_by_hand, decided=decided))
        return done("/blacklist", "added" if added else "there", q=decided.number.key)

    async def _remove(self, visit: Visit) -> Response:
        decided = self._decided(visit)
        if isinstance(decided, str):
            return await self._page(visit, decided, 422)
        lifted = await self._site.backend.transact(partial(lift, decided=decided))
        return done("/blacklist", "removed" if lifted else "gone")

    def _decided(self, visit: Visit) -> Decided | str:
        """Return what a form asks for, or the word for what is wrong with it."""
        reason = visit.field("reason")[:_LONGEST]
        try:
            number = canonical(visit.field("number"), 0)
        except NumberError:
            return "number"
        if not reason:
            return "reason"
        if visit.guest.admin:
            reason = f"{visit.guest.login.who}: {reason}"
        code = self._site.config.opt_out.short_codes[0]
        return Decided(number, self._frame.account(visit).name, code, reason, "web")


def _number(text: str) -> str:
    """Return the number that a text is, whole; empty where it is none, such as how some begin."""
    try:
        return canonical(text, 0).key
    except NumberError:
        return ""

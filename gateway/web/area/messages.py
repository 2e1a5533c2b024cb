"""Messages: what the account has handed in lately, and what became of it."""

from starlette.responses import Response
from starlette.routing import Route

from gateway.rules.number import NumberError, canonical
from gateway.store import history, messages
from gateway.store.base import Snapshot
from gateway.store.history import Past
from gateway.store.ids import unwire, wire
from gateway.web.area import words
from gateway.web.area.frame import Frame, Visit
from gateway.web.site import Site

_PAGE = 50


class Messages:
    """The messages' page."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame

    def routes(self) -> list[Route]:
        """Return its route."""
        return [self._frame.show("/messages", self._show)]

    async def _show(self, visit: Visit) -> Response:
        query, before = visit.field("q"), unwire(visit.field("before"))
        try:
            number = canonical(query, 0).key if query else ""
        except NumberError:
            nothing = {"lines": [], "query": query, "wrong": True, "next": "", "first": True, "sent": ""}
            return await self._frame.page(visit, "messages", nothing)

        def work(snapshot: Snapshot) -> list[Past]:
            return history.page(snapshot, visit.account, before or 0, number, _PAGE + 1)

        lines = await self._site.reader.read(work)
        more = wire(lines[_PAGE - 1].id) if len(lines) > _PAGE else ""
        context = {
            "lines": lines[:_PAGE],
            "query": query,
            "wrong": False,
            "next": more,
            "first": before is None,
            "sent": visit.field("id"),
            "rejected": messages.REJECTED,
            "rejections": words.REJECTIONS,
        }
        return await self._frame.page(visit, "messages", context)

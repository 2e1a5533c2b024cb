"""The administrators' page: all accounts, the operators, and the binds of this node as they are at this moment."""

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.web.area.frame import Frame, Visit
from gateway.web.logins import Logins
from gateway.web.site import Site

_log = structlog.get_logger()


class Admin:
    """The administrators' page."""

    def __init__(self, site: Site, logins: Logins, frame: Frame) -> None:
        self._site = site
        self._logins = logins
        self._frame = frame

    def routes(self) -> list[Route]:
        """Return its routes."""
        return [
            self._frame.show("/admin", self._show, admin=True),
            self._frame.change("/admin/look", self._look, admin=True),
        ]

    async def _show(self, visit: Visit) -> Response:
        state = await self._site.backend.state()
        context = {"node": self._site.config.node, **state._asdict()}
        return await self._frame.page(visit, "admin", context)

    async def _look(self, visit: Visit) -> Response:
        account = visit.field("account")
        if account not in self._site.config.accounts:
            raise HTTPException(404)
        await self._logins.look_at(visit.guest, account)
        _log.info("admin_looks", by=visit.guest.login.who, account=account)
        return RedirectResponse("/messages", 303)

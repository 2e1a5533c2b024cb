"""Settings: what an account may set for itself. Alerts: the permanent switch of the mention, for notifications only."""

from functools import partial

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from gateway.store import settings
from gateway.web.area.frame import Frame, Visit, done
from gateway.web.site import Site

_log = structlog.get_logger()


class Settings:
    """The settings' pages."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            self._frame.show("/settings", self._show),
            self._frame.change("/settings/alerts", self._switch),
        ]

    async def _show(self, visit: Visit) -> Response:
        own = await self._site.reader.read(lambda snapshot: settings.mention(snapshot, visit.account))
        mention = self._frame.account(visit).mention if own is None else own
        return await self._frame.page(visit, "settings", {"mention": mention})

    async def _switch(self, visit: Visit) -> Response:
        account = self._frame.account(visit)
        if account.kind != "notification":
            raise HTTPException(403, "marketing always carries the mention")
        on = visit.field("mention") != "off"
        await self._site.backend.transact(partial(settings.set_mention, account=account.name, on=on))
        _log.info("mention_switched", account=account.name, on=on, by=visit.guest.login.who)
        return done("/settings", "saved")

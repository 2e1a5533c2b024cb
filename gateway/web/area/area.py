"""The client area put together."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.web.area.admin import Admin
from gateway.web.area.blacklist import Blacklist
from gateway.web.area.compose import Composer
from gateway.web.area.entry import Entry
from gateway.web.area.frame import FIRST, Frame
from gateway.web.area.imports import Imports
from gateway.web.area.ledger import Ledger
from gateway.web.area.messages import Messages
from gateway.web.area.review import Review
from gateway.web.area.settings import Settings
from gateway.web.logins import Logins
from gateway.web.site import Site


class ClientArea:
    """All pages of the client area."""

    def __init__(self, site: Site) -> None:
        logins = Logins(site)
        frame = Frame(site, logins)
        self._parts = (
            Entry(site, logins, frame),
            Composer(site, frame),
            Blacklist(site, frame),
            Imports(site, frame),
            Messages(site, frame),
            Ledger(site, frame),
            Review(site, frame),
            Settings(site, frame),
            Admin(site, logins, frame),
        )

    def routes(self) -> list[Route]:
        """Return the routes of all, but for the first page's."""
        return [route for part in self._parts for route in part.routes()]

    async def home(self, _request: Request) -> Response:
        """Send a browser on to the first page."""
        return RedirectResponse(FIRST, 303)

"""Everything that `web.listen` serves put together: which path leads to what."""

from errno import EDQUOT, ENOSPC

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.config.models import Config
from gateway.observe import log
from gateway.store.base import StoreError
from gateway.web.api.interface import interface
from gateway.web.api.problems import BASE, of_status
from gateway.web.area import imports
from gateway.web.area.area import ClientArea
from gateway.web.bounds import Limits
from gateway.web.headers import Headers, allow
from gateway.web.opt_out import OptOutPage
from gateway.web.site import Site

_log = log.get()
_NOT_ALLOWED = 405
_FULL = {ENOSPC, EDQUOT}  # what a form or a list brings has no room


def limits(config: Config) -> Limits:
    """Return what clients of the public pages may take."""
    return Limits(uploads=frozenset({imports.PATH}), proxies=tuple(config.web.proxies))


def public_app(site: Site) -> ASGIApp:
    """Build everything that `web.listen` serves."""

    async def problem(request: Request, error: Exception) -> Response:
        """Answer what is wrong with a request, or that something is wrong here."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        if f"{request.url.path}/".startswith(f"{BASE}/"):  # what no route matches, as a path with a line break in it
            return of_status(status).response()
        response = site.pages.render(request, "error.html", {"status": status}, status)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        if status == _NOT_ALLOWED:
            response.headers["allow"] = allow(app.routes, request)
        return response

    async def unavailable(request: Request, error: Exception) -> Response:
        if isinstance(error, OSError) and error.errno not in _FULL:
            raise error
        _log.warning("page_unavailable", path=site.loggable(request.url.path), reason=str(error))
        return await problem(request, HTTPException(503, headers={"retry-after": "5"}))

    area, page = ClientArea(site), OptOutPage(site)

    async def front(request: Request) -> Response:
        return await page.begin(request) if site.is_public_host(request) else await area.home(request)

    secure = site.config.web.public_url.startswith("https:")
    app = Starlette(
        routes=[Route("/", front), *area.routes(), *page.routes(), site.pages.route(), interface(site)],
        exception_handlers={HTTPException: problem, StoreError: unavailable, OSError: unavailable, 500: problem},
    )
    app.router.redirect_slashes = False  # it would lead to whatever host the client has named
    return Headers(app, secure=secure)

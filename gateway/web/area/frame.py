"""What all pages of the client area have in common: who is logged in, whose form it is, the frame around the page."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import trio
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.config.models import Account
from gateway.web import forms
from gateway.web.area import words
from gateway.web.logins import Guest, Logins, from_guest
from gateway.web.site import Site

AREA_LANGUAGES = ("fr", "en")
_AT_ONCE = 1  # pages that are rendered at the same time: they would only take turns
FIRST = "/compose"  # where a log-in leads


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is logged in; `form` is what it carries."""

    request: Request
    guest: Guest
    form: FormData = field(default_factory=FormData)

    @property
    def account(self) -> str:
        """Whose page it is."""
        return self.guest.account

    def field(self, name: str) -> str:
        """Return one field of the form, or of the address where there is none; empty where it is in neither."""
        return forms.field(self.form, name) or self.request.query_params.get(name, "").strip()


Handler = Callable[[Visit], Awaitable[Response]]


class Frame:
    """Wraps pages."""

    def __init__(self, site: Site, logins: Logins) -> None:
        self._site = site
        self._logins = logins
        self._rendering = trio.CapacityLimiter(_AT_ONCE)
        self._pages: set[str] = set()

    def show(self, path: str, handler: Handler, *, admin: bool = False) -> Route:
        """Return the route of a page: for whoever is logged in, `admin` for administrators only."""

        async def shown(request: Request) -> Response:
            guest = await self._logins.find(request)
            if guest is None:
                return _log_in(_address(request, request.url.path))
            if not guest.account and not admin:
                return RedirectResponse("/admin", 303)
            _refuse_others(guest, admin=admin)
            return await handler(Visit(request, guest))

        self._pages.add(path)
        return Route(path, shown, methods=["GET"])

    def change(self, path: str, handler: Handler, *, admin: bool = False) -> Route:
        """Return the route of a form, taken from our own pages only, with the token of whoever is logged in.

        Who asks for its address, as a page that says what is wrong with the form has it, is led to the form's own page;
        so is whoever was logged in when the form was opened and is not any more, once they have logged in again.
        """

        async def changed(request: Request) -> Response:
            """Take a form, and let go of what it has brought once it is answered."""
            page = path if path in self._pages else path.rpartition("/")[0] or FIRST
            if request.method != "POST":
                return RedirectResponse(_address(request, page), 303)
            guest = await self._logins.find(request)
            if guest is None and forms.from_ours(request):
                return _log_in(page)
            if guest is None:
                raise HTTPException(403, "nobody is logged in")
            form = await forms.read_form(request)
            try:
                if not from_guest(guest, form):
                    raise HTTPException(403, "the form is not of this session")
                _refuse_others(guest, admin=admin)
                return await handler(Visit(request, guest, form))
            finally:
                await form.close()  # and the files in it

        return Route(path, changed, methods=["GET", "POST"])

    def account(self, visit: Visit) -> Account:
        """Return the account that a page is about."""
        account = self._site.config.accounts.get(visit.account)
        if account is None:  # an administrator looks at one that is gone, or at none
            raise HTTPException(404)
        return account

    async def page(self, visit: Visit, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        """Render a page within the frame, in a thread: a long one takes milliseconds, and other requests go on."""
        account = self._site.config.accounts.get(visit.account)
        shared = {
            "guest": visit.guest,
            "account": account,
            "here": template,
            "problems": words.PROBLEMS,
            "refusals": words.REFUSALS,
            "remarks": words.REMARKS,
            "states": words.STATES,
            "kinds": words.KINDS,
            "sources": words.SOURCES,
            "done": visit.request.query_params.get("done", ""),
            **context,
        }
        render = partial(
            self._site.pages.render, visit.request, f"area/{template}.html", shared, status, AREA_LANGUAGES
        )
        return await trio.to_thread.run_sync(render, limiter=self._rendering)


def done(path: str, what: str, **more: str) -> Response:
    """Send a browser on to a page that says what was done; `what` is one of the words that pages know."""
    return RedirectResponse(f"{path}?{urlencode({'done': what, **more})}", 303)


def _log_in(onward: str) -> Response:
    return RedirectResponse(f"/login?next={quote(onward)}", 303)


def _address(request: Request, path: str) -> str:
    """Return a path with what was asked for along with it."""
    return f"{path}?{request.url.query}" if request.url.query else path


def _refuse_others(guest: Guest, *, admin: bool) -> None:
    if admin and not guest.admin:
        raise HTTPException(404)  # nobody is told that there is such a page

"""Log-in: slow for whoever guesses, and no telling apart a wrong name from a wrong password.

Guessing is limited by origin, and by name: for all origins together that have not logged in under it before, and for
each that has, so nobody is locked out of their own account by strangers. A password is checked in a thread, one at a
time: each takes 64 MiB and four threads.
"""

import math
from collections import OrderedDict
from urllib.parse import urlsplit

import structlog
import trio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.binds.passwords import Passwords
from gateway.rules.quota import Quotas
from gateway.web.area.frame import AREA_LANGUAGES, FIRST, Frame, Visit
from gateway.web.forms import SMALL, field, read_form
from gateway.web.logins import Logins
from gateway.web.site import Site

_log = structlog.get_logger()

# Of a password that nobody knows: for names that there are not, so that they take as long as those that there are.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$tU1jWur9ZN9UB55ORiDMdg$h/5RIbArPvycdo3TiorouxAVdtMV3O2sw7F0tS10Aq4"
_HASHED = "$argon2"
_LONGEST = 255  # characters of a name or a password
_AT_ONCE = 10  # checks that wait; more are told to come again
_KNOWN = 10_000


class Entry:
    """The pages to log in and out."""

    def __init__(self, site: Site, logins: Logins, frame: Frame) -> None:
        self._site = site
        self._logins = logins
        self._frame = frame
        self._passwords = Passwords(at_once=1)
        self._by_origin = Quotas(burst=10, period=300)
        self._by_name = Quotas(burst=20, period=3_600)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()  # who has logged in from where
        self._checking = 0

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route("/login", self._form, methods=["GET"]),
            Route("/login", self._enter, methods=["POST"]),
            self._frame.change("/logout", self._leave),
        ]

    async def _form(self, request: Request) -> Response:
        return self._page(request, request.query_params.get("next", ""))

    def _page(self, request: Request, onward: str, problem: str = "", status: int = 200) -> Response:
        context = {"problem": problem, "next": _inside(onward)}
        return self._site.pages.render(request, "area/login.html", context, status, AREA_LANGUAGES)

    async def _enter(self, request: Request) -> Response:
        form = await read_form(request, SMALL)
        who, password = field(form, "name")[:_LONGEST], str(form.get("password", ""))[:_LONGEST]
        origin = self._site.visitors.household(request)
        onward = field(form, "next")
        waits = self._waits(who, origin)
        if waits or self._checking >= _AT_ONCE:
            response = self._page(request, onward, "often", 429)
            response.headers["retry-after"] = str(math.ceil(waits or 1))
            return response
        if not await self._right(who, password):
            self._by_name.take(self._guessed(who, origin), trio.current_time())
            _log.warning("login_refused", account=who if self._logins.password(who)[0] else None, address=origin)
            return self._page(request, onward, "wrong", 403)
        self._by_origin.forget(origin)
        self._remember(who, origin)
        _log.info("logged_in", account=who, address=origin)
        response = RedirectResponse(_inside(onward) or FIRST, 303)
        await self._logins.begin(who, response)
        return response

    def _waits(self, who: str, origin: str) -> float:
        """Count an attempt; returns for how many seconds to wait before there may be another."""
        now = trio.current_time()
        return self._by_origin.take(origin, now) or self._by_name.wait(self._guessed(who, origin), now)

    def _guessed(self, who: str, origin: str) -> str:
        """Return what wrong passwords for a name are counted under: who shares an owner's origin may guess no more."""
        return f"{who}\0{origin}" if (who, origin) in self._known else who

    async def _right(self, who: str, password: str) -> bool:
        expected, _admin = self._logins.password(who)
        self._checking += 1
        try:
            right = await self._passwords.check(expected or _NOBODYS, password)
            if not right and expected is not None and not expected.startswith(_HASHED):
                await self._passwords.check(_NOBODYS, password)  # one in clear would be told from none by its time
        finally:
            self._checking -= 1
        return right and expected is not None

    def _remember(self, who: str, origin: str) -> None:
        self._known[who, origin] = None
        self._known.move_to_end((who, origin))
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    async def _leave(self, visit: Visit) -> Response:
        response = RedirectResponse("/login", 303)
        await self._logins.end(visit.guest, response, everywhere=bool(visit.field("everywhere")))
        return response


def _inside(path: str) -> str:
    """Return a path of our own to go on to; '' for anything else, so that nobody is sent elsewhere."""
    try:
        parts = urlsplit(path)
    except ValueError:
        return ""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and "\\" not in path
    return path if ours and not parts.scheme else ""

"""The page that the web mention leads to: a number, a look at it, done. It works without scripts.

Whoever fills it in gets the same answer whether we know the number or not, and as fast. So that nobody opts all the
world out with it, it may be used a few times by one address, from one network and for one number; beyond that it takes
a wait or some work (:mod:`gateway.web.tickets`), and beyond that nothing but patience.
"""

from __future__ import annotations

import math
from functools import partial
from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING, NamedTuple

import trio
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from gateway.observe import log
from gateway.rules.number import NATIONAL, Number, NumberError, canonical, spoken, territories
from gateway.rules.quota import Quotas
from gateway.store import seals
from gateway.web.countries import likely, options
from gateway.web.forms import SMALL, field, read_form
from gateway.web.languages import chosen
from gateway.web.tickets import BITS, WAIT, Claim, Tickets

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.web.site import Site

_log = log.get()
PATH, DONE = "/opt-out", "/opt-out/done"
_ANSWER = 0.4  # seconds that an opt-out takes at least, so that its time does not tell what we know
_HOUR = 3_600.0
_NETWORKS = (24, 48)  # leading bits of an IPv4 and an IPv6 address that many households share
_SEAL = "opt-out tickets"


class Limit(NamedTuple):
    """How often in an hour: freely, and with tickets."""

    free: int
    most: int


LIMITS = {
    "household": Limit(6, 40),
    "network": Limit(60, 600),
    "number": Limit(4, 12),
    "everybody": Limit(1_000, 20_000),
}


class OptOutPage:
    """The page."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._free = {name: Quotas(limit.free, _HOUR) for name, limit in LIMITS.items()}
        self._most = {name: Quotas(limit.most, _HOUR) for name, limit in LIMITS.items()}
        self._tickets: Tickets | None = None

    def routes(self) -> list[Route]:
        """Return where it is; its first page is also shown at `/` of the host that the mention names."""
        return [
            Route(PATH, self.begin, methods=["GET"]),
            Route(f"{PATH}/", self.begin, methods=["GET"]),  # as people type it
            Route(PATH, self._go_on, methods=["POST"]),
            Route(DONE, self._done, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Ask for the number."""
        return self._form(request, "", likely(request, chosen(request)))

    def _form(self, request: Request, text: str, country: str, *, wrong: bool = False) -> Response:
        choice = options(chosen(request), country)
        context = {"path": PATH, "options": choice, "number": text, "wrong": wrong}
        return self._site.pages.render(request, "opt_out/form.html", context, 422 if wrong else 200)

    async def _go_on(self, request: Request) -> Response:
        form = await read_form(request, SMALL)
        text, country = field(form, "number"), field(form, "country")
        if country not in territories():
            country = likely(request, chosen(request))
        try:
            number = canonical(text, NATIONAL, country)
        except NumberError:
            return self._form(request, text, country, wrong=True)
        if field(form, "change"):
            return self._form(request, spoken(number), country)
        context = {"path": PATH, "number": "+" + number.key, "spoken": spoken(number), "country": country}
        if field(form, "step") != "confirmed":
            return self._site.pages.render(request, "opt_out/confirm.html", context)
        return await self._confirmed(request, form, number, context)

    async def _confirmed(self, request: Request, form: FormData, number: Number, context: dict[str, str]) -> Response:
        began = trio.current_time()
        keys = self._keys(request, number)
        if _take(self._free, keys, began):
            tickets = await self._sealed()
            claim, now = Claim(field(form, "ticket"), field(form, "proof")), self._site.backend.clock() / 1_000
            remaining = tickets.remaining(claim, number.key, now)
            if remaining != 0:
                ticket = claim.ticket if remaining else tickets.issue(number.key, now)
                wait = str(math.ceil(remaining or WAIT))
                slow = {**context, "ticket": ticket, "wait": wait, "bits": BITS}
                response = self._site.pages.render(request, "opt_out/slow.html", slow, 429)
                response.headers["retry-after"] = wait
                return response
            tickets.use(claim)
            if pause := _take(self._most, keys, began):
                _log.warning("opt_out_page_flooded", household=keys["household"])
                raise HTTPException(429, headers={"retry-after": str(math.ceil(pause))})
        await self._site.backend.opt_out(number)
        await trio.sleep_until(began + _ANSWER)
        return RedirectResponse(DONE, 303)

    def _keys(self, request: Request, number: Number) -> dict[str, str]:
        address = self._site.visitors.address(request)
        bits = _NETWORKS[isinstance(address, IPv6Address)]
        return {
            "household": self._site.visitors.household(request),
            "network": str(ip_network(f"{address}/{bits}", strict=False)),
            "number": number.key,
            "everybody": "",
        }

    async def _sealed(self) -> Tickets:
        if self._tickets is None:
            self._tickets = Tickets(await self._site.backend.transact(partial(seals.shared, name=_SEAL)))
        return self._tickets

    async def _done(self, request: Request) -> Response:
        return self._site.pages.render(request, "opt_out/done.html", {"path": PATH})


def _take(quotas: dict[str, Quotas], keys: dict[str, str], now: float) -> float:
    """Use up one time of each key, unless one has to wait; returns for how many seconds."""
    waits = max(quotas[name].wait(key, now) for name, key in keys.items())
    if not waits:
        for name, key in keys.items():
            quotas[name].take(key, now)
    return waits

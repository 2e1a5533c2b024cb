"""What every public answer tells browsers: run nothing that is not ours, show us in no frame, remember no page."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",  # no-referrer would make browsers hide the Origin of forms
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"cache-control": b"no-store",
}
_FOR_A_YEAR = b"max-age=31536000"


class Headers:
    """An ASGI application whose answers have these headers where they set none of the same name.

    `secure`: it is reached through TLS, and browsers are to insist on that.
    """

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = _HEADERS | ({b"strict-transport-security": _FOR_A_YEAR} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._missing(message["headers"])]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _missing(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _value in headers}
        return [(name, value) for name, value in self._headers.items() if name not in there]


def allow(routes: Iterable[BaseRoute], request: Request) -> str:
    """Return what `Allow` says of a path: the methods of all its routes, where the framework names those of one."""
    same = [each for each in routes if isinstance(each, Route) and each.matches(request.scope)[0] != Match.NONE]
    methods = {method for each in same for method in each.methods or ()}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))

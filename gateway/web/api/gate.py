"""What every request to the interface passes first: a key, a quota, a bounded body of JSON.

Nothing of a request is looked at before its key is known to be right, and wrong keys are counted by address. Answers
say how much of the quota is left (RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.websockets import WebSocketClose

from gateway.observe import log
from gateway.rules.quota import Quotas
from gateway.store.base import StoreError
from gateway.web.api.problems import ProblemError, of_status
from gateway.web.current import Current

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gateway.config.models import Config
    from gateway.web.api.keys import Keys
    from gateway.web.site import Site

_log = log.get()
MOST = 65_536  # octets of a body
SECONDS = 20.0  # for a request, less than the server gives it
ARRIVES = 10.0  # of them for its body
OPEN = ("/openapi.json", "/docs")  # what needs no key
_FAILURES, _PERIOD = 20, 300.0  # wrong keys of one address, in so many seconds
_AS_IT_IS = {"accept-encoding": "identity"}  # what of a request may be coded how (RFC 9110, 15.5.16)
_CHALLENGE = {"www-authenticate": 'Bearer realm="stopgate"'}


class Gate:
    """The interface behind its checks.

    Args:
        app: what answers; it finds the account in ``request.state.account``.
        site: whose accounts these are.
        keys: tells whose a key is.
    """

    def __init__(self, app: ASGIApp, site: Site, keys: Keys) -> None:
        self._app = app
        self._site = site
        self._keys = keys
        self._wrong = Quotas(_FAILURES, _PERIOD)
        self._quotas = Current(site, _quotas)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer what is wrong with it."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            with trio.fail_after(SECONDS):
                await self._serve(scope, receive, answer)
        except ProblemError as problem:
            await problem.response()(scope, receive, answer)
        except HTTPException as error:
            await of_status(error.status_code, error.headers).response()(scope, receive, answer)
        except StoreError as error:
            _log.warning("api_unavailable", path=self._site.loggable(scope["path"]), reason=str(error))
            await answer.unless_begun(ProblemError("unavailable"), scope, receive)
        except trio.TooSlowError:  # what was asked for is under way, and may still be done
            _log.warning("api_late", path=self._site.loggable(scope["path"]))
            await answer.unless_begun(ProblemError("late"), scope, receive)
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 (a defect is answered, and logged with all that is known)
            _log.exception("api_failed", path=self._site.loggable(scope["path"]))
            await answer.unless_begun(ProblemError("internal"), scope, receive)

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        request = Request(scope, receive)
        if scope["path"].removeprefix(scope.get("root_path", "")) not in OPEN:
            name = await self._account(request)
            scope.setdefault("state", {})["account"] = self._site.config.accounts[name]
            self._count(name, answer)
            if len(request.headers.getlist("idempotency-key")) > 1:
                raise ProblemError("malformed", "there is more than one Idempotency-Key")
        try:
            with trio.fail_after(ARRIVES):
                body = await _body(request)
        except trio.TooSlowError:  # nothing has been asked for yet
            raise ProblemError("slow") from None
        method = "GET" if request.method == "HEAD" else request.method  # the server leaves the body away
        await self._app({**scope, "method": method}, _replay(body), answer)

    async def _account(self, request: Request) -> str:
        """Return who asks, by the key."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ProblemError("unauthorized", headers=_CHALLENGE)
        name = await self._keys.owner(key.strip())
        if name is not None:
            return name
        house, now = self._site.visitors.household(request), trio.current_time()
        waits = self._wrong.take(house, now)
        if waits:
            raise ProblemError("too-many-requests", "too many wrong keys", {"retry-after": str(math.ceil(waits))})
        _log.warning("api_key_refused", address=house)
        raise ProblemError("unauthorized", headers=_CHALLENGE)

    def _count(self, name: str, answer: _Answer) -> None:
        quotas = self._quotas.get().get(name)
        if quotas is None:
            return
        now = trio.current_time()
        waits = quotas.take(name, now)
        rate = self._site.config.accounts[name].api_rate
        answer.headers["ratelimit-policy"] = f'"requests";q={rate};w=1'
        answer.headers["ratelimit"] = f'"requests";r={quotas.left(name, now)};t={math.ceil(waits)}'
        if waits:
            retry = {"retry-after": str(math.ceil(waits))}
            raise ProblemError("too-many-requests", f"more than {rate} requests a second", retry)


def _quotas(config: Config) -> dict[str, Quotas]:
    return {name: Quotas(each.api_rate, 1.0) for name, each in config.accounts.items() if each.api_rate}


class _Answer:
    """The way back, which adds the headers that all answers have, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self.headers: dict[str, str] = {}
        self._send = send
        self._begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            more = [(name.encode(), value.encode()) for name, value in self.headers.items()]
            message["headers"] = [*message["headers"], *more]
        await self._send(message)

    async def unless_begun(self, problem: ProblemError, scope: Scope, receive: Receive) -> None:
        if not self._begun:
            await problem.response()(scope, receive, self)


async def _body(request: Request) -> bytes:
    """Read the body of a request that may have one."""
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST:
            raise ProblemError("too-large", f"the body has more than {MOST} octets")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if body and coding != "identity":
        raise ProblemError("unsupported-media-type", f"the body is in {coding}, not as it is", _AS_IT_IS)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media != "application/json":
        raise ProblemError("unsupported-media-type", f"the body is {media or 'of no type'}, not application/json")
    return bytes(body)


def _replay(body: bytes) -> Receive:
    """Return a way to receive a body that was read."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive

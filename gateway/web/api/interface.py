"""The interface put together, and its description in OpenAPI 3.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from gateway import __version__
from gateway.web.api import examples
from gateway.web.api.books import Books
from gateway.web.api.fields import UNLIKE
from gateway.web.api.gate import Gate
from gateway.web.api.keys import Keys
from gateway.web.api.messages import Messages
from gateway.web.api.numbers import Numbers
from gateway.web.api.problems import BASE, Problem, ProblemError, of_status
from gateway.web.api.reference import Reference
from gateway.web.api.texts import Texts
from gateway.web.api.told import add_webhooks
from gateway.web.headers import allow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from gateway.web.site import Site

_DESCRIPTION = """\
What an app does over SMPP, over HTTP: messages take the same path, with the same rules, and are on disk before the
answer leaves. Keys are made with `stopgate api-key new`. Errors are problem documents (RFC 9457). What became of
messages, and who has opted out, is posted to the account's webhook, signed as Standard Webhooks has it.
Every answer says in `RateLimit` how many requests are left in this second; beyond them it is 429, with `Retry-After`.
A body has at most 64 KiB.
"""
_TAGS = [
    {"name": "Messages", "description": "Preview, send, look up."},
    {"name": "Blacklist", "description": "Numbers that the account must not send marketing to."},
    {"name": "Review", "description": "Texts that may be opt-outs, until somebody has read them."},
    {"name": "Billing", "description": "What was billed, and when."},
]
_NOT_ALLOWED = 405
_WORDS = {"Successful Response": "Done"}  # FastAPI's, in ours
_OURS = "Value error, "  # what pydantic puts before words of ours
_UNUSED = ("HTTPValidationError", "ValidationError")  # FastAPI's problems, instead of which there are ours


def interface(site: Site) -> Mount:
    """Return everything below `/api/v1`."""
    app = FastAPI(title="stopgate", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # it would lead a key to whatever host the client has named, and to http
    for part in (Messages(site), Numbers(site), Texts(site), Books(site)):
        part.add_to(app)
    add_webhooks(app)
    document = describe(app)
    written = bytes(JSONResponse(document).body)

    async def openapi(_request: Request) -> Response:
        return Response(written, media_type=JSONResponse.media_type)

    app.router.routes += [Route("/openapi.json", openapi), Reference(site, document).route()]

    async def not_ours(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == _NOT_ALLOWED:
            headers["allow"] = allow(app.routes, request)
        return of_status(error.status_code, headers).response()

    app.add_exception_handler(HTTPException, not_ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ProblemError, _problem)
    return Mount(BASE, Gate(app, site, Keys(site)))


async def _problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    return error.response()


async def _invalid(_request: Request, error: Exception) -> Response:
    """Say everything that is wrong with a request, each with its place."""
    if not isinstance(error, RequestValidationError):
        raise error
    for detail in error.errors():
        if detail["type"] == "json_invalid":
            words = f"the body is no JSON from character {detail['loc'][-1]} on: {detail['ctx']['error']}"
            return ProblemError("malformed", words).response()
    found = [_place(detail["loc"], _words(detail)) for detail in error.errors()]
    first = f"{found[0]['pointer'] or 'the body'}: {found[0]['detail']}"
    return ProblemError("invalid", first, errors=found).response()


def _words(detail: Mapping[str, Any]) -> str:
    pattern = detail.get("ctx", {}).get("pattern")
    return UNLIKE.get(pattern) or str(detail["msg"]).removeprefix(_OURS)


def _place(loc: tuple[int | str, ...], message: str) -> dict[str, str]:
    where, *path = loc
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    return {"pointer": pointer if where == "body" else str(path[0] if path else ""), "detail": message}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of the interface: every operation, and every problem that it may end in."""
    document = get_openapi(
        title="stopgate",
        version=__version__,
        openapi_version="3.1.0",
        description=_DESCRIPTION,
        routes=app.routes,
        webhooks=app.webhooks.routes,
        tags=_TAGS,
        servers=[{"url": BASE}],
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    for told in document["webhooks"].values():
        told["post"]["responses"] = {"2XX": {"description": "It is taken."}}
    components = document["components"]
    components["schemas"] |= {"Problem": Problem.model_json_schema(ref_template="#/components/schemas/{model}")}
    components["schemas"] |= components["schemas"]["Problem"].pop("$defs")
    for name in _UNUSED:
        del components["schemas"][name]
    for name, shown in examples.BODIES.items():
        components["schemas"][name]["examples"] = shown
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}}
    document["security"] = [{"key": []}]
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for parameter in operation.get("parameters", ()):
            parameter["example"] = examples.PARAMETERS[parameter["name"]]
        for answer in operation["responses"].values():
            answer["description"] = _WORDS.get(answer["description"], answer["description"])
    return document

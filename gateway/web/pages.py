"""Pages: templates in the visitor's language, and the few files that they refer to.

Everything that a page shows is escaped unless it is a template's own. Files are served under the hash of what is in
them, so browsers may keep them for ever and never show an old one.
"""

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.web.languages import COOKIE, LANGUAGES, Language, chosen, language

_FOR_EVER = "public, max-age=31536000, immutable"
_YEAR = 31_536_000  # seconds


class Files:
    """The files of `static/`, read once."""

    def __init__(self) -> None:
        self._served: dict[str, tuple[bytes, str]] = {}
        self._urls: dict[str, str] = {}
        for file in files("gateway.web").joinpath("static").iterdir():
            octets = file.read_bytes()
            url = f"/static/{hashlib.sha256(octets).hexdigest()[:12]}/{file.name}"
            self._urls[file.name] = url
            self._served[url] = octets, mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    def url(self, name: str) -> str:
        """Return where a file is served."""
        return self._urls[name]

    async def serve(self, request: Request) -> Response:
        """Serve one."""
        found = self._served.get(request.url.path)
        if found is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1], headers={"cache-control": _FOR_EVER})


class Pages:
    """Renders templates."""

    def __init__(self) -> None:
        self.files = Files()
        self._environment = cache(self._make_environment)

    def route(self) -> Route:
        """Return the route of the files."""
        return Route("/static/{path:path}", self.files.serve)

    def render(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any],
        status: int = 200,
        offered: Sequence[str] = tuple(LANGUAGES),
    ) -> HTMLResponse:
        """Render a template as the answer to `request`, in the best of the languages `offered`.

        A language that the visitor has chosen by `?lang=` is remembered in a cookie.
        """
        code = chosen(request, offered)
        words = {"request": request, "lang": code, "languages": {each: LANGUAGES[each] for each in offered}}
        text = self._environment(code).get_template(template).render({**words, **context})
        response = HTMLResponse(text, status, {"vary": "Accept-Language, Cookie"})
        if request.query_params.get("lang") == code:
            response.set_cookie(COOKIE, code, max_age=_YEAR, secure=True, httponly=True, samesite="lax")
        return response

    def _make_environment(self, code: str) -> Environment:
        spoken: Language = language(code)
        environment = Environment(
            loader=PackageLoader("gateway.web"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.install_gettext_translations(spoken.translations, newstyle=True)  # type: ignore[attr-defined]  # its extension's
        environment.globals["static"] = self.files.url
        environment.filters |= {"number": spoken.number, "when": spoken.when}
        return environment

"""Pages: templates in the visitor's language, and the few files that they refer to.

Everything that a page shows is escaped unless it is a template's own. What others have written, texts above all, keeps
to itself: it neither turns round what stands beside it nor hides what would. Files are served under a hash of what is
in all of them, so browsers may keep them for ever and never show an old one, and they refer to each other by their
names.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.rules import visible
from gateway.rules.number import spelled
from gateway.web.languages import COOKIE, LANGUAGES, Language, chosen, language

_FOR_EVER = "public, max-age=31536000, immutable"
_YEAR = 31_536_000  # seconds
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "woff2": "font/woff2"}


class Files:
    """The files of `static/`, read once."""

    def __init__(self) -> None:
        folder = files("gateway.web").joinpath("static")
        self._octets = {file.name: file.read_bytes() for file in sorted(folder.iterdir(), key=lambda file: file.name)}
        digest = hashlib.sha256()
        for name, octets in self._octets.items():
            digest.update(b"%s %d " % (name.encode(), len(octets)) + octets)
        self._folder = f"/static/{digest.hexdigest()[:12]}/"

    def url(self, name: str) -> str:
        """Return where a file is served."""
        if name not in self._octets:
            raise LookupError(f"there is no file {name}")
        return self._folder + name

    async def serve(self, request: Request) -> Response:
        """Serve one."""
        folder, slash, name = request.url.path.rpartition("/")
        if folder + slash != self._folder or name not in self._octets:
            raise HTTPException(404)
        media_type = _MEDIA_TYPES.get(name.rpartition(".")[2], "text/plain")
        return Response(self._octets[name], media_type=media_type, headers={"cache-control": _FOR_EVER})


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
            auto_reload=False,  # a look at each file's time for each page
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.install_gettext_translations(spoken.translations, newstyle=True)  # type: ignore[attr-defined]  # its extension's
        environment.globals["static"] = self.files.url
        environment.filters |= {"number": spoken.number, "when": spoken.when, "month": spoken.month, "phone": spelled}
        environment.filters |= {"legible": legible, "apart": apart, "glyph": glyph}
        return environment


def legible(text: object) -> Markup:
    """Escape what somebody has written, control characters shown as what they are instead of being obeyed."""
    return Markup(visible.CONTROLS.sub(lambda found: glyph(found[0]), escape(text)))  # noqa: S704 (escaped just now)


def apart(text: object) -> Markup:
    """Escape what somebody has written likewise, for the midst of other words, which keep their own direction."""
    return Markup("<bdi>{}</bdi>").format(legible(text))


def glyph(character: str) -> Markup:
    """Show one character: itself, or its number where there is nothing to be seen of it."""
    if character.isprintable() and character != " ":
        return escape(character)
    mark = Markup('<span class="control" title="{}">{}</span>')
    return mark.format(visible.named(character), visible.code_point(character))

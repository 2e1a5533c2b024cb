"""The public pages put together: what they all share, and which path leads to what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from gateway.web.api.interface import interface
from gateway.web.headers import Headers
from gateway.web.pages import Pages
from gateway.web.visitors import Visitors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.config import Config
    from gateway.store.base import Store
    from gateway.store.reading import Reader
    from gateway.submission import Customer
    from gateway.web.post import Post


@dataclass
class Site:
    """What pages may use.

    Attributes:
        config: the configuration.
        store: to write; `await site.store.transact(work)`.
        reader: to read, which holds no commit up; `await site.reader.read(work)`.
        customers: the accounts, by name.
        post: hands requests in for them.
        pages: renders templates.
        visitors: tells addresses.
    """

    config: Config
    store: Store
    reader: Reader
    customers: Mapping[str, Customer]
    post: Post
    pages: Pages = field(default_factory=Pages)

    @property
    def visitors(self) -> Visitors:
        """Who asks."""
        return Visitors(self.config.web.proxies)

    def is_public_host(self, request: Request) -> bool:
        """Say whether `web.public_url` is what the visitor typed: the host that the web mention names."""
        return request.url.hostname == urlsplit(self.config.web.public_url).hostname


def public_app(site: Site) -> Starlette:
    """Build everything that `web.listen` serves."""

    async def problem(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return site.pages.render(request, "error.html", {"status": status}, status)

    secure = site.config.web.public_url.startswith("https:")
    return Starlette(
        routes=[site.pages.route(), interface(site)],
        middleware=[Middleware(Headers, secure=secure)],
        exception_handlers={HTTPException: problem, 500: problem},
    )

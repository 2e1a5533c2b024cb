"""What all public pages share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.observe.log import mask
from gateway.web.pages import Pages
from gateway.web.visitors import Visitors

if TYPE_CHECKING:
    import trio
    from starlette.requests import Request

    from gateway.config.models import Config
    from gateway.store.reading import Reader
    from gateway.web.backend import Backend

_NUMBER = re.compile(r"(?<=/)[0-9+().\- ]{5,}(?=/|$)")


@dataclass
class Site:
    """What pages may use.

    Attributes:
        config: the configuration.
        reader: to read, which holds no commit up; `await site.reader.read(work)`.
        backend: the gateway, which writes, sends, and knows who is bound.
        pages: renders templates.
        nursery: where work goes on that no request waits for; None before the web is open.
        visitors: tells addresses.
    """

    config: Config
    reader: Reader
    backend: Backend
    pages: Pages = field(default_factory=Pages)
    nursery: trio.Nursery | None = None

    @property
    def visitors(self) -> Visitors:
        """Who asks."""
        return Visitors(self.config.web.proxies)

    def loggable(self, path: str) -> str:
        """Return a path as the log may have it: phone numbers in it are masked, unless the log's are to be clear."""
        clear = self.config.log.numbers == "clear"
        return _NUMBER.sub(lambda found: mask(found[0], clear=clear), path)

    def is_public_host(self, request: Request) -> bool:
        """Say whether `web.public_url` is what the visitor typed: the host that the web mention names."""
        return request.url.hostname == urlsplit(self.config.web.public_url).hostname

"""Somebody at a browser that runs no scripts: opens pages, fills in forms, follows redirections."""

import html
import re
from typing import NamedTuple
from urllib.parse import urlencode, urljoin

import httpcore


class Page(NamedTuple):
    """A page: where it was found, its status and headers, its source."""

    url: str
    status: int
    headers: dict[str, str]
    source: str

    @property
    def heading(self):
        """What it is about."""
        return html.unescape(re.search(r"<h1>(.*?)</h1>", self.source, re.DOTALL)[1])

    @property
    def hidden(self):
        """Fields of its form that nobody sees."""
        return {
            name: html.unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.source)
        }


class Visitor:
    """Visits the pages at an address; ``headers`` in Python's spelling are sent along."""

    def __init__(self, address, **headers):
        self._base = "http://{}:{}".format(*address)
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def open(self, path, **headers):
        """Open a page."""
        return await self._ask("GET", path, None, headers)

    async def send(self, path, form, **headers):
        """Send a form, as a page of ours does."""
        return await self._ask("POST", path, form, {"sec_fetch_site": "same-origin", **headers})

    async def _ask(self, method, path, form, headers):
        named = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = b""
        if form is not None:
            named["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        url = urljoin(self._base, path)
        async with httpcore.AsyncConnectionPool() as pool:
            answer = await pool.request(method, url, headers=list(named.items()), content=body)
        found = {name.decode().lower(): value.decode() for name, value in answer.headers}
        if answer.status == 303:
            return await self._ask("GET", found["location"], None, headers)
        return Page(url, answer.status, found, answer.content.decode())

"""Asking an ASGI application without a socket."""

from typing import NamedTuple
from urllib.parse import urlencode, urlsplit


class Answered(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self):
        """The body as text."""
        return self.body.decode()


async def ask(app, url, form=None, **headers):
    """Ask for a page, or send a form; `headers` in Python's spelling."""
    body = b"" if form is None else urlencode(form).encode()
    named = {"host": "gateway.example", **headers}
    if form is not None:
        named.setdefault("sec_fetch_site", "same-origin")
        named |= {"content_type": "application/x-www-form-urlencoded", "content_length": str(len(body))}
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET" if form is None else "POST",
        "scheme": "https",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }
    return await _exchange(app, scope, body)


async def _exchange(app, scope, body):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    head, *parts = sent
    headers = {name.decode().lower(): value.decode() for name, value in head["headers"]}
    return Answered(head["status"], headers, b"".join(part.get("body", b"") for part in parts))

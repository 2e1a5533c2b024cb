"""Asking an ASGI application without a socket."""

import re
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


async def ask(app, url, form=None, *, method=None, answers=None, **headers):
    """Ask for a page, or send a form; `headers` in Python's spelling.

    What is answered is also put into `answers`, where it is known what the application raises after that.
    """
    body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
    named = {"host": "gateway.example", **headers}
    if form is not None:
        named.setdefault("sec_fetch_site", "same-origin")
        named = {"content_type": "application/x-www-form-urlencoded", "content_length": str(len(body))} | named
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method or ("GET" if form is None else "POST"),
        "scheme": "https",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }
    answers = [] if answers is None else answers
    try:
        await _exchange(app, scope, body, sent := [])
    finally:
        if sent:
            answers.append(_answered(sent))
    return answers[-1]


async def _exchange(app, scope, body, sent):

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)


def _answered(sent):
    head, *parts = sent
    headers = {name.decode().lower(): value.decode() for name, value in head["headers"]}
    return Answered(head["status"], headers, b"".join(part.get("body", b"") for part in parts))


class Visitor:
    """A browser without a screen: it keeps cookies and sends forms back with the token that it was given."""

    def __init__(self, app):
        self.app = app
        self.cookies = {}
        self.token = None

    async def get(self, url, **headers):
        """Load a page."""
        return await self._ask(url, None, headers)

    async def post(self, url, /, _headers=(), **fields):
        """Send a form with the token of the last page that had one."""
        return await self._ask(url, ({"csrf": self.token} if self.token else {}) | fields, dict(_headers))

    async def upload(self, url, name, content, **fields):
        """Send a form with a file."""
        edge = "edge of a part"
        parts = [(f'name="{key}"', value.encode()) for key, value in ({"csrf": self.token} | fields).items()]
        parts.append((f'name="file"; filename="{name}"', content))
        lines = [
            b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (edge.encode(), head.encode(), value)
            for head, value in parts
        ]
        body = b"".join(lines) + f"--{edge}--\r\n".encode()
        return await self._ask(url, body, {"content_type": f'multipart/form-data; boundary="{edge}"'})

    async def log_in(self, name, password="web-secret"):
        """Log in, and load the first page."""
        answer = await self.post("/login", name=name, password=password)
        if answer.status == 303:
            await self.get("/settings" if name != "ada" else "/admin")
        return answer

    async def _ask(self, url, form, headers):
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await ask(self.app, url, form, **headers)
        cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        if cookie:
            name, _, value = cookie.partition("=")
            self.cookies[name] = value
        token = re.search(rb'name="csrf" value="(\w+)"', answer.body)
        if token:
            self.token = token[1].decode()
        return answer

"""A client of the HTTP interface."""

import json
from typing import Any, NamedTuple

import httpcore

KEY = "a-key-of-the-shop"
OTHER_KEY = "a-key-of-the-bank"


class Reply(NamedTuple):
    """An answer; `json` is what its body says, None where it is empty."""

    status: int
    headers: dict[str, str]
    json: Any
    text: str

    @property
    def problem(self):
        """What kind of problem it is."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return self.json["type"].removeprefix("/api/v1/docs#")


class Client:
    """Asks a gateway at an address, with a key."""

    def __init__(self, address, key=KEY):
        self._base = "http://{}:{}/api/v1".format(*address)
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    async def ask(self, method, path, body=None, **headers):
        """Send a request; `body` is JSON unless it is octets, `headers` in Python's spelling."""
        named = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("content-type", "application/json")
        octets = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with httpcore.AsyncConnectionPool() as pool:
            answer = await pool.request(method, self._base + path, headers=list(named.items()), content=octets)
        text = answer.content.decode()
        found = {name.decode().lower(): value.decode() for name, value in answer.headers}
        assert len(found) == len(answer.headers), answer.headers  # each of them once
        is_json = text and "json" in found.get("content-type", "")
        return Reply(answer.status, found, json.loads(text) if is_json else None, text)

    async def get(self, path, **headers):
        """GET."""
        return await self.ask("GET", path, **headers)

    async def post(self, path, body, **headers):
        """POST."""
        return await self.ask("POST", path, body, **headers)

    async def delete(self, path, **headers):
        """DELETE."""
        return await self.ask("DELETE", path, **headers)

    async def send(self, to, text="Bonjour", **more):
        """Send a message."""
        headers = {"idempotency_key": more.pop("key")} if "key" in more else {}
        return await self.post("/messages", {"to": to, "text": text, **more}, **headers)

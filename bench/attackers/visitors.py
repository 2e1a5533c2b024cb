"""Visitors of the web, as a process: so many requests a second for so long, at a steady rate, over a few connections.

`visitors.py PORT SECONDS` prints how many requests were answered, how many of them with an error, which is what some
ask for (whoever guesses passwords is told to wait), and within how many milliseconds half and 99 % of the answers came.
Visitors come through a proxy, each from an address of their own; who guesses comes from others.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 200  # requests a second, of all together
CONNECTIONS = 20
PASSWORD = "web-secret"
TEXT = "Léa, -20 % sur toute la collection d'été samedi ! Venez vite, la boutique vous attend au 12 rue des Lilas."
PUBLIC = ["/opt-out", "/login", "/opt-out?lang=de", "/static/none", "/nothing"]
OWN = ["/blacklist", "/messages", "/ledger", "/compose", "/settings"]


class Client:
    """One connection, which is opened again when the server closes it.

    Args:
        port: the server's.
        address: where the visitor is, as the proxy says.
    """

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._stream: trio.SocketStream | None = None
        self._rest = b""
        self.cookie = self.csrf = ""

    async def ask(self, path: str, form: dict[str, str] | None = None, address: str = "") -> int:
        """Send a request, take in the answer, and return its status."""
        body = b"" if form is None else urlencode(form).encode()
        head = f"{'GET' if form is None else 'POST'} {path} HTTP/1.1\r\nHost: bench\r\nSec-Fetch-Site: same-origin\r\n"
        head += f"X-Forwarded-For: {address or self._address}\r\n"
        if self.cookie:
            head += f"Cookie: {self.cookie}\r\n"
        if form is not None:
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        for _ in range(2):
            try:
                return await self._exchange(head.encode() + b"\r\n" + body)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._stream = None
        return 0

    async def _exchange(self, octets: bytes) -> int:
        if self._stream is None:
            self._stream, self._rest = await trio.open_tcp_stream("127.0.0.1", self._port), b""
        await self._stream.send_all(octets)
        answer = self._rest
        while b"\r\n\r\n" not in answer:
            answer += await self._more()
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
        while len(rest) < length:
            rest += await self._more()
        self._rest = rest[length:]
        self._note(head, rest[:length])
        return int(head.split()[1])

    async def _more(self) -> bytes:
        assert self._stream is not None
        octets = await self._stream.receive_some()
        if not octets:
            raise trio.BrokenResourceError
        return bytes(octets)

    def _note(self, head: bytes, body: bytes) -> None:
        cookie = re.search(rb"set-cookie: (__Host-login=[^;]+)", head, re.IGNORECASE)
        token = re.search(rb'name="csrf" value="(\w+)"', body)
        self.cookie = cookie[1].decode() if cookie else self.cookie
        self.csrf = token[1].decode() if token else self.csrf


def requests(client: Client) -> Iterator[tuple[str, dict[str, str] | None, str]]:
    """Yield requests for ever: strangers' pages, an account's own, previews, and now and then a wrong password."""
    number = 0
    while True:
        number += 1
        yield PUBLIC[number % len(PUBLIC)], None, ""
        yield OWN[number % len(OWN)], None, ""
        yield "/compose/preview", {"csrf": client.csrf, "text": TEXT[: 20 + number % 80], "to": "0612345678"}, ""
        if number % 10 == 0:
            yield "/login", {"name": "shop", "password": f"guess {number}"}, f"198.51.100.{number % 250}"


async def visit(port: int, seconds: float, first: float, tally: Counter[bool], took: list[float]) -> None:
    """Be one visitor, logged in."""
    client = Client(port, f"203.0.113.{int(first * RATE) + 1}")
    assert await client.ask("/login", {"name": "shop", "password": PASSWORD}) == 303
    assert await client.ask("/settings") == 200
    asked = requests(client)
    began = trio.current_time() + first
    for number in range(int(seconds * RATE / CONNECTIONS)):
        await trio.sleep_until(began + number * CONNECTIONS / RATE)
        before = trio.current_time()
        tally[await client.ask(*next(asked)) < 400] += 1
        took.append(1e3 * (trio.current_time() - before))


async def main(port: int, seconds: float) -> None:
    """Let all of them come."""
    tally: Counter[bool] = Counter()
    took: list[float] = []
    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS):
            nursery.start_soon(visit, port, seconds, number / RATE, tally, took)
    hundredths = statistics.quantiles(took, n=100)
    print(tally[True], tally[False], hundredths[49], hundredths[98], flush=True)


if __name__ == "__main__":
    os.nice(5)  # what is measured is the gateway's work, not ours
    trio.run(main, int(sys.argv[1]), float(sys.argv[2]))

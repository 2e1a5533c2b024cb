"""Lists as CSV, written as they are read: they need not fit into memory, and nobody waits for them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import chain, islice
from typing import Any

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.store.base import Snapshot
from gateway.store.reading import Reader

_PIECE = 500  # lines sent at once
_LONGEST = 600.0  # seconds that somebody may take for a list: meanwhile the database keeps what it was at its beginning
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Line = Sequence[Any]


class Table(Response):
    """The answer that is a list in CSV, with a header line; `lines` are read from a snapshot."""

    media_type = "text/csv"

    def __init__(
        self, reader: Reader, name: str, columns: Sequence[str], lines: Callable[[Snapshot], Iterable[Line]]
    ) -> None:
        super().__init__(headers={"content-disposition": f'attachment; filename="{name}.csv"'})
        del self.headers["content-length"]
        self._reader = reader
        self._columns = columns
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def sink(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        with trio.move_on_after(_LONGEST) as patience:
            await self._reader.feed(self._pieces, sink)
        if patience.cancelled_caught:
            raise trio.BrokenResourceError("the client takes a list too slowly")
        await send({"type": "http.response.body", "body": b""})

    def _pieces(self, snapshot: Snapshot) -> Iterator[bytes]:
        lines = chain([self._columns], self._lines(snapshot))
        while some := list(islice(lines, _PIECE)):
            text = StringIO()
            csv.writer(text).writerows([plain(value) for value in line] for line in some)
            yield text.getvalue().encode()


def plain(value: object) -> object:
    """Return a value as no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def instant(milliseconds: int) -> str:
    """Write an instant as ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="seconds")

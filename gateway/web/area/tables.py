"""Lists as CSV, written as they are read: they need not fit into memory, and nobody waits for who takes them."""

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Generic, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.store.base import Snapshot
from gateway.store.reading import Reader

PIECE = 500  # lines read and sent at once
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Line = Sequence[Any]
Place = TypeVar("Place")
Part = Callable[[Snapshot, Place | None], tuple[Iterable[Line], Place | None]]


class Table(Response, Generic[Place]):
    """The answer that is a list in CSV, with a header line.

    Args:
        reader: of the store.
        name: what the file is called.
        columns: the header line.
        part: reads the lines that begin at a place (see :meth:`gateway.store.reading.Reader.feed`).
    """

    media_type = "text/csv"

    def __init__(self, reader: Reader, name: str, columns: Sequence[str], part: Part[Place]) -> None:
        super().__init__(headers={"content-disposition": f'attachment; filename="{name}.csv"'})
        del self.headers["content-length"]
        self._reader = reader
        self._columns = columns
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def sink(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        await self._reader.feed(self._piece, sink)
        await send({"type": "http.response.body", "body": b""})

    def _piece(self, snapshot: Snapshot, place: Place | None) -> tuple[bytes, Place | None]:
        lines, following = self._part(snapshot, place)
        text = StringIO()
        writer = csv.writer(text)
        if place is None:
            writer.writerow(self._columns)
        writer.writerows([plain(value) for value in line] for line in lines)
        return text.getvalue().encode(), following


def plain(value: object) -> object:
    """Return a value as no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def instant(milliseconds: int) -> str:
    """Write an instant as ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="seconds")

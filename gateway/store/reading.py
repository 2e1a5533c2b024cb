"""Reading at leisure: on connections that are for nothing else, so that no commit waits for whoever reads.

Pages are read in threads. Nobody who takes a long list slowly holds one instant of the database meanwhile: for that the
database would have to keep all that has changed since.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from gateway.store.url import open_source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from gateway.store.base import Row, Snapshot, Source

Result = TypeVar("Result")
Place = TypeVar("Place")
_AT_ONCE = 2  # reads at the same time, however many ask: the machine is the gateway's first


class Reader:
    """Reads one store.

    Connections are kept for the next reading: making one costs as much as most of what is read.

    Args:
        url: the store, checked already.
        at_once: how many reads may be under way; further ones wait.
    """

    def __init__(self, url: str, at_once: int = _AT_ONCE) -> None:
        self._url = url
        self._limit = trio.CapacityLimiter(at_once)
        self._feeding = trio.Lock()  # however many lists are taken, a page waits for one part at most
        self._idle: list[Source] = []
        self._closed = False

    async def read(self, work: Callable[[Snapshot], Result]) -> Result:
        """Run ``work`` in a thread on a snapshot of the store and return its result.

        Raises:
            StoreError: the store cannot be read.
        """
        return await trio.to_thread.run_sync(self._read, work, limiter=self._limit)

    async def feed(
        self,
        part: Callable[[Snapshot, Place | None], tuple[bytes, Place | None]],
        sink: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Hand a long list on, part by part, each read by itself: the database keeps no past for who takes it slowly.

        Args:
            part: reads, in a thread, the part that begins at a place (None: the first one), and says where the next one
                begins (None: there is none).
            sink: takes it, on the event loop.

        Raises:
            StoreError: the store cannot be read.
        """
        place: Place | None = None
        while True:
            async with self._feeding:
                octets, place = await self.read(lambda snapshot: part(snapshot, place))  # noqa: B023 (read at once)
            await sink(octets)
            if place is None:
                return

    def close(self) -> None:
        """Let go of what is kept; whoever reads from now on has a connection to themselves."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _read(self, work: Callable[[Snapshot], Result]) -> Result:
        source = self._source()
        try:
            with source.snapshot() as snapshot:
                result = work(snapshot)
        except BaseException:
            source.close()
            raise
        if self._closed:
            source.close()
        else:
            self._idle.append(source)
        return result

    def _source(self) -> Source:
        """Return a connection that was kept, if one is fit, or a new one."""
        while self._idle:
            source = self._idle.pop()
            if source.fit():
                return source
            source.close()
        return open_source(self._url)


class Parts:
    """A store read one statement after another, each at an instant of its own and to its end.

    So it stands where a :class:`gateway.store.base.Snapshot` may for what goes through a list page by page, by what no
    change moves: whatever is there all the time comes once.

    Args:
        source: nobody else reads it meanwhile.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one SELECT with ``?`` places and return its rows, which must not be too many for memory."""
        with self._source.snapshot() as snapshot:
            return list(snapshot.rows(sql, values))


@contextmanager
def part_by_part(url: str) -> Iterator[Parts]:
    """Read what ``url`` names part by part until the block ends: a long list may be taken as slowly as anybody likes.

    Raises:
        StoreError: it cannot be had, or not be read.
    """
    with closing(open_source(url)) as source:
        yield Parts(source)

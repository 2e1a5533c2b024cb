"""Reading at leisure: in threads, on connections that are for nothing else, so that no commit waits for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from gateway.store.url import open_source, read_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from gateway.store.base import Snapshot, Source

Result = TypeVar("Result")
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
        self._feeds = trio.CapacityLimiter(at_once)
        self._idle: list[Source] = []
        self._closed = False

    async def read(self, work: Callable[[Snapshot], Result]) -> Result:
        """Run ``work`` in a thread on a snapshot of the store and return its result.

        Raises:
            StoreError: the store cannot be read.
        """
        return await trio.to_thread.run_sync(self._read, work, limiter=self._limit)

    async def feed(self, work: Callable[[Snapshot], Iterable[bytes]], sink: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand what ``work`` yields, in a thread, on to ``sink`` on the event loop, piece by piece as it is taken.

        Raises:
            StoreError: the store cannot be read.
        """

        def run() -> None:
            with read_store(self._url) as snapshot:
                for piece in work(snapshot):
                    trio.from_thread.run(sink, piece)

        await trio.to_thread.run_sync(run, limiter=self._feeds)

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

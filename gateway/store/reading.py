"""Reading at leisure: in threads of their own, on connections of their own, so that no commit waits for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from gateway.store.url import read_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from gateway.store.base import Snapshot

Result = TypeVar("Result")
_AT_ONCE = 2  # reads at the same time, however many ask: the machine is the gateway's first


class Reader:
    """Reads one store.

    Args:
        url: the store, checked already.
        at_once: how many reads may be under way; further ones wait.
    """

    def __init__(self, url: str, at_once: int = _AT_ONCE) -> None:
        self._url = url
        self._limit = trio.CapacityLimiter(at_once)
        self._feeds = trio.CapacityLimiter(at_once)

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

    def _read(self, work: Callable[[Snapshot], Result]) -> Result:
        with read_store(self._url) as snapshot:
            return work(snapshot)

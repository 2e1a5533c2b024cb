"""What nobody tells the metrics, looked at when Prometheus asks: lanes, links, readiness, and what waits in the spool.

The spool is counted now and then, on a connection of its own that only reads, so that the figures of a spool of
millions cost neither a commit nor a scrape their time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
import trio

from gateway.observe.gauges import peer_of
from gateway.store import browse
from gateway.store.base import StoreError
from gateway.store.url import read_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.binds.connector import Connector
    from gateway.binds.listener import Listener
    from gateway.lanes.lanes import Lanes
    from gateway.observe.metrics import Metrics
    from gateway.store.browse import LaneStatus

_log = structlog.get_logger()
_PAUSE = 15.0  # seconds between counts of the spool
_RATIO = 20  # a count that took long is made again only after so many times as long


class Watch:
    """Feeds the metrics of one gateway.

    Args:
        metrics: what is fed.
        lanes: all of this process.
        connectors: returns those of the operators that this node binds to.
        listener: where apps bind.
    """

    def __init__(
        self, metrics: Metrics, lanes: Lanes, connectors: Callable[[], Iterable[Connector]], listener: Listener
    ) -> None:
        self._metrics = metrics
        self._lanes = lanes
        self._connectors = connectors
        self._listener = listener

    def render(self, not_ready: Callable[[], Mapping[str, str]], alive: Callable[[], Mapping[str, bool]]) -> bytes:
        """Return the metrics as they are at this moment; called in a thread.

        ``not_ready`` says which parts are not, ``alive`` of each part that shows signs of life whether it does.
        """
        trio.from_thread.run_sync(lambda: self.look(not_ready(), alive()))
        return self._metrics.render()

    def look(self, missing: Mapping[str, str], alive: Mapping[str, bool]) -> None:
        """Look at lanes and links."""
        gauges = self._metrics.gauges
        gauges.readiness(missing, alive)
        for lane in self._lanes:
            peer = peer_of(lane.name)
            gauges.lane(peer, lane.load(), lane.window)
            self._metrics.unanswered(*peer, lane.unanswered_since())
        for connector in self._connectors():
            gauges.bound("operator", connector.operator.name, connector.bound)
        for account, binds in self._listener.bound().items():
            gauges.bound("account", account, binds)

    async def count_for_ever(self, url: str, clock: Callable[[], int]) -> None:
        """Count what waits in the spool of the store at ``url``, by its ``clock``, until cancelled."""
        while True:
            began = trio.current_time()
            try:
                now = clock()
                counted = await trio.to_thread.run_sync(_count, url, now, abandon_on_cancel=True)
            except StoreError as error:
                _log.warning("spool_not_counted", reason=str(error))
            else:
                self._metrics.gauges.spooled(counted, now)
            await trio.sleep(max(_PAUSE, _RATIO * (trio.current_time() - began)))


def _count(url: str, now: int) -> list[LaneStatus]:
    with read_store(url) as snapshot:
        return list(browse.status(snapshot, now))

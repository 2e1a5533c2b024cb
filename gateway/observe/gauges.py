"""Every gauge there is: how things stand at this moment, for whoever asks.

`side` is `account`, `operator`, `webhook` or `parts`; with `name` it says whose lane, links or parts are meant.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Gauge

from gateway.observe.labels import Bounded, Labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import CollectorRegistry

    from gateway.store.browse import LaneStatus

_PEER = ("side", "name")


class Load(NamedTuple):
    """What a lane is busy with: rows in memory, on their way, and answered but not settled.

    ``pause`` is for how many seconds more its peer, which had too much, is left alone; ``rate`` in segments a second,
    None without a limit.
    """

    ready: int
    in_flight: int
    unsettled: int
    pause: float
    rate: float | None


class Gauges:
    """The gauges of one gateway.

    Args:
        registry: where they are rendered from.
        sides: the kinds of peers.
        peers: the configured names.
    """

    def __init__(self, registry: CollectorRegistry, sides: Labels, peers: Labels) -> None:
        self._registry, self._sides, self._peers = registry, sides, peers
        self._links = self._gauge("links_bound", "Links that are bound")
        self._ready = self._gauge("queue_ready", "Rows in memory for a peer")
        self._in_flight = self._gauge("in_flight", "Requests that wait for a peer's answer")
        self._window = self._gauge("window", "The most requests that may wait for a peer's answer, over all its links")
        self._unsettled = self._gauge("unsettled", "Answers of a peer that are not committed yet")
        self._pause = self._gauge("pause_seconds", "How long a peer that had too much is left alone yet")
        self._rate = self._gauge("rate_limit", "Segments a second that this node may send to a peer")
        self._rows = Bounded(
            Gauge("stopgate_spool_rows", "Rows in the spool, of all nodes", (*_PEER, "state"), registry=registry),
            *(sides, peers, Labels(("due", "later", "held"))),
        )
        self._waits = self._gauge("spool_wait_seconds", "How long the longest waiting row waits that may be sent")
        self._known: set[tuple[str, str]] = set()
        self._alive = Gauge("stopgate_part_alive", "Whether a part shows signs of life", ("part",), registry=registry)
        self._up = Gauge("stopgate_ready", "Whether messages are taken and sent: 1 or 0", registry=registry)

    def _gauge(self, name: str, promise: str) -> Bounded[Gauge]:
        return Bounded(Gauge(f"stopgate_{name}", promise, _PEER, registry=self._registry), self._sides, self._peers)

    def readiness(self, missing: Mapping[str, str], alive: Mapping[str, bool]) -> None:
        """Say which parts are not ready, and of each that shows signs of life whether it does."""
        self._up.set(0 if missing else 1)
        self._alive.clear()  # of parts that are gone, too
        for part, lives in alive.items():
            self._alive.labels(part).set(int(lives))

    def bound(self, side: str, name: str, links: int) -> None:
        """Say how many links to a peer are bound."""
        self._links.of(side, name).set(links)

    def lane(self, peer: tuple[str, str], load: Load, window: int) -> None:
        """Say what the lane of a peer, (side, name), is busy with."""
        self._ready.of(*peer).set(load.ready)
        self._in_flight.of(*peer).set(load.in_flight)
        self._window.of(*peer).set(window)
        self._unsettled.of(*peer).set(load.unsettled)
        self._pause.of(*peer).set(load.pause)
        self._rate.of(*peer).set(math.inf if load.rate is None else load.rate)

    def spooled(self, lanes: Iterable[LaneStatus], now: int) -> None:
        """Say what each lane has in the spool; those that had something before and are not named are empty."""
        found = {peer_of(each.lane): each for each in lanes}
        for peer in self._known - found.keys():
            self._spooled(peer, (0, 0, 0), 0.0)
        for peer, each in found.items():
            waits = (now - each.since) / 1_000 if each.since else 0.0
            self._spooled(peer, (each.due, each.later, each.held), max(0.0, waits))
        self._known |= found.keys()

    def _spooled(self, peer: tuple[str, str], counts: tuple[int, int, int], waits: float) -> None:
        for state, count in zip(("due", "later", "held"), counts, strict=True):
            self._rows.of(*peer, state).set(count)
        self._waits.of(*peer).set(waits)


def peer_of(lane: str) -> tuple[str, str]:
    """Return the (side, name) of a lane."""
    side, _, name = lane.partition("/")
    return side, name

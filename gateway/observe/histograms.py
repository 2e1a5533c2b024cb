"""Durations, counted into buckets: cheap enough for every message, read by Prometheus when it asks.

An observation is a bisection and two additions, a fifth of what the client library's own histogram takes. It is made on
the event loop only; who renders in a thread sees some of what is going on meanwhile, and the rest the next time.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds
SLOW = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0)
_INFINITE = "+Inf"


class Kind(NamedTuple):
    """What a histogram is of: its name, its promise, and the label that its series differ in."""

    name: str
    promise: str
    label: str


class Series:
    """The durations of one peer."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds


class Durations:
    """A histogram with one series for each name; names that are not known share one.

    Args:
        kind: what it is of.
        bounds: upper bounds of the buckets, in seconds, ascending.
        names: those that get a series of their own.
        other: what the rest is called.
    """

    def __init__(self, kind: Kind, bounds: tuple[float, ...], names: Iterable[str], other: str) -> None:
        self._kind = kind
        self._bounds = bounds
        self._other = other
        self._series = {name: Series(bounds) for name in (*names, other)}

    def of(self, name: str) -> Series:
        """Return the series of a name; good to keep."""
        return self._series.get(name) or self._series[self._other]

    def allow(self, names: Iterable[str]) -> None:
        """Give the names of a configuration that was read again series of their own."""
        for name in names:
            self._series.setdefault(name, Series(self._bounds))

    def collect(self) -> Iterator[Metric]:
        """Yield the metric as the client library's registry asks for it, without series of which nothing is known."""
        family = HistogramMetricFamily(self._kind.name, self._kind.promise, labels=[self._kind.label])
        for name, series in list(self._series.items()):
            buckets = self._buckets(series)
            if buckets[-1][1]:
                family.add_metric([name], buckets, series.sum)
        yield family

    def _buckets(self, series: Series) -> list[tuple[str, float]]:
        total, buckets = 0, []
        for bound, count in zip((*map(str, self._bounds), _INFINITE), series.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets

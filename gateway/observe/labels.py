"""Labels of metrics whose values are bounded: whatever peers call themselves, there are only so many series."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge

OTHER = "other"
Metric = TypeVar("Metric", Counter, Gauge)
_VALUES_AT_MOST = 64


class Labels:
    """The values that one label may take: those of `names`, or without names the first 64 seen; else `other`."""

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._values = set(names or ())
        self._open = names is None

    def admit(self, value: str) -> str:
        """`value` where it is one of the set, else `other`."""
        if value in self._values:
            return value
        if self._open and len(self._values) < _VALUES_AT_MOST:
            self._values.add(value)
            return value
        return OTHER

    def allow(self, names: Iterable[str]) -> None:
        """Add the names of a configuration that was read again; those that are gone keep their history."""
        self._values.update(names)


class Bounded(Generic[Metric]):
    """A metric whose label values are bounded."""

    def __init__(self, metric: Metric, *labels: Labels) -> None:
        self._metric: Metric = metric
        self._labels = labels
        self._children: dict[tuple[str, ...], Metric] = {}

    def of(self, *values: str) -> Metric:
        """The metric under `values`, one for each label in the order of declaration."""
        if values in self._children:
            return self._children[values]
        admitted = tuple(labels.admit(value) for labels, value in zip(self._labels, values, strict=True))
        child: Metric = self._metric.labels(*admitted)
        if admitted == values:  # what was turned into `other` is not kept: there is no end of it
            self._children[values] = child
        return child

"""Every metric there is, declared in one place.

A `Metrics` has its own registry, so two gateways in one process (the demo, the tests) do not count together. Labels
stay few: names of accounts and operators come from the configuration, all else is counted as `other`; sets that the
outside world fills (statuses, states) are cut off at a number.
"""

from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

OTHER = "other"
SIDES = ("account", "operator")
Metric = TypeVar("Metric", Counter, Gauge)
_VALUES_AT_MOST = 64
_COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


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


class _Bounded(Generic[Metric]):
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


class Metrics:
    """The gateway's metrics; `accounts` and `operators` are the configured names. Statuses are command_status."""

    def __init__(self, accounts: Collection[str], operators: Collection[str]) -> None:
        self._registry = CollectorRegistry()
        account, operator = self._accounts, self._operators = Labels(accounts), Labels(operators)
        self._peers = Labels([*accounts, *operators])
        self._submits = self._counter("submits", "Requests from accounts, by answer", account=account, status=Labels())
        self._decided = self._counter(
            "decisions", "What the rules did with submissions, and why", account=account, reason=Labels()
        )
        self._managed = self._counter(
            "managed",
            "query_sm, cancel_sm and replace_sm, by answer",
            account=account,
            command=Labels(),
            status=Labels(),
        )
        self._segments = self._counter("segments_sent", "Segments answered", operator=operator, status=Labels())
        self._receipts = self._counter("receipts", "Delivery receipts, by state", operator=operator, state=Labels())
        self._inbound = self._counter("inbound", "What operators handed us", operator=operator, kind=Labels())
        self._heard = self._counter(
            "opt_outs", "Texts about opting out, by deciding rule", rule=Labels(), source=Labels(), effect=Labels()
        )
        self._credits = self._counter("credits", "Credits of billable events", account=account, kind=Labels())
        self._delivered = self._counter("delivered", "Receipts and texts answered", account=account, status=Labels())
        self._webhooks = self._counter(
            "webhooks", "Attempts at handing events to webhooks, by answer", account=account, status=Labels()
        )
        self._turned_away = self._counter("connections_refused", "Connections turned away", reason=Labels())
        self._binds_refused = self._counter("binds_refused", "Binds refused", status=Labels())
        self._bans = Counter("stopgate_bans", "Addresses banned after failed binds", registry=self._registry)
        self._dropped = Counter("stopgate_log_dropped", "Log lines that could not be written", registry=self._registry)
        self._unanswered = self._peer_counter("unanswered", "Requests that a peer did not answer")
        self._links = self._gauge("links_bound", "Links that are bound")
        self._ready = self._gauge("queue_ready", "Rows in memory for a peer")
        self._commit_seconds = self._histogram("store_commit_seconds", "Time one commit took", _COMMIT_SECONDS)
        self._commit_items = self._histogram("store_commit_items", "Pieces of work in one commit", _BATCH_SIZES)

    def decided(self, account: str, reason: str, count: int = 1) -> None:
        """`count` submissions of `account` were decided for one reason; none where others than the rules decided."""
        if reason:
            self._decided.of(account, reason).inc(count)

    def submitted(self, account: str, status: int, count: int = 1) -> None:
        """Count requests of `account` by our answer."""
        self._submits.of(account, f"0x{status:x}").inc(count)

    def managed(self, account: str, command: str, status: int) -> None:
        """Count a request of `account` about a message that it had submitted, by our answer."""
        self._managed.of(account, command, f"0x{status:x}").inc()

    def segment_sent(self, operator: str, status: int, count: int = 1) -> None:
        """Count segments by the answer of `operator`."""
        self._segments.of(operator, f"0x{status:x}").inc(count)

    def receipt(self, operator: str, state: str, count: int = 1) -> None:
        """Count delivery receipts of `operator` by the state that they report, as receipts spell it."""
        self._receipts.of(operator, state).inc(count)

    def inbound(self, operator: str, kind: str, count: int = 1) -> None:
        """Count what `operator` handed us; `kind` says what it turned out to be."""
        self._inbound.of(operator, kind).inc(count)

    def heard(self, rule: str, source: str, effect: str) -> None:
        """Count a text about opting out: the rule that decided, where it came from, what it led to."""
        self._heard.of(rule, source, effect).inc()

    def billed(self, account: str, kind: str, amount: int) -> None:
        """Count the credits of a billable event."""
        self._credits.of(account, kind).inc(amount)

    def delivered(self, account: str, status: int, count: int = 1) -> None:
        """Count what was handed to `account`, by its answer."""
        self._delivered.of(account, f"0x{status:x}").inc(count)

    def webhook(self, account: str, status: int) -> None:
        """Count an attempt at handing `account` an event, by the server's status; 0 is no answer."""
        self._webhooks.of(account, str(status)).inc()

    def connection_refused(self, reason: str) -> None:
        """Count a connection that was closed before it could bind."""
        self._turned_away.of(reason).inc()

    def bind_refused(self, status: int) -> None:
        """Count a bind by the status that refused it."""
        self._binds_refused.of(f"0x{status:x}").inc()

    def address_banned(self) -> None:
        """Count an address that may not connect for a while."""
        self._bans.inc()

    def log_line_dropped(self) -> None:
        """Count a line of the log that could not be written; may be called from any thread."""
        self._dropped.inc()

    def unanswered(self, side: str, name: str, count: int) -> None:
        """Count requests to a peer that it did not answer; `side` is `account` or `operator`."""
        self._unanswered.of(side, name).inc(count)

    def bound(self, side: str, name: str, links: int) -> None:
        """Say how many links to a peer are bound; `side` is `account` or `operator`."""
        self._links.of(side, name).set(links)

    def ready(self, side: str, name: str, rows: int) -> None:
        """Say how many rows for a peer are in memory; `side` is `account` or `operator`."""
        self._ready.of(side, name).set(rows)

    def committed(self, seconds: float, items: int) -> None:
        """Observe one commit of the store."""
        self._commit_seconds.observe(seconds)
        self._commit_items.observe(items)

    def know(self, accounts: Collection[str], operators: Collection[str]) -> None:
        """Give the names of a configuration that was read again labels of their own."""
        self._accounts.allow(accounts)
        self._operators.allow(operators)
        self._peers.allow([*accounts, *operators])

    def render(self) -> bytes:
        """All metrics in Prometheus' text format; takes milliseconds, so call it in a thread."""
        return generate_latest(self._registry)

    def _counter(self, name: str, promise: str, **labels: Labels) -> _Bounded[Counter]:
        counter = Counter(f"stopgate_{name}", promise, tuple(labels), registry=self._registry)
        return _Bounded(counter, *labels.values())

    def _peer_counter(self, name: str, promise: str) -> _Bounded[Counter]:
        counter = Counter(f"stopgate_{name}", promise, ("side", "name"), registry=self._registry)
        return _Bounded(counter, Labels(SIDES), self._peers)

    def _gauge(self, name: str, promise: str) -> _Bounded[Gauge]:
        gauge = Gauge(f"stopgate_{name}", promise, ("side", "name"), registry=self._registry)
        return _Bounded(gauge, Labels(SIDES), self._peers)

    def _histogram(self, name: str, promise: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"stopgate_{name}", promise, buckets=buckets, registry=self._registry)

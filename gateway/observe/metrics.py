"""Every metric there is, declared in one place.

Counters and histograms are told of what happens; gauges (:mod:`gateway.observe.gauges`) are seen to when somebody asks.
A `Metrics` has its own registry, so two gateways in one process (the demo, the tests) do not count together. Labels
stay few: names of accounts and operators come from the configuration, all else is counted as `other`; sets that the
outside world fills (statuses, states) are cut off at a number.
"""

from collections.abc import Callable, Collection, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest

from gateway import __version__
from gateway.observe.gauges import Gauges
from gateway.observe.histograms import FAST, SLOW, Durations, Kind
from gateway.observe.labels import OTHER, Bounded, Labels

SIDES = ("account", "operator", "webhook", "parts")
_COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


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
        self._confirmed = self._counter("confirmations", "Confirmations of opt-outs that have ended", state=Labels())
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
        self.gauges = Gauges(self._registry, Labels(SIDES), self._peers)
        self._commit_seconds = self._histogram("store_commit_seconds", "Time one commit took", _COMMIT_SECONDS)
        self._commit_items = self._histogram("store_commit_items", "Pieces of work in one commit", _BATCH_SIZES)
        self.intake = self._durations("intake_seconds", "From a submission to its answer", "account", accounts)
        self.answers = self._durations(
            "answer_seconds", "From a segment to the operator's answer", "operator", operators
        )
        self.taking = self._durations(
            "delivery_seconds", "From a receipt or text to the app's answer", "account", accounts
        )
        self.lag = self._durations(
            "receipt_lag_seconds", "From that answer to the receipt", "operator", operators, SLOW
        )
        Info("stopgate_build", "What runs", registry=self._registry).info({"version": __version__})
        ProcessCollector(registry=self._registry)

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

    def confirmed(self, states: Mapping[str, int]) -> None:
        """Count confirmations that have ended, by their state as receipts spell it."""
        for state, count in states.items():
            self._confirmed.of(state).inc(count)

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

    def committed(self, seconds: float, items: int) -> None:
        """Observe one commit of the store."""
        self._commit_seconds.observe(seconds)
        self._commit_items.observe(items)

    def know(self, accounts: Collection[str], operators: Collection[str]) -> None:
        """Give the names of a configuration that was read again labels of their own."""
        self._accounts.allow(accounts)
        self._operators.allow(operators)
        self._peers.allow([*accounts, *operators])
        for each in (self.intake, self.taking):
            each.allow(accounts)
        for each in (self.answers, self.lag):
            each.allow(operators)

    def waited(self, side: str, name: str) -> Callable[[float], None]:
        """Return what counts for how many seconds each answer of a peer was waited for."""
        return (self.answers if side == "operator" else self.taking).of(name).observe

    def render(self) -> bytes:
        """All metrics in Prometheus' text format; takes milliseconds, so call it in a thread."""
        return generate_latest(self._registry)

    def _counter(self, name: str, promise: str, **labels: Labels) -> Bounded[Counter]:
        counter = Counter(f"stopgate_{name}", promise, tuple(labels), registry=self._registry)
        return Bounded(counter, *labels.values())

    def _peer_counter(self, name: str, promise: str) -> Bounded[Counter]:
        counter = Counter(f"stopgate_{name}", promise, ("side", "name"), registry=self._registry)
        return Bounded(counter, Labels(SIDES), self._peers)

    def _histogram(self, name: str, promise: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"stopgate_{name}", promise, buckets=buckets, registry=self._registry)

    def _durations(
        self, name: str, promise: str, label: str, names: Collection[str], bounds: tuple[float, ...] = FAST
    ) -> Durations:
        durations = Durations(Kind(f"stopgate_{name}", promise, label), bounds, names, OTHER)
        self._registry.register(durations)
        return durations

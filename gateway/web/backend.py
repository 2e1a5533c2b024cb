"""What pages ask of the gateway that runs: whatever is not read from the configuration or, at leisure, from the store.

Pages live in a process of their own (:mod:`gateway.web.process`), so what is asked and answered can be pickled. A work
for a transaction is a function of a module, whose other arguments `functools.partial` holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import trio

from gateway.smpp import status
from gateway.submissions.askers import Answer, Call, Once
from gateway.submissions.submission import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.desk import Desk
    from gateway.operate import Operate
    from gateway.optout.importing import Report
    from gateway.optout.reviews import Ruling
    from gateway.rules.number import Number
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Store, Tx
    from gateway.store.clock import Seen
    from gateway.submissions.submission import Customer
    from gateway.submissions.submit import Submit

Result = TypeVar("Result")
Line = dict[str, Any]


class State(NamedTuple):
    """How operators, accounts and their binds are doing, a line each (:class:`gateway.operate.Operate`)."""

    operators: list[Line]
    accounts: list[Line]
    operator_binds: list[Line]
    account_binds: list[Line]


class Kept(NamedTuple):
    """What one process of pages tells another of a list that it takes in.

    Attributes:
        name: the list's.
        pid: the process.
        report: what it has come to, once it is over.
        failed: why it ended before that.
    """

    name: str
    pid: int
    report: Report | None = None
    failed: str = ""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.report is None and not self.failed


class Backend(Protocol):
    """The gateway, as pages see it."""

    def clock(self) -> int:
        """Return the present by the one clock of all nodes: milliseconds since 1970, UTC."""

    @property
    def seen(self) -> Seen | None:
        """What that clock showed last (:mod:`gateway.store.clock`)."""

    async def transact(self, work: Callable[[Tx], Result], /) -> Result:
        """Run ``work`` in a transaction and return its result once that is on disk.

        Raises:
            StoreError: it could not be kept.
        """

    async def submit(self, account: str, request: Pdu, now: int, once: Once | None = None) -> Answer:
        """Hand in a submit_sm at ``now``, in milliseconds since 1970: the same rules, the same spool as over SMPP.

        With ESME_ROK it is on disk. An account's limits on binds do not count here, its rate does; one that is
        suspended is refused with ESME_RBINDFAIL. With ``once`` it is acted on once, however often it comes: the answer
        is then the first one's.
        """

    async def opt_out(self, number: Number) -> None:
        """Opt a number out as :meth:`gateway.desk.Desk.opt_out` does, errors included."""

    async def decide(self, ruling: Ruling) -> int:
        """Decide about texts as :meth:`gateway.desk.Desk.decide` does, errors included."""

    async def usable(self, operators: list[str]) -> list[str]:
        """Return those of some operators that have a link at this moment, at whatever node."""

    async def state(self) -> State:
        """Return how operators, accounts and their binds are doing at this moment, at this node."""

    async def keep_import(self, account: str, kept: Kept) -> None:
        """Remember, also when the process of pages has ended, what becomes of an account's list."""

    async def kept_import(self, account: str) -> Kept | None:
        """Return what was remembered last of an account's list."""


class Engine:
    """The gateway itself.

    Args:
        store: where everything is kept.
        submit: takes messages.
        customers: the accounts, by name.
        desk: takes opt-outs and decisions.
        operate: tells how operators and binds are doing.
    """

    def __init__(
        self, store: Store, submit: Submit, customers: Mapping[str, Customer], desk: Desk, operate: Operate
    ) -> None:
        self._store = store
        self._submit = submit
        self._customers = customers
        self._operate = operate
        self._imports: dict[str, Kept] = {}
        self.clock = store.clock
        self.transact = store.transact
        self.opt_out = desk.opt_out
        self.decide = desk.decide

    @property
    def seen(self) -> Seen | None:
        """What the clock showed last (:attr:`Backend.seen`)."""
        return self._store.seen

    async def submit(self, account: str, request: Pdu, now: int, once: Once | None = None) -> Answer:
        """Hand in a submit_sm (:meth:`Backend.submit`)."""
        customer = self._customers.get(account)
        if customer is None:  # it has gone from the configuration while somebody typed
            return Answer(status.ESME_RSYSERR)
        if customer.suspended:
            return Answer(status.ESME_RBINDFAIL)
        answered = trio.Event()
        answers: list[Answer] = []

        def told(answer: Answer) -> None:
            answers.append(answer)
            answered.set()

        try:
            self._submit.call(customer, request, now, Call(told, once))
        except RefusedError as refused:
            return Answer(refused.status, reason=refused.reason)
        await answered.wait()
        return answers[0]

    async def usable(self, operators: list[str]) -> list[str]:
        """Return which operators have a link (:meth:`Backend.usable`)."""
        return list(filter(self._operate.reachable, operators))

    async def state(self) -> State:
        """Return how everything is doing (:meth:`Backend.state`)."""
        operate = self._operate
        lines = await operate.operators(), await operate.accounts()
        return State(*lines, await operate.operator_binds(), await operate.account_binds())

    async def keep_import(self, account: str, kept: Kept) -> None:
        """Remember an import (:meth:`Backend.keep_import`)."""
        self._imports[account] = kept

    async def kept_import(self, account: str) -> Kept | None:
        """Return which import was remembered (:meth:`Backend.kept_import`)."""
        return self._imports.get(account)

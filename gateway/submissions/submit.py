"""Intake of submissions: read on arrival, decided for a whole batch in one transaction, answered after the commit.

A submit_sm_resp with ESME_ROK means that the message, its segments and its contact are on disk. Whether the number has
opted out is looked up in the same transaction, so no submission slips past a STOP that is already committed.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import trio

from gateway.observe import log
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store.base import Batch, StoreFullError
from gateway.submissions import submission
from gateway.submissions.admission import Admission, explain
from gateway.submissions.askers import NOBODY, Answer
from gateway.submissions.judge import Judge
from gateway.submissions.repeats import Repeats
from gateway.submissions.submission import Clock, RefusedError
from gateway.submissions.switches import switched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.config.models import Config
    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.observe.metrics import Metrics
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import StoreError, Tx
    from gateway.submissions.askers import Asker, Call
    from gateway.submissions.many import Many
    from gateway.submissions.submission import Customer, Submitted

_log = log.get()

RANK = 20
_MOST_UNDECIDED = 5_000  # destinations of one account in memory; 6 MB
_AT_ONCE = 128  # submissions of one commit: enough to share its fsync, few enough to keep it short


class Admitted(NamedTuple):
    """What a batch led to: an answer for each item, rows for the lanes."""

    answers: list[Answer]
    placed: Placed


class Submit:
    """The intake of one process.

    Args:
        config: opt-out texts, routes, validity.
        lanes: where segments go.
        home: what tells an account of a message that ended at once.
        metrics: counts submissions by account and status.
    """

    def __init__(self, config: Config, lanes: Lanes, home: Homeward, metrics: Metrics) -> None:
        self.judge = Judge(config, lanes)
        self._set_times(config)
        self._lanes = lanes
        self._home = home
        self._metrics = metrics
        batch: Batch[Submitted] = Batch(self._work, self._done, self._failed, RANK, _AT_ONCE)
        self.batch = batch.in_turn(lambda item: item.customer.name)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on; called while no submission is decided."""
        self.judge.configure(config)
        self._set_times(config)

    def _set_times(self, config: Config) -> None:
        self._validity = int(config.delivery.validity * 1_000)
        self._patience = int(config.delivery.held_parts * 1_000)

    def offer(self, link: Asker, customer: Customer, pdu: Pdu, now: int) -> None:
        """Take in one submit_sm, data_sm or submit_multi; what is wrong with its form is answered at once.

        Args:
            link: where it came from.
            customer: who sent it.
            pdu: the request.
            now: milliseconds since 1970.
        """
        clock = Clock(now, self._validity, trio.current_time())
        try:
            if pdu.command == smpp.SUBMIT_MULTI:
                self._offer_many(link, customer, *submission.read_many(link, customer, pdu, clock))
            else:
                self.batch.put(submission.read(link, customer, pdu, clock))
        except RefusedError as refused:
            self._metrics.submitted(customer.name, refused.status)
            link.respond([(pdu, refused.status, b"")])

    def call(self, customer: Customer, pdu: Pdu, now: int, call: Call) -> None:
        """Take in one submit_sm that came over HTTP; ``call.told`` hears of what became of it.

        Raises:
            RefusedError: its form is not sound.
        """
        try:
            item = submission.read(NOBODY, customer, pdu, Clock(now, self._validity, trio.current_time()))
        except RefusedError as refused:
            self._metrics.submitted(customer.name, refused.status)
            raise
        self.batch.put(item._replace(call=call))

    def _offer_many(self, link: Asker, customer: Customer, many: Many, items: list[Submitted]) -> None:
        if customer.undecided > _MOST_UNDECIDED:
            raise RefusedError(status.ESME_RTHROTTLED)
        customer.undecided += len(items)
        for each in many.refused:
            self._metrics.submitted(customer.name, each.error_status_code)
        if many.decided:
            link.respond([(many.pdu, *many.response())])
        self.batch.put_all(items)

    # In the transaction

    def _work(self, tx: Tx, items: list[Submitted]) -> Admitted:
        for item in items:
            item.customer.refund(item.key)  # what an earlier run of this work took, which came to nothing
        items = switched(tx, items)
        repeats = Repeats(tx, items)
        admission = Admission(tx, self.judge, items, self._patience)
        answers = [repeats.answer(item) or repeats.keep(item, admission.admit(item)) for item in items]
        repeats.write()
        return Admitted(answers, admission.write(self._lanes, self._home))

    # After the commit

    def _done(self, items: list[Submitted], admitted: Admitted) -> None:
        for item in items:
            item.customer.keep(item.key)
        self._lanes.carry_on(admitted.placed)
        self._answer(zip(items, admitted.answers, strict=True))

    def _failed(self, items: list[Submitted], error: StoreError) -> None:
        for item in items:
            item.customer.refund(item.key)
        code = status.ESME_RMSGQFUL if isinstance(error, StoreFullError) else status.ESME_RSYSERR
        self._answer((item, Answer(code)) for item in items)

    def _answer(self, answered: Iterable[tuple[Submitted, Answer]]) -> None:
        by_link: dict[Asker, list[tuple[Pdu, int, bytes]]] = {}
        tally: Counter[tuple[str, int, str]] = Counter()
        explains = _log.is_enabled_for(logging.DEBUG)
        now = trio.current_time()
        for item, answer in answered:
            self._metrics.intake.of(item.customer.name).observe(now - item.received)
            if not answer.replayed:
                tally[item.customer.name, answer.status, answer.reason] += 1
            if explains and answer.reason:
                explain(item.customer.name, answer)
            if item.call is not None:
                item.call.told(answer)
                continue
            if item.many is None:
                body = b"%016x\x00" % answer.message if answer.status == status.ESME_ROK else b""
                by_link.setdefault(item.link, []).append((item.pdu, answer.status, body))
                continue
            item.customer.undecided -= 1
            if item.many.learn(item.fields, answer.status):
                by_link.setdefault(item.link, []).append((item.pdu, *item.many.response()))
        for link, responses in by_link.items():
            link.respond(responses)
        for (account, code, reason), count in tally.items():
            self._metrics.submitted(account, code, count)
            self._metrics.decided(account, reason, count)

"""Intake of submissions: read on arrival, decided for a whole batch in one transaction, answered after the commit.

A submit_sm_resp with ESME_ROK means that the message, its segments and its contact are on disk. Whether the number has
opted out is looked up in the same transaction, so no submission slips past a STOP that is already committed.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gateway import ruleset, submission
from gateway.bundles import Bundles
from gateway.homeward import wants_receipt
from gateway.outbound import References, message_row, segment_body
from gateway.rules.policy import Case, Forward, Kind, Refuse, Swallow, choose, decide
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store import alerts, blacklist, contacts, messages
from gateway.store.alerts import Wish
from gateway.store.base import Batch, StoreFullError
from gateway.store.ids import milliseconds
from gateway.store.messages import Finished, Message, Outcome
from gateway.store.spool import Spooled, operator_lane
from gateway.submission import Clock, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.bundles import Bundle
    from gateway.config import Config
    from gateway.homeward import Homeward
    from gateway.lanes import Lanes, Placed
    from gateway.link import Link
    from gateway.many import Many
    from gateway.metrics import Metrics
    from gateway.rules.policy import Verdict
    from gateway.rules.segment import Encoded
    from gateway.smpp.pdu import Pdu
    from gateway.smpp.udh import Concatenation
    from gateway.store.base import StoreError, Tx
    from gateway.submission import Customer, Submitted

RANK = 20
HELD = "held"  # the reason of a part that waits for the others of its message
_HIGHEST_PRIORITY = 3  # what is above it is reserved (SMPP 3.4 section 5.2.14)
_AT_ONCE = 128  # submissions of one commit: enough to share its fsync, few enough to keep it short


class Answer(NamedTuple):
    """What a submission is answered with: a message_id, or a status."""

    status: int
    message: int = 0


class Facts(NamedTuple):
    """What is known about a submission in its transaction: who carries it, and whether its number refuses it."""

    operator: str
    opted_out: bool


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
        self._mentions = ruleset.mentions(config.opt_out)
        self._routes = ruleset.routes(config)
        self._operators = config.operators
        self._alphabets = {name: ruleset.alphabet(each.default_alphabet) for name, each in config.operators.items()}
        self._validity = int(config.delivery.validity * 1_000)
        self.patience = int(config.delivery.held_parts * 1_000)
        self._lanes = lanes
        self._home = home
        self._metrics = metrics
        self._references = References()
        batch: Batch[Submitted] = Batch(self._work, self._done, self._failed, RANK, _AT_ONCE)
        self.batch = batch.in_turn(lambda item: item.customer.name)

    def offer(self, link: Link, customer: Customer, pdu: Pdu, now: int) -> None:
        """Take in one submit_sm, data_sm or submit_multi; what is wrong with its form is answered at once.

        Args:
            link: where it came from.
            customer: who sent it.
            pdu: the request.
            now: milliseconds since 1970.
        """
        clock = Clock(now, self._validity)
        try:
            if pdu.command == smpp.SUBMIT_MULTI:
                self._offer_many(link, customer, *submission.read_many(link, customer, pdu, clock))
            else:
                self.batch.put(submission.read(link, customer, pdu, clock))
        except RefusedError as refused:
            self._metrics.submitted(customer.name, refused.status)
            link.respond([(pdu, refused.status, b"")])

    def _offer_many(self, link: Link, customer: Customer, many: Many, items: list[Submitted]) -> None:
        for each in many.refused:
            self._metrics.submitted(customer.name, each.error_status_code)
        if many.decided:
            link.respond([(many.pdu, *many.response())])
        self.batch.put_all(items)

    # In the transaction

    def _work(self, tx: Tx, items: list[Submitted]) -> Admitted:
        admission = _Admission(tx, self, items)
        answers = [admission.admit(item) for item in items]
        return Admitted(answers, admission.write(self._lanes, self._home))

    def verdict(self, item: Submitted, facts: Facts, seed: int) -> Verdict:
        """Decide one submission; ``seed`` numbers the first long message to a destination."""
        references = partial(self._references.next, item.submission.destination.key, seed)
        alphabet = self._alphabets[facts.operator]
        case = Case(item.customer.profile, item.submission, facts.opted_out, alphabet)
        return decide(case, self._mentions, references)

    def usable(self) -> list[str]:
        """Return the operators that have a link at this moment, at whatever node."""
        return [name for name in self._operators if self._lanes.reachable(operator_lane(name))]

    def operator_for(self, number: str, usable: list[str]) -> str | None:
        """Return the operator for ``number``: the first of its route that is usable, else the first."""
        return next(iter(choose(number, self._routes, usable)), None)

    def segments(self, tx: Tx, item: Submitted, message: Message, sent: tuple[str, Sequence[Encoded]]) -> list[Spooled]:
        """Return the rows of a message whose parts an operator is to be ``sent``."""
        operator, parts = sent
        asks = int(self._operators[operator].receipts or wants_receipt(message.registered))
        lane = operator_lane(operator)
        return [
            Spooled(
                tx.new_id(),
                lane,
                message.id,
                message.number,
                smpp.SUBMIT_SM,
                segment_body(item, part, asks),
                item.due,
                item.expires,
                account=item.customer.name,
                priority=min(item.fields["priority_flag"], _HIGHEST_PRIORITY),
            )
            for part in parts
        ]

    # After the commit

    def _done(self, items: list[Submitted], admitted: Admitted) -> None:
        self._lanes.carry_on(admitted.placed)
        self._answer(zip(items, admitted.answers, strict=True))

    def _failed(self, items: list[Submitted], error: StoreError) -> None:
        code = status.ESME_RMSGQFUL if isinstance(error, StoreFullError) else status.ESME_RSYSERR
        self._answer((item, Answer(code)) for item in items)

    def _answer(self, answered: Iterable[tuple[Submitted, Answer]]) -> None:
        by_link: dict[Link, list[tuple[Pdu, int, bytes]]] = {}
        tally: Counter[tuple[str, int]] = Counter()
        for item, answer in answered:
            tally[item.customer.name, answer.status] += 1
            if item.many is None:
                body = b"%016x\x00" % answer.message if answer.status == status.ESME_ROK else b""
                by_link.setdefault(item.link, []).append((item.pdu, answer.status, body))
            elif item.many.learn(item.fields, answer.status):
                by_link.setdefault(item.link, []).append((item.pdu, *item.many.response()))
        for link, responses in by_link.items():
            link.respond(responses)
        for (account, code), count in tally.items():
            self._metrics.submitted(account, code, count)


def opted_out(refusals: blacklist.Entries, item: Submitted) -> bool:
    """Say whether the number of a submission refuses it, by the opt-outs looked up."""
    profile = item.customer.profile
    return blacklist.refuses(
        refusals, item.submission.destination.key, profile.account, marketing=profile.kind is Kind.MARKETING
    )


class _Admission:
    """The admission of one batch: facts first, then a verdict for each item, then all rows at once."""

    def __init__(self, tx: Tx, submit: Submit, items: list[Submitted]) -> None:
        self._tx = tx
        self._submit = submit
        numbers = {item.submission.destination.key for item in items}
        tx.lock(numbers, shared=True)  # so that no STOP is committed between this look and our commit
        self._refusals = blacklist.lookup(tx, numbers)
        self._usable = submit.usable()
        self._messages: list[Message] = []
        self._contacts: dict[tuple[str, str, str], None] = {}
        self._rows: list[Spooled] = []
        self._ended: list[Finished] = []
        self._alerts: list[Wish] = []
        self._bundles = Bundles(tx, items, submit.patience)
        self._joins: list[tuple[int, int, str, int]] = []
        self._outcomes: list[Outcome] = []

    def admit(self, item: Submitted) -> Answer:
        """Decide one submission and collect its rows."""
        operator = self._submit.operator_for(item.submission.destination.key, self._usable)
        if operator is None:
            return Answer(status.ESME_RINVDSTADR)
        identifier = self._tx.new_id()
        facts = Facts(operator, bool(self._refusals) and opted_out(self._refusals, item))
        if item.place and not facts.opted_out:
            return self._admit_part(item, item.place, identifier, facts)
        verdict = self._submit.verdict(item, facts, milliseconds(identifier))
        if isinstance(verdict, Refuse):
            return Answer(verdict.status)
        if isinstance(verdict, Swallow):
            message = message_row(self._tx, item, identifier, (verdict.reason, 0))._replace(state=messages.REJECTED)
            self._messages.append(message)
            self._ended.append(Finished(message, messages.REJECTED, "000"))
            return Answer(status.ESME_ROK, identifier)
        if not item.customer.take(len(verdict.parts), self._tx.now / 1_000):
            return Answer(status.ESME_RTHROTTLED)
        message = message_row(self._tx, item, identifier, (verdict.reason, len(verdict.parts)))
        self._messages.append(message)
        self._forward(item, message, operator, verdict)
        return Answer(status.ESME_ROK, identifier)

    def _admit_part(self, item: Submitted, place: Concatenation, identifier: int, facts: Facts) -> Answer:
        """Keep one part of a message, which is decided when this is the last one that was missing."""
        if not item.customer.take(1, self._tx.now / 1_000):
            return Answer(status.ESME_RTHROTTLED)
        bundle = self._bundles.take(item, place, identifier)
        message = message_row(self._tx, item, identifier, (HELD, 0))
        if not bundle.complete:
            self._messages.append(message)
            return Answer(status.ESME_ROK, identifier)
        whole = bundle.whole(item)
        verdict = self._submit.verdict(whole, facts, milliseconds(identifier))
        if isinstance(verdict, Forward):
            self._messages.append(message)
            self._join(bundle, whole, facts.operator, verdict)
            return Answer(status.ESME_ROK, identifier)
        code = verdict.status if isinstance(verdict, Refuse) else status.OPTED_OUT
        others = [part.id for part in bundle.everything if part.id != identifier]
        self._outcomes += [Outcome(part, messages.REJECTED, f"{code:03X}", final=True) for part in others]
        return Answer(code)

    def _join(self, bundle: Bundle, whole: Submitted, operator: str, verdict: Forward) -> None:
        """Send the parts of a message as the one that it is; each part ends as that does."""
        joined, segments = bundle.joined, len(verdict.parts)
        for part in bundle.everything:
            self._joins.append((part.id, joined, verdict.reason, segments if part.id == joined else 0))
        self._forward(whole, message_row(self._tx, whole, joined, (verdict.reason, segments)), operator, verdict)

    def _forward(self, item: Submitted, message: Message, operator: str, verdict: Forward) -> None:
        number = message.number
        if verdict.code:
            self._contacts[number, verdict.code, item.customer.name] = None
        if item.pdu.tlvs and item.pdu.tlv_int(smpp.Tag.set_dpf):
            self._alerts.append(
                Wish(number, message.account, message.source_ton, message.source_npi, message.source_addr)
            )
        self._rows += self._submit.segments(self._tx, item, message, (operator, verdict.parts))

    def write(self, lanes: Lanes, home: Homeward) -> Placed:
        """Write everything that was collected."""
        messages.add(self._tx, self._messages)
        messages.join(self._tx, self._joins)
        self._bundles.write()
        self._ended += messages.settle(self._tx, self._outcomes)
        contacts.touch(self._tx, list(self._contacts))
        alerts.ask(self._tx, self._alerts)
        return lanes.place(self._tx, self._rows + home.receipts(self._tx, self._ended))

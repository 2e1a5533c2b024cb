"""The admission of one batch of submissions: facts first, then a verdict for each, then all rows at once.

All of it happens in one transaction, in which it is looked up what each number refuses: no submission slips past a STOP
that is already committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.observe import log
from gateway.optout.refusals import refusal
from gateway.rules.policy import Forward, Kind, Refuse, Swallow
from gateway.rules.reason import Reason
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store import alerts, blacklist, contacts, messages, reviews
from gateway.store.alerts import Wish
from gateway.store.balances import Purse
from gateway.store.ids import milliseconds, wire
from gateway.store.messages import Message, Outcome
from gateway.submissions.askers import Answer
from gateway.submissions.bundles import Bundles
from gateway.submissions.judge import Facts, opted_out
from gateway.submissions.outbound import message_row

if TYPE_CHECKING:
    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.smpp.udh import Concatenation
    from gateway.store.base import Tx
    from gateway.store.spool import Spooled
    from gateway.submissions.bundles import Bundle
    from gateway.submissions.judge import Judge
    from gateway.submissions.submission import Submitted


_log = log.get()


def explain(account: str, answer: Answer) -> None:
    """Log why something became what it became; neither text nor number, only our id."""
    message, code = wire(answer.message) if answer.message else None, status.name(answer.status)
    _log.debug("decided", account=account, message_id=message, reason=str(answer.reason), status=code)


class Admission:
    """The admission of one batch: facts first, then a verdict for each item, then all rows at once."""

    def __init__(self, tx: Tx, judge: Judge, items: list[Submitted], patience: int) -> None:
        self._tx = tx
        self._judge = judge
        numbers = {item.submission.destination.key for item in items}
        tx.lock(numbers, shared=True)  # so that no STOP is committed between this look and our commit
        self._refusals = blacklist.lookup(tx, numbers)
        self._pending = reviews.lookup(tx, numbers)
        self._usable = judge.usable()
        self._purse = Purse(tx, {item.customer.name for item in items if item.customer.account.credits})
        self._messages: list[Message] = []
        self._contacts: dict[tuple[str, str, str], None] = {}
        self._rows: list[Spooled] = []
        self._alerts: list[Wish] = []
        self._bundles = Bundles(tx, items, patience)
        self._joins: list[tuple[int, int, str, int, int]] = []
        self._outcomes: list[Outcome] = []
        self._waiting: list[Message] = []

    def admit(self, item: Submitted) -> Answer:
        """Decide one submission and collect its rows."""
        operator = self._judge.operator_for(item.customer.name, item.submission.destination.key, self._usable)
        if operator is None:
            return Answer(status.ESME_RINVDSTADR, reason=Reason.NO_ROUTE)
        identifier = self._tx.new_id()
        refused = bool(self._refusals) and opted_out(self._refusals, item)
        facts = Facts(operator, refused, self._tx.now, milliseconds(identifier))
        if item.place and not refused:
            return self._admit_part(item, item.place, identifier, facts)
        verdict, timed = self._judge.decide(item, facts)
        if isinstance(verdict, Refuse):
            return Answer(verdict.status, reason=verdict.reason)
        if isinstance(verdict, Swallow):
            message = message_row(self._tx, item, identifier, (verdict.reason, 0))
            self._messages.append(message)
            self._outcomes.append(refusal(identifier))
        elif not self._purse.covers(item.customer.name, verdict.segments):
            return Answer(status.NO_CREDIT, reason=Reason.NO_CREDIT)
        elif item.customer.charge(item.key, verdict.segments, self._tx.now / 1_000):
            price = self._purse.spend(item.customer.name, verdict.segments)
            message = message_row(self._tx, item, identifier, (verdict.reason, len(verdict.parts)))
            message = message._replace(price=price)
            self._messages.append(message)
            self._forward(timed, message, operator, verdict)
        else:
            return Answer(status.ESME_RTHROTTLED, reason=Reason.THROTTLED)
        return Answer(status.ESME_ROK, identifier, verdict.reason, message.segments)

    def _admit_part(self, item: Submitted, place: Concatenation, identifier: int, facts: Facts) -> Answer:
        """Keep one part of a message, which is decided when this is the last one that was missing."""
        if not self._bundles.has_room(item, place) or not item.customer.charge(item.key, 1, self._tx.now / 1_000):
            return Answer(status.ESME_RTHROTTLED, reason=Reason.THROTTLED)
        bundle, reason = self._bundles.take(item, place, identifier), Reason.HELD
        if bundle.complete:
            verdict, whole = self._judge.decide(bundle.whole(item), facts)
            if isinstance(verdict, Forward) and not self._purse.covers(item.customer.name, verdict.segments):
                verdict = Refuse(status.NO_CREDIT, Reason.NO_CREDIT)
            if not isinstance(verdict, Forward):
                return self._refuse_bundle(bundle, identifier, verdict)
            self._join(bundle, whole, facts.operator, verdict)
            reason = verdict.reason
        self._messages.append(message_row(self._tx, item, identifier, (Reason.HELD, 0)))
        return Answer(status.ESME_ROK, identifier, reason)

    def _refuse_bundle(self, bundle: Bundle, last: int, verdict: Refuse | Swallow) -> Answer:
        """Refuse the part that came last; the others, which were accepted, end with the same status."""
        code = verdict.status if isinstance(verdict, Refuse) else status.OPTED_OUT
        others = [part.id for part in bundle.everything if part.id != last]
        self._joins += [(part, 0, verdict.reason, 0, 0) for part in others]
        self._outcomes += [Outcome(part, messages.REJECTED, f"{code:03X}", final=True) for part in others]
        return Answer(code, reason=verdict.reason)

    def _join(self, bundle: Bundle, whole: Submitted, operator: str, verdict: Forward) -> None:
        """Send the parts of a message as the one that it is; each part ends as that does."""
        joined, segments = bundle.joined, len(verdict.parts)
        price = self._purse.spend(whole.customer.name, verdict.segments)
        for part in bundle.everything:
            stands = part.id == joined
            self._joins.append((part.id, joined, verdict.reason, segments * stands, price * stands))
        self._forward(whole, message_row(self._tx, whole, joined, (verdict.reason, segments)), operator, verdict)

    def _forward(self, item: Submitted, message: Message, operator: str, verdict: Forward) -> None:
        number = message.number
        if self._pending:
            item = self._held_back(item)
        if item.due:
            self._waiting.append(message)
        if verdict.code:
            self._contacts[number, verdict.code, item.customer.name] = None
        if item.pdu.tlvs and item.pdu.tlv_int(smpp.Tag.set_dpf):
            self._alerts.append(
                Wish(number, message.account, message.source_ton, message.source_npi, message.source_addr)
            )
        self._rows += self._judge.segments(self._tx, item, message, (operator, verdict.parts))

    def _held_back(self, item: Submitted) -> Submitted:
        """Let marketing wait for who reads the number's text; what is due later is looked at then."""
        if item.customer.profile.kind is not Kind.MARKETING:
            return item
        until = reviews.held_until(self._pending, item.submission.destination.key, item.customer.name)
        return item._replace(due=until) if until and item.due <= self._tx.now else item

    def write(self, lanes: Lanes, home: Homeward) -> Placed:
        """Write everything that was collected."""
        messages.add(self._tx, self._messages)
        messages.join(self._tx, self._joins)
        self._bundles.write()
        ended = messages.settle(self._tx, self._outcomes)
        contacts.touch(self._tx, list(self._contacts))
        self._purse.write()
        alerts.ask(self._tx, self._alerts)
        told = home.receipts(self._tx, ended) + home.news(self._tx, self._waiting)
        return lanes.place(self._tx, self._rows + told)

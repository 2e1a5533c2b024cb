"""Requests about messages submitted before: query_sm, cancel_sm, replace_sm (SMPP 3.4 sections 4.8 to 4.10).

A message can be cancelled or replaced while all of its segments wait in the spool. So it goes in two rounds. The first
looks: which messages of the account are meant? After it, what this node holds of them in memory and has not sent is
given back to the spool, in one look at each lane for all requests of the round. The second round, in which these rows
wait already, acts, before any lane claims rows in it: so whatever has not been sent is in reach. Parts of a message
that the app had cut are cancelled one by one while they wait for the others, and together once they are joined; they
cannot be replaced. What is on its way, or in the hands of another node, is out of reach: ESME_RCANCELFAIL or
ESME_RREPLACEFAIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.times import write_time
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store import messages
from gateway.store.base import Batch, StoreFullError
from gateway.store.ids import unwire
from gateway.submissions import submission
from gateway.submissions.action import Action, Asked, Order, is_own
from gateway.submissions.admission import explain
from gateway.submissions.replace import Change
from gateway.submissions.submission import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.observe.metrics import Metrics
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import StoreError, Tx
    from gateway.store.messages import Known
    from gateway.submissions.askers import Answer, Asker
    from gateway.submissions.replace import Replace
    from gateway.submissions.submission import Customer

_RANK_LOOK, _RANK_ACT = 25, 15  # given back (10), acted on, claimed by lanes (17), looked for in their memory
_AT_ONCE = 128
_MOST_ERROR = 255


class Acted(NamedTuple):
    """What a round led to.

    For each order its status, or the request as it is to be looked at again; what was decided about new texts, by
    account; and rows for the lanes.
    """

    ends: list[int | Asked]
    decided: list[tuple[str, Answer]]
    placed: Placed


class Manage:
    """The intake of one process.

    Args:
        replace: gives messages another text.
        lanes: what holds segments in memory.
        home: tells accounts of messages that ended.
        metrics: counts requests by account, command and status.
    """

    def __init__(self, replace: Replace, lanes: Lanes, home: Homeward, metrics: Metrics) -> None:
        self._replace = replace
        self._lanes = lanes
        self._home = home
        self._metrics = metrics
        self.looking: Batch[Asked] = Batch(self._look, self._looked, self._failed_to_look, _RANK_LOOK, _AT_ONCE)
        self.acting: Batch[Order] = Batch(self._act, self._acted, self._failed_to_act, _RANK_ACT, _AT_ONCE)

    def offer(self, link: Asker, customer: Customer, pdu: Pdu, now: int) -> None:
        """Take in one request; what is wrong with its form is answered at once."""
        try:
            self.looking.put(_read(link, customer, pdu, now))
        except RefusedError as refused:
            self._answer(Asked(link, pdu, customer, 0), refused.status)

    # First round: what is meant?

    def _look(self, tx: Tx, items: list[Asked]) -> list[list[Known]]:
        known = messages.known_as(tx, {each.identifier for each in items if each.identifier})
        return [[each for each in known.get(item.identifier, ()) if is_own(item, each.message)] for item in items]

    def _looked(self, items: list[Asked], found: list[list[Known]]) -> None:
        orders: list[Order] = []
        for asked, known in zip(items, found, strict=True):
            if asked.identifier and not known:
                self._answer(asked, status.ESME_RINVMSGID)
            elif asked.pdu.command == smpp.QUERY_SM:
                self._answer(asked, status.ESME_ROK, _state(asked.pdu, known))
            else:
                orders.append(Order(asked, sorted({each.message.joined or each.message.id for each in known})))
        if orders:
            addressed = {(each.asked.customer.name, each.asked.number) for each in orders if each.asked.number}
            self._lanes.withdraw({each for order in orders for each in order.messages}, addressed)
            self.acting.put_all(orders)

    def _failed_to_look(self, items: list[Asked], error: StoreError) -> None:
        for each in items:
            self._answer(each, _code_of(error))

    # Second round: act

    def _act(self, tx: Tx, orders: list[Order]) -> Acted:
        action = Action(tx, orders)
        ends = [action.obey(order, self._replace) for order in action.orders]
        return Acted(ends, action.decided, action.write(self._lanes, self._home))

    def _acted(self, orders: list[Order], acted: Acted) -> None:
        self._lanes.carry_on(acted.placed)
        for order, end in zip(orders, acted.ends, strict=True):
            if isinstance(end, int):
                self._answer(order.asked, end)
            else:
                self.looking.put(end)
        for account, answer in acted.decided:
            self._metrics.decided(account, answer.reason)
            explain(account, answer)

    def _failed_to_act(self, orders: list[Order], error: StoreError) -> None:
        for order in orders:
            self._answer(order.asked, _code_of(error))

    def _answer(self, asked: Asked, code: int, body: bytes = b"") -> None:
        self._metrics.managed(asked.customer.name, smpp.NAMES[asked.pdu.command], code)
        asked.link.respond([(asked.pdu, code, body)])


def _read(link: Asker, customer: Customer, pdu: Pdu, now: int) -> Asked:
    code = smpp.check(pdu)
    if code:
        raise RefusedError(code)
    if pdu.command == smpp.CANCEL_SM and not pdu.fields["message_id"]:
        return Asked(link, pdu, customer, 0, submission.destination(pdu.fields).key)
    identifier = unwire(pdu.fields["message_id"].lower())
    if not identifier:
        raise RefusedError(status.ESME_RINVMSGID)
    change = Change.read(link, pdu, now) if pdu.command == smpp.REPLACE_SM else None
    named = pdu.command == smpp.CANCEL_SM and pdu.fields["destination_addr"]
    towards = submission.destination(pdu.fields).key if named else ""
    return Asked(link, pdu, customer, identifier, change=change, towards=towards)


def _state(pdu: Pdu, known: Iterable[Known]) -> bytes:
    state, error, done = messages.overall(list(known))
    fields = {
        "message_id": pdu.fields["message_id"],
        "final_date": write_time(done) if done else "",
        "message_state": state,
        "error_code": _error_code(error),
    }
    return smpp.encode_body(smpp.QUERY_SM | smpp.RESPONSE, fields)


def _error_code(error: str) -> int:
    """Return what a receipt says in ``err`` as one octet; what is no such number is 255."""
    if not error:
        return 0
    return min(int(error), _MOST_ERROR) if error.isascii() and error.isdecimal() else _MOST_ERROR


def _code_of(error: StoreError) -> int:
    return status.ESME_RMSGQFUL if isinstance(error, StoreFullError) else status.ESME_RSYSERR

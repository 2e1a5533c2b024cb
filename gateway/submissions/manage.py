"""Requests about messages submitted before: query_sm, cancel_sm, replace_sm (SMPP 3.4 sections 4.8 to 4.10).

A message can be cancelled or replaced while all of its segments wait in the spool. So it goes in two rounds. The first
looks: which messages of the account are meant? After it, what this node holds of them in memory and has not sent is
given back to the spool, in one look at each lane for all requests of the round. The second round, in which these rows
wait already, acts. Parts of a message that the app had cut are cancelled one by one while they wait for the others, and
together once they are joined; they cannot be replaced. What is on its way, or in the hands of another node, is out of
reach: ESME_RCANCELFAIL or ESME_RREPLACEFAIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.times import write_time
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store import held, messages, spool
from gateway.store.base import Batch, StoreFullError
from gateway.store.ids import unwire
from gateway.store.messages import ENROUTE, Outcome
from gateway.submissions import submission
from gateway.submissions.admission import explain
from gateway.submissions.askers import Answer
from gateway.submissions.replace import Change, Replaced
from gateway.submissions.submission import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.observe.metrics import Metrics
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import StoreError, Tx
    from gateway.store.messages import Known, Message
    from gateway.submissions.askers import Asker
    from gateway.submissions.replace import Replace
    from gateway.submissions.submission import Customer

_RANK_LOOK, _RANK_ACT = 25, 15  # what is given back waits before anybody acts (settle's rank is lower)
_AT_ONCE = 128
_MOST_ERROR = 255
_FAILED = {smpp.CANCEL_SM: status.ESME_RCANCELFAIL, smpp.REPLACE_SM: status.ESME_RREPLACEFAIL}


class Asked(NamedTuple):
    """One request whose form is sound: about the messages under an id, or (``identifier`` 0) those to a number."""

    link: Asker
    pdu: Pdu
    customer: Customer
    identifier: int
    number: str = ""
    change: Change | None = None
    towards: str = ""  # the number that a cancel_sm with an id names beside it


class Order(NamedTuple):
    """A request to cancel or replace, and the messages that it means where they are known already."""

    asked: Asked
    messages: list[int]


class Acted(NamedTuple):
    """What a round led to.

    A status for each order (None: it is to be looked at again); what was decided about new texts, by account; and rows
    for the lanes.
    """

    codes: list[int | None]
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
        return [[each for each in known.get(item.identifier, ()) if _is_own(item, each.message)] for item in items]

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
        action = _Action(tx, orders)
        codes = [action.obey(order, self._replace) for order in orders]
        return Acted(codes, action.decided, action.write(self._lanes, self._home))

    def _acted(self, orders: list[Order], acted: Acted) -> None:
        self._lanes.carry_on(acted.placed)
        for order, code in zip(orders, acted.codes, strict=True):
            if code is None:
                self.looking.put(order.asked)
            else:
                self._answer(order.asked, code)
        for account, answer in acted.decided:
            self._metrics.decided(account, answer.reason)
            explain(account, answer)

    def _failed_to_act(self, orders: list[Order], error: StoreError) -> None:
        for order in orders:
            self._answer(order.asked, _code_of(error))

    def _answer(self, asked: Asked, code: int, body: bytes = b"") -> None:
        self._metrics.managed(asked.customer.name, smpp.NAMES[asked.pdu.command], code)
        asked.link.respond([(asked.pdu, code, body)])


class _Action:
    """What the orders of one round change."""

    def __init__(self, tx: Tx, orders: list[Order]) -> None:
        self._tx = tx
        numbers = {each.asked.number for each in orders if each.asked.number}
        meant = set(spool.messages_to(tx, numbers)) | held.messages_to(tx, numbers)
        meant.update(*(order.messages for order in orders))
        self._rows = spool.waiting_of(tx, meant)
        self._parts = held.bodies(tx, meant)  # of messages that the apps cut, and which are not complete
        self._messages = messages.get(tx, meant)
        self._cancelled: set[int] = set()
        self._replaced: list[Replaced] = []
        self.decided: list[tuple[str, Answer]] = []

    def obey(self, order: Order, replace: Replace) -> int | None:
        """Carry out one order; returns its status, None where an earlier one of this round has to be seen first."""
        meant = [self._messages[each] for each in order.messages if each in self._messages]
        meant = meant or self._addressed(order.asked)
        if not self._touched().isdisjoint(message.id for message in meant):
            return None
        waiting = [message for message in meant if self._is_whole(message)]
        change = order.asked.change
        if not waiting or (change and (len(waiting) < len(meant) or any(map(self._is_cut, meant)))):
            return _FAILED[order.asked.pdu.command]
        if change is None:
            self._cancelled.update(message.id for message in waiting)
            return status.ESME_ROK
        written = [(message, self._rows[message.id]) for message in waiting]
        try:
            replaced = replace.write(self._tx, order.asked.customer, change, written)
        except RefusedError as refused:
            answer = Answer(refused.status, order.asked.identifier, refused.reason)
            self.decided.append((order.asked.customer.name, answer))
            return refused.status
        answers = [Answer(status.ESME_ROK, each.message.id, each.message.reason) for each in replaced]
        self.decided += [(order.asked.customer.name, answer) for answer in answers]
        self._replaced += replaced
        return status.ESME_ROK

    def _touched(self) -> set[int]:
        return self._cancelled.union(each.message.id for each in self._replaced)

    def _is_whole(self, message: Message) -> bool:
        """Say whether nothing of a message has been sent: all of its segments wait."""
        rows = self._rows.get(message.id, ())
        here = message.id in self._parts or len(rows) == message.open == message.segments > 0
        return message.state == ENROUTE and here

    def _is_cut(self, message: Message) -> bool:
        """Say whether the app had cut a message into parts."""
        return bool(message.joined) or message.id in self._parts

    def _addressed(self, asked: Asked) -> list[Message]:
        """Return the waiting messages that a cancel_sm without an id means."""
        return [
            message
            for message in self._messages.values()
            if message.number == asked.number and _is_own(asked, message) and self._serves(asked, message)
        ]

    def _serves(self, asked: Asked, message: Message) -> bool:
        wanted = asked.pdu.fields["service_type"]
        bodies = [row.body for row in self._rows.get(message.id, ())] or [self._parts.get(message.id, b"")]
        return not wanted or all(_service_type(body) == wanted for body in bodies)

    def write(self, lanes: Lanes, home: Homeward) -> Placed:
        """Write everything that was collected."""
        spool.remove_message(self._tx, self._touched())
        held.remove(self._tx, self._touched())
        messages.rewrite(self._tx, [each.message for each in self._replaced])
        ended = [Outcome(each, messages.DELETED, final=True) for each in sorted(self._cancelled)]
        rows = [row for each in self._replaced for row in each.rows]
        return lanes.place(self._tx, rows + home.receipts(self._tx, messages.settle(self._tx, ended)))


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


def _is_own(asked: Asked, message: Message) -> bool:
    """Say whether a message is the account's, and from and (where the request names one) to the address in question."""
    own = message.account == asked.customer.name and message.source_addr == asked.pdu.fields["source_addr"]
    return own and asked.towards in ("", message.number)


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


def _service_type(body: bytes) -> str:
    return body.partition(b"\0")[0].decode("latin-1")  # a submit_sm begins with it


def _code_of(error: StoreError) -> int:
    return status.ESME_RMSGQFUL if isinstance(error, StoreFullError) else status.ESME_RSYSERR

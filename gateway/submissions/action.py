"""What requests to cancel or replace messages (SMPP 3.4 sections 4.9 and 4.10) change in one round.

An id means the messages under it. Addresses mean whatever of the account waits for a number, which may be any number of
messages: so a round looks at a page of them, found without a look at what others have there, and the request comes
back for the next one. Between two pages a lane may take rows into memory that were in neither; so what took several
pages is gone through anew until nothing is found. Messages that come meanwhile are not meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.smpp import status
from gateway.store import held, messages, spool, waiting
from gateway.store.messages import ENROUTE, Outcome
from gateway.submissions.askers import Answer
from gateway.submissions.submission import RefusedError

if TYPE_CHECKING:
    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Tx
    from gateway.store.messages import Message
    from gateway.submissions.askers import Asker
    from gateway.submissions.replace import Change, Replace, Replaced
    from gateway.submissions.submission import Customer

_SERVICE_TYPE = 6  # octets of service_type, with which a submit_sm begins; all that is read of bodies to cancel them
_PAGE = 1_000  # messages that the requests of one round by addresses look at; they go on in the next one


class Asked(NamedTuple):
    """One request whose form is sound: about the messages under an id, or (``identifier`` 0) those to a number."""

    link: Asker
    pdu: Pdu
    customer: Customer
    identifier: int
    number: str = ""
    change: Change | None = None
    towards: str = ""  # the number that a cancel_sm with an id names beside it
    seen: int = 0  # of those to a number: up to which message they have been gone through
    newest: int = 0  # and up to which they are meant; 0: not known yet
    cancelled: bool = False  # whether any of them has been
    anew: bool = False  # whether any has been since they were last gone through from the first one on


class Order(NamedTuple):
    """A request to cancel or replace, and the messages that it means where they are known already.

    ``rest``: the same about those to its number that come after these; None where there are none.
    """

    asked: Asked
    messages: list[int]
    rest: Asked | None = None


class Action:
    """What the orders of one round change.

    Args:
        tx: the transaction.
        orders: what is asked for.

    Attributes:
        orders: the same, with the messages that are meant now.
        decided: what was decided about new texts, by account.
    """

    def __init__(self, tx: Tx, orders: list[Order]) -> None:
        self._tx = tx
        self.orders = orders = _paged(tx, orders)
        meant = {each for order in orders for each in order.messages}
        changed = {each for order in orders if order.asked.change for each in order.messages}
        self._rows = waiting.segments_of(tx, changed)
        self._segments = waiting.beginnings(tx, meant, _SERVICE_TYPE)
        self._parts = held.beginnings(tx, meant, _SERVICE_TYPE)  # of messages that apps cut, and which are not complete
        self._messages = messages.get(tx, meant)
        self._cancelled: set[int] = set()
        self._replaced: list[Replaced] = []
        self._touched: set[int] = set()  # both
        self.decided: list[tuple[str, Answer]] = []

    def obey(self, order: Order, replace: Replace) -> int | Asked:
        """Carry out one order.

        Returns its status; the request, where an earlier one of this round has to be seen first; or what is left of it.
        """
        asked = order.asked
        known = (self._messages[each] for each in order.messages if each in self._messages)
        meant = [each for each in known if not asked.number or self._is_meant(asked, each)]
        if not self._touched.isdisjoint(message.id for message in meant):
            return asked
        whole = [message for message in meant if self._is_whole(message)]
        if asked.change is None:
            return self._cancel(order, whole)
        if not whole or len(whole) < len(meant) or any(map(self._is_cut, meant)):
            return status.ESME_RREPLACEFAIL
        return self._rewrite(asked, asked.change, whole, replace)

    def _cancel(self, order: Order, whole: list[Message]) -> int | Asked:
        self._cancelled.update(message.id for message in whole)
        self._touched.update(message.id for message in whole)
        asked = order.asked._replace(cancelled=order.asked.cancelled or bool(whole))
        anew = order.asked.anew or bool(whole)
        if order.rest is not None:
            return order.rest._replace(cancelled=asked.cancelled, anew=anew)
        if asked.newest and anew:  # what a lane took into memory between two pages was in neither
            return asked._replace(seen=0, anew=False)
        return status.ESME_ROK if asked.cancelled else status.ESME_RCANCELFAIL

    def _rewrite(self, asked: Asked, change: Change, whole: list[Message], replace: Replace) -> int:
        written = [(message, self._rows[message.id]) for message in whole]
        try:
            replaced = replace.write(self._tx, asked.customer, change, written)
        except RefusedError as refused:
            answer = Answer(refused.status, asked.identifier, refused.reason)
            self.decided.append((asked.customer.name, answer))
            return refused.status
        answers = [Answer(status.ESME_ROK, each.message.id, each.message.reason) for each in replaced]
        self.decided += [(asked.customer.name, answer) for answer in answers]
        self._replaced += replaced
        self._touched.update(each.message.id for each in replaced)
        return status.ESME_ROK

    def _is_whole(self, message: Message) -> bool:
        """Say whether nothing of a message has been sent: all of its segments wait."""
        segments = self._segments.get(message.id, ())
        here = message.id in self._parts or len(segments) == message.open == message.segments > 0
        return message.state == ENROUTE and here

    def _is_cut(self, message: Message) -> bool:
        """Say whether the app had cut a message into parts."""
        return bool(message.joined) or message.id in self._parts

    def _is_meant(self, asked: Asked, message: Message) -> bool:
        """Say whether a cancel_sm without an id means a message to its number: by its source, and its service_type."""
        wanted = asked.pdu.fields["service_type"]
        bodies = self._segments.get(message.id) or [self._parts.get(message.id, b"")]
        return is_own(asked, message) and (not wanted or all(_service_type(body) == wanted for body in bodies))

    def write(self, lanes: Lanes, home: Homeward) -> Placed:
        """Write everything that was collected."""
        spool.remove_message(self._tx, self._touched)
        held.remove(self._tx, self._touched)
        messages.rewrite(self._tx, [each.message for each in self._replaced])
        ended = [Outcome(each, messages.DELETED, final=True) for each in sorted(self._cancelled)]
        rows = [row for each in self._replaced for row in each.rows]
        return lanes.place(self._tx, rows + home.receipts(self._tx, messages.settle(self._tx, ended)))


def _paged(tx: Tx, orders: list[Order]) -> list[Order]:
    """Return orders with the messages that those by addresses mean, first come, first served, as far as a page goes."""
    room, found = _PAGE, []
    for order in orders:
        found.append(_addressed(tx, order.asked, room) if order.asked.number else order)
        room -= len(found[-1].messages) if order.asked.number else 0
    return found


def _addressed(tx: Tx, asked: Asked, most: int) -> Order:
    """Return an order about the next ``most`` messages of which something waits for the number of a request."""
    if not most:
        return Order(asked, [], asked)
    whose, newest = (asked.customer.name, asked.number), asked.newest or tx.new_id()  # what comes later is not meant
    between = asked.seen, newest
    either = {*waiting.messages_of(tx, whose, between, most), *held.messages_of(tx, whose, between, most)}
    found = sorted(either)[:most]
    rest = asked._replace(seen=found[-1], newest=newest) if len(found) == most else None
    return Order(asked, found, rest)


def is_own(asked: Asked, message: Message) -> bool:
    """Say whether a message is the account's, and from and (where the request names one) to the address in question."""
    own = message.account == asked.customer.name and message.source_addr == asked.pdu.fields["source_addr"]
    return own and asked.towards in ("", message.number)


def _service_type(body: bytes) -> str:
    return body.partition(b"\0")[0].decode("latin-1")  # a submit_sm begins with it

"""The confirmation of an opt-out: one SMS to whoever opted out, and one billable event to whoever made them.

Each opt-out that is new is confirmed and billed, once. Who asks again is told again after a day at the earliest, which
is not billed. What cannot be sent is not billed either: nobody pays for a confirmation that never was. What became of a
confirmation is written down when its message ends (:mod:`gateway.store.confirmations`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from gateway.answers import Answers
from gateway.smpp import receipt
from gateway.store import confirmations
from gateway.store.confirmations import Confirmation
from gateway.store.ids import wire
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.messages import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.answers import Answer
    from gateway.config import Config
    from gateway.heard import Heard
    from gateway.store.base import Tx
    from gateway.store.messages import Finished
    from gateway.store.spool import Spooled

REASON = "confirmation"  # what its message is called in our books
_AGAIN_MS = 24 * 3_600_000
# Why there is no confirmation; kept with the evidence.
LOOP = "no answer: a machine has sent it, for there were too many texts within an hour"
LATELY = "no answer: confirmed within 24 hours"
STRANGER = "no answer: nobody is known to have written to the number"
NO_ROUTE = "no answer: no operator carries the number"


class Confirmed(NamedTuple):
    """What is sent and billed; ``why`` says why nothing is, in a note for the evidence."""

    rows: list[Spooled]
    event: Event | None = None
    why: str = ""


def states(finished: Iterable[Finished]) -> Counter[str]:
    """Count the confirmations among messages that have ended, by their state as receipts spell it."""
    return Counter(receipt.word(each.state) for each in finished if each.message.reason == REASON)


class Confirmations:
    """Confirmations by one configuration."""

    def __init__(self, config: Config) -> None:
        self._answers = Answers(config)
        self._accounts = config.accounts
        self._texts = config.opt_out.confirmation

    def confirm(self, tx: Tx, heard: Heard, opt_out: tuple[str, int], *, new: bool, looped: bool) -> Confirmed:
        """Confirm an opt-out. The event that it returns belongs to the ledger, in the same transaction.

        Args:
            tx: a transaction, in which ``heard`` has not been recorded yet.
            heard: what opted the number out.
            opt_out: who pays, and the evidence.
            new: whether the opt-out was not in force already.
            looped: whether a machine has said it.
        """
        payer, evidence = opt_out
        why = LOOP if looped else _reason_not_to(tx, heard, payer, new=new)
        if why:
            return Confirmed([], why=why)
        answer = self._answers.answer(tx, heard, self._text_for(payer), REASON)
        if answer is None:
            return Confirmed([], why=NO_ROUTE)
        event = _event(tx, heard, answer, opt_out) if new else None
        message, number = answer.message.id, heard.number.key
        row = Confirmation(message, number, tx.now, payer, heard.code, answer.operator, evidence)
        confirmations.add(tx, [row])
        return Confirmed(answer.rows, event)

    def _text_for(self, payer: str) -> str:
        account = self._accounts.get(payer)
        return self._texts[account.language if account else next(iter(self._texts))]


def _reason_not_to(tx: Tx, heard: Heard, payer: str, *, new: bool) -> str:
    if payer == PLATFORM and heard.text is None:
        return STRANGER  # or anybody could have us write to anybody
    if not new and confirmations.last(tx, heard.number.key) > tx.now - _AGAIN_MS:
        return LATELY
    return ""


def _event(tx: Tx, heard: Heard, answer: Answer, opt_out: tuple[str, int]) -> Event:
    payer, evidence = opt_out
    return Event(
        id=wire(tx.new_id()),
        at=tx.now,
        account=payer,
        kind=CONFIRMATION,
        credits=1,
        number=heard.number.key,
        code=heard.code,
        source=heard.source,
        message=wire(answer.message.id),
        evidence=evidence,
    )

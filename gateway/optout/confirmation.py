"""The confirmation of an opt-out: one SMS to whoever opted out, and one billable event to whoever made them.

Each opt-out that is new is confirmed and billed, once. Who asks again is told again after a day at the earliest, which
is not billed. What cannot be sent is not billed either: nobody pays for a confirmation that never was. What became of a
confirmation is written down when its message ends (:mod:`gateway.store.confirmations`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from gateway.optout.answers import Answers
from gateway.smpp import receipt
from gateway.store.confirmations import Confirmation
from gateway.store.ids import wire
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.messages import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.config.models import Config
    from gateway.optout.answers import Answer
    from gateway.optout.heard import Heard
    from gateway.store.base import Tx
    from gateway.store.messages import Finished

REASON = "confirmation"  # what its message is called in our books
_AGAIN_MS = 24 * 3_600_000
# Why there is no confirmation; kept with the evidence.
LOOP = "no answer: a machine has sent it, for there were too many texts within an hour"
LATELY = "no answer: confirmed within 24 hours"
STRANGER = "no answer: nobody is known to have written to the number"
NO_ROUTE = "no answer: no operator carries the number"


class Confirmed(NamedTuple):
    """What is sent, remembered and billed; ``why`` says why nothing is, in a note for the evidence."""

    answer: Answer | None = None
    row: Confirmation | None = None
    event: Event | None = None
    why: str = ""


def states(finished: Iterable[Finished]) -> Counter[str]:
    """Count the confirmations among messages that have ended, by their state as receipts spell it."""
    return Counter(receipt.word(each.state) for each in finished if each.message.reason == REASON)


class OptOut(NamedTuple):
    """An opt-out that asks for its confirmation.

    Who pays, the evidence, whether it was not in force already, whether a machine has said it, and when the number was
    last confirmed one (0: never).
    """

    payer: str
    evidence: int
    new: bool
    looped: bool
    confirmed: int


class Confirmations:
    """Confirmations by one configuration."""

    def __init__(self, config: Config) -> None:
        self._answers = Answers(config)
        self._accounts = config.accounts
        self._texts = config.opt_out.confirmation

    def confirm(self, tx: Tx, heard: Heard, opt_out: OptOut) -> Confirmed:
        """Confirm an opt-out; all that is returned is for the caller to keep, in the same transaction.

        Args:
            tx: gives identifiers and the present.
            heard: what opted the number out.
            opt_out: what is known about it.
        """
        why = _reason_not_to(tx, heard, opt_out)
        if why:
            return Confirmed(why=why)
        answer = self._answers.answer(tx, heard, self._text_for(opt_out.payer), REASON)
        if answer is None:
            return Confirmed(why=NO_ROUTE)
        event = _event(tx, heard, answer, opt_out) if opt_out.new else None
        told = answer.message.id, heard.number.key, tx.now
        row = Confirmation(*told, opt_out.payer, heard.code, answer.operator, opt_out.evidence)
        return Confirmed(answer, row, event)

    def _text_for(self, payer: str) -> str:
        account = self._accounts.get(payer)
        return self._texts[account.language if account else next(iter(self._texts))]


def _reason_not_to(tx: Tx, heard: Heard, opt_out: OptOut) -> str:
    if opt_out.looped:
        return LOOP
    if opt_out.payer == PLATFORM and heard.text is None:
        return STRANGER  # or anybody could have us write to anybody
    if not opt_out.new and opt_out.confirmed > tx.now - _AGAIN_MS:
        return LATELY
    return ""


def _event(tx: Tx, heard: Heard, answer: Answer, opt_out: OptOut) -> Event:
    return Event(
        id=wire(tx.new_id()),
        at=tx.now,
        account=opt_out.payer,
        kind=CONFIRMATION,
        credits=1,
        number=heard.number.key,
        code=heard.code,
        source=heard.source,
        message=wire(answer.message.id),
        evidence=opt_out.evidence,
    )

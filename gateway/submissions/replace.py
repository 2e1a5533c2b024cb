"""Another text for a message of which nothing has been sent: decided, cut and written anew, as a submission would be.

What replace_sm (SMPP 3.4 section 4.10) does not name stays: addresses, data_coding, TLVs, whether the mention was
wanted, and the times where it leaves them empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.policy import Forward, Refuse, Submission
from gateway.rules.reading import UDHI, Piece
from gateway.rules.reason import Reason
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.pdu import Pdu
from gateway.store import blacklist, contacts
from gateway.store.balances import Purse
from gateway.store.ids import milliseconds
from gateway.submissions import submission
from gateway.submissions.judge import Facts, opted_out
from gateway.submissions.outbound import excerpt
from gateway.submissions.submission import RefusedError, Submitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.base import Tx
    from gateway.store.messages import Message
    from gateway.store.spool import Spooled
    from gateway.submissions.askers import Asker
    from gateway.submissions.judge import Judge
    from gateway.submissions.submission import Customer


class Change(NamedTuple):
    """What a replace_sm asks for; ``due`` and ``expires`` in milliseconds since 1970, 0: as they are."""

    link: Asker
    pdu: Pdu
    due: int
    expires: int

    @classmethod
    def read(cls, link: Asker, pdu: Pdu, now: int) -> Change:
        """Read a replace_sm whose form is sound but for its times.

        Raises:
            RefusedError: a time is none, or is past.
        """
        scheduled, validity = pdu.fields["schedule_delivery_time"], pdu.fields["validity_period"]
        due = submission.instant(scheduled, now, status.ESME_RINVSCHED) if scheduled else 0
        expires = submission.instant(validity, now, status.ESME_RINVEXPIRY) if validity else 0
        if validity and expires <= now:
            raise RefusedError(status.ESME_RINVEXPIRY)
        return cls(link, pdu, due, expires)


class Replaced(NamedTuple):
    """A message with its new text, and the rows that carry it."""

    message: Message
    rows: list[Spooled]


class _Draft(NamedTuple):
    """A message that may have its new text: what it is now, to which operator it goes, and in which parts."""

    message: Message
    item: Submitted
    operator: str
    verdict: Forward


class Replace:
    """Replaces texts.

    Args:
        judge: decides as it does for a submission.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def write(
        self, tx: Tx, customer: Customer, change: Change, written: Sequence[tuple[Message, Sequence[Spooled]]]
    ) -> list[Replaced]:
        """Write the new text of messages, each given with the rows that carry its old one: of all or of none.

        Raises:
            RefusedError: one of them cannot have it; the status says why.
        """
        numbers = {message.number for message, _ in written}
        tx.lock(numbers, shared=True)  # so that no STOP is committed between this look and our commit
        refusals = blacklist.lookup(tx, numbers)
        items = [(message, _item(customer, change, message, rows)) for message, rows in written]
        drafts = [self._draft(message, item, refusals, tx.now) for message, item in items]
        purse = Purse(tx, {customer.name} if customer.account.credits else ())
        segments = sum(draft.verdict.segments for draft in drafts)
        more = segments - sum(draft.message.price for draft in drafts)  # or less, which is given back
        if not purse.covers(customer.name, more):
            raise RefusedError(status.NO_CREDIT, Reason.NO_CREDIT)
        if not customer.take(segments, tx.now / 1_000):
            raise RefusedError(status.ESME_RTHROTTLED, Reason.THROTTLED)
        purse.spend(customer.name, more, messages=0)
        purse.write()
        marketing = {
            (draft.message.number, draft.verdict.code, customer.name) for draft in drafts if draft.verdict.code
        }
        contacts.touch(tx, sorted(marketing))
        return [self._replaced(tx, customer, draft) for draft in drafts]

    def _draft(self, message: Message, item: Submitted, refusals: blacklist.Entries, now: int) -> _Draft:
        operator = self._judge.operator_for(message.account, message.number, self._judge.usable())
        if operator is None:
            raise RefusedError(status.ESME_RREPLACEFAIL, Reason.NO_ROUTE)
        facts = Facts(operator, opted_out(refusals, item), now, milliseconds(message.id))
        verdict, timed = self._judge.decide(item, facts)
        if not isinstance(verdict, Forward):
            code = verdict.status if isinstance(verdict, Refuse) else status.OPTED_OUT
            raise RefusedError(code, verdict.reason)
        return _Draft(message, timed, operator, verdict)

    def _replaced(self, tx: Tx, customer: Customer, draft: _Draft) -> Replaced:
        item, verdict = draft.item, draft.verdict
        message = draft.message._replace(
            registered=item.fields["registered_delivery"],
            reason=verdict.reason,
            excerpt=excerpt(item.submission, item.customer.profile.meanings),
            segments=len(verdict.parts),
            open=len(verdict.parts),
            price=verdict.segments if customer.account.credits else draft.message.price,
        )
        return Replaced(message, self._judge.segments(tx, item, message, (draft.operator, verdict.parts)))


def _item(customer: Customer, change: Change, message: Message, rows: Sequence[Spooled]) -> Submitted:
    """Return a message as if it had been submitted with the new text."""
    body = rows[0].body
    old = submission.reread(body)
    due, expires = change.due or rows[0].due, change.expires or rows[0].expires
    if expires <= due:
        raise RefusedError(status.ESME_RINVEXPIRY)
    payload = change.pdu.tlv(smpp.Tag.message_payload)  # as SMPP 5.0 has it
    as_was = message.reason == Reason.NOT_TEXT  # otherwise the header, if any, is one of ours
    fields = old.fields | {
        "esm_class": old.fields["esm_class"] if as_was else old.fields["esm_class"] & ~UDHI,
        "validity_period": change.pdu.fields["validity_period"] or old.fields["validity_period"],
        "registered_delivery": change.pdu.fields["registered_delivery"],
        "data_coding": message.data_coding,
        "sm_default_msg_id": change.pdu.fields["sm_default_msg_id"],
        "short_message": change.pdu.fields["short_message"] if payload is None else payload,
    }
    text = Submission(
        destination=submission.destination(fields),
        pieces=(Piece(fields["short_message"], fields["data_coding"], fields["esm_class"]),),
        optout_mention=None if as_was else int(message.reason != Reason.NOT_WANTED),
        canned=fields["sm_default_msg_id"],
    )
    pdu = Pdu(smpp.SUBMIT_SM, fields=fields, tlvs=old.tlvs)
    return Submitted(change.link, pdu, customer, text, due, expires, fields)

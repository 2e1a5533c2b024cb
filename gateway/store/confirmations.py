"""Confirmations that were sent, and what became of each: evidence, and a word in the ledger if it did not arrive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from gateway.smpp import receipt
from gateway.store import evidence, ledger, messages
from gateway.store.evidence import Evidence
from gateway.store.ids import wire

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx
    from gateway.store.messages import Finished

ARRIVED, FAILED, UNSURE = "confirmation_delivered", "confirmation_undelivered", "confirmation_unknown"  # effects
RECEIPT = "receipt"  # the source and the rule of such evidence
_COLUMNS = "message, number, at, account, code, operator, evidence"


class Confirmation(NamedTuple):
    """One confirmation: its message, when it was sent to whom, who pays, and the evidence of the opt-out."""

    message: int
    number: str
    at: int
    account: str
    code: str
    operator: str
    evidence: int


def add(tx: Tx, rows: Sequence[Confirmation]) -> None:
    """Remember confirmations."""
    tx.insert(f"confirmation ({_COLUMNS})", rows)


def last(tx: Tx, numbers: Collection[str]) -> dict[str, int]:
    """Return when these numbers were last confirmed an opt-out, in milliseconds since 1970; those that ever were."""
    found = tx.each(
        "SELECT number, max(at) FROM confirmation WHERE number IN ({rows}) GROUP BY number",
        [(number,) for number in numbers],
    )
    return {str(number): int(at) for number, at in found}


def ended(tx: Tx, finished: Sequence[Finished]) -> None:
    """Record what became of confirmations among messages that have ended; the others are none of ours."""
    if not finished:
        return
    found = tx.each(
        f"SELECT {_COLUMNS} FROM confirmation WHERE message IN ({{rows}})",  # noqa: S608 (constants)
        [(each.message.id,) for each in finished],
    )
    sent = {row[0]: Confirmation(*row) for row in found}
    known = [(each, sent[each.message.id]) for each in finished if each.message.id in sent]
    evidence.record(tx, [_evidence(tx, *each) for each in known])
    failed = [confirmation for each, confirmation in known if _effect(each.state) == FAILED]
    ledger.follow_up(tx, [wire(each.message) for each in failed])


def _effect(state: int) -> str:
    if state == messages.DELIVERED:
        return ARRIVED
    return UNSURE if state in (messages.ACCEPTED, messages.UNKNOWN) else FAILED


def _evidence(tx: Tx, finished: Finished, sent: Confirmation) -> Evidence:
    """Say what became of a confirmation, as the receipt of its message would."""
    return Evidence(
        id=tx.new_id(),
        at=tx.now,
        number=sent.number,
        code=sent.code,
        source=RECEIPT,
        operator=sent.operator,
        data_coding=0,
        octets=b"",
        normalised="",
        rule=RECEIPT,
        effect=_effect(finished.state),
        accounts=json.dumps([sent.account]),
        note=f"id:{wire(sent.message)} stat:{receipt.word(finished.state)} err:{finished.error or '000'}",
    )

"""The life of a message in the log, for who looks for one: a line at debug for each step, joined by ``message_id``.

`decided` (admission) says how it began; a segment that its operator has answered, a receipt, and the end follow here.
So few who run a gateway want these lines that whoever calls asks first whether anybody does.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from gateway.observe import log
from gateway.smpp import receipt, status
from gateway.store.ids import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.lanes.backlog import Settled
    from gateway.store.messages import Finished

_log = log.get()


class Matched(NamedTuple):
    """A receipt that found its message, ``seconds`` after the operator had taken the segment."""

    operator: str
    remote_id: str
    message: int
    state: int
    seconds: float


def wanted() -> bool:
    """Say whether anybody reads this."""
    return _log.is_enabled_for(logging.DEBUG)


def settled(items: Iterable[Settled]) -> None:
    """Tell what became of rows in a lane: the peer's status, and its own id for what it has taken."""
    for each in items:
        response = each.response
        _log.debug(
            "row_settled",
            message_id=wire(each.item.message),
            lane=each.item.lane,
            row=wire(each.item.id),
            step=str(each.step),
            status=None if response is None else status.name(response.status),
            remote_id=None if response is None else response.fields.get("message_id"),
        )


def reported(receipts: Iterable[Matched]) -> None:
    """Tell what receipts said."""
    for each in receipts:
        _log.debug(
            "receipt_matched",
            message_id=wire(each.message),
            operator=each.operator,
            remote_id=each.remote_id,
            state=receipt.word(each.state),
            seconds=each.seconds,
        )


def ended(finished: Iterable[Finished]) -> None:
    """Tell in which state messages have ended."""
    for each in finished:
        _log.debug(
            "message_ended",
            message_id=wire(each.message.id),
            account=each.message.account,
            state=receipt.word(each.state),
            error=each.error,
        )

"""Intake of alert_notification: whoever asked with set_dpf for news of a number gets it; nobody is answered.

The operator's PDU goes on as it came, addressed to the account's own address, through the account's lane: it reaches a
receiver at whatever node, and waits for one. It has no response in SMPP, so what a link has taken is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from gateway.homeward import Address
from gateway.rules.number import NumberError, canonical
from gateway.store import alerts
from gateway.store.base import Batch

if TYPE_CHECKING:
    from gateway.config.models import Operator
    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.observe.metrics import Metrics
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import StoreError, Tx

_log = structlog.get_logger()
RANK = 30


class Alert(NamedTuple):
    """One alert_notification: who told, and about which number."""

    operator: str
    pdu: Pdu
    number: str


class Alerts:
    """The intake of one process.

    Args:
        lanes: the accounts' lanes.
        home: writes rows for them.
        metrics: counts what arrives.
    """

    def __init__(self, lanes: Lanes, home: Homeward, metrics: Metrics) -> None:
        self._lanes = lanes
        self._home = home
        self._metrics = metrics
        self.batch: Batch[Alert] = Batch(self._work, self._done, self._failed, RANK)

    def offer(self, operator: Operator, pdu: Pdu) -> None:
        """Take in an alert_notification."""
        self._metrics.inbound(operator.name, "alert")
        try:
            number = canonical(pdu.fields["source_addr"], pdu.fields["source_addr_ton"])
        except NumberError as error:
            _log.warning("inbound_number_unreadable", operator=operator.name, reason=str(error))
        else:
            self.batch.put(Alert(operator.name, pdu, number.key))

    def _work(self, tx: Tx, items: list[Alert]) -> tuple[Placed, list[Alert]]:
        wishes = alerts.take(tx, {each.number for each in items})
        unasked = [each for each in items if each.number not in wishes]
        told = {each.number: each.pdu for each in items}  # the newest about each number
        rows = [
            self._home.alert(tx, wish.account, (Address(*wish[2:]), told[number]))
            for number, about in wishes.items()
            for wish in about
        ]
        return self._lanes.place(tx, rows), unasked

    def _done(self, _items: list[Alert], result: tuple[Placed, list[Alert]]) -> None:
        placed, unasked = result
        self._lanes.carry_on(placed)
        for each in unasked:
            _log.info("alert_unasked", operator=each.operator)

    def _failed(self, items: list[Alert], error: StoreError) -> None:
        """Let go of them: nobody waits for an answer, and the operator cannot be asked to repeat them."""
        _log.warning("alerts_lost", alerts=len(items), reason=str(error))

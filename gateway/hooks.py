"""What an account is told over HTTPS, as rows for the lane of its webhook: receipts, opt-outs and their ends.

An event is written in the transaction of what it tells of, so it is as durable as that. Receipts are for messages that
came in over HTTP, for the others go home over SMPP; opt-outs concern an account however it sends.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.store import messages
from gateway.store.ids import wire
from gateway.store.outbox import EVENT, webhook_lane
from gateway.store.spool import Spooled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.config.models import Config
    from gateway.store.base import Tx
    from gateway.store.messages import Finished

RECEIPT, OPT_OUT, OPT_IN = "receipt", "opt_out", "opt_in"


class Change(NamedTuple):
    """An opt-out, or the end of one: whose number, through which code it came and by which way, and the evidence."""

    type: str
    number: str
    code: str
    source: str
    evidence: int
    everything: bool = False


class Hooks:
    """Writes rows for the webhooks of one configuration.

    Args:
        config: which accounts want to be told of what, and for how long an event waits.
    """

    def __init__(self, config: Config) -> None:
        self._wanted = {name: each.webhook.events for name, each in config.accounts.items() if each.webhook}
        self._keep = int(config.delivery.account_queue * 1_000)

    def receipts(self, tx: Tx, finished: Iterable[Finished]) -> list[Spooled]:
        """Return the events that tell of messages that have ended."""
        told = (each for each in finished if each.message.channel == messages.HTTP)
        return [
            self._row(tx, each.message.account, RECEIPT, _receipt(tx, each))
            for each in told
            if self._wants(each.message.account, RECEIPT)
        ]

    def changed(self, tx: Tx, accounts: Iterable[str], change: Change) -> list[Spooled]:
        """Return the events that tell accounts of an opt-out or its end."""
        data = {
            "number": change.number,
            "short_code": change.code,
            "source": change.source,
            "everything": change.everything,
            "evidence": wire(change.evidence),
        }
        return [self._row(tx, name, change.type, data) for name in accounts if self._wants(name, change.type)]

    def all_accounts(self) -> list[str]:
        """Return the accounts that have a webhook, for what concerns everybody."""
        return list(self._wanted)

    def _wants(self, account: str, event: str) -> bool:
        return event in self._wanted.get(account, ())

    def _row(self, tx: Tx, account: str, event: str, data: dict[str, Any]) -> Spooled:
        payload = {"type": event, "timestamp": instant(tx.now), "account": account, "data": data}
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        lane = webhook_lane(account)
        return Spooled(tx.new_id(), lane, 0, data["number"], EVENT, body, 0, tx.now + self._keep)


def instant(milliseconds: int) -> str:
    """Spell an instant, in milliseconds since 1970, as RFC 3339 has it."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _receipt(tx: Tx, finished: Finished) -> dict[str, Any]:
    message = finished.message
    return {
        "message_id": wire(message.known_as),
        "number": message.number,
        "from": message.source_addr,
        "state": messages.STATES[finished.state],
        "error": finished.error,
        "segments": message.segments,
        "reference": None if message.reference == messages.NO_REFERENCE else message.reference,
        "submitted_at": instant(message.submitted),
        "done_at": instant(tx.now),
    }

"""Requests that come again: under one key an account has one request acted on, and that request has one answer.

The answer is kept in the transaction that it follows from, so neither a kill nor another node makes a second message of
the same request. What had no room (a rate, a disk, a balance) is no answer: the same request may come again, and be
taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp import status
from gateway.store import idempotency
from gateway.store.idempotency import Kept
from gateway.submissions.askers import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.base import Tx
    from gateway.store.idempotency import Key
    from gateway.submissions.askers import Once
    from gateway.submissions.submission import Submitted

KEY_REUSED = "key_reused"  # the reason of a refusal: under its key came another request
_PASSING = frozenset({status.ESME_RTHROTTLED, status.ESME_RMSGQFUL, status.NO_CREDIT})


class Repeats:
    """The keys of one batch of submissions.

    Args:
        tx: its transaction.
        items: the batch.
    """

    def __init__(self, tx: Tx, items: Sequence[Submitted]) -> None:
        self._tx = tx
        self._known: dict[Key, Kept] = {}
        self._new: list[Kept] = []
        keys = {_key(item, item.call.once) for item in items if item.call and item.call.once}
        if keys:
            idempotency.lock(tx, keys)
            self._known = idempotency.find(tx, keys)

    def answer(self, item: Submitted) -> Answer | None:
        """Return the answer to a submission that is not to be acted on (again); None: it is."""
        once = item.call.once if item.call else None
        kept = self._known.get(_key(item, once)) if once else None
        if kept is None or once is None:
            return None
        if kept.digest != once.digest:
            return Answer(status.ESME_RSUBMITFAIL, reason=KEY_REUSED)
        return Answer(kept.status, kept.message, kept.reason, kept.segments, replayed=True)

    def keep(self, item: Submitted, answer: Answer) -> Answer:
        """Note the answer to a submission, and return it."""
        once = item.call.once if item.call else None
        if once and answer.status not in _PASSING:
            key = _key(item, once)
            kept = Kept(*key, once.digest, self._tx.now, answer.status, answer.message, answer.reason, answer.segments)
            self._known[key] = kept
            self._new.append(kept)
        return answer

    def write(self) -> None:
        """Keep what was noted."""
        idempotency.keep(self._tx, self._new)


def _key(item: Submitted, once: Once) -> Key:
    return item.customer.name, once.key

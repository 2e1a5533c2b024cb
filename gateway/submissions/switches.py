"""What an account has switched for itself in the client area, laid over its submissions before they are judged.

The mention of a notification account: the account's setting in the configuration, then the client area's, then the TLV
of the submission; the last one wins. A marketing account's is never looked up, whatever the database holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.rules.policy import Kind, place
from gateway.store import settings

if TYPE_CHECKING:
    from gateway.store.base import Tx
    from gateway.submissions.submission import Submitted


def switched(tx: Tx, items: list[Submitted]) -> list[Submitted]:
    """Return the submissions of a batch, in their order, as their accounts have switched the mention."""
    accounts = {item.customer.name for item in items if _undecided(item)}
    wishes = settings.mentions(tx, accounts) if accounts else {}
    return [_with(item, wishes) for item in items] if wishes else items


def _undecided(item: Submitted) -> bool:
    return item.customer.profile.kind is Kind.NOTIFICATION and item.submission.optout_mention is None


def _with(item: Submitted, wishes: dict[str, bool]) -> Submitted:
    wish = wishes.get(item.customer.name)
    if wish is None or not _undecided(item):
        return item
    asked = item.submission._replace(optout_mention=int(wish))
    return item._replace(submission=asked, place=place(item.customer.profile, asked))

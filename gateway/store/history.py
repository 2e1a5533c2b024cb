"""History: what an account has handed in lately, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store.ids import wire

if TYPE_CHECKING:
    from gateway.store.base import Snapshot, Tx

_LAST = 2**63 - 1
_COLUMNS = "id, request, source_addr, number, submitted, excerpt, segments, reason, state, error, coalesce(done, 0)"


class Past(NamedTuple):
    """One message; times in milliseconds since 1970, ``done`` 0 while it is on its way.

    ``excerpt`` is how its text begins, ``error`` what the network said, as in a receipt; ``request`` the id of the
    submit_multi that it came in, 0 for none.
    """

    id: int
    request: int
    source_addr: str
    number: str
    submitted: int
    excerpt: str
    segments: int
    reason: str
    state: int
    error: str
    done: int

    @property
    def known_as(self) -> str:
        """The message_id that the account knows."""
        return wire(self.request or self.id)


def page(tx: Tx | Snapshot, account: str, before: int = 0, number: str = "", limit: int = 50) -> list[Past]:
    """Return messages of an account, newest first: those before the id ``before`` (0: the newest), to one number."""
    found = tx.rows(
        f"SELECT {_COLUMNS} FROM message WHERE account = ? AND id < ? AND (? = '' OR number = ?) "  # noqa: S608 (constants)
        "ORDER BY id DESC LIMIT ?",
        (account, before or _LAST, number, number, limit),
    )
    return [Past(*row) for row in found]

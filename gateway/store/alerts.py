"""Alerts: who asked to be told, with set_dpf, when a number that could not be reached can be reached again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

_COLUMNS = "number, account, source_ton, source_npi, source_addr"


class Wish(NamedTuple):
    """That ``account`` wants to be told about ``number``, as the address that it sent from."""

    number: str
    account: str
    source_ton: int
    source_npi: int
    source_addr: str


def ask(tx: Tx, wishes: Sequence[Wish]) -> None:
    """Remember who wants to be told from now on; a wish that is there already begins anew."""
    news = {(each.number, each.account, each.source_addr): each for each in wishes}
    tx.insert(
        f"alert ({_COLUMNS}, at)",
        [(*news[key], tx.now) for key in sorted(news)],  # in one order on all nodes: they never wait for each other
        "ON CONFLICT (number, account, source_addr) DO UPDATE SET source_ton = excluded.source_ton, "
        "source_npi = excluded.source_npi, at = excluded.at",
    )


def take(tx: Tx, numbers: Collection[str]) -> dict[str, list[Wish]]:
    """Return the wishes about these numbers, and forget them: each is told once."""
    found = tx.each(
        f"DELETE FROM alert WHERE number IN ({{rows}}) RETURNING {_COLUMNS}",  # noqa: S608 (constants)
        [(each,) for each in numbers],
    )
    wishes: dict[str, list[Wish]] = {}
    for row in sorted(found):
        wishes.setdefault(row[0], []).append(Wish(*row))
    return wishes


def forget(tx: Tx, before: int) -> None:
    """Forget wishes older than this instant."""
    tx.rows("DELETE FROM alert WHERE at < ?", (before,))

"""The blacklist: numbers that have opted out, of one account's marketing or of everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Snapshot, Tx

EVERYBODY = "*"  # the account of an entry that counts for all accounts

Entries = dict[tuple[str, str], bool]  # (number, account) → whether all traffic is refused


class Entry(NamedTuple):
    """One opted-out number; ``since`` in milliseconds since 1970, ``everything`` when all traffic was refused."""

    number: str
    account: str
    since: int
    source: str
    code: str
    everything: bool
    evidence: int


def lookup(tx: Tx, numbers: Collection[str]) -> Entries:
    """Return the entries of these numbers: (number, account) → whether all traffic is refused."""
    found = tx.each(
        # CROSS: SQLite takes the asked ones first then, and is twice as fast as with IN
        "WITH asked (asked) AS ({rows}) SELECT number, account, everything FROM asked CROSS JOIN blacklist "
        "WHERE number = asked",
        [(number,) for number in numbers],
    )
    return {(number, account): bool(everything) for number, account, everything in found}


def of_number(tx: Tx | Snapshot, number: str) -> Entries:
    """Return the entries of one number, likewise."""
    found = tx.rows("SELECT account, everything FROM blacklist WHERE number = ?", (number,))
    return {(number, account): bool(everything) for account, everything in found}


def refuses(entries: Entries, number: str, account: str, *, marketing: bool) -> bool:
    """Say whether ``number`` refuses what ``account`` sends, given what :func:`lookup` found."""
    found = (entries.get((number, each)) for each in (account, EVERYBODY))
    return any(everything is not None and (everything or marketing) for everything in found)


def add(tx: Tx, entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Opt numbers out; returns the (number, account) that were not opted out before.

    Of an entry that is there already, only ``everything`` changes, and only from no to yes.
    """
    found = tx.insert(
        "blacklist (number, account, since, source, code, everything, evidence)",
        [(*entry[:5], int(entry.everything), entry.evidence) for entry in sorted(entries)],
        "ON CONFLICT (number, account) DO NOTHING RETURNING number, account",
    )
    tx.each(
        "WITH wider (number, account) AS ({rows}) UPDATE blacklist SET everything = 1 FROM wider "
        "WHERE blacklist.number = wider.number AND blacklist.account = wider.account AND everything = 0",
        [(entry.number, entry.account) for entry in entries if entry.everything],
    )
    return [(number, account) for number, account in found]


def suspects(tx: Tx, numbers: Collection[str]) -> set[str]:
    """Return those of these numbers that have opted out of anything, or may have: a person is to say."""
    found = tx.each(
        "WITH asked (number) AS ({rows}) SELECT number FROM blacklist WHERE number IN (SELECT number FROM asked) "
        "UNION SELECT number FROM review WHERE number IN (SELECT number FROM asked)",
        [(number,) for number in numbers],
    )
    return {str(number) for (number,) in found}


def of(tx: Tx, numbers: Collection[str]) -> list[Entry]:
    """Return the entries of these numbers, whole."""
    found = tx.each(
        "SELECT number, account, since, source, code, everything, evidence FROM blacklist WHERE number IN ({rows})",
        [(number,) for number in numbers],
    )
    return [Entry(*row)._replace(everything=bool(row[5])) for row in found]


def entries_of(tx: Tx | Snapshot, number: str) -> list[Entry]:
    """Return the entries of one number."""
    found = tx.rows(
        "SELECT number, account, since, source, code, everything, evidence FROM blacklist WHERE number = ? "
        "ORDER BY account",
        (number,),
    )
    return [Entry(*row)._replace(everything=bool(row[5])) for row in found]


def remove_all(tx: Tx, keys: Collection[tuple[str, str]]) -> None:
    """Lift opt-outs, as (number, account)."""
    tx.each("DELETE FROM blacklist WHERE (number, account) IN ({rows})", sorted(keys))


def remove(tx: Tx, number: str, account: str) -> bool:
    """Lift one opt-out; returns whether there was one."""
    return bool(tx.rows("DELETE FROM blacklist WHERE number = ? AND account = ? RETURNING number", (number, account)))

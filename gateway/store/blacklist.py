"""The blacklist: numbers that have opted out, of one account's marketing or of everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store.ids import first_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gateway.store.base import Snapshot, Tx

OPTED_OUT = "opted_out"  # the effect of a text, or of a decision, that opts a number out
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


class Evidence(NamedTuple):
    """What somebody said or did about a number, and what was decided by which rule."""

    id: int
    at: int
    number: str
    code: str
    source: str
    operator: str
    data_coding: int
    octets: bytes
    normalised: str
    rule: str
    effect: str
    accounts: str
    note: str = ""


def lookup(tx: Tx, numbers: Collection[str]) -> Entries:
    """Return the entries of these numbers: (number, account) → whether all traffic is refused."""
    found = tx.each(
        "SELECT number, account, everything FROM blacklist WHERE number IN ({rows})",
        [(number,) for number in numbers],
    )
    return {(number, account): bool(everything) for number, account, everything in found}


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


def remove(tx: Tx, number: str, account: str) -> bool:
    """Lift one opt-out; returns whether there was one."""
    return bool(tx.rows("DELETE FROM blacklist WHERE number = ? AND account = ? RETURNING number", (number, account)))


def entries(tx: Tx | Snapshot, account: str | None = None) -> Iterator[Entry]:
    """Yield all entries, or those that count for ``account``, newest first."""
    where, values = ("WHERE account IN (?, ?)", (account, EVERYBODY)) if account is not None else ("", ())
    found = tx.rows(
        f"SELECT number, account, since, source, code, everything, evidence FROM blacklist {where} "  # noqa: S608 (constants)
        "ORDER BY since DESC, number",
        values,
    )
    return (Entry(*row)._replace(everything=bool(row[5])) for row in found)


def opted_out_since(tx: Tx, since: int) -> dict[int, str]:
    """Return the numbers that have opted out since about an instant, by the evidence of it."""
    found = tx.rows("SELECT id, number FROM evidence WHERE id >= ? AND effect = ?", (first_id(since), OPTED_OUT))
    return {int(identifier): str(number) for identifier, number in found}


def record(tx: Tx, evidence: Sequence[Evidence]) -> None:
    """Keep evidence."""
    tx.insert(
        "evidence (id, at, number, code, source, operator, data_coding, octets, normalised, rule, effect, "
        "accounts, note)",
        evidence,
    )


def same_texts(tx: Tx, number: str, octets: bytes, since: int) -> int:
    """Count texts of these octets that came from ``number`` since an instant, among the latest hundred."""
    found = tx.rows(
        "SELECT octets FROM evidence WHERE number = ? AND at >= ? AND source = 'sms' ORDER BY at DESC LIMIT 100",
        (number, since),
    )
    return sum(row == (octets,) for row in found)

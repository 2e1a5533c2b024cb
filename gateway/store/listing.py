"""The blacklist as people look through it: newest first, a page at a time, by the beginning of a number; and all of it.

A page costs the same wherever it stands and however long the list is. Export goes by number, which takes no sorting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.number import NumberError, beginning, canonical
from gateway.store.blacklist import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.store.base import Snapshot, Tx

_COLUMNS = "number, account, since, source, code, everything, evidence"
_AFTER_DIGITS = ":"  # sorts behind every digit
_NEWEST = 2**63 - 1


class Mark(NamedTuple):
    """The last entry of a page, from which the next one goes on."""

    since: int
    number: str
    account: str


class Page(NamedTuple):
    """Entries, newest first, and what the next page goes on from; None: there is none."""

    entries: list[Entry]
    next: str | None


def digits(text: str) -> str:
    """Return the digits that keys begin with, for a number in any spelling or the beginning of one; may be empty.

    Raises:
        NumberError: neither is meant.
    """
    try:
        return canonical(text, 0).key
    except NumberError:
        return beginning(text)


def page(
    reader: Tx | Snapshot, accounts: Sequence[str], search: str = "", after: str | None = None, limit: int = 50
) -> Page:
    """Return up to ``limit`` entries of these accounts, newest first.

    Args:
        reader: a transaction or a snapshot.
        accounts: whose entries; an account is concerned by its own and by those of EVERYBODY.
        search: digits that the number begins with, as :func:`digits` returns them.
        after: the ``next`` of the page before.
        limit: the most entries.

    Raises:
        ValueError: ``after`` was never a page's ``next``.
    """
    mark = Mark(_NEWEST, "", "") if after is None else _read(after)
    found = [entry for account in set(accounts) for entry in _of(reader, account, (search, mark), limit + 1)]
    found.sort(key=lambda entry: (entry.since, entry.number, entry.account), reverse=True)
    entries = found[:limit]
    more = len(found) > limit
    return Page(entries, _write(entries[-1]) if more else None)


def _of(reader: Tx | Snapshot, account: str, where: tuple[str, Mark], limit: int) -> Iterator[Entry]:
    search, mark = where
    behind = "<=" if account < mark.account else "<"
    found = reader.rows(
        f"SELECT {_COLUMNS} FROM blacklist WHERE account = ? AND (since, number) {behind} (?, ?) "  # noqa: S608 (constants)
        "AND number >= ? AND number < ? ORDER BY since DESC, number DESC LIMIT ?",
        (account, mark.since, mark.number, search, search + _AFTER_DIGITS, limit),
    )
    return map(_entry, found)


def count(reader: Tx | Snapshot, accounts: Sequence[str]) -> int:
    """Count the entries of these accounts."""
    total = 0
    for account in set(accounts):
        for (found,) in reader.rows("SELECT count(*) FROM blacklist WHERE account = ?", (account,)):
            total += found
    return total


def export(reader: Tx | Snapshot, accounts: Sequence[str] | None = None) -> Iterator[Entry]:
    """Yield the entries of these accounts, or all, by number."""
    places = ", ".join("?" * len(accounts or ()))
    where = f"WHERE account IN ({places}) " if accounts is not None else ""
    found = reader.rows(f"SELECT {_COLUMNS} FROM blacklist {where}ORDER BY number, account", list(accounts or ()))  # noqa: S608 (constants)
    return map(_entry, found)


def _entry(row: tuple[object, ...]) -> Entry:
    entry = Entry(*row)  # type: ignore[arg-type]  # the columns, in their order
    return entry._replace(everything=bool(entry.everything))


def _write(entry: Entry) -> str:
    return f"{entry.since}.{entry.number}.{entry.account}"


def _read(text: str) -> Mark:
    since, number, account = text.split(".", 2)
    if not 0 <= int(since) <= _NEWEST or "\0" in text:
        raise ValueError("not where a page has ended")
    return Mark(int(since), number, account)

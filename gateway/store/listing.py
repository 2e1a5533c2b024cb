"""The blacklist as people look through it: newest first, a page at a time, by the beginning of a number; and all of it.

A page costs the same wherever it stands and however long the list is. A list of any length begins at once and takes
little memory, for it is read page by page in the order of an index: nothing is sorted.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.number import NumberError, beginning, canonical
from gateway.store.blacklist import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.store.base import Snapshot, Tx

_COLUMNS = "number, account, since, source, code, everything, evidence"
_AFTER_DIGITS = ":"  # sorts behind every digit
_NEWEST = 2**63 - 1
_AT_ONCE, _AT_LEAST = 10_000, 50  # rows of a list that are held together; of one account


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


def newest(reader: Tx | Snapshot, accounts: Sequence[str] | None = None) -> Iterator[Entry]:
    """Yield the entries of these accounts, or all, newest first: each account's by the index, laid into one another."""
    names = _accounts(reader) if accounts is None else set(accounts)
    limit = max(_AT_LEAST, _AT_ONCE // max(1, len(names)))
    lists = [_all_of(reader, account, limit) for account in names]
    return heapq.merge(*lists, key=lambda entry: (entry.since, entry.number, entry.account), reverse=True)


def _accounts(reader: Tx | Snapshot) -> list[str]:
    """Return the accounts that have entries, by one look at the index for each."""
    found: list[str] = []
    while True:
        behind = found[-1] if found else ""
        [(account,)] = reader.rows("SELECT min(account) FROM blacklist WHERE account > ?", (behind,))
        if account is None:
            return found
        found.append(account)


def _all_of(reader: Tx | Snapshot, account: str, limit: int) -> Iterator[Entry]:
    mark = Mark(_NEWEST, "", account)
    while len(entries := list(_of(reader, account, ("", mark), limit))) == limit:
        yield from entries
        mark = Mark(entries[-1].since, entries[-1].number, account)
    yield from entries


def by_number(reader: Tx | Snapshot) -> Iterator[Entry]:
    """Yield all entries by number: the quickest way through all of them."""
    behind = "", ""
    while entries := _page_by_number(reader, behind):
        yield from entries
        behind = entries[-1].number, entries[-1].account


def _page_by_number(reader: Tx | Snapshot, behind: tuple[str, str]) -> list[Entry]:
    found = reader.rows(
        f"SELECT {_COLUMNS} FROM blacklist WHERE (number, account) > (?, ?) ORDER BY number, account LIMIT ?",  # noqa: S608 (constants)
        (*behind, _AT_ONCE),
    )
    return list(map(_entry, found))


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

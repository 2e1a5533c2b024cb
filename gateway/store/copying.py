"""Copies one store into another while no gateway works on either, and proves that the copy is the same.

Tables are copied in the order of their keys, a page for each transaction at the destination. So what a killed copy
leaves is a beginning of the source, and the next one compares it with the source and goes on behind it; whatever is no
beginning of the source came from elsewhere and is refused. Until the copy has been verified, row by row, nobody else
can open the destination. Neither store is written to meanwhile: a change of the source shows as a difference.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import trio

from gateway.store import ledger, migrate, nodes
from gateway.store.base import StoreError, TakenError
from gateway.store.tables import COPIED
from gateway.store.url import is_missing, is_same, open_store, reserved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.store.base import Row, Store, Tx
    from gateway.store.tables import Key, Table

Result = TypeVar("Result")
PAGE = 5_000  # rows of one transaction
_STOP = "stop every gateway on it, wait 10 seconds if one was killed, and copy again"
_SAME = "source and destination are the same database; name another destination"
_EMPTY = "name one that is empty or new, or an unfinished copy of this source"


class Watcher(Protocol):
    """Whoever is told how far a copy has come."""

    def begin(self, stage: str, rows: int) -> None:
        """A stage begins, which goes through so many rows."""

    def advance(self, rows: int) -> None:
        """So many more rows of the stage are done."""


class Compared(NamedTuple):
    """One table in both stores.

    Attributes:
        table: its name.
        source, destination: how many rows it has.
        difference: the range of keys in which the first difference lies; empty when there is none.
    """

    table: str
    source: int
    destination: int
    difference: str


class Report(NamedTuple):
    """What a copy has come to.

    Attributes:
        tables: each table, compared row by row.
        copied: how many rows were not there before.
        chain: how far the chain of the destination's ledger holds, recomputed.
        expected: the end of the source's chain.
    """

    tables: list[Compared]
    copied: int
    chain: ledger.Verdict
    expected: ledger.Link

    @property
    def same(self) -> bool:
        """Whether the copy is proven to be the same as the source."""
        chained = self.chain == ledger.Verdict(self.expected, None)
        return chained and not any(each.difference or each.source != each.destination for each in self.tables)


class _Extent(NamedTuple):
    """How far the destination's table is a beginning of the source's: rows, their last key, what differs behind."""

    rows: int
    key: Key
    complete: bool
    difference: str


class _Side:
    """One of the two stores, which nobody else may work on."""

    def __init__(self, role: str, store: Store) -> None:
        self._role = role
        self.store = store

    async def do(self, work: Callable[[Tx], Result]) -> Result:
        """Run ``work`` in a transaction of its own, unless a node lives there."""
        alive, results = await self.store.transact(partial(_unless_alive, work))
        if alive:
            raise StoreError(f"the {self._role}: node {', '.join(alive)} works on it; {_STOP}")
        return results[0]

    async def page(self, table: Table, after: Key) -> list[Row]:
        return await self.do(lambda tx: table.page(tx, after, PAGE))

    async def count(self, table: Table) -> int:
        rows, after = await self.do(lambda tx: table.stride(tx, ()))
        while after:
            more, after = await self.do(partial(table.stride, after=after))
            rows += more
        return rows


def _unless_alive(work: Callable[[Tx], Result], tx: Tx) -> tuple[list[str], list[Result]]:
    alive = nodes.alive(tx)
    return alive, [] if alive else [work(tx)]


class Copy:
    """One copy under way.

    Args:
        source: the store that is read.
        destination: the store that is written.
        watcher: told how far it is.
    """

    def __init__(self, source: Store, destination: Store, watcher: Watcher) -> None:
        self._source = _Side("source", source)
        self._destination = _Side("destination", destination)
        self._watcher = watcher

    async def run(self, name: str) -> Report:
        """Copy what is missing at the destination, which we opened under ``name``, and verify all of it.

        Raises:
            StoreError: it cannot be done; the sentence says why and what to do.
        """
        await self._check_stores(name)
        total = sum([await self._source.count(table) for table in COPIED])
        self._watcher.begin("copy", total)
        extents = [await self._beginning(table) for table in COPIED]
        await self._destination.do(migrate.begin_copy)
        copied = sum([await self._fill(*each) for each in zip(COPIED, extents, strict=True)])
        self._watcher.begin("verify", total)
        report = await self._verify(copied)
        if report.same:
            await self._destination.do(migrate.end_copy)
        return report

    async def _check_stores(self, name: str) -> None:
        ours = await self._source.do(lambda tx: tx.rows("SELECT number FROM node WHERE name = ?", (name,)))
        for side in (self._source, self._destination):
            await side.do(_forget_copyists)
        if ours:
            raise StoreError(_SAME)
        if await self._source.do(migrate.unfinished):
            raise StoreError("the source is an unfinished copy itself; copy from the store that it was made from")
        if await self._source.do(migrate.schema) != await self._destination.do(migrate.schema):
            raise StoreError("the schemas of source and destination differ; name a new destination")
        broken = (await ledger.verify_all(self._source.do)).broken
        if broken is not None:
            raise StoreError(f"the source's ledger is broken at position {broken}; restore a backup that is whole")

    async def _beginning(self, table: Table) -> _Extent:
        """Return how far the destination has a table already, or refuse what did not come from the source."""
        extent = await self._compare(table)
        if extent.difference:
            raise StoreError(
                f"the destination holds other data than the source: table {table.name}, {extent.difference}; {_EMPTY}"
            )
        return extent

    async def _compare(self, table: Table) -> _Extent:
        rows, key = 0, ()
        while True:
            ours, theirs = await self._source.page(table, key), await self._destination.page(table, key)
            if not _is_beginning(theirs, ours):
                return _Extent(rows, key, complete=False, difference=_range(table, ours, theirs))
            self._watcher.advance(len(theirs))
            rows += len(theirs)
            if len(theirs) < PAGE:
                key = table.key_of(theirs[-1]) if theirs else key
                return _Extent(rows, key, complete=len(ours) == len(theirs), difference="")
            key = table.key_of(theirs[-1])

    async def _fill(self, table: Table, extent: _Extent) -> int:
        """Copy a table's rows behind its beginning; returns how many there were."""
        copied, key = 0, extent.key
        while page := await self._source.page(table, key):
            found = await self._destination.do(partial(_append, table, key, page))
            if found != key:
                raise StoreError(f"the destination: somebody else writes into table {table.name}; end that, copy again")
            key = table.key_of(page[-1])
            copied += len(page)
            self._watcher.advance(len(page))
        return copied

    async def _verify(self, copied: int) -> Report:
        tables = [await self._verified(table) for table in COPIED]
        chain = await ledger.verify_all(self._destination.do)
        return Report(tables, copied, chain, await self._source.do(ledger.last))

    async def _verified(self, table: Table) -> Compared:
        extent = await self._compare(table)
        if extent.complete:
            return Compared(table.name, extent.rows, extent.rows, "")
        source, destination = await self._source.count(table), await self._destination.count(table)
        return Compared(table.name, source, destination, extent.difference or f"behind {_spell(extent.key)}")


def _append(table: Table, key: Key, page: list[Row], tx: Tx) -> Key:
    """Append a page to a table that ends with ``key``; returns where it really ended, and appends nothing elsewhere."""
    tx.lock([migrate.COPYIST])
    found = table.last(tx)
    if found == key:
        table.put(tx, page)
    return found


def _forget_copyists(tx: Tx) -> None:
    tx.rows(f"DELETE FROM node WHERE name LIKE '{migrate.COPYIST}%'")  # noqa: S608 (constants)


def _is_beginning(theirs: list[Row], ours: list[Row]) -> bool:
    return theirs == ours[: len(theirs)] or (len(theirs) <= len(ours) and all(map(_alike, theirs, ours)))


def _alike(copy: Row, row: Row) -> bool:
    """Tell whether a row is a copy of another; PostgreSQL's texts cannot hold NUL, so it arrives as U+FFFD."""
    return copy == row or copy == tuple(
        value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row
    )


def _range(table: Table, ours: list[Row], theirs: list[Row]) -> str:
    """Spell the range of keys of two pages in which they differ."""
    same = next((at for at, rows in enumerate(zip(theirs, ours, strict=False)) if not _alike(*rows)), len(ours))
    keys = sorted(table.key_of(row) for rows in (ours, theirs) for row in rows[same:])
    return f"keys {_spell(keys[0])} to {_spell(keys[-1])}"


def _spell(key: Sequence[object]) -> str:
    return "/".join(map(str, key)) or "the begin"


async def copy(source: str, destination: str, watcher: Watcher) -> Report:
    """Copy the store of one URL into that of another, or go on with a copy that was interrupted.

    Raises:
        StoreError: it cannot be done, or not now; the sentence says why and what to do.
    """
    if is_missing(source):
        raise StoreError("the source: there is no such file; name the one that the gateway uses")
    if is_same(source, destination):
        raise StoreError(_SAME)
    token = f"{migrate.COPYIST}{secrets.token_hex(8)}"  # if the source knows it, it is the destination by another name
    with ExitStack() as stack:
        first = _open(stack, "source", source, f"{migrate.COPYIST}source")
        second = _open(stack, "destination", destination, token)
        return await _serve(Copy(first, second, watcher), (first, second), token)


def _open(stack: ExitStack, role: str, url: str, name: str) -> Store:
    try:
        stack.enter_context(reserved(url))
    except TakenError as error:
        raise StoreError(f"the {role}: another process works on it; {_STOP}") from error
    return stack.enter_context(closing(open_store(url, name)))


async def _serve(copying: Copy, stores: Sequence[Store], name: str) -> Report:
    """Run a copy while both stores serve rounds; what stops it is raised as it is, not in a group."""
    result: Report | StoreError = StoreError("the copy was interrupted; run it again to go on")
    async with trio.open_nursery() as nursery:
        for store in stores:
            nursery.start_soon(store.run)
        try:
            result = await copying.run(name)
        except StoreError as error:
            result = error
        nursery.cancel_scope.cancel()
    if isinstance(result, StoreError):
        raise result
    return result

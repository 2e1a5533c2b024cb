"""Lists of opted-out numbers, of any length, taken in: read whole first, then added a little at a time.

Reading sorts the list outside of memory and finds every row that cannot be used. Adding is many short transactions,
with as long a pause after each as it took where others wait for the same file, so a gateway at work hardly notices.
What has been added stays when an import is cut off, and the same import again adds the rest: a number that is on the
list already is none too many. Each transaction leaves evidence: whose list it was, why, and the SHA-256 of the file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import trio

from gateway.rules.columns import Layout, Reader, RowError, layout
from gateway.store import blacklist, evidence
from gateway.store.base import StoreError, WorkError
from gateway.store.blacklist import EVERYBODY, Entry
from gateway.store.evidence import IMPORTED, Evidence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import IO

    from gateway.rules.columns import Listed
    from gateway.store.base import Row, Tx
    from gateway.store.sorting import Sorter

AT_ONCE = 1_000  # numbers of one transaction
WIDTH = 6  # columns of the rows that are sorted
_BUFFER = 1 << 20
_SAMPLE = 1 << 16
_READ_AT_ONCE = 5_000  # rows
_LONGEST_FIELD = 131_072  # characters; what is longer begins with a quote that is never closed
_PATIENCE = 60.0  # seconds for which a database may be busy
_PAUSE = 1.0
_UNREADABLE = "(a quote that is not closed)"
_KEPT_PROBLEMS = 20


class Order(NamedTuple):
    """What is to be done with a list.

    Attributes:
        name: the list's own, for the evidence.
        reason: why; kept as evidence.
        code: the short code of the entries, where a row does not say.
        account: whose marketing is refused where a row does not say; everybody's without one.
        accounts: which accounts rows may name.
        source: where the list comes from, where a row does not say.
        nine: what nine bare digits are (:class:`gateway.rules.columns.Reader`).
    """

    name: str
    reason: str
    code: str
    account: str = EVERYBODY
    accounts: frozenset[str] = frozenset()
    source: str = "import"
    nine: str = ""


class Problem(NamedTuple):
    """A row that cannot be used: the line in which it ends, what it says, and what is wrong."""

    line: int
    row: list[str]
    reason: str


class Watcher(Protocol):
    """Whoever is told how far an import has come."""

    def read(self, octets: int) -> None:
        """So many more octets of the list have been read."""

    def problem(self, problem: Problem) -> None:
        """A row cannot be used."""

    def added(self, rows: int) -> None:
        """So many more rows are on the blacklist, or were there already."""


class Report(NamedTuple):
    """What an import has come to: ``numbers`` are different ones, ``added`` those that were not opted out before."""

    rows: int
    problems: int
    reasons: dict[str, int]
    first: list[Problem]
    numbers: int
    added: int
    sha256: str


class Import:
    """One list. First :meth:`read` it, then :meth:`add` it, or find out with :meth:`rehearse` what that would do.

    Args:
        order: what is to be done.
        watcher: told how far it has come.
        room: for rows of :data:`WIDTH` columns.
    """

    def __init__(self, order: Order, watcher: Watcher, room: Sorter) -> None:
        self._order = order
        self._watcher = watcher
        self._room = room
        self._digest = hashlib.sha256()
        self._reasons: Counter[str] = Counter()
        self._first: list[Problem] = []
        self._rows = self._numbers = self._added = 0

    def read(self, file: IO[bytes]) -> None:
        """Read a list to its end; takes a thread's time.

        Raises:
            RowError: it has no column of numbers.
            StoreError: there is no room for it.
        """
        buffered = io.BufferedReader(_Watched(file, self._saw), _BUFFER)
        form = layout(buffered.peek(_SAMPLE)[:_SAMPLE])
        accounts = self._order.accounts | {self._order.account}
        reader = Reader(form.columns, accounts, self._order.nine, datetime.now(UTC))
        text = io.TextIOWrapper(buffered, form.encoding, errors="replace", newline="")
        waiting: list[Row] = []
        with _long_fields():
            for line, row in _rows(text, form):
                self._rows += 1
                try:
                    listed = reader.read(row)
                except RowError as error:
                    self._wrong(Problem(line, row, str(error)))
                    continue
                account = listed.account or self._order.account
                waiting.append((listed.number, account, _rank(listed), listed.since, listed.source, listed.code))
                if len(waiting) == _READ_AT_ONCE:
                    self._room.add(waiting)
                    waiting.clear()
        self._room.add(waiting)

    def _saw(self, octets: bytes) -> None:
        self._digest.update(octets)
        self._watcher.read(len(octets))

    def _wrong(self, problem: Problem) -> None:
        self._reasons[problem.reason] += 1
        if len(self._first) < _KEPT_PROBLEMS:
            self._first.append(problem)
        self._watcher.problem(problem)

    async def add(self, transact: Transact, *, politely: bool) -> Report:
        """Add what was read; ``politely``: with pauses, since others wait for the same database.

        Raises:
            StoreError: the database cannot take it; what was added before stays.
        """
        work = partial(_put, order=self._order, sha256=self._digest.hexdigest())
        return await self._each(transact, work, politely=politely)

    async def rehearse(self, transact: Transact, *, politely: bool) -> Report:
        """Find out what :meth:`add` would do, and do nothing."""
        return await self._each(transact, _look, politely=politely)

    async def _each(self, transact: Transact, work: Callable[..., int], *, politely: bool) -> Report:
        chunks = self._room.sorted(AT_ONCE)
        while chunk := await trio.to_thread.run_sync(next, chunks, None):
            began = trio.current_time()
            self._added += await _patiently(transact, partial(work, rows=chunk))
            self._numbers += len(chunk)
            self._watcher.added(len(chunk))
            if politely:
                await trio.sleep(trio.current_time() - began)
        digest = self._digest.hexdigest()
        problems = self._reasons.total()
        return Report(self._rows, problems, dict(self._reasons), self._first, self._numbers, self._added, digest)


def _put(tx: Tx, order: Order, sha256: str, rows: list[Row]) -> int:
    identifier = tx.new_id()
    tx.lock({row[0] for row in rows})  # no submission to them is being decided meanwhile
    entries = [
        Entry(number, account, since or tx.now, source or order.source, code or order.code, not rank, identifier)
        for number, account, rank, since, source, code in rows
    ]
    added = blacklist.add(tx, entries)
    if added:
        what = f"{len(added)} numbers from {added[0][0]} to {added[-1][0]} of {order.name}, SHA-256 {sha256}"
        whose = json.dumps(sorted({account for _, account in added}))
        evidence.record(tx, [_evidence(order, (identifier, tx.now), what, whose)])
    return len(added)


def _look(tx: Tx, rows: list[Row]) -> int:
    found = blacklist.lookup(tx, {row[0] for row in rows})
    return sum((row[0], row[1]) not in found for row in rows)


def _evidence(order: Order, place: tuple[int, int], what: str, whose: str) -> Evidence:
    identifier, at = place
    return Evidence(
        id=identifier,
        at=at,
        number="",
        code=order.code,
        source=order.source,
        operator="",
        data_coding=0,
        octets=b"",
        normalised="",
        rule="by_hand",
        effect=IMPORTED,
        accounts=whose,
        note=f"{order.reason}; {what}",
    )


def _rank(listed: Listed) -> int:
    """Return which of several rows about one number counts: the one that refuses everything, which has rank 0."""
    return int(not listed.everything)


class Transact(Protocol):
    """:meth:`gateway.store.base.Store.transact`."""

    def __call__(self, work: Callable[[Tx], int], /) -> Awaitable[int]:
        """Run ``work`` in a transaction."""


class _Watched(io.RawIOBase):
    """A file that tells what is read of it."""

    def __init__(self, file: IO[bytes], saw: Callable[[bytes], None]) -> None:
        self._file = file
        self._saw = saw

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer, as called here
        """Read up to a buffer of octets."""
        octets = self._file.read(len(buffer))
        buffer[: len(octets)] = octets
        self._saw(octets)
        return len(octets)


def _rows(text: io.TextIOWrapper, form: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that say something, each with the line in which it ends; what is no CSV comes as a row of its own."""
    reader = csv.reader((line.replace("\0", "") for line in text), delimiter=form.delimiter)
    header = form.header
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            row = [_UNREADABLE]
        if header:
            header = False
        elif any(map(str.strip, row)):
            yield reader.line_num, row


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


async def _patiently(transact: Transact, work: Callable[[Tx], int]) -> int:
    """Do ``work`` as soon as the database takes it."""
    deadline = trio.current_time() + _PATIENCE
    while True:
        try:
            return await transact(work)
        except StoreError as error:
            if isinstance(error, WorkError) or trio.current_time() >= deadline:
                raise
        await trio.sleep(_PAUSE)

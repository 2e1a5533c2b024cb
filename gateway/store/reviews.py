"""Texts that may be opt-outs, until a person has read them: numbers that marketing is held back from meanwhile.

A *case* is what one account (or everybody) may not send to one number because of a text to one code. Rows of the spool
that are held back are due when its time is over and it has been decided, so that nobody has to look at them before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store.blacklist import EVERYBODY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gateway.store.base import Snapshot, Tx

_MARGIN_MS = 60_000  # a case that is overdue is decided before what it held back is looked at again
_COLUMNS = "number, account, code, since, until, evidence"

Pending = dict[tuple[str, str], int]  # (number, account) → when what is held back is looked at again


class Case(NamedTuple):
    """One number that waits for a decision; ``since`` and ``until`` in milliseconds since 1970."""

    number: str
    account: str
    code: str
    since: int
    until: int
    evidence: int

    @property
    def resumes(self) -> int:
        """When what is held back is due."""
        return self.until + _MARGIN_MS


class Place(NamedTuple):
    """Where a case stands among all that are open, the most urgent first."""

    until: int
    number: str
    account: str
    code: str

    @property
    def written(self) -> str:
        """The place as text, for whoever asks for the cases behind it."""
        return f"{self.until}.{self.number}.{self.code}.{self.account}"


def place(text: str) -> Place:
    """Read what :attr:`Place.written` is.

    Raises:
        ValueError: it never was.
    """
    until, number, code, account = text.split(".", 3)
    found = Place(int(until), number, account, code)
    if found.written != text or not 0 <= found.until <= _ALL or "\0" in text:
        raise ValueError("no case stands there")
    return found


FIRST, _ALL = Place(-1, "", "", ""), 2**63 - 1
_PAGE = 1_000  # cases read at once


class Open(NamedTuple):
    """A case with what its reader must know: the text as it was sent, and as it was compared."""

    case: Case
    operator: str
    data_coding: int
    octets: bytes
    normalised: str
    rule: str
    esm_class: int

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.case.until, self.case.number, self.case.account, self.case.code)


def lookup(tx: Tx, numbers: Collection[str]) -> Pending:
    """Return until when marketing to these numbers is held back: (number, account) → an instant."""
    pending: Pending = {}
    for case in of(tx, numbers):
        pending[case.number, case.account] = max(case.resumes, pending.get((case.number, case.account), 0))
    return pending


def held_until(pending: Pending, number: str, account: str) -> int:
    """Say until when marketing of ``account`` to ``number`` is held back; 0: it is not."""
    return max(pending.get((number, each), 0) for each in (account, EVERYBODY)) if pending else 0


def of(tx: Tx, numbers: Collection[str]) -> list[Case]:
    """Return the cases of these numbers."""
    found = tx.each(f"SELECT {_COLUMNS} FROM review WHERE number IN ({{rows}})", [(each,) for each in numbers])  # noqa: S608 (constants)
    return [Case(*row) for row in found]


def cases_of(tx: Tx | Snapshot, number: str) -> list[Case]:
    """Return the cases of one number."""
    found = tx.rows(f"SELECT {_COLUMNS} FROM review WHERE number = ? ORDER BY account, code", (number,))  # noqa: S608 (constants)
    return [Case(*row) for row in found]


def until(tx: Tx | Snapshot, number: str, account: str) -> int:
    """Say, of one number, until when marketing of ``account`` to it is held back; 0: it is not."""
    return max((case.resumes for case in cases_of(tx, number) if case.account in (account, EVERYBODY)), default=0)


def add(tx: Tx, cases: Sequence[Case]) -> None:
    """Open cases; one that is open already keeps its text and its time."""
    tx.insert(f"review ({_COLUMNS})", sorted(cases), "ON CONFLICT (number, account, code) DO NOTHING")


def remove(tx: Tx, cases: Collection[Case]) -> None:
    """Close cases."""
    tx.each(
        "DELETE FROM review WHERE (number, account, code) IN ({rows})",
        [(case.number, case.account, case.code) for case in sorted(cases)],
    )


def overdue(tx: Tx, limit: int) -> list[Case]:
    """Return up to ``limit`` cases whose time is over."""
    found = tx.rows(f"SELECT {_COLUMNS} FROM review WHERE until <= ? ORDER BY until LIMIT ?", (tx.now, limit))  # noqa: S608 (constants)
    return [Case(*row) for row in found]


def cases(tx: Tx | Snapshot, account: str | None = None, after: Place = FIRST, limit: int = _ALL) -> Iterator[Open]:
    """Yield up to ``limit`` open cases behind ``after``: all, or those of ``account``; the most urgent first."""
    where, values = ("AND account IN (?, ?)", (account, EVERYBODY)) if account is not None else ("", ())
    found = tx.rows(
        "SELECT review.number, account, review.code, since, until, evidence, operator, data_coding, octets, "  # noqa: S608 (constants)
        "normalised, rule, esm_class FROM review JOIN evidence ON evidence.id = review.evidence "
        f"WHERE (until, review.number, account, review.code) > (?, ?, ?, ?) {where} "
        "ORDER BY until, review.number, account, review.code LIMIT ?",
        (*after, *values, limit),
    )
    return (Open(Case(*row[:6]), *row[6:]) for row in found)


def every(reader: Tx | Snapshot, account: str | None = None) -> Iterator[Open]:
    """Yield all open cases likewise, read page by page."""
    place = FIRST
    while found := list(cases(reader, account, place, _PAGE)):
        yield from found
        place = found[-1].place

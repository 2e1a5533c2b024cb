"""Evidence: every text that reached a short code of ours, every change of the blacklist, and what was decided why.

Rows are only ever added, each chained to the one before by its SHA-256, as in the ledger. Here a retention may have to
be kept: a row that is purged loses what it says and keeps its place. Its digest covers a nonce that goes with the rest,
so the chain holds on and nobody can find out from it, by trying all numbers, whose row it was.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, NamedTuple

from gateway.store.ids import first_id
from gateway.store.ledger import START, Link, Verdict, head_of, set_head

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from gateway.store.base import Snapshot, Tx

OPTED_OUT = "opted_out"  # the effect of a text, or of a decision, that opts a number out
LIFTED = "lifted"  # and of one that ends an opt-out
IMPORTED = "imported"  # the effect of a list: so many numbers, which it does not name, have opted out
HELD = "held"  # the effect of a text that a person is to read: marketing waits
_LOCK = "ledger"  # what is locked to append to either chain: one name, so that two can never wait for each other
_CHAIN = "evidence"
_FOR_EVER = 2**63 - 1
_PAGE = 5_000  # rows read at once
_COLUMNS = (
    "id, at, number, code, source, operator, data_coding, octets, normalised, rule, effect, accounts, note, "
    "vocabulary, language, esm_class"
)


class Evidence(NamedTuple):
    """What somebody said or did about a number, and what was decided by which rule.

    ``octets``, ``data_coding`` and ``esm_class`` as the operator sent them, ``normalised`` what was compared,
    ``accounts`` JSON, ``vocabulary`` the version of the word lists, ``language`` the one in which it was understood.
    """

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
    vocabulary: str = ""
    language: str = ""
    esm_class: int = 0


class Said(NamedTuple):
    """A text that somebody sent to a code: what loops repeat."""

    number: str
    code: str
    normalised: str


def record(tx: Tx, evidence: Sequence[Evidence]) -> None:
    """Add rows to the end of the chain."""
    if not evidence:
        return
    tx.lock([_LOCK])
    end, rows = head(tx), []
    for each in evidence:
        nonce = secrets.token_hex(8)
        content = digest(nonce, each)
        end = Link(end.position + 1, chain(end.hash, content))
        rows.append((*each, end.position, nonce, content, end.hash))
    tx.insert(f"evidence ({_COLUMNS}, position, nonce, digest, hash)", rows)
    set_head(tx, _CHAIN, end)


def digest(nonce: str, evidence: Evidence) -> str:
    """Return the SHA-256 over a row and its nonce, as compact JSON, octets in hexadecimal digits."""
    plain = [value.hex() if isinstance(value, bytes) else value for value in evidence]
    return hashlib.sha256(json.dumps([nonce, *plain], separators=(",", ":")).encode()).hexdigest()


def chain(previous: str, content: str) -> str:
    """Return the hash of a row with the digest ``content``, after one with the hash ``previous``."""
    return hashlib.sha256(f"{previous}{content}".encode()).hexdigest()


def head(tx: Tx | Snapshot) -> Link:
    """Return where the chain ends by what is kept apart from it, :data:`START` if it is empty."""
    return head_of(tx, _CHAIN)


def verify(
    tx: Tx | Snapshot,
    after: Link = START,
    limit: int = _FOR_EVER,
    see: Callable[[Link], None] = lambda _link: None,
) -> Verdict:
    """Recompute the chain: every row's digest and hash, that no position is missing, and that it ends where it must.

    Of a row that was purged the digest is taken as it is written; it must say nothing any more.

    Args:
        tx: a transaction.
        after: a row that is good already, to go on from.
        limit: the most rows to look at; the whole rest when there are no more.
        see: called with the place of every good row.
    """
    while limit > 0:
        count = 0
        for position, written, content, nonce, *values in tx.rows(
            f"SELECT position, hash, digest, nonce, {_COLUMNS} FROM evidence WHERE position > ? "  # noqa: S608 (constants)
            "ORDER BY position LIMIT ?",
            (after.position, min(limit, _PAGE)),
        ):
            expected = Link(after.position + 1, chain(after.hash, content))
            row = Evidence(*values)
            whole = digest(nonce, row) == content if nonce else row == _emptied(row)
            if position != expected.position or written != expected.hash or not whole:
                return Verdict(after, expected.position)
            after, count = expected, count + 1
            see(after)
        if not count:
            return Verdict(after, None if head(tx) == after else after.position + 1)
        limit -= count
    return Verdict(after, None)


def old(tx: Tx, after: int, before: int, limit: int) -> list[tuple[int, bool]]:
    """Return (id, whether nobody needs it) of up to ``limit`` rows behind an id and older than the instant ``before``.

    Needed is what an opt-out that is in force, or a text that waits for its reader, rests on; lists that were imported;
    and whatever is about a number of which something is known that is newer than ``before``: the time to keep begins
    when an opt-out is lifted.
    """
    found = tx.rows(
        "SELECT id, CASE "
        "WHEN EXISTS (SELECT 1 FROM blacklist AS b WHERE b.number = e.number AND b.evidence = e.id) "
        "OR EXISTS (SELECT 1 FROM review AS r WHERE r.number = e.number AND r.evidence = e.id) "
        "OR EXISTS (SELECT 1 FROM evidence AS newer WHERE newer.number = e.number AND newer.at >= ?) "
        "THEN 0 ELSE 1 END "
        "FROM evidence AS e WHERE id > ? AND id < ? AND nonce <> '' AND effect <> ? ORDER BY id LIMIT ?",
        (before, after, first_id(before), IMPORTED, limit),
    )
    return [(int(identifier), bool(idle)) for identifier, idle in found]


def empty(tx: Tx, ids: Sequence[int]) -> None:
    """Take from rows what they say; they keep their place in the chain."""
    tx.each(
        "WITH gone (id, empty) AS ({rows}) UPDATE evidence SET number = '', code = '', source = '', operator = '', "
        "data_coding = 0, esm_class = 0, octets = gone.empty, normalised = '', rule = 'purged', effect = '', "
        "accounts = '[]', note = '', vocabulary = '', language = '', nonce = '' FROM gone WHERE evidence.id = gone.id",
        [(identifier, b"") for identifier in ids],
    )


def _emptied(row: Evidence) -> Evidence:
    """Return what :func:`empty` leaves of a row."""
    return Evidence(row.id, row.at, "", "", "", "", 0, b"", "", "purged", "", "[]")


def stopped_since(tx: Tx, since: int) -> dict[int, str]:
    """Return the numbers that have opted out, or are held back, since about an instant, by the evidence of it.

    No number (``""``) stands for those of a list.
    """
    found = tx.rows(
        "SELECT id, number FROM evidence WHERE id >= ? AND effect IN (?, ?, ?)",
        (first_id(since), OPTED_OUT, HELD, IMPORTED),
    )
    return {int(identifier): str(number) for identifier, number in found}


def changed_since(tx: Tx, number: str, since: int) -> bool:
    """Say whether a number has opted out, or an opt-out of it has ended, after an instant."""
    found = tx.rows(
        "SELECT 1 FROM evidence WHERE number = ? AND at > ? AND effect IN (?, ?) LIMIT 1",
        (number, since, OPTED_OUT, LIFTED),
    )
    return bool(found)


def said_since(tx: Tx, numbers: Collection[str], since: int) -> dict[Said, int]:
    """Count what these numbers have texted since an instant: how often the same to the same code."""
    found = tx.each(
        "WITH asked (number, since) AS ({rows}) "
        "SELECT evidence.number, evidence.code, evidence.normalised, count(*) FROM asked CROSS JOIN evidence "
        "WHERE evidence.number = asked.number AND evidence.at >= asked.since AND evidence.source = 'sms' "
        "GROUP BY evidence.number, evidence.code, evidence.normalised",
        [(number, since) for number in numbers],
    )
    return {Said(number, code, normalised): int(count) for number, code, normalised, count in found}


def get(tx: Tx, ids: Collection[int]) -> dict[int, Evidence]:
    """Return rows by their id."""
    found = tx.each(f"SELECT {_COLUMNS} FROM evidence WHERE id IN ({{rows}})", [(each,) for each in ids])  # noqa: S608 (constants)
    return {row[0]: Evidence(*row) for row in found}


def one(tx: Tx | Snapshot, identifier: int) -> Evidence | None:
    """Return one row, None where there is none."""
    found = tx.rows(f"SELECT {_COLUMNS} FROM evidence WHERE id = ?", (identifier,))  # noqa: S608 (constants)
    return next((Evidence(*row) for row in found), None)


def about(tx: Tx | Snapshot, number: str) -> Iterator[Evidence]:
    """Yield all that is kept about a number, the oldest first."""
    found = tx.rows(f"SELECT {_COLUMNS} FROM evidence WHERE number = ? ORDER BY at, id", (number,))  # noqa: S608 (constants)
    return (Evidence(*row) for row in found)

"""Parts of long texts to a short code, kept until all parts of a text are here, or its time is over.

What has been read is remembered for a while by digests of its parts: an operator that got no answer, or lost it, hands
over a part again, minutes or hours later.

Whoever asks holds the lock on the numbers, so nobody else sees or changes their parts meanwhile.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

_COLUMNS = (
    "number, code, wide, reference, total, place, until, operator, source_ton, source_npi, source_addr, dest_ton, "
    "dest_npi, esm_class, data_coding, octets, doubtful"
)


class Key(NamedTuple):
    """What the parts of one text have in common (TS 23.040 section 9.2.3.24.1)."""

    number: str
    code: str
    wide: int
    reference: int
    total: int


class Part(NamedTuple):
    """One part, as its operator sent it; ``until`` in milliseconds since 1970.

    ``doubtful`` is 1 for one that came before the text began under which it waits, and is probably none of its parts.
    """

    key: Key
    place: int
    until: int
    operator: str
    source_ton: int
    source_npi: int
    source_addr: str
    dest_ton: int
    dest_npi: int
    esm_class: int
    data_coding: int
    octets: bytes
    doubtful: int = 0

    @property
    def content(self) -> tuple[int | bytes, ...]:
        """What the part says, and to whom: the same in a part that comes again, by whichever operator or node."""
        return self.dest_ton, self.dest_npi, self.esm_class, self.data_coding, self.octets

    @property
    def digest(self) -> str:
        """The SHA-256 of its content, in hexadecimal digits."""
        return hashlib.sha256(repr(self.content).encode()).hexdigest()


Place = tuple[Key, int, str]  # a part that has been read: its text, its place there, the digest of what it says


def find(tx: Tx, keys: Collection[Key]) -> dict[Key, dict[int, Part]]:
    """Return the parts that wait under each key, by their place."""
    found = tx.each(
        f"SELECT {_COLUMNS} FROM inbound WHERE (number, code, wide, reference, total) IN ({{rows}})",  # noqa: S608 (constants)
        sorted(keys),
    )
    return _by_key(found)


def add(tx: Tx, parts: Sequence[Part]) -> None:
    """Keep parts."""
    tx.insert(f"inbound ({_COLUMNS})", [(*part.key, *part[1:]) for part in parts])


def remove(tx: Tx, keys: Collection[Key]) -> None:
    """Let go of the parts under these keys."""
    tx.each("DELETE FROM inbound WHERE (number, code, wide, reference, total) IN ({rows})", sorted(keys))


def overdue(tx: Tx, limit: int) -> list[Key]:
    """Return up to ``limit`` keys whose time is over."""
    found = tx.rows(
        "SELECT DISTINCT number, code, wide, reference, total FROM inbound WHERE until <= ? LIMIT ?", (tx.now, limit)
    )
    return [Key(*row) for row in found]


def already_read(tx: Tx, keys: Collection[Key]) -> dict[Place, int]:
    """Return the parts that have been read under these keys, and when (milliseconds since 1970)."""
    found = tx.each(
        "SELECT number, code, wide, reference, total, place, digest, at FROM inbound_read "
        "WHERE (number, code, wide, reference, total) IN ({rows})",
        sorted(keys),
    )
    return {(Key(*key), place, digest): at for *key, place, digest, at in found}


def remember(tx: Tx, places: Collection[Place]) -> None:
    """Remember that these parts are read now."""
    tx.insert(
        "inbound_read (number, code, wide, reference, total, place, digest, at)",
        [(*key, place, digest, tx.now) for key, place, digest in sorted(places)],
        "ON CONFLICT (number, code, wide, reference, total, place, digest) DO UPDATE SET at = excluded.at",
    )


def forget(tx: Tx, before: int, limit: int) -> int:
    """Forget up to ``limit`` parts that were read before an instant; returns how many."""
    gone = tx.rows(
        "DELETE FROM inbound_read WHERE (number, code, wide, reference, total, place, digest) IN "
        "(SELECT number, code, wide, reference, total, place, digest FROM inbound_read WHERE at < ? ORDER BY at "
        "LIMIT ?) RETURNING at",
        (before, limit),
    )
    return len(gone)


def shorten(tx: Tx, until: int) -> None:
    """Let no part wait for longer than until an instant."""
    tx.rows("UPDATE inbound SET until = ? WHERE until > ?", (until, until))


def forget_since(tx: Tx, instant: int) -> None:
    """Forget which parts were read later than an instant: what has changed since they were cannot be told."""
    tx.rows("DELETE FROM inbound_read WHERE at > ?", (instant,))


def _by_key(rows: Sequence[tuple[object, ...]]) -> dict[Key, dict[int, Part]]:
    parts: dict[Key, dict[int, Part]] = {}
    for row in rows:
        part = Part(Key(*row[:5]), *row[5:])  # type: ignore[arg-type]  # as the columns say
        parts.setdefault(part.key, {})[part.place] = part
    return parts

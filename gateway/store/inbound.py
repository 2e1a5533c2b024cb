"""Parts of long texts to a short code, kept until all parts of a text are here, or its time is over.

Whoever asks holds the lock on the numbers, so nobody else sees or changes their parts meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

_COLUMNS = (
    "number, code, wide, reference, total, place, until, operator, source_ton, source_npi, source_addr, dest_ton, "
    "dest_npi, esm_class, data_coding, octets"
)


class Key(NamedTuple):
    """What the parts of one text have in common (TS 23.040 section 9.2.3.24.1)."""

    number: str
    code: str
    wide: int
    reference: int
    total: int


class Part(NamedTuple):
    """One part, as its operator sent it; ``until`` in milliseconds since 1970."""

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


def _by_key(rows: Sequence[tuple[object, ...]]) -> dict[Key, dict[int, Part]]:
    parts: dict[Key, dict[int, Part]] = {}
    for row in rows:
        part = Part(Key(*row[:5]), *row[5:])  # type: ignore[arg-type]  # as the columns say
        parts.setdefault(part.key, {})[part.place] = part
    return parts

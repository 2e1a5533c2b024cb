"""Parts of messages that apps cut themselves, kept until all parts of a message are here, or its time is over.

Parts that are taken for one message are a *bundle*. Which bundle a part belongs to is decided by the intake
(:mod:`gateway.submissions.bundles`), inside the transaction that keeps it; transactions about one key exclude each
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.store.base import Tx

_COLUMNS = "id, bundle, account, number, source_addr, wide, reference, total, place, until, due, expires, body, origin"


class Key(NamedTuple):
    """What parts of one message have in common (TS 23.040 section 9.2.3.24.1), and whose they are."""

    account: str
    number: str
    source_addr: str
    wide: int
    reference: int
    total: int


class Part(NamedTuple):
    """One part that waits for others; ``id`` is that of its own message, ``body`` the submit_sm as submitted.

    ``until``: when the bundle's time is over; ``due`` and ``expires``: as asked for; all in milliseconds since 1970.
    ``origin``: a number that it shares with what came over the same session, and with little else.
    """

    id: int
    bundle: int
    key: Key
    place: int
    until: int
    due: int
    expires: int
    body: bytes
    origin: int = 0


def find(tx: Tx, keys: Collection[Key]) -> dict[Key, list[Part]]:
    """Return the parts that wait under each key, oldest first, and keep others away from these keys until the commit.

    What is overdue is left out: it only waits for its end.
    """
    wanted = sorted(keys)
    tx.lock([f"held/{key.account}/{key.number}/{key.reference}" for key in wanted])
    found = tx.each(
        f"SELECT {_COLUMNS} FROM held WHERE (number, account, source_addr, wide, reference, total) IN ({{rows}}) "  # noqa: S608 (constants)
        f"ORDER BY id{tx.for_update}",
        [(key.number, key.account, *key[2:]) for key in wanted],
    )
    parts: dict[Key, list[Part]] = {}
    for identifier, bundle, *rest in found:
        part = Part(identifier, bundle, Key(*rest[:6]), *rest[6:])
        if part.until > tx.now:
            parts.setdefault(part.key, []).append(part)
    return parts


def add(tx: Tx, parts: Sequence[Part]) -> None:
    """Keep parts."""
    tx.insert(f"held ({_COLUMNS})", [(part.id, part.bundle, *part.key, *part[3:]) for part in parts])


def remove(tx: Tx, messages: Collection[int]) -> set[int]:
    """Let go of the parts that are these messages; returns those that were there."""
    found = tx.each("DELETE FROM held WHERE id IN ({rows}) RETURNING id", [(each,) for each in sorted(messages)])
    return {int(each) for (each,) in found}


def messages_to(tx: Tx, numbers: Collection[str]) -> set[int]:
    """Return the messages to these numbers that are parts which wait."""
    found = tx.each("SELECT id FROM held WHERE number IN ({rows})", [(each,) for each in sorted(numbers)])
    return {int(each) for (each,) in found}


def messages_of(tx: Tx, whose: tuple[str, str], between: tuple[int, int], limit: int) -> list[int]:
    """Return messages of an account to a number that are parts which wait, as those of the spool are returned."""
    found = tx.rows(
        "SELECT id FROM held WHERE account = ? AND number = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
        (*whose, *between, limit),
    )
    return [int(each) for (each,) in found]


def beginnings(tx: Tx, messages: Collection[int], octets: int) -> dict[int, bytes]:
    """Return how what was submitted as these messages begins, where it waits, and keep others away from it."""
    found = tx.each(
        f"SELECT id, substr(body, 1, {octets}) FROM held WHERE id IN ({{rows}}) ORDER BY id{tx.for_update}",  # noqa: S608 (a number)
        [(each,) for each in sorted(messages)],
    )
    return {int(identifier): bytes(body) for identifier, body in found}


def shorten(tx: Tx, until: int) -> None:
    """Let no part wait for longer than until an instant."""
    tx.rows("UPDATE held SET until = ? WHERE until > ?", (until, until))


def expire(tx: Tx, limit: int) -> list[int]:
    """Let go of up to ``limit`` bundles whose time is over; returns the messages that were their parts."""
    found = tx.rows(
        "DELETE FROM held WHERE bundle IN (SELECT bundle FROM held WHERE until <= ? ORDER BY until LIMIT ?) "
        "RETURNING id",
        (tx.now, limit),
    )
    return sorted(int(each) for (each,) in found)

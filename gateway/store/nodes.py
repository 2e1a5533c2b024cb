"""Nodes: which processes share a database, which of them live, and what each may use of what is limited.

A node *joins* and gets a holder token, which marks the rows of the spool that it has in memory. Where several nodes
share a database, each of its rounds renews its lease, and leaves a key of its own. Whoever has seen the same key for as
long as a lease takes the node for dead: its token is void and its rows wait again. How long that is the looker's own
clock says, which is never set; so no step of the database's clock ends a lease, or makes one last. A round is committed
only under a token that is still good, so a node that was frozen or cut off for longer than its lease finds out before
it can change anything, and joins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.sharing import Share, share_of
from gateway.store import spool
from gateway.store.base import StoreError
from gateway.store.ids import MAX_NODES

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.rules.sharing import Demand
    from gateway.store.base import Tx

LEASE_MS = 6_000  # how long others leave a silent node alone
HOLD = 4.0  # seconds that a node relies on its own lease; less than the lease, for clocks and pauses


Signs = Mapping[int, int]
"""The key of the last round of nodes, by their holder tokens: another one with each round."""


class Buried(NamedTuple):
    """A node that was taken for dead, and the lanes whose rows wait again."""

    name: str
    lanes: list[str]


def number_of(tx: Tx, name: str) -> int:
    """Return the number of the node called ``name``; of a new one, a new one, or that of the longest gone.

    Raises:
        StoreError: there is no room for another node.
    """
    known = tx.rows("SELECT number FROM node WHERE name = ?", (name,))
    if known:
        return int(known[0][0])
    used = {number for (number,) in tx.rows("SELECT number FROM node")}
    number = next((number for number in range(MAX_NODES) if number not in used), None)
    if number is not None:
        tx.rows("INSERT INTO node (number, name) VALUES (?, ?)", (number, name))
        return number
    # Whoever takes a number over goes on above the largest identifier in the database, so none is made twice.
    left = tx.rows(
        "UPDATE node SET name = ? WHERE number = "
        "(SELECT number FROM node WHERE holder IS NULL ORDER BY lease, number LIMIT 1) RETURNING number",
        (name,),
    )
    if not left:
        raise StoreError(f"{MAX_NODES} nodes live on this database; there is no room for another")
    return int(left[0][0])


def join(tx: Tx, node: int, lease: int) -> int:
    """Give ``node`` a new holder token, for ``lease`` milliseconds; what a process of its name held waits again."""
    [(predecessor,)] = tx.rows(f"SELECT holder FROM node WHERE number = ?{tx.for_update}", (node,))  # noqa: S608 (constants)
    holder = max(tx.new_id(), (predecessor or 0) + 1)  # a predecessor that still runs may have made the same one
    tx.rows("UPDATE node SET holder = ?, lease = ? WHERE number = ?", (holder, tx.now + lease, node))
    if predecessor is not None:
        _clear(tx, predecessor)
    return holder


def leave(tx: Tx) -> None:
    """Give our token back, with everything that we hold under it."""
    tx.rows("UPDATE node SET holder = NULL WHERE holder = ?", (tx.holder,))
    tx.notify(_clear(tx, tx.holder))


def signs(tx: Tx) -> Signs:
    """Return the last sign of life of every node that has a token."""
    return {
        int(holder): int(mark) for holder, mark in tx.rows("SELECT holder, round FROM node WHERE holder IS NOT NULL")
    }


def bury(tx: Tx, silent: Signs) -> list[Buried]:
    """Take nodes for dead that have shown no sign of life since these: others may take over what they held."""
    dead = tx.each(
        f"SELECT number, name, holder FROM node WHERE (holder, round) IN ({{rows}}){tx.skip_locked}",  # noqa: S608 (constants)
        sorted(silent.items()),
    )
    for number, _, _ in dead:
        tx.rows("UPDATE node SET holder = NULL WHERE number = ?", (number,))
    return [Buried(str(name), _clear(tx, holder)) for _, name, holder in dead]


def alive(tx: Tx) -> list[str]:
    """Return the names of the nodes whose lease is not over; none where one process has the database to itself."""
    found = tx.rows(
        "SELECT name FROM node WHERE holder IS NOT NULL AND lease > ? AND lease <= ? ORDER BY name",
        (tx.now, tx.now + LEASE_MS),  # one that is longer was given before the clock was set back
    )
    return [str(name) for (name,) in found]


def _clear(tx: Tx, holder: int) -> list[str]:
    tx.rows("DELETE FROM presence WHERE holder = ?", (holder,))
    tx.rows("DELETE FROM share WHERE holder = ?", (holder,))
    return spool.release_held(tx, holder)


def set_presence(tx: Tx, links: Mapping[str, int]) -> None:
    """Say how many links we have to the peers of these lanes, or how many binds of these accounts."""
    tx.insert(
        "presence (name, holder, links)",
        [(name, tx.holder, count) for name, count in sorted(links.items())],
        "ON CONFLICT (name, holder) DO UPDATE SET links = excluded.links WHERE presence.links <> excluded.links",
    )


def presence(tx: Tx, names: Collection[str] | None = None) -> dict[str, int]:
    """Return how many links the other nodes have together, by name, of all that they know or of ``names``."""
    if names is None:
        found = tx.rows("SELECT name, links FROM presence WHERE holder <> ?", (tx.holder,))
    else:
        found = tx.each(
            "WITH asked (name, holder) AS ({rows}) SELECT presence.name, presence.links FROM presence "
            "JOIN asked ON presence.name = asked.name WHERE presence.holder <> asked.holder",
            [(name, tx.holder) for name in sorted(names)],
        )
    links: dict[str, int] = {}
    for name, count in found:
        links[name] = links.get(name, 0) + count
    return links


def share_out(tx: Tx, limits: Mapping[str, Demand]) -> dict[str, int]:
    """Take our shares of limited rates, anew, and return them; together the nodes never have more than the rate."""
    tx.lock(["share"])
    found = tx.each(
        "SELECT name, holder, amount, wanted FROM share WHERE name IN ({rows})", [(name,) for name in sorted(limits)]
    )
    others: dict[str, list[Share]] = {}
    for name, holder, amount, wanted in found:
        if holder != tx.holder:
            others.setdefault(str(name), []).append(Share(int(amount), int(wanted)))
    mine = {name: share_of(demand, others.get(name, [])) for name, demand in limits.items()}
    tx.insert(
        "share (name, holder, amount, wanted)",
        [(name, tx.holder, mine[name], demand.wanted) for name, demand in sorted(limits.items())],
        "ON CONFLICT (name, holder) DO UPDATE SET amount = excluded.amount, wanted = excluded.wanted "
        "WHERE share.amount <> excluded.amount OR share.wanted <> excluded.wanted",
    )
    return mine

"""Nodes: which processes share a database, which of them live, and what each may use of what is limited.

A node *joins* and gets a holder token, which marks the rows of the spool that it has in memory. Where several nodes
share a database, each of its rounds renews its lease; one whose lease is over is taken for dead by whoever looks next:
its token is void and its rows wait again. A round is committed only under a token that is still good, so a node that
was frozen or cut off for longer than its lease finds out before it can change anything, and joins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.store import spool
from gateway.store.base import StoreError
from gateway.store.ids import MAX_NODES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gateway.store.base import Tx

LEASE_MS = 6_000  # how long others leave a silent node alone
HOLD = 4.0  # seconds that a node relies on its own lease; less than the lease, for clocks and pauses


class Buried(NamedTuple):
    """A node that was taken for dead, and the lanes whose rows wait again."""

    name: str
    lanes: list[str]


class Share(NamedTuple):
    """One node's part of a lane's rate, and what it would like: thousandths of segments a second."""

    node: int
    amount: int
    wanted: int


def number_of(tx: Tx, name: str) -> int:
    """Return the number of the node called ``name``, a new one if it is new.

    Raises:
        StoreError: there is no room for another node.
    """
    known = tx.rows("SELECT number FROM node WHERE name = ?", (name,))
    if known:
        return int(known[0][0])
    used = {number for (number,) in tx.rows("SELECT number FROM node")}
    number = next((number for number in range(MAX_NODES) if number not in used), None)
    if number is None:
        raise StoreError(f"{MAX_NODES} nodes have used this database; delete retired ones from its table 'node'")
    tx.rows("INSERT INTO node (number, name) VALUES (?, ?)", (number, name))
    return number


def join(tx: Tx, node: int, lease: int) -> int:
    """Give ``node`` a new holder token, for ``lease`` milliseconds; what a process of its name held waits again."""
    [(predecessor,)] = tx.rows(f"SELECT holder FROM node WHERE number = ?{tx.for_update}", (node,))  # noqa: S608 (constants)
    holder = tx.new_id()
    tx.rows("UPDATE node SET holder = ?, lease = ? WHERE number = ?", (holder, tx.now + lease, node))
    _clear(tx, node, predecessor)
    return holder


def is_member(tx: Tx, node: int) -> bool:
    """Say whether ``node`` still is a member under the token that we have."""
    return bool(tx.rows("SELECT 1 FROM node WHERE number = ? AND holder = ?", (node, tx.holder)))


def leave(tx: Tx, node: int) -> list[str]:
    """Let ``node`` go, if we are still it; returns the lanes whose rows wait again."""
    gone = tx.rows("UPDATE node SET holder = NULL WHERE number = ? AND holder = ? RETURNING number", (node, tx.holder))
    return _clear(tx, node, tx.holder) if gone else []


def bury(tx: Tx, before: int) -> list[Buried]:
    """Take nodes whose lease was over at the instant ``before`` for dead: others may take over what they held."""
    dead = tx.rows(
        f"SELECT number, name, holder FROM node WHERE holder IS NOT NULL AND lease <= ?{tx.skip_locked}",  # noqa: S608 (constants)
        (before,),
    )
    for number, _, _ in dead:
        tx.rows("UPDATE node SET holder = NULL WHERE number = ?", (number,))
    return [Buried(str(name), _clear(tx, number, holder)) for number, name, holder in dead]


def _clear(tx: Tx, node: int, holder: int | None) -> list[str]:
    tx.rows("DELETE FROM presence WHERE node = ?", (node,))
    tx.rows("DELETE FROM share WHERE node = ?", (node,))
    return spool.release_held(tx, holder) if holder else []


# Who is linked to whom


def set_presence(tx: Tx, node: int, links: Mapping[str, int]) -> None:
    """Say how many links ``node`` has to the peers of these lanes."""
    tx.insert(
        "presence (lane, node, links)",
        [(lane, node, count) for lane, count in sorted(links.items())],
        "ON CONFLICT (lane, node) DO UPDATE SET links = excluded.links",
    )


def presence(tx: Tx, node: int) -> dict[str, int]:
    """Return how many links all nodes other than ``node`` have, by lane; none where there is none."""
    found = tx.rows(
        "SELECT lane, sum(links) FROM presence WHERE node <> ? AND links > 0 GROUP BY lane",
        (node,),
    )
    return {str(lane): int(links) for lane, links in found}


# Who may use how much of a rate


def shares(tx: Tx, lanes: Collection[str]) -> dict[str, list[Share]]:
    """Return every node's share of these lanes, and keep other nodes from changing any until the commit."""
    tx.lock(["share"])
    found = tx.each(
        "SELECT lane, node, amount, wanted FROM share WHERE lane IN ({rows})", [(lane,) for lane in sorted(lanes)]
    )
    by_lane: dict[str, list[Share]] = {}
    for lane, *share in found:
        by_lane.setdefault(str(lane), []).append(Share(*share))
    return by_lane


def set_shares(tx: Tx, mine: Mapping[str, Share]) -> None:
    """Write one node's shares."""
    tx.insert(
        "share (lane, node, amount, wanted)",
        [(lane, *share) for lane, share in sorted(mine.items())],
        "ON CONFLICT (lane, node) DO UPDATE SET amount = excluded.amount, wanted = excluded.wanted",
    )

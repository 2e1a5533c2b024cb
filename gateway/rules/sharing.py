"""How several nodes share one rate: each by what it would use, and never more together than there is.

A node may lower its share at once and raise it only by what the others have left, so the sum holds at every moment;
after the demand has changed it takes two looks of every node until the shares follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOOTHOLD = 20  # each node is counted as if it wanted a twentieth of all more: it can always begin


class Share(NamedTuple):
    """What a node may use, and what it would like to; both in thousandths of segments a second."""

    amount: int
    wanted: int


class Demand(NamedTuple):
    """A rate, and how much of it one node would like."""

    rate: int
    wanted: int


def share_of(demand: Demand, others: Sequence[Share]) -> int:
    """Return a node's part of a rate, in thousandths of segments a second.

    Args:
        demand: the rate, and what the node wants of it.
        others: what the other nodes have and want.
    """
    weights = [_weight(demand.wanted, demand.rate), *(_weight(each.wanted, demand.rate) for each in others)]
    fair = demand.rate * weights[0] // sum(weights)
    left = demand.rate - sum(each.amount for each in others)
    return max(0, min(fair, left))


def _weight(wanted: int, rate: int) -> int:
    return min(wanted, rate) + rate // _FOOTHOLD + 1

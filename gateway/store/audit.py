"""Both chains gone through from end to end, in constant memory: what was billed, what opt-outs rest on, what is owed.

Whoever can change the database can change a row, its hash, all later ones and where the chain ends. Only a hash that
was kept elsewhere tells then: it must still be one of the chain's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.store import balances, evidence, ledger
from gateway.store.ledger import START, Link, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from gateway.store.base import Snapshot

_PAGE = 5_000  # rows between looks at how far it has come


class Watcher(Protocol):
    """Whoever is told how far an audit has come."""

    def begin(self, stage: str, total: int, unit: str = ..., /) -> None:
        """A stage begins, which goes through so many rows."""

    def advance(self, done: int, /) -> None:
        """So many more rows of the stage are done."""


class Report(NamedTuple):
    """What an audit has found.

    Attributes:
        ledger, evidence: how far each chain holds.
        missing: hashes that were kept elsewhere, and are in neither chain.
        wrong: accounts whose balance is not the sum of their rows, with both: as kept, and as summed up.
    """

    ledger: Verdict
    evidence: Verdict
    missing: frozenset[str]
    wrong: dict[str, tuple[int, int]]


def audit(snapshot: Snapshot, kept: Collection[str], watcher: Watcher) -> Report:
    """Go through what a snapshot holds.

    Args:
        snapshot: one instant of a store.
        kept: hashes of rows that somebody kept elsewhere.
        watcher: told how far it has come.
    """
    missing, charged = set(kept), Counter[str]()

    def see_event(link: Link, event: ledger.Event) -> None:
        missing.discard(link.hash)
        charged[event.account] += event.credits

    def see_evidence(link: Link) -> None:
        missing.discard(link.hash)

    watcher.begin("ledger", ledger.head(snapshot).position, "events")
    billed = _follow(lambda after: ledger.verify(snapshot, after, _PAGE, see_event), watcher)
    watcher.begin("evidence", evidence.head(snapshot).position)
    heard = _follow(lambda after: evidence.verify(snapshot, after, _PAGE, see_evidence), watcher)
    return Report(billed, heard, frozenset(missing), {} if billed.broken else _differences(snapshot, charged))


def _follow(verify: Callable[[Link], Verdict], watcher: Watcher) -> Verdict:
    verdict, before = Verdict(START, None), None
    while verdict.broken is None and verdict.last != before:
        before = verdict.last
        verdict = verify(before)
        watcher.advance(verdict.last.position - before.position)
    return verdict


def _differences(snapshot: Snapshot, charged: Counter[str]) -> dict[str, tuple[int, int]]:
    kept = balances.summed(snapshot)
    return {
        account: (-kept.get(account, 0), -charged[account])
        for account in sorted(kept.keys() | charged.keys())
        if kept.get(account, 0) != charged[account]
    }

"""Texts that may be opt-outs are decided: by a person, or, when nobody has read one in time, for the subscriber.

Until then marketing to the number waits (:mod:`gateway.store.reviews`). An opt-out that is decided is one like any
other, confirmed and billed; a text that was none lets go what has waited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.optout.heard import Heard
from gateway.rules.keyword import Decision
from gateway.rules.ladder import Reading, Rule
from gateway.rules.number import canonical
from gateway.store import evidence, reviews, spool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.optout.effect import Heeded, OptOuts
    from gateway.optout.heard import Effect
    from gateway.store.base import Tx
    from gateway.store.reviews import Case


class Ruling(NamedTuple):
    """What a person has decided about a number's texts.

    ``number`` is canonical; ``code`` and ``account`` name its cases, None: all of them. ``source`` is cli, web or api,
    ``by`` who decided, and ``reason`` why; all three are kept as evidence.
    """

    number: str
    code: str | None
    account: str | None
    opts_out: bool
    source: str
    by: str
    reason: str = ""


class Reviews:
    """Decides cases.

    Args:
        opt_outs: what an opt-out leads to.
    """

    def __init__(self, opt_outs: OptOuts) -> None:
        self._opt_outs = opt_outs

    def decide(self, tx: Tx, ruling: Ruling) -> list[Effect]:
        """Do what a person has decided; nothing is returned when there is nothing to decide (any more).

        Rows are spooled; the effects are to be announced after the commit (:func:`gateway.optout.heard.announce`).
        """
        heeded = self.hear(tx, ruling)
        spool.add(tx, heeded.rows)
        return heeded.effects

    def hear(self, tx: Tx, ruling: Ruling) -> Heeded:
        """Decide cases; what it returns belongs to the spool, in the same transaction. No effects: there were none."""
        tx.lock([ruling.number])  # two people may decide at once
        found = [
            case
            for case in reviews.of(tx, [ruling.number])
            if ruling.code in {None, case.code} and ruling.account in {None, case.account}
        ]
        reading = Reading.OPT_OUT if ruling.opts_out else Reading.NONE
        heard = _heard(tx, found, Decision(reading, Rule.DECIDED, ""), ruling.source)
        note = f"{ruling.by}: {ruling.reason}" if ruling.reason else ruling.by
        return self._opt_outs.hear(tx, [each._replace(note=note) for each in heard])

    def overdue(self, tx: Tx, limit: int) -> Heeded:
        """Opt out the numbers of up to ``limit`` cases that nobody has decided in time."""
        numbers = {case.number for case in reviews.overdue(tx, limit)}
        tx.lock(numbers)
        found = [
            case for case in reviews.of(tx, numbers) if case.until <= tx.now
        ]  # somebody may have decided meanwhile
        return self._opt_outs.hear(tx, _heard(tx, found, Decision(Reading.OPT_OUT, Rule.OVERDUE, ""), "sms"))


def _heard(tx: Tx, cases: Iterable[Case], decision: Decision, source: str) -> list[Heard]:
    """Return what was heard again: one for each number and code, with the accounts of its cases."""
    together: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        together.setdefault((case.number, case.code), []).append(case)
    texts = evidence.get(tx, {group[0].evidence for group in together.values()})
    heard = []
    for (number, code), group in together.items():
        text = texts.get(group[0].evidence)
        heard.append(
            Heard(
                canonical(number),
                code,
                source,
                decision._replace(normalised=text.normalised if text else ""),
                operator=text.operator if text else "",
                accounts=tuple(sorted(case.account for case in group)),
            )
        )
    return heard

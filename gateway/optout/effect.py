"""What is said about numbers takes effect: blacklist, evidence, ledger, answers and copies, in one transaction.

Whatever the way in (a text to a short code, the web form, a person who has read a text), this is the only code that
opts a number out, so the rules are the same: whose opt-out it is follows from the contacts, the confirmation is sent
and billed once per opt-out, and a repeated STOP is recorded and changes nothing, though it may be confirmed again. An
opt-out that is in force already, for that account or for everybody, is no new one.

A batch is heard as a whole: what is known about its numbers is looked up at once, each text is decided in its turn on
what is known by then, and everything is written together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.homeward import Homeward
from gateway.lanes.lanes import stop_name
from gateway.optout.attribution import Attribution
from gateway.optout.confirmation import Confirmations
from gateway.optout.heard import REPEATED, Heard, evidence_of
from gateway.optout.hearing import Hearing, Rules
from gateway.optout.refusals import Refusals
from gateway.optout.replies import Replies
from gateway.rules.keyword import Decision
from gateway.rules.ladder import Reading, Rule
from gateway.store import blacklist, evidence
from gateway.store.blacklist import Entry
from gateway.store.evidence import LIFTED, OPTED_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.config.models import Config
    from gateway.optout.heard import Effect
    from gateway.rules.number import Number
    from gateway.store.base import Tx
    from gateway.store.spool import Spooled


class Heeded(NamedTuple):
    """What followed from a batch: an effect for each, rows for the spool, and lanes in which rows wait no longer."""

    effects: list[Effect]
    rows: list[Spooled]
    lanes: list[str]


class OptOuts:
    """The opt-out rules of one configuration."""

    def __init__(self, config: Config) -> None:
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on; called while nothing that was heard is decided."""
        self._rules = Rules(
            attribution=Attribution(config),
            confirmations=Confirmations(config),
            replies=Replies(config),
            home=Homeward(config),
            refusals=Refusals(config),
            review_ms=int(config.opt_out.review * 1_000),
        )

    def hear(self, tx: Tx, heard: Sequence[Heard]) -> Heeded:
        """Act on what was heard, inside ``tx`` and in its order; evidence is kept whatever it was."""
        hearing = Hearing(tx, self._rules, heard)
        effects = [hearing.take(each) for each in heard]
        rows, lanes = hearing.write()
        return Heeded(effects, rows, lanes)


class Decided(NamedTuple):
    """What a person decided about a number: for which account, why, and by which way they said so."""

    number: Number
    account: str
    code: str
    reason: str
    source: str = "cli"  # cli, web or api


def opt_out_by_hand(tx: Tx, decided: Decided) -> bool:
    """Opt a number out because a person decided so: no confirmation, nothing billed; returns whether it is new."""
    number = decided.number.key
    tx.lock([number])
    tx.notify([stop_name(number)])
    identifier = tx.new_id()
    entry = Entry(number, decided.account, tx.now, decided.source, decided.code, False, identifier)
    added = bool(blacklist.add(tx, [entry]))
    _record_by_hand(tx, decided, OPTED_OUT if added else REPEATED, identifier)
    return added


def lift(tx: Tx, decided: Decided) -> bool:
    """Lift an opt-out because a person decided so; returns whether there was one."""
    removed = blacklist.remove(tx, decided.number.key, decided.account)
    if removed:
        _record_by_hand(tx, decided, LIFTED, tx.new_id())
    return removed


def _record_by_hand(tx: Tx, decided: Decided, effect: str, identifier: int) -> None:
    decision = Decision(Reading.NONE, Rule.BY_HAND, "")
    heard = Heard(decided.number, decided.code, decided.source, decision, note=decided.reason)
    evidence.record(tx, [evidence_of(tx, heard, effect, [decided.account], identifier)])

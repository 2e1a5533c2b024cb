"""A STOP takes effect: blacklist, evidence, ledger event, confirmation and copies, all in the caller's one transaction.

Whatever the way in (a text to a short code, the web form, the command line), this is the only code that opts a number
out, so the rules are the same: whose opt-out it is follows from the contacts, the confirmation is sent and billed once
per opt-out, and a repeated STOP is recorded and changes nothing, though it may be confirmed again. An opt-out that is
in force already, for that account or for everybody, is no new one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import structlog

from gateway.confirmation import Confirmations
from gateway.homeward import Homeward
from gateway.lanes import stop_name
from gateway.log import mask
from gateway.refusals import Refusals
from gateway.rules.keyword import Reading, Rule
from gateway.store import blacklist, contacts, ledger
from gateway.store.blacklist import EVERYBODY, Entry, Evidence
from gateway.store.messages import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.answers import Heard
    from gateway.config import Config
    from gateway.rules.number import Number
    from gateway.store.base import Tx
    from gateway.store.contacts import Contact
    from gateway.store.spool import Spooled

_log = structlog.get_logger()
NOTHING = "none"  # the effect of a text that opts nobody out


class Effect(NamedTuple):
    """What followed: rows for the spool, and the billable event if there was one."""

    heard: Heard
    rows: list[Spooled]
    event: ledger.Event | None
    what: str


class OptOuts:
    """The opt-out rules of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._confirmations = Confirmations(config)
        self._window = int(config.opt_out.attribution_window * 1_000)
        self._home = Homeward(config)
        self._refusals = Refusals(config)

    def hear(self, tx: Tx, heard: Sequence[Heard]) -> list[Effect]:
        """Act on what was heard, in its order, inside ``tx``; evidence is kept whatever it was."""
        effects = [self._hear(tx, each) for each in heard]
        ledger.append(tx, [effect.event for effect in effects if effect.event is not None])
        return effects

    def _hear(self, tx: Tx, heard: Heard) -> Effect:
        tx.lock([heard.number.key])  # no submission to it is being decided meanwhile
        senders = contacts.senders(tx, heard.number.key, heard.code, tx.now - self._window)
        copies = self._copies(tx, heard, senders)
        if heard.decision.reading is not Reading.OPT_OUT:
            _record(tx, heard, NOTHING, [each.account for each in senders])
            return Effect(heard, copies, None, NOTHING)
        accounts = self._whose(senders)
        evidence = tx.new_id()
        entries = [
            Entry(heard.number.key, account, tx.now, heard.source, heard.code, _everything(heard), evidence)
            for account in accounts
        ]
        before = blacklist.lookup(tx, [heard.number.key])
        new = bool(blacklist.add(tx, entries)) and (heard.number.key, EVERYBODY) not in before
        copies += self._cancel(tx, heard.number.key)
        payer = senders[0].account if senders else PLATFORM
        confirmed = self._confirmations.confirm(tx, heard, (payer, evidence), new=new)
        what = "opted_out" if new else "repeated"
        _record(tx, heard, what, accounts, (evidence, confirmed.why))
        return Effect(heard, [*confirmed.rows, *copies], confirmed.event, what)

    def _cancel(self, tx: Tx, number: str) -> list[Spooled]:
        """End what waits for a number that has opted out; returns the receipts. What is in memory is seen to later."""
        tx.notify([stop_name(number)])
        return self._home.receipts(tx, self._refusals.cancel(tx, number))

    def _whose(self, senders: list[Contact]) -> list[str]:
        """Say whose marketing is refused; when nobody is known to have sent any, everybody's."""
        scope = self._config.opt_out.scope
        if scope == "platform" or not senders:
            return [EVERYBODY]
        return [each.account for each in (senders[:1] if scope == "last" else senders)]

    def _copies(self, tx: Tx, heard: Heard, senders: list[Contact]) -> list[Spooled]:
        if heard.text is None:
            return []
        wanting = [each.account for each in senders if self._wants_texts(each.account)]
        return [self._home.text(tx, account, heard.text) for account in wanting]

    def _wants_texts(self, account: str) -> bool:
        known = self._config.accounts.get(account)
        return known is not None and known.forward_mo


def announce(effect: Effect, *, clear: bool) -> None:
    """Log what a committed effect was: billable events always, each once, with the number masked unless ``clear``."""
    number = mask(effect.heard.number.key, clear=clear)
    if effect.event is not None:
        event = effect.event
        _log.info(
            "billable",
            id=event.id,
            account=event.account,
            kind=event.kind,
            credits=event.credits,
            number=number,
            code=event.code,
            source=event.source,
            message_id=event.message,
        )
        if event.account == PLATFORM:
            _log.warning("opt_out_without_sender", number=number, code=event.code)


def _everything(heard: Heard) -> bool:
    """Say whether the subscriber refuses all traffic, not marketing alone: STOP TOUT, STOP ALL."""
    return heard.decision.rule is Rule.EVERYTHING


def _record(tx: Tx, heard: Heard, effect: str, accounts: list[str], known: tuple[int | None, str] = (None, "")) -> None:
    text = heard.text
    evidence, note = known
    row = Evidence(
        id=tx.new_id() if evidence is None else evidence,
        at=tx.now,
        number=heard.number.key,
        code=heard.code,
        source=heard.source,
        operator=heard.operator,
        data_coding=text.data_coding if text else 0,
        octets=text.octets if text else b"",
        normalised=heard.decision.normalised,
        rule=heard.decision.rule,
        effect=effect,
        accounts=json.dumps(accounts),
        note=note,
    )
    blacklist.record(tx, [row])


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
    evidence = tx.new_id()
    entry = Entry(number, decided.account, tx.now, decided.source, decided.code, False, evidence)
    added = bool(blacklist.add(tx, [entry]))
    _record_by_hand(tx, decided, "opted_out" if added else "repeated", evidence)
    return added


def lift(tx: Tx, decided: Decided) -> bool:
    """Lift an opt-out because a person decided so; returns whether there was one."""
    removed = blacklist.remove(tx, decided.number.key, decided.account)
    if removed:
        _record_by_hand(tx, decided, "lifted", tx.new_id())
    return removed


def _record_by_hand(tx: Tx, decided: Decided, effect: str, evidence: int) -> None:
    row = Evidence(
        id=evidence,
        at=tx.now,
        number=decided.number.key,
        code=decided.code,
        source=decided.source,
        operator="",
        data_coding=0,
        octets=b"",
        normalised="",
        rule="by_hand",
        effect=effect,
        accounts=json.dumps([decided.account]),
        note=decided.reason,
    )
    blacklist.record(tx, [row])

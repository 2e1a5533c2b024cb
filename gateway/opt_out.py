"""A STOP takes effect: blacklist, evidence, ledger event, confirmation and copies, all in the caller's one transaction.

Whatever the way in (a text to a short code, the web form, the command line), this is the only code that opts a number
out, so the rules are the same: whose opt-out it is follows from the contacts, the confirmation is sent and billed once
per opt-out, and a repeated STOP is recorded and changes nothing. An opt-out that is in force already, for that account
or for everybody, is no new one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import structlog

from gateway.homeward import TEMPLATE, Address, Homeward, wants_receipt
from gateway.lanes import stop_name
from gateway.log import mask
from gateway.refusals import PLATFORM, Refusals
from gateway.rules import segment
from gateway.rules.carriage import Form
from gateway.rules.keyword import Decision, Reading, Rule
from gateway.rules.reading import UDHI
from gateway.ruleset import Routing, alphabet
from gateway.smpp import pdu as smpp
from gateway.store import blacklist, contacts, ledger, messages
from gateway.store.blacklist import EVERYBODY, Entry, Evidence
from gateway.store.ids import milliseconds, wire
from gateway.store.messages import Message
from gateway.store.spool import URGENT, Spooled, operator_lane

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.homeward import Text
    from gateway.rules.carriage import Encoded
    from gateway.rules.number import Number
    from gateway.store.base import Tx
    from gateway.store.contacts import Contact

_log = structlog.get_logger()
NOTHING = "none"  # the effect of a text that opts nobody out


class Heard(NamedTuple):
    """Somebody said something about a number: a text to one of our codes, or a form."""

    number: Number
    code: str
    source: str  # sms, web, api or cli
    decision: Decision
    operator: str = ""
    text: Text | None = None


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
        self._routing = Routing(config)
        self._window = int(config.opt_out.attribution_window * 1_000)
        self._home = Homeward(config)
        self._refusals = Refusals(config)

    def hear(self, tx: Tx, heard: Heard) -> Effect:
        """Act on what was heard, inside ``tx``; evidence is kept whatever it was."""
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
        new = blacklist.add(tx, entries)
        copies += self._cancel(tx, heard.number.key)
        if not new or (heard.number.key, EVERYBODY) in before:
            _record(tx, heard, "repeated", accounts, evidence)
            return Effect(heard, copies, None, "repeated")
        _record(tx, heard, "opted_out", accounts, evidence)
        payer = senders[0].account if senders else PLATFORM
        confirmation = self._confirm(tx, heard, payer)
        event = _bill(tx, heard, payer, confirmation[0].message, evidence)
        return Effect(heard, [*confirmation, *copies], event, "opted_out")

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

    def _confirm(self, tx: Tx, heard: Heard, payer: str) -> list[Spooled]:
        """Spool the confirmation: from the code, through the operator that the STOP came from.

        It is one GSM-7 segment. Where the operator's alphabet lacks a character of it, it goes out in UCS-2, and takes
        more segments then: no spelling may stop an opt-out.
        """
        account = self._config.accounts.get(payer)
        texts = self._config.opt_out.confirmation
        text = texts[account.language if account else next(iter(texts))]
        operator = self._config.operators[heard.operator or self._routing.operators("", heard.number.key)[0]]
        chosen = segment.choose(text, alphabet(operator.default_alphabet))
        pieces = segment.split(text, chosen)
        message = _confirmation_message(tx, heard, text, len(pieces))
        messages.add(tx, [message])
        asks = int(operator.receipts or wants_receipt(message.registered))
        expires = tx.now + int(self._config.delivery.validity * 1_000)
        return [
            Spooled(
                id=tx.new_id(),
                lane=operator_lane(operator.name),
                message=message.id,
                number=heard.number.key,
                command=smpp.SUBMIT_SM,
                body=_submit_sm(message, part, asks),
                due=URGENT,
                expires=expires,
            )
            for part in Form().encode(pieces, chosen, milliseconds(message.id))
        ]


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


def _bill(tx: Tx, heard: Heard, payer: str, confirmation: int, evidence: int) -> ledger.Event:
    event = ledger.Event(
        id=wire(tx.new_id()),
        at=tx.now,
        account=payer,
        kind=ledger.CONFIRMATION,
        credits=1,
        number=heard.number.key,
        code=heard.code,
        source=heard.source,
        message=wire(confirmation),
        evidence=evidence,
    )
    ledger.append(tx, event)
    return event


def _record(tx: Tx, heard: Heard, effect: str, accounts: list[str], evidence: int | None = None) -> None:
    text = heard.text
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
    )
    blacklist.record(tx, [row])


def _confirmation_message(tx: Tx, heard: Heard, text: str, segments: int) -> Message:
    """Address the confirmation: back the way the STOP came, or from the code to the number."""
    ours: Address = heard.text.destination if heard.text else Address(3, 0, heard.code)
    theirs: Address = heard.text.source if heard.text else Address(1, 1, heard.number.key)
    return Message(
        id=tx.new_id(),
        account=PLATFORM,
        source_ton=ours.ton,
        source_npi=ours.npi,
        source_addr=ours.addr,
        dest_ton=theirs.ton,
        dest_npi=theirs.npi,
        dest_addr=theirs.addr,
        number=heard.number.key,
        submitted=tx.now,
        registered=0,
        reason="confirmation",
        excerpt=text[:20],
        segments=segments,
        open=segments,
    )


def _submit_sm(message: Message, part: Encoded, asks: int) -> bytes:
    return smpp.encode_body(
        smpp.SUBMIT_SM,
        {
            **TEMPLATE,
            "source_addr_ton": message.source_ton,
            "source_addr_npi": message.source_npi,
            "source_addr": message.source_addr,
            "dest_addr_ton": message.dest_ton,
            "dest_addr_npi": message.dest_npi,
            "destination_addr": message.dest_addr,
            "esm_class": UDHI if part.udhi else 0,
            "registered_delivery": asks,
            "data_coding": part.data_coding,
            "short_message": part.octets,
        },
    )


def opt_out_by_hand(tx: Tx, number: Number, account: str, code: str, reason: str) -> bool:
    """Opt ``number`` out because a person decided so: no confirmation, nothing billed; returns whether it is new."""
    tx.lock([number.key])
    tx.notify([stop_name(number.key)])
    evidence = tx.new_id()
    entry = Entry(number.key, account, tx.now, "cli", code, False, evidence)
    added = bool(blacklist.add(tx, [entry]))
    _record_by_hand(tx, number, code, ("opted_out" if added else "repeated", account, reason), evidence)
    return added


def lift(tx: Tx, number: Number, account: str, code: str, reason: str) -> bool:
    """Lift an opt-out because a person decided so; returns whether there was one."""
    removed = blacklist.remove(tx, number.key, account)
    if removed:
        _record_by_hand(tx, number, code, ("lifted", account, reason), tx.new_id())
    return removed


def _record_by_hand(tx: Tx, number: Number, code: str, what: tuple[str, str, str], evidence: int) -> None:
    effect, account, reason = what
    row = Evidence(
        id=evidence,
        at=tx.now,
        number=number.key,
        code=code,
        source="cli",
        operator="",
        data_coding=0,
        octets=b"",
        normalised="",
        rule="by_hand",
        effect=effect,
        accounts=json.dumps([account]),
        note=reason,
    )
    blacklist.record(tx, [row])

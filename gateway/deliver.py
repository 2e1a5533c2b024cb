"""Intake of what operators send us: receipts, texts to our short codes, other texts. Answered once it is committed.

Everything is first read (pure, on arrival), then decided for a whole batch in one transaction: receipts find their
message by the operator's id and fold into its state; a STOP opts out, is billed and confirmed; and only then does the
operator get its deliver_sm_resp. When the store cannot take it the answer is ESME_RX_T_APPN: the operator keeps it and
tries again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import structlog

from gateway import homeward
from gateway.alerts import Alerts
from gateway.homeward import Address, Text
from gateway.lanes import journal
from gateway.lanes.journal import Matched
from gateway.optout import confirmation
from gateway.optout.heard import STOPPING, Heard, Shown, announce
from gateway.rules import keyword
from gateway.rules.inbound import Octets, decide, words
from gateway.rules.ladder import Reading, Rule
from gateway.rules.number import INTERNATIONAL, NATIONAL, NumberError, canonical
from gateway.rules.reading import MESSAGE_TYPE, Piece, part_of
from gateway.ruleset import codes, meanings
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.store import messages, sent
from gateway.store.base import Batch

if TYPE_CHECKING:
    from gateway.config.models import Config, Operator
    from gateway.homeward import Homeward
    from gateway.lanes.lanes import Lanes, Placed
    from gateway.link import Link
    from gateway.observe.metrics import Metrics
    from gateway.optout.effect import Heeded
    from gateway.optout.joining import Joining
    from gateway.rules.number import Number
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import StoreError, Tx
    from gateway.store.messages import Finished, Outcome

_log = structlog.get_logger()
RANK = 30
_AT_ONCE = 256  # receipts and texts of one commit
_NEWS = frozenset({homeward.RECEIPT, homeward.INTERMEDIATE})  # what the network says, and no subscriber
_LONGEST_ADDRESS = 20  # characters of source_addr (SMPP 3.4 section 5.2.8)
_ISDN = 1
_ACCEPTED = b"\x00"  # message_id of deliver_sm_resp: unused, NULL (SMPP 3.4 section 4.6.2)


class Report(NamedTuple):
    """A readable receipt: the operator's id in the spelling of the spool, and what it says."""

    key: tuple[str, str]
    state: int
    error: str
    final: bool


class Arrived(NamedTuple):
    """One deliver_sm or data_sm, read: a receipt, something heard, or neither."""

    link: Link
    pdu: Pdu
    report: Report | None = None
    heard: Heard | None = None
    kind: str = "other"


class Done(NamedTuple):
    """What a batch led to."""

    placed: Placed
    heeded: Heeded
    matched: list[Matched]
    finished: list[Finished]


class Deliver:
    """The intake of one process.

    Args:
        config: short codes, operators.
        lanes: where confirmations, receipts and copies go.
        home: writes receipts for accounts.
        joining: hears texts, long ones when they are complete.
        metrics: counts what arrives.
    """

    def __init__(self, config: Config, lanes: Lanes, home: Homeward, joining: Joining, metrics: Metrics) -> None:
        self._home = home
        self._lanes = lanes
        self._joining = joining
        self.configure(config)
        self._metrics = metrics
        self.alerts = Alerts(lanes, home, metrics)
        batch: Batch[Arrived] = Batch(self._work, self._done, self._failed, RANK, _AT_ONCE)
        self.batch = batch.in_turn(lambda item: item.link.name)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._codes = frozenset(codes(config))
        self._shown = Shown(config.log.numbers == "clear", config.log.texts == "clear")

    def offer(self, link: Link, operator: Operator, pdu: Pdu) -> None:
        """Take in one request of an operator."""
        self.batch.put(self._read(link, operator, pdu))

    # On arrival: pure reading

    def _read(self, link: Link, operator: Operator, pdu: Pdu) -> Arrived:
        payload = pdu.tlv(smpp.Tag.message_payload)
        octets: bytes = payload if payload is not None else pdu.fields.get("short_message", b"")
        kind = pdu.fields["esm_class"] & MESSAGE_TYPE
        if kind == homeward.RECEIPT or (kind == 0 and _is_unmarked_receipt(operator, pdu, octets)):
            return Arrived(link, pdu, report=_report(operator, pdu, octets), kind="receipt")
        if kind not in _NEWS and _plain(pdu.fields["destination_addr"]) in self._codes:
            heard = self._hear(operator, pdu, octets)
            return Arrived(link, pdu, heard=heard, kind="text" if heard else "unreadable")
        return Arrived(link, pdu)

    def _hear(self, operator: Operator, pdu: Pdu, octets: bytes) -> Heard | None:
        fields = pdu.fields
        source = Address(fields["source_addr_ton"], fields["source_addr_npi"], fields["source_addr"])
        code = Address(fields["dest_addr_ton"], fields["dest_addr_npi"], fields["destination_addr"])
        try:
            number = _sender(source)
        except NumberError as error:
            _log.warning("inbound_number_unreadable", operator=operator.name, reason=str(error))
            return None
        if len(source.addr) > _LONGEST_ADDRESS:  # it was read, and could not be written again: no STOP is lost for that
            source = Address(INTERNATIONAL, _ISDN, number.key)
        text = Text(source, code, fields["esm_class"], fields["data_coding"], octets)
        piece = Piece(octets, text.data_coding, text.esm_class, tuple(pdu.tlvs))
        place = part_of(piece)
        if place is not None:
            decision = keyword.Decision(Reading.NONE, Rule.PART, "")
        else:
            read = Octets(octets, text.data_coding, text.esm_class)
            decision = decide(read, words(read, meanings(operator)), self._codes)
        return Heard(number, _plain(code.addr), "sms", decision, operator.name, text, part=place)

    # In the transaction

    def _work(self, tx: Tx, items: list[Arrived]) -> Done:
        tx.lock({each.heard.number.key for each in items if each.heard})  # at once, so that nodes never deadlock
        outcomes, matched = self._correlate(tx, [each.report for each in items if each.report])
        finished = messages.settle(tx, outcomes)
        rows = self._home.receipts(tx, finished)
        heeded = self._joining.hear(tx, [each.heard for each in items if each.heard])
        return Done(self._lanes.place(tx, rows + heeded.rows), heeded, matched, finished)

    def _correlate(self, tx: Tx, reports: list[Report]) -> tuple[list[Outcome], list[Matched]]:
        """Find whose segments final receipts are about; what matches nothing (yet) is parked."""
        final = {report.key: report for report in reports if report.final}
        holders = sent.report(tx, final.keys())
        unknown = [report for key, report in final.items() if key not in holders]
        sent.park(tx, [(*report.key, report.state, report.error) for report in unknown])
        outcomes = [
            outcome
            for key, held in holders.items()
            for outcome in sent.outcomes_of([held], final[key].state, final[key].error)
        ]
        matched = [
            Matched(*key, held.message, final[key].state, (tx.now - held.at) / 1_000) for key, held in holders.items()
        ]
        return outcomes, matched

    # After the commit

    def _done(self, items: list[Arrived], done: Done) -> None:
        self._lanes.carry_on(done.placed)
        self._answer(items, status.ESME_ROK)
        for (operator, kind), count in Counter((each.link.name, each.kind) for each in items).items():
            self._metrics.inbound(operator, kind, count)
        reports = Counter((each.link.name, receipt.word(each.report.state)) for each in items if each.report)
        for (operator, state), count in reports.items():
            self._metrics.receipt(operator, state, count)
        for each in done.matched:
            self._metrics.lag.of(each.operator).observe(each.seconds)
        self._metrics.confirmed(confirmation.states(done.finished))
        if journal.wanted():
            journal.reported(done.matched)
            journal.ended(done.finished)
        self.follow(done.heeded)

    def follow(self, heeded: Heeded) -> None:
        """Go on with what was heard, once it is committed: lanes look at what they hold, and the effects are told."""
        self._lanes.stop({each.heard.number.key for each in heeded.effects if each.what in STOPPING})
        self._lanes.look(dict.fromkeys(heeded.lanes, 0))
        for effect in heeded.effects:
            self._metrics.heard(effect.heard.decision.rule, effect.heard.source, effect.what)
            if effect.event is not None:
                self._metrics.billed(effect.event.account, effect.event.kind, effect.event.credits)
            announce(effect, self._shown)

    def _failed(self, items: list[Arrived], _error: StoreError) -> None:
        self._answer(items, status.ESME_RX_T_APPN)

    def _answer(self, items: list[Arrived], code: int) -> None:
        by_link: dict[Link, list[tuple[Pdu, int, bytes]]] = {}
        body = _ACCEPTED if code == status.ESME_ROK else b""
        for each in items:
            by_link.setdefault(each.link, []).append((each.pdu, code, body))
        for link, responses in by_link.items():
            link.respond(responses)


def _plain(code: str) -> str:
    """Return a short code as it is configured: some operators write it as if it were an international number."""
    return code.removeprefix("+")


def _sender(source: Address) -> Number:
    """Return whose text it is; an operator may call national what is not, and no STOP is lost for that."""
    try:
        return canonical(source.addr, source.ton)
    except NumberError:
        if source.ton != NATIONAL:
            raise
    return canonical(source.addr, INTERNATIONAL)


def _is_unmarked_receipt(operator: Operator, pdu: Pdu, octets: bytes) -> bool:
    return operator.receipts_by == "content" and receipt.reads_like_one(octets, pdu.tlvs)


def _report(operator: Operator, pdu: Pdu, octets: bytes) -> Report | None:
    read = receipt.read(octets, pdu.tlvs)
    if read is None:
        _log.warning("receipt_unreadable", operator=operator.name)
        return None
    key = receipt.key_of_receipt(read, operator.message_id, operator.receipt_id)
    return Report((operator.name, key), read.state, read.err, read.final)

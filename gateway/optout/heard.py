"""What somebody said about a number, and what followed: the words of the opt-out flows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import structlog

from gateway.observe.log import mask
from gateway.store.evidence import HELD, OPTED_OUT, Evidence
from gateway.store.messages import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.homeward import Text
    from gateway.rules.keyword import Decision
    from gateway.rules.number import Number
    from gateway.smpp.udh import Concatenation
    from gateway.store.base import Tx
    from gateway.store.ledger import Event

_log = structlog.get_logger()

# What followed, as kept with the evidence.
NOTHING = "none"
REPEATED = "repeated"  # an opt-out that was in force already
ANSWERED = "answered"  # CONTACT, HELP, and START where there was nothing to lift
PART = "part"  # of a text that is read as a whole: no evidence of its own
AGAIN = "again"  # a part that was here before: it is answered, and copied to nobody
RELEASED = "released"  # a person has read the text: no opt-out
STOPPING = frozenset({OPTED_OUT, REPEATED, HELD})  # what is on its way to the number is to be looked at again


class Heard(NamedTuple):
    """Somebody said something about a number: a text to one of our codes, a form, or a person who decides.

    ``source`` is sms, web, api or cli; ``operator`` and ``text`` how a text came. ``accounts``: whose marketing it is
    about, where that is known and need not be found out; ``note`` what the person who decided says about it.
    ``copied``: the accounts get the text; not where they have it already: part by part, or because this part came
    before. ``part``: its place in a longer text, which is read when it is complete.
    """

    number: Number
    code: str
    source: str
    decision: Decision
    operator: str = ""
    text: Text | None = None
    accounts: tuple[str, ...] = ()
    note: str = ""
    copied: bool = True
    part: Concatenation | None = None


class Effect(NamedTuple):
    """What followed, and the billable event if there was one."""

    heard: Heard
    what: str
    event: Event | None = None
    looped: bool = False


def evidence_of(
    tx: Tx, heard: Heard, effect: str, accounts: Collection[str], identifier: int | None = None
) -> Evidence:
    """Return the evidence of what was heard and what followed for which accounts."""
    text, decision = heard.text, heard.decision
    return Evidence(
        id=tx.new_id() if identifier is None else identifier,
        at=tx.now,
        number=heard.number.key,
        code=heard.code,
        source=heard.source,
        operator=heard.operator,
        data_coding=text.data_coding if text else 0,
        octets=text.octets if text else b"",
        normalised=decision.normalised,
        rule=decision.rule,
        effect=effect,
        accounts=json.dumps(list(accounts)),
        note=heard.note,
        vocabulary=decision.vocabulary,
        language=decision.language,
        esm_class=text.esm_class if text else 0,
    )


def log_billable(event: Event, number: str) -> None:
    """Log a billable event that has been committed, with its number as it may be shown."""
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


class Shown(NamedTuple):
    """What the log may show in clear: numbers, texts."""

    numbers: bool
    texts: bool


def announce(effect: Effect, shown: Shown) -> None:
    """Log what a committed effect was: billable events always, each once, numbers masked and texts hidden or not."""
    heard = effect.heard
    number = mask(heard.number.key, clear=shown.numbers)
    text = heard.decision.normalised if shown.texts else None
    rule, source = str(heard.decision.rule), heard.source
    _log.debug("heard", number=number, code=heard.code, source=source, rule=rule, effect=effect.what, text=text)
    if effect.event is not None:
        log_billable(effect.event, number)
        if effect.event.account == PLATFORM:
            _log.warning("opt_out_without_sender", number=number, code=effect.event.code)
    if effect.what == HELD:
        _log.info("held_for_review", number=number, code=heard.code, rule=str(heard.decision.rule))
    if effect.looped:
        _log.warning("inbound_loop", number=number, code=heard.code)

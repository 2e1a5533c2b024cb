"""The story that the demo tells: each step does one thing, checks that it came true, and returns what was really seen.

The steps build on one another and share a :class:`Stage`. Nothing in the figures is written here: texts come from what
the operator or the app received, counts and ids from the gateway's command line, log and metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gateway import ruleset
from gateway.config.models import OptOut
from gateway.smpp import receipt, status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio

    from gateway.demo.process import GatewayProcess
    from gateway.simulate.app import SimulatedApp
    from gateway.simulate.operator import SimulatedOperator
    from gateway.simulate.peer import Text
    from gateway.smpp.pdu import Pdu

Figures = dict[str, Any]
MENTIONS = ruleset.mentions(OptOut())

_FRENCH, _GERMAN = "33612345678", "4915112345678"
_FRENCH_TEXT = "Bonjour Léa, samedi 20 % de remise sur toute la collection d'été. Venez vite, la boutique"
_GERMAN_TEXT = (
    "Hallo Jürgen, nur dieses Wochenende: 30 % auf alle Fahrräder und Helme, und die große Inspektion kostet 49 €. "
    "Wir haben am Samstag bis 20 Uhr geöffnet und freuen uns auf Sie. Ihr Radhaus"
)
_SECOND_TEXT = "Letzte Chance: 30 % auf alle Fahrräder, nur noch heute."
_STOP = "Stop svp"
_SEE_OTHER = 303  # HTTP: done, see the next page


class StepError(Exception):
    """A step did not come true; says what was seen instead."""


class Stage:
    """The parties, and what later steps need to know of earlier ones.

    Args:
        gateway: the process under demonstration.
        operator: the SMSC that it binds to.
        app: an upstream app, not yet bound.
        nursery: where the app's session runs.
    """

    def __init__(
        self, gateway: GatewayProcess, operator: SimulatedOperator, app: SimulatedApp, nursery: trio.Nursery
    ) -> None:
        self.gateway = gateway
        self.operator = operator
        self.app = app
        self.nursery = nursery
        self.accepted: list[str] = []  # message ids, as the gateway answered them

    def received(self, source: str, destination: str) -> list[Text]:
        """Return what the operator received between these two."""
        return [text for text in self.operator.received if (text.source, text.destination) == (source, destination)]


class Step(NamedTuple):
    """One step: its name for machines, what it promises to the reader, and what it does."""

    name: str
    promise: str
    act: Callable[[Stage], Awaitable[Figures]]


def _check(condition: object, otherwise: str) -> None:
    if not condition:
        raise StepError(otherwise)


async def _start(stage: Stage) -> Figures:
    await stage.gateway.started()
    await stage.operator.wait_for(lambda: stage.operator.bound)
    await stage.gateway.event("operator_bound")
    host, port = stage.gateway.address
    return {"apps_bind_to": f"{host}:{port}", "binds_to_the_operator": len(stage.operator.links)}


async def _bind(stage: Stage) -> Figures:
    await stage.nursery.start(stage.app.run, *stage.gateway.address)
    event = await stage.gateway.event("app_bound")
    return {"account": event["account"], "bind": event["bind"]}


async def _submit(stage: Stage, destination: str, text: str) -> str:
    """Submit a text and return the id under which the gateway accepted it."""
    answer = await stage.app.submit(destination, text)
    _check(answer.status == status.ESME_ROK, f"the submission was answered with {_named(answer)}")
    message_id: str = answer.fields["message_id"]
    stage.accepted.append(message_id)
    return message_id


async def _send(stage: Stage, destination: str, text: str, mention: str) -> Figures:
    """Submit a text and check what the operator makes of it: all of it, and the mention at its end."""
    earlier = len(stage.received(stage.app.sender, destination))
    message_id = await _submit(stage, destination, text)
    await stage.operator.wait_for(lambda: len(stage.received(stage.app.sender, destination)) > earlier)
    arrived = stage.received(stage.app.sender, destination)[earlier]
    _check(arrived.text == f"{text} {mention}", f"the operator received {arrived.text!r}")
    return {
        "to": arrived.destination,
        "submitted": text,
        "accepted_as": message_id,
        "received": arrived.text,
        "segments": arrived.segments,
        "alphabet": arrived.alphabet,
    }


async def _send_french(stage: Stage) -> Figures:
    figures = await _send(stage, _FRENCH, _FRENCH_TEXT, MENTIONS.short_code_text)
    _check(figures["segments"] == 1, f"it took {figures['segments']} segments")
    return figures


async def _send_german(stage: Stage) -> Figures:
    figures = await _send(stage, _GERMAN, _GERMAN_TEXT, MENTIONS.web_text)
    _check(figures["segments"] > 1, "it arrived as one segment")
    return figures


async def _receive_receipts(stage: Stage) -> Figures:
    figures = {}
    for message_id in stage.accepted:
        report = await stage.app.receipt_for(message_id)
        _check(report.state == receipt.DELIVERED, f"the receipt for {message_id} says {report.stat}")
        figures[report.message_id] = report.stat
    reported = [report.message_id for report in stage.app.receipts]
    _check(sorted(reported) == sorted(stage.accepted), f"receipts came for {', '.join(reported)}")
    return figures


async def _text_stop(stage: Stage) -> Figures:
    answer = await _say_stop(stage)
    copy = await stage.app.wait_for(lambda: stage.app.texts[:1])
    return {
        "from": _FRENCH,
        "to": MENTIONS.short_code,
        "text": _STOP,
        "gateway_answers_the_operator": answer,
        "copy_to_the_app": copy[0].text,
    }


async def _say_stop(stage: Stage) -> str:
    answers = await stage.operator.text(_FRENCH, MENTIONS.short_code, _STOP)
    _check(answers[0].status == status.ESME_ROK, f"the gateway answered the operator with {_named(answers[0])}")
    return status.name(answers[0].status)


async def _read_blacklist(stage: Stage) -> Figures:
    rows = await stage.gateway.table("blacklist", "list")
    _check([row["number"] for row in rows] == [_FRENCH], f"the blacklist holds {rows}")
    return rows[0]


async def _receive_confirmation(stage: Stage) -> Figures:
    confirmations = await stage.operator.wait_for(lambda: stage.received(MENTIONS.short_code, _FRENCH))
    _check(len(confirmations) == 1, f"{len(confirmations)} confirmations were sent")
    _check(confirmations[0].segments == 1, f"it took {confirmations[0].segments} segments")
    return confirmations[0]._asdict()


async def _read_ledger(stage: Stage) -> Figures:
    logged = await stage.gateway.event("billable")
    [row] = await _billable_events(stage, 1)
    same = [name for name in ("id", "account", "credits", "message_id") if logged[name] == row[name]]
    _check(same == ["id", "account", "credits", "message_id"], f"the log says {logged}, the ledger {row}")
    return {**row, "in_the_log": f"billable id={logged['id']} number={logged['number']}"}


async def _billable_events(stage: Stage, count: int) -> list[Figures]:
    rows = await stage.gateway.table("ledger", "list")
    logged = stage.gateway.events("billable")
    _check(len(rows) == len(logged) == count, f"the ledger holds {len(rows)} billable events, the log {len(logged)}")
    return rows


async def _text_stop_again(stage: Stage) -> Figures:
    answer = await _say_stop(stage)
    recorded = await stage.gateway.metric("stopgate_opt_outs_total", 'effect="repeated"')
    _check(recorded == 1, f"{recorded:.0f} repeated opt-outs were recorded")
    await _billable_events(stage, 1)
    return {
        "gateway_answers_the_operator": answer,
        "recorded_as_repeated": int(recorded),
        "billable_events": len(stage.gateway.events("billable")),
    }


async def _be_refused(stage: Stage) -> Figures:
    answer = await stage.app.submit(_FRENCH, _FRENCH_TEXT)
    _check(answer.status == status.OPTED_OUT, f"the submission was answered with {_named(answer)}")
    return {"to": _FRENCH, "answer": _named(answer)}


async def _send_german_again(stage: Stage) -> Figures:
    figures = await _send(stage, _GERMAN, _SECOND_TEXT, MENTIONS.web_text)
    # The operator's lane keeps its order: whatever went to the French number would have arrived before this.
    texts = len(stage.received(stage.app.sender, _FRENCH))
    confirmations = len(stage.received(MENTIONS.short_code, _FRENCH))
    _check((texts, confirmations) == (1, 1), f"the French number got {texts} texts and {confirmations} confirmations")
    return figures


async def _opt_out_on_the_web(stage: Stage) -> Figures:
    status_code, page = await stage.gateway.fill_in("/opt-out", number=f"+{_GERMAN}", country="DE", step="confirmed")
    _check(status_code == _SEE_OTHER, f"the page answered {status_code}: {page}")
    await stage.operator.wait_for(lambda: stage.received(MENTIONS.short_code, _GERMAN))
    rows = [row for row in await stage.gateway.table("blacklist", "list") if row["number"] == _GERMAN]
    _check([row["source"] for row in rows] == ["web"], f"the blacklist holds {rows}")
    events = await _billable_events(stage, 2)
    answer = await stage.app.submit(_GERMAN, _SECOND_TEXT)
    _check(answer.status == status.OPTED_OUT, f"the submission was answered with {_named(answer)}")
    confirmation = stage.received(MENTIONS.short_code, _GERMAN)[0].text
    return {
        "page": f"{stage.gateway.web_url}/opt-out",
        "number": _GERMAN,
        "confirmation": confirmation,
        "billable_events": len(events),
        "answer_to_the_app": _named(answer),
    }


async def _stop_gateway(stage: Stage) -> Figures:
    await stage.gateway.stop()
    _check(stage.gateway.status == 0, f"it ended with status {stage.gateway.status}")
    return {"exit_status": stage.gateway.status}


def _named(answer: Pdu) -> str:
    return f"0x{answer.status:03X} {status.name(answer.status)}: {status.describe(answer.status)}"


STORY = [
    Step("gateway_started", "The gateway starts and binds to the operator.", _start),
    Step("app_bound", "An app binds to the gateway.", _bind),
    Step("french_message", "It writes to a French number: the short code is added, at no extra segment.", _send_french),
    Step("german_message", "It writes to a German number, at length: the web address is added instead.", _send_german),
    Step("receipts", "Receipts come home to the app under the gateway's ids, one for each message.", _receive_receipts),
    Step("stop", "The French subscriber has had enough and texts the short code.", _text_stop),
    Step("blacklist", "The number is on the blacklist.", _read_blacklist),
    Step("confirmation", "The subscriber gets a confirmation.", _receive_confirmation),
    Step("billable_event", "It is billed: one event, the same in the ledger and in the log.", _read_ledger),
    Step("stop_again", "The subscriber texts STOP once more: recorded, but not billed again.", _text_stop_again),
    Step("refused", "The app writes to the subscriber again: refused.", _be_refused),
    Step(
        "still_accepted",
        "The German subscriber still gets messages, and nobody a second confirmation.",
        _send_german_again,
    ),
    Step("web_opt_out", "Then that one, too, has had enough, and fills in the web form.", _opt_out_on_the_web),
]
ENDING = [Step("gateway_stopped", "The gateway stops cleanly.", _stop_gateway)]

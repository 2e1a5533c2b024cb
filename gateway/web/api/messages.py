"""Messages: previewed, handed in on the way that a submit_sm takes, and looked up."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import trio
from fastapi import Header, Response
from starlette.requests import Request  # noqa: TC002 (FastAPI reads the annotations)

from gateway.rules.number import INTERNATIONAL, Number, NumberError, canonical
from gateway.rules.reading import piece_of
from gateway.rules.times import write_time
from gateway.ruleset import meanings
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store import messages
from gateway.store.ids import unwire, wire
from gateway.submissions.askers import Once
from gateway.submissions.previews import Previews, Wish
from gateway.web.api.fields import KEYS
from gateway.web.api.models import Accepted, Draft, Message, NewMessage, Previewed
from gateway.web.api.problems import ProblemError, of_answer, responses
from gateway.web.current import Current

if TYPE_CHECKING:
    from enum import Enum

    from fastapi import FastAPI

    from gateway.config.models import Account
    from gateway.rules.preview import Preview
    from gateway.store.messages import Known
    from gateway.web.site import Site

_ALPHANUMERIC, _UNKNOWN, _ISDN = 5, 0, 1  # addr_ton and addr_npi (SMPP 3.4 sections 5.2.5, 5.2.6)
_SHORT_CODE_DIGITS = 6  # up to which digits are no international number
_READS = responses(400, 413, 415)
_HEADERS = {"Location": {"description": "Where the message can be looked up.", "schema": {"type": "string"}}}
_AT_ONCE = 2  # previews; a long text takes a while, for which other requests would wait
_FURTHEST = 366 * 86_400_000  # milliseconds that a message may be scheduled ahead
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=KEYS,
        description="A request that comes again under its key within 48 hours is not acted on again: "
        "it gets the answer of the first time, with `Idempotency-Replayed: true`. What had no room (402, 429, 503) or "
        "came from an account that is suspended (403) is no answer, and may come again under its key.",
    ),
]

_TAGS: list[str | Enum] = ["Messages"]


class Messages:
    """The part of the interface that is about messages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._previews = Current(site, Previews)
        self._limit = trio.CapacityLimiter(_AT_ONCE)

    def add_to(self, app: FastAPI) -> None:
        """Add its routes."""
        app.post("/preview", tags=_TAGS, operation_id="preview", summary="Preview a message", responses=_READS)(
            self.preview
        )
        app.post(
            "/messages",
            status_code=201,
            tags=_TAGS,
            operation_id="sendMessage",
            summary="Send a message",
            responses=responses(400, 402, 403, 413, 415) | {201: {"headers": _HEADERS}},
        )(self.send)
        app.get(
            "/messages/{message_id}",
            tags=_TAGS,
            operation_id="getMessage",
            summary="Look a message up",
            responses=responses(404),
        )(self.look_up)

    async def preview(self, request: Request, draft: Draft) -> Previewed:
        """Tell what a text would become for a number: the mention in place, segments, alphabet; nothing is sent."""
        account: Account = request.state.account
        number = read_number(draft.to, "/to")
        previews, site = self._previews.get(), self._site
        wish = Wish(account.name, number, draft.text, optout_mention=_flag(draft.mention))
        informed = await site.reader.read(lambda snapshot: previews.informed(snapshot, wish))
        usable = await site.backend.usable(list(site.config.operators))
        find = partial(previews.preview, informed, site.backend.clock(), usable)
        return _previewed(number, await trio.to_thread.run_sync(find, limiter=self._limit))

    async def send(
        self, request: Request, response: Response, message: NewMessage, idempotency_key: IdempotencyKey = None
    ) -> Accepted:
        """Hand a message in: same rules, same spool as over SMPP. The answer comes once it is on disk.

        What became of it is told by the account's webhook, or by looking it up.
        """
        account: Account = request.state.account
        number = read_number(message.to, "/to")
        now = self._site.backend.clock()
        once = None if idempotency_key is None else Once(idempotency_key, _digest(message))
        answer = await self._site.backend.submit(account.name, _submit_sm(account, number, message, now), now, once)
        if answer.status != status.ESME_ROK:
            raise of_answer(answer)
        identifier = wire(answer.message)
        response.headers["location"] = f"{request.scope['root_path']}/messages/{identifier}"
        if answer.replayed:
            response.headers["idempotency-replayed"] = "true"
        return Accepted(
            id=identifier,
            to=number.key,
            state="enroute" if answer.segments else "rejected",
            reason=answer.reason,
            segments=answer.segments,
        )

    async def look_up(self, request: Request, message_id: str) -> Message:
        """Tell how a message of the account stands, however it was handed in."""
        identifier = unwire(message_id)
        known = (
            await self._site.backend.transact(partial(messages.known_as, requests=[identifier])) if identifier else {}
        ).get(identifier or 0, [])
        own = [each for each in known if each.message.account == request.state.account.name]
        if not own:
            raise ProblemError("not-found", f"there is no message {message_id!r} of this account")
        return _shown(own[0])


def read_number(text: str, pointer: str) -> Number:
    """Read a number in any spelling.

    Raises:
        ProblemError: it is none; ``pointer`` says where it stands.
    """
    try:
        return canonical(text, 0)
    except NumberError as error:
        raise ProblemError("invalid-number", str(error), errors=[{"pointer": pointer, "detail": str(error)}]) from None


def moment(milliseconds: int) -> datetime:
    """Return an instant, in milliseconds since 1970, as a datetime."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)


def _flag(mention: bool | None) -> int | None:  # noqa: FBT001 (it is what the TLV says)
    return None if mention is None else int(mention)


def _digest(message: NewMessage) -> str:
    """Return what two requests have in common that ask for the same."""
    return hashlib.sha256(json.dumps(message.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def _submit_sm(account: Account, number: Number, message: NewMessage, now: int) -> smpp.Pdu:
    """Write a message as the submit_sm that an app would send."""
    piece = piece_of(message.text, meanings(account))
    long = len(piece.octets) > smpp.MAX_SHORT_MESSAGE
    ton, npi, sender = _sender(message.sender)
    fields = {
        "service_type": "",
        "source_addr_ton": ton,
        "source_addr_npi": npi,
        "source_addr": sender,
        "dest_addr_ton": INTERNATIONAL,
        "dest_addr_npi": _ISDN,
        "destination_addr": number.key,
        "esm_class": 0,
        "protocol_id": 0,
        "priority_flag": message.priority,
        "schedule_delivery_time": _scheduled(message.send_at, now),
        "validity_period": _validity(message, now),
        "registered_delivery": 1,
        "replace_if_present_flag": 0,
        "data_coding": piece.data_coding,
        "sm_default_msg_id": 0,
        "short_message": b"" if long else piece.octets,
    }
    tlvs = [(int(smpp.Tag.message_payload), piece.octets)] if long else []
    if message.mention is not None:
        tlvs.append((int(smpp.Tag.optout_mention), bytes([message.mention])))
    if message.reference is not None:
        tlvs.append((int(smpp.Tag.user_message_reference), message.reference.to_bytes(2, "big")))
    return smpp.Pdu(smpp.SUBMIT_SM, 0, 0, fields, tlvs)


def _sender(text: str) -> tuple[int, int, str]:
    """Return addr_ton, addr_npi and address of a sender."""
    digits = text.removeprefix("+")
    if not digits.isdigit():
        return (_ALPHANUMERIC if text else _UNKNOWN), _UNKNOWN, text
    return (INTERNATIONAL if len(digits) > _SHORT_CODE_DIGITS else _UNKNOWN), _ISDN, digits


def _scheduled(at: datetime | None, now: int) -> str:
    if at is None:
        return ""
    instant = int(at.timestamp() * 1_000)
    if instant > now + _FURTHEST:
        detail = "must be within a year"
        raise ProblemError("invalid", detail, errors=[{"pointer": "/send_at", "detail": detail}])
    return write_time(instant) if instant > now else ""


def _validity(message: NewMessage, now: int) -> str:
    if message.valid_for is None:
        return ""
    start = max(now, int(message.send_at.timestamp() * 1_000)) if message.send_at else now
    return write_time(start + message.valid_for * 1_000)


def _shown(known: Known) -> Message:
    message = known.message
    return Message.model_validate(
        {
            "id": wire(message.known_as),
            "to": message.number,
            "from": message.source_addr,
            "state": messages.STATES[message.state],
            "channel": message.channel,
            "error": known.error or "000",
            "reason": message.reason,
            "segments": message.segments,
            "reference": None if message.reference == messages.NO_REFERENCE else message.reference,
            "submitted_at": moment(message.submitted),
            "done_at": moment(known.done) if known.done else None,
        }
    )


def _previewed(number: Number, found: Preview) -> Previewed:
    values: dict[str, Any] = found.values()
    refusal = values.pop("refusal")
    plain = values.pop("plain")
    due = values.pop("due")
    for size in ("before", "after"):
        values[size]["alphabet"] = values[size]["alphabet"].name
    return Previewed.model_validate(
        {
            **values,
            "to": number.key,
            "territory": number.territory,
            "refusal": refusal and {"command_status": f"0x{refusal['status']:x}", "reason": refusal["reason"]},
            "due": moment(due) if due else None,
            "plain": None if plain is None or found.plain is None else _previewed(number, found.plain),
        }
    )

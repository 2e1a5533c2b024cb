"""What went wrong, as a problem document of RFC 9457: one table of kinds, each with its status and its title.

The `type` of a problem leads to the documentation page, where every kind is explained.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.rules.reason import Reason
from gateway.smpp import status
from gateway.submissions.repeats import KEY_REUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.submissions.askers import Answer

MEDIA_TYPE = "application/problem+json"
BASE = "/api/v1"


class Kind(NamedTuple):
    """A kind of problem: the status of its answers, what it is called, and what a client can do about it."""

    status: int
    title: str
    advice: str


KINDS = {
    "malformed": Kind(400, "The request cannot be read", "Send JSON in UTF-8, and one value for each header."),
    "unauthorized": Kind(401, "There is no valid API key", "Send `Authorization: Bearer` and a key of the account."),
    "no-credit": Kind(402, "The account has no credit left", "Top it up, and send the message again."),
    "suspended": Kind(403, "The account is suspended", "Ask whoever runs the gateway; nothing was accepted."),
    "not-found": Kind(404, "There is no such thing", "Check the path; things of other accounts are not there either."),
    "method-not-allowed": Kind(405, "The method is not allowed here", "Use one of those in the `Allow` header."),
    "slow": Kind(408, "The request took too long to arrive", "Nothing was accepted; send it again, at once."),
    "not-yours": Kind(409, "The opt-out is not this account's alone", "Only the subscriber, with START, can lift it."),
    "decided": Kind(409, "The case has been decided", "Nothing is left to do."),
    "too-large": Kind(413, "The request is too large", "Send at most 64 KiB."),
    "unsupported-media-type": Kind(415, "The body is not JSON", "Send `Content-Type: application/json`."),
    "invalid": Kind(422, "The request is not valid", "See `errors`: each has a JSON pointer and says what is wrong."),
    "invalid-number": Kind(422, "The number is none", "Write it internationally, such as +33612345678."),
    "invalid-sender": Kind(422, "The sender is none", "At most 20 digits, or 11 letters and digits."),
    "no-route": Kind(422, "No operator carries this number", "It cannot be reached by this gateway."),
    "opted-out": Kind(422, "The number has opted out", "Do not write to it; only its owner can lift that."),
    "mention-required": Kind(422, "Marketing carries the mention", "Leave `mention` out."),
    "mention-does-not-fit": Kind(422, "The mention does not fit", "Shorten the text, or allow more segments."),
    "too-long": Kind(422, "The text is too long", "Shorten it; `POST /preview` says by how much."),
    "not-text": Kind(422, "The text cannot be sent", "It contains what is no character, half a surrogate pair."),
    "outside-hours": Kind(422, "It is outside the permitted hours", "Send it later, or let the account hold messages."),
    "key-reused": Kind(422, "The Idempotency-Key is used", "Another request came with it; use a new key for each."),
    "refused": Kind(422, "The message is refused", "`command_status` says why, as SMPP has it."),
    "too-many-requests": Kind(429, "Too many requests", "Wait for as many seconds as `Retry-After` says."),
    "rate-exceeded": Kind(429, "The account's rate is exceeded", "Wait for as many seconds as `Retry-After` says."),
    "internal": Kind(500, "Something went wrong on our side", "It has been logged; try again."),
    "unavailable": Kind(503, "It cannot be kept at the moment", "Nothing was accepted; try again after `Retry-After`."),
    "late": Kind(504, "The answer took too long", "What becomes of it is not known; its `Idempotency-Key` finds out."),
}
_BY_STATUS = {400: "malformed", 401: "unauthorized", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_BY_REASON = {
    Reason.OPTED_OUT: "opted-out",
    Reason.MENTION_REQUIRED: "mention-required",
    Reason.DOES_NOT_FIT: "mention-does-not-fit",
    Reason.TOO_LONG: "too-long",
    Reason.TOO_LONG_FOR_OPERATOR: "too-long",
    Reason.NOT_TEXT: "not-text",
    Reason.OUTSIDE_HOURS: "outside-hours",
    Reason.NO_ROUTE: "no-route",
    Reason.NO_CREDIT: "no-credit",
    Reason.THROTTLED: "rate-exceeded",
    KEY_REUSED: "key-reused",
}
_BY_CODE = {
    status.ESME_RBINDFAIL: "suspended",
    status.ESME_RINVDSTADR: "invalid-number",
    status.ESME_RINVSRCADR: "invalid-sender",
    status.ESME_RINVMSGLEN: "too-long",
    status.ESME_RTHROTTLED: "rate-exceeded",
    status.NO_CREDIT: "no-credit",
    status.ESME_RMSGQFUL: "unavailable",
    status.ESME_RSYSERR: "unavailable",
}
_RETRY_AFTER = {"rate-exceeded": "1", "unavailable": "5", "late": "5"}


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    pointer: Annotated[str, Field(description="Where: a JSON pointer into the body, or a parameter's name.")]
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: Annotated[str, Field(description="What kind of problem; leads to its explanation.")]
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
    command_status: Annotated[str | None, Field(description="What an app would be answered over SMPP.")] = None
    reason: str | None = None


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        kind: one of :data:`KINDS`.
        detail: what is wrong with this very request.
        headers: of the answer.
        members: of the document, beside the standard ones.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        headers: Mapping[str, str] | None = None,
        **members: Any,  # noqa: ANN401 (JSON)
    ) -> None:
        super().__init__(detail or kind)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> Response:
        """Return the answer."""
        found = KINDS[self.kind]
        document = {"type": f"{BASE}/docs#{self.kind}", "title": found.title, "status": found.status}
        document |= {"detail": self.detail or found.advice, **self.members}
        retry = {"retry-after": _RETRY_AFTER[self.kind]} if self.kind in _RETRY_AFTER else {}
        return Response(json.dumps(document), found.status, {**retry, **self.headers}, MEDIA_TYPE)


def of_status(code: int, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem for a status that the framework came up with."""
    return ProblemError(_BY_STATUS.get(code, "malformed" if code < status_of("internal") else "internal"), "", headers)


def of_answer(answer: Answer) -> ProblemError:
    """Return the problem for a submission that is refused."""
    kind = _BY_REASON.get(answer.reason) or _BY_CODE.get(answer.status, "refused")
    code, reason = f"0x{answer.status:x}", str(answer.reason) or None
    detail = status.describe(answer.status) if kind == "refused" else ""
    return ProblemError(kind, detail, command_status=code, reason=reason)


def status_of(kind: str) -> int:
    """Return the status of a kind of problem."""
    return KINDS[kind].status


def responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Describe the answers of an operation that are problems: those that any may end in, and these."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        code: {
            "description": " / ".join(each.title for each in KINDS.values() if each.status == code),
            "content": {MEDIA_TYPE: schema},
        }
        for code in sorted({401, 408, 422, 429, 500, 503, 504, *codes})
    }

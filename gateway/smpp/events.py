"""What a session tells its owner: one small tuple for each thing that happened, in the order in which it happened.

A response always arrives together with the request that it answers, and a session that ends hands over every request
that nobody answered: the owner never has to keep books of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from gateway.smpp.pdu import Pdu


class Request(NamedTuple):
    """A request that we send: command, octets after the header, and what the caller wants back with the answer."""

    command: int
    body: bytes = b""
    context: Any = None


class RequestReceived(NamedTuple):
    """The peer asks for something; exactly one response is owed."""

    pdu: Pdu


class Answered(NamedTuple):
    """The peer answered, after so many seconds; a generic_nack counts as an answer."""

    request: Request
    response: Pdu
    seconds: float


class Expired(NamedTuple):
    """No answer within the response timer: nobody knows whether the request was carried out."""

    request: Request


class Late(NamedTuple):
    """The peer answered after all, when the request had expired: its owner was told so, and has acted on it."""

    request: Request
    response: Pdu


class Odd(NamedTuple):
    """Something that deserves a line in the log and no other reaction."""

    what: str


class Ended(NamedTuple):
    """The session is over; ``unanswered`` holds our requests whose fate is unknown, oldest first."""

    reason: str
    unanswered: list[Request]


Event = RequestReceived | Answered | Expired | Late | Odd | Ended

"""Who hands a request in, and what they are answered: an app on its link, a page, the HTTP interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.smpp.pdu import Pdu


class Asker(Protocol):
    """Whoever a request came from: an app on its link, or a page."""

    def respond(self, answers: Sequence[tuple[Pdu, int, bytes]], /) -> None:
        """Take answers: (request, command_status, body) each."""


class Nobody:
    """Who asks in place of a link where the answer goes another way."""

    def respond(self, answers: Sequence[tuple[Pdu, int, bytes]], /) -> None:
        """Take answers, and leave them."""


NOBODY = Nobody()


class Answer(NamedTuple):
    """What a submission is answered with: a message_id, or a status; and why, if the rules decided it.

    ``segments`` is what was accepted, ``replayed`` whether it is the answer to an earlier request under the same key.
    """

    status: int
    message: int = 0
    reason: str = ""
    segments: int = 0
    replayed: bool = False


class Once(NamedTuple):
    """The key under which a request is acted on once, and what tells the same request from another."""

    key: str
    digest: str


class Call(NamedTuple):
    """How a submission came in that no link brought: who is told the answer, and its key, if it has one."""

    told: Callable[[Answer], None]
    once: Once | None = None

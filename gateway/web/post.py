"""Requests from pages and from the HTTP interface, on the way that apps' take: the same rules, the same spool."""

from collections.abc import Sequence

import trio

from gateway.requests import Requests
from gateway.smpp.pdu import Pdu
from gateway.submission import Asker, Customer


class _Waiting(Asker):
    """Somebody who waits for one answer."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.answer = (0, b"")

    def respond(self, answers: Sequence[tuple[Pdu, int, bytes]], /) -> None:
        [(_request, code, body)] = answers
        self.answer = (code, body)
        self.answered.set()


class Post:
    """Hands requests in for accounts."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def hand_in(self, customer: Customer, request: Pdu) -> tuple[int, bytes]:
        """Hand in one request of SMPP and return its answer: a command_status, and the body of the response.

        With ESME_ROK what was accepted is on disk; a `submit_sm` is answered with the message_id and a NUL. An
        account's limits on binds do not count here, its rate does.
        """
        waiting = _Waiting()
        self._requests.offer(waiting, customer, request)
        await waiting.answered.wait()
        return waiting.answer

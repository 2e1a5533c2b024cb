"""Requests from pages and from the HTTP interface, on the way that apps' take: the same rules, the same spool."""

from collections.abc import Sequence

import trio

from gateway.askers import Answer, Asker, Call, Once
from gateway.requests import Requests
from gateway.smpp.pdu import Pdu
from gateway.submission import Customer, RefusedError
from gateway.submit import Submit


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

    def __init__(self, requests: Requests, submit: Submit) -> None:
        self._requests = requests
        self._submit = submit

    async def hand_in(self, customer: Customer, request: Pdu) -> tuple[int, bytes]:
        """Hand in one request of SMPP and return its answer: a command_status, and the body of the response.

        With ESME_ROK what was accepted is on disk; a `submit_sm` is answered with the message_id and a NUL. An
        account's limits on binds do not count here, its rate does.
        """
        waiting = _Waiting()
        self._requests.offer(waiting, customer, request)
        await waiting.answered.wait()
        return waiting.answer

    async def submit(self, customer: Customer, request: Pdu, now: int, once: Once | None = None) -> Answer:
        """Hand in a `submit_sm` at `now`, in milliseconds since 1970, and return the whole answer to it.

        With `once` it is acted on once, however often it comes: the answer is then the first one's.
        """
        answered = trio.Event()
        answers: list[Answer] = []

        def told(answer: Answer) -> None:
            answers.append(answer)
            answered.set()

        try:
            self._submit.call(customer, request, now, Call(told, once))
        except RefusedError as refused:
            return Answer(refused.status, reason=refused.reason)
        await answered.wait()
        return answers[0]

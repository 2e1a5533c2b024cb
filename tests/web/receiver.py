"""A web server of somebody who wants to be told: keeps what is posted, and answers as the test says."""

from typing import NamedTuple

import trio
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from gateway.simulate.peer import Changes
from gateway.web.http import Server, open_web
from tests.flows.peers import soon


class Posted(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """A receiver of webhooks on a port of its own.

    Attributes:
        posted: every request, oldest first.
        answer: maps a request to a status, to a status and headers, or to an event after which it is 200.
    """

    def __init__(self):
        self.posted = []
        self.answer = lambda _posted: 204
        self.url = ""
        self._changes = Changes()

    async def run(self, task_status):
        """Serve until cancelled; started once `url` is there."""
        app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])
        async with trio.open_nursery() as nursery:
            ports = await open_web("webhook.url", ("127.0.0.1", 0))
            await nursery.start(Server(app).run, ports)
            self.url = "http://{}:{}/hook".format(*ports[0].socket.getsockname())
            task_status.started()

    async def received(self, count):
        """Return the requests as soon as there are ``count`` of them."""
        await soon(self._changes, lambda: len(self.posted) >= count)
        return self.posted[:count]

    async def _take(self, request):
        posted = Posted(dict(request.headers), await request.body())
        self.posted.append(posted)
        self._changes.tell()
        answer = self.answer(posted)
        if isinstance(answer, int):
            return Response(status_code=answer)
        if isinstance(answer, tuple):
            return Response(status_code=answer[0], headers=answer[1])
        await answer.wait()
        return Response()

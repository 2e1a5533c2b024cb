"""A network between a store and its server that can fail at a chosen moment."""

from __future__ import annotations

from enum import Enum

import trio


class Fate(Enum):
    """What happens to the octets that a client sends next, and to everything after them."""

    CUT = "they are lost, and the connection with them"
    CUT_AFTER = "they arrive, and then the connection is lost"
    FREEZE = "nothing comes through any more, in either direction"


class Proxy:
    """Forwards connections to a server on this machine.

    Attributes:
        port: where it listens.
        next: what happens to what a client sends next; set from any thread.
        frozen: whether a connection has stopped.
    """

    def __init__(self, server_port):
        self._server_port = server_port
        self.port = None
        self.next = None
        self.frozen = trio.Event()

    async def run(self, task_status=trio.TASK_STATUS_IGNORED):
        """Forward until cancelled."""
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, client):
        server = await trio.open_tcp_stream("127.0.0.1", self._server_port)
        async with client, server, trio.open_nursery() as nursery:
            nursery.start_soon(self._forward, client, server, nursery.cancel_scope)
            nursery.start_soon(self._answer, server, client, nursery.cancel_scope)

    async def _forward(self, client, server, both):
        async for octets in _received(client):
            fate, self.next = self.next, None
            if fate is Fate.FREEZE:
                both.deadline = trio.current_time() + 60
                self.frozen.set()
                self._cold = client
                await trio.sleep_forever()
            if fate is not Fate.CUT:
                await server.send_all(octets)
            if fate is not None:
                break
        both.cancel()

    async def _answer(self, server, client, both):
        async for octets in _received(server):
            if getattr(self, "_cold", None) is client:
                await trio.sleep_forever()
            await client.send_all(octets)
        both.cancel()


async def _received(stream):
    """Yield what comes, until the other side ends or breaks."""
    while True:
        try:
            octets = await stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        if not octets:
            return
        yield octets

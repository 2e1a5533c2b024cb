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
        server_port: where it forwards to.
        next: what happens to what a client sends next; set from any thread.
        frozen: set when a connection has stopped.
    """

    def __init__(self, server_port):
        self.port = None
        self.server_port = server_port
        self.next = None
        self.frozen = trio.Event()

    async def run(self, task_status=trio.TASK_STATUS_IGNORED):
        """Forward until cancelled."""
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, client):
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.server_port)
        except OSError:
            return  # which ends the client's connection, too
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(_Way(client, server, self).forward, nursery.cancel_scope)


class _Way:
    """One connection through the proxy."""

    def __init__(self, client, server, proxy):
        self._client = client
        self._server = server
        self._proxy = proxy
        self._frozen = False

    async def forward(self, scope):
        """Forward both ways until one side ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, self._client, self._to_server, scope)
            nursery.start_soon(self._pump, self._server, self._to_client, scope)

    async def _pump(self, source, handle, scope):
        try:
            while (octets := await source.receive_some()) and await handle(octets):
                if self._frozen:
                    await trio.sleep_forever()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        finally:
            scope.cancel()

    async def _to_server(self, octets):
        fate, self._proxy.next = self._proxy.next, None
        if fate in (Fate.FREEZE, Fate.CUT_AFTER):
            self._frozen = True  # before anything is sent: the answer may be quicker than the cut
        if fate is Fate.FREEZE:
            self._proxy.frozen.set()
            return True
        if fate is not Fate.CUT:
            await self._server.send_all(octets)
        return fate is None

    async def _to_client(self, octets):
        if not self._frozen:
            await self._client.send_all(octets)
        return True

"""Three nodes on one PostgreSQL, an app at each, one operator for all, and faults for all of it.

As everywhere among the faults nothing looks into the gateways: the peers' books and the command line tell.
"""

import random
import time
from typing import NamedTuple

import trio

from gateway.simulate.operator import SimulatedOperator
from tests import postgres
from tests.faults.harness import CODE, RECEIPT_DELAY, Peers, token_of
from tests.faults.process import OPERATOR, PASSWORD, SIGKILL, SIGTERM, Gateway

NODES = 3
PATIENCE = 180.0  # seconds for the last receipt, takeovers included, on a busy machine
MESSAGES, OPT_OUTS = 500, 20  # more than so many make a trial
_SOME = 50  # accepted messages that make a node a busy one
_APART = 100_000  # between the numbers of two apps' messages
_LOOK = 0.05  # seconds between looks into the books
_READ = 65_536


class Wire:
    """A TCP relay to the database that can be cut, or go silent, at any moment."""

    def __init__(self, target):
        self.address = None
        self.cuts = 0
        self._target = target
        self._streams = set()
        self._open = trio.Event()
        self._open.set()

    async def run(self, task_status):
        """Relay until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.address = listeners[0].socket.getsockname()[:2]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._serve, listeners)
            task_status.started()

    async def _serve(self, stream):
        try:
            server = await trio.open_tcp_stream(*self._target)
        except OSError:
            await trio.aclose_forcefully(stream)
            return
        pair = {stream, server}
        self._streams |= pair
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, stream, server, nursery.cancel_scope)
                nursery.start_soon(self._pass_on, server, stream, nursery.cancel_scope)
        finally:
            self._streams -= pair
            for each in pair:
                await trio.aclose_forcefully(each)

    async def _pass_on(self, source, target, scope):
        try:
            while data := await source.receive_some(_READ):
                await self._open.wait()
                await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # cut: that is what this is for
        scope.cancel()

    def cut(self):
        """Break every connection there is, in the middle of whatever it carries."""
        self.cuts += 1
        for stream in self._streams:
            stream.socket.close()

    def hush(self, *, silent):
        """Let nothing through any more, without a word to anybody; or again."""
        if silent:
            self._open = trio.Event()
        else:
            self._open.set()


class Books(NamedTuple):
    """What a trial left, all nodes together."""

    seed: int
    accepted: dict[str, str]
    unknown: set[str]
    silent: set[str]
    stopped: list[str]
    arrivals: list[str]
    receipts: list[str]
    late: dict[str, int | None]
    blacklist: list[dict[str, str]]
    ledger: list[dict[str, str]]
    events: list[list[dict[str, str]]]
    seconds: float

    @property
    def again(self):
        """How often anything came to the operator that had been there before."""
        return len(self.arrivals) - len(set(self.arrivals))

    def figures(self):
        """Return one line for the documentation."""
        return (
            f"SEED={self.seed}: {len(self.accepted)} accepted, {len(self.unknown)} unanswered, "
            f"{self.again} sent again, {len(self.receipts) - len(set(self.receipts))} receipts again, "
            f"{len(self.stopped)} opt-outs, "
            f"{len(self.ledger)} billed, {self.seconds:.1f} s"
        )


class Cluster:
    """Three gateways as processes and everybody around them.

    Attributes:
        server: the PostgreSQL, ours alone.
        members: for each node its gateway and its app.
        wire: a relay to the database, used by the first node if ``wired``.
    """

    def __init__(self, folder, server, dice, *, wired=False):
        self.server = server
        self.dice = dice
        self.operator = SimulatedOperator(OPERATOR, PASSWORD, RECEIPT_DELAY)
        self.wire = Wire(server.over_tcp[:2]) if wired else None
        self.members = []
        self._space = server.create()
        self._folders = [folder / f"gw{number + 1}" for number in range(NODES)]

    async def open(self, nursery):
        """Start the operator, the relay and every node, bind an app to each and begin the load."""
        address = await nursery.start(self.operator.run)
        if self.wire is not None:
            await nursery.start(self.wire.run)
        for number, folder in enumerate(self._folders):
            folder.mkdir()
            port = self.wire.address[1] if self.wire is not None and number == 0 else self.server.over_tcp[1]
            gateway = Gateway(folder, self.server.url(self._space, port=port), f"gw{number + 1}")
            gateway.operator = address
            gateway.configure()
            self.members.append(Peers(gateway, self.operator, number * _APART))
        for member in self.members:
            await member.gateway.start(nursery)
            await member.open(nursery)

    async def play(self, faults):
        """Load all nodes while ``faults(cluster, nursery)`` does its worst, and let all settle; returns the books."""
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            await self.open(nursery)
            async with trio.open_nursery() as load:
                for member in self.members:
                    await member.load(load)
                await self.until(lambda: all(len(member.accepted) > _SOME for member in self.members), PATIENCE)
                await faults(self, nursery)
                await self.until(self._is_hard, PATIENCE)
                for member in self.members:
                    member.unload()
            await self._settle()
            late = {number: (await self.members[-1].submit(number))[2] for number in self.stopped}
            table = self.members[-1].gateway.table
            lists = [await trio.to_thread.run_sync(table, what, "list") for what in ("blacklist", "ledger")]
            for member in self.members:
                assert not member.alive or await member.gateway.end(SIGTERM) == 0
            nursery.cancel_scope.cancel()
        return self._books(late, lists, time.monotonic() - began)

    async def lose(self, member):
        """Kill a node for good; its app goes home."""
        member.alive = False
        member.unload()
        await member.gateway.end(SIGKILL)

    async def until(self, condition, seconds):
        """Wait until ``condition`` holds, for so long at most."""
        with trio.fail_after(seconds):
            while not condition():  # noqa: ASYNC110 (see below)
                await trio.sleep(_LOOK)  # what is waited for has no event of its own

    @property
    def stopped(self):
        """The numbers whose STOP was answered."""
        return [number for member in self.members for number in member.stopped]

    def _is_hard(self):
        return sum(len(member.accepted) for member in self.members) > MESSAGES and len(self.stopped) > OPT_OUTS

    async def _settle(self):
        """Wait until every accepted message has arrived, each asked receipt is home and each STOP is confirmed."""
        with trio.move_on_after(PATIENCE):
            while any(self._missing().values()):  # noqa: ASYNC110 (see below)
                await trio.sleep(_LOOK)  # five parties' books have no common event
        missing = {what: sorted(names)[:10] for what, names in self._missing().items() if names}
        assert not missing, missing

    def _missing(self):
        arrived = {token_of(text) for text in self.operator.received}
        home = {report.message_id for member in self.members for report in member.app.receipts}
        asked = {
            identifier
            for member in self.members
            for token, identifier in member.accepted.items()
            if token not in member.silent
        }
        return {
            "messages": {token for member in self.members for token in member.accepted} - arrived,
            "receipts": asked - home,
            "confirmations": {f"{CODE} {number}" for number in self.stopped} - arrived,
        }

    def _books(self, late, lists, seconds):
        return Books(
            seed=0,
            accepted={token: name for member in self.members for token, name in member.accepted.items()},
            unknown=set().union(*(member.unknown for member in self.members)),
            silent=set().union(*(member.silent for member in self.members)),
            stopped=self.stopped,
            arrivals=[token_of(text) for text in self.operator.received],
            receipts=[report.message_id for member in self.members for report in member.app.receipts],
            late=late,
            blacklist=lists[0],
            ledger=lists[1],
            events=[member.gateway.events for member in self.members],
            seconds=seconds,
        )


def play(folder, faults, seed, *, wired=False):
    """Play one trial on a PostgreSQL of its own; returns its books."""
    with postgres.server(fsync="on", full_page_writes="on", max_connections="60") as server:
        cluster = Cluster(folder, server, random.Random(seed), wired=wired)
        try:
            books = trio.run(_bounded, cluster, faults)
        except BaseException as error:
            error.add_note(f"SEED={seed}")
            raise
    return books._replace(seed=seed)


async def _bounded(cluster, faults):
    with trio.fail_after(4 * PATIENCE):
        return await cluster.play(faults)

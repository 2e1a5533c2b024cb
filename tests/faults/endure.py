"""One trial of whatever may befall a gateway: load, something that happens meanwhile, time to settle, and the books.

The short version of each trial is part of the suite; ``make faults`` plays the long one, and prints for each what was
expected and what was seen.
"""

import os
from collections import Counter
from typing import NamedTuple

import trio

from gateway.demo.loopback import free_port
from gateway.smpp import status
from gateway.smpp.timers import Limits
from tests.faults.harness import Peers, token_of
from tests.faults.process import SIGTERM, Gateway, fetch
from tests.faults.weather import Between

LONG = os.environ.get("FAULTS") == "long"
LEAD = 3.0 if LONG else 0.5  # seconds of load before and after
EVERY, LATE = 20, 3.0  # one PDU in so many is struck; seconds that a late one is late
MESSAGES, OPT_OUTS = 500, 5  # more than so many make a trial
TIMEOUT = 2.0  # seconds that either side waits for an answer
_LOOK = 0.05  # seconds
TEMPORARY = {status.name(code) for code in (status.ESME_RSYSERR, status.ESME_RMSGQFUL, status.ESME_RTHROTTLED)}


class Books(NamedTuple):
    """What a trial led to.

    ``again`` is how many messages reached the operator more often than once, ``uncertain`` how many requests had been
    sent and never answered, so that nobody could know.
    """

    accepted: int
    unanswered: int
    again: int
    uncertain: int
    opt_outs: int
    billed: int

    def __str__(self):
        return (
            f"{self.accepted:,} accepted, {self.unanswered} unanswered, 0 lost, {self.again} sent again of "
            f"{self.uncertain} uncertain, {self.opt_outs} opt-outs, {self.billed} billed"
        )


async def prepared(nursery, folder):
    """Open the peers and the weather between gateway and operator; the gateway is configured and not started."""
    peers = Peers(Gateway(folder))
    peers.operator.limits = Limits(response=TIMEOUT)
    await peers.open(nursery)
    peers.between = Between(peers.gateway.operator, EVERY, LATE)
    peers.gateway.operator = await nursery.start(peers.between.run)
    peers.gateway.listen = ("127.0.0.1", free_port())
    peers.app_side = Between(peers.gateway.listen, EVERY, LATE)
    peers.door = await nursery.start(peers.app_side.run)
    times = {"response_timeout": f"{TIMEOUT}s", "enquire_link": "1s"}
    peers.gateway.configure(operators={"simulated": times}, smpp=times)
    return peers


async def endure(folder, meanwhile, prepare=lambda _peers: None, patience=90.0):
    """Load a gateway that was prepared, await ``meanwhile(peers)``, let all settle, and stop it; returns the books.

    Fails when anything that was acknowledged is missing, or came twice without anybody's having been in doubt.
    """
    with trio.fail_after(patience + 300):
        async with trio.open_nursery() as nursery:
            peers = await prepared(nursery, folder)
            prepare(peers)
            await peers.gateway.start(nursery)
            async with trio.open_nursery() as load:
                await peers.load(load)
                await trio.sleep(LEAD)
                await meanwhile(peers)
                await trio.sleep(LEAD)
                await peers.changes.wait_for(lambda: len(peers.accepted) > MESSAGES and len(peers.stopped) > OPT_OUTS)
                peers.unload()
            await peers.settle(patience)
            uncertain = await unanswered(peers.gateway)
            assert await peers.gateway.end(SIGTERM) == 0
            await peers.close_run()
            nursery.cancel_scope.cancel()
    return judged(peers, uncertain)


def judged(peers, uncertain):
    """Judge the books of the peers, of which all that was accepted has arrived."""
    arrived = Counter(map(token_of, peers.operator.received))
    billed = [row for row in peers.gateway.table("ledger", "list") if row["kind"] == "opt_out_confirmation"]
    books = Books(
        accepted=len(peers.accepted),
        unanswered=len(peers.unknown),
        again=sum(arrived.values()) - len(arrived),
        uncertain=uncertain,
        opt_outs=len(peers.stopped),
        billed=len(billed),
    )
    assert books.again <= books.uncertain, books
    assert Counter(row["number"] for row in billed) == Counter(peers.stopped)
    assert {row["number"] for row in peers.gateway.table("blacklist", "list")} == set(peers.stopped)
    assert peers.refused.keys() - TEMPORARY - {status.name(0x410)} == set()
    return books


async def unanswered(gateway):
    """Return how many requests to the operator were never answered, by the gateway's own count, once none waits."""
    while True:
        page = await trio.to_thread.run_sync(fetch, gateway.metrics, "/metrics")
        if not _sum(page, "stopgate_in_flight"):
            return int(_sum(page, "stopgate_unanswered_total"))
        await trio.sleep(_LOOK)  # until then it may yet be one more


def _sum(page, metric):
    lines = [line for line in page.splitlines() if line.startswith(f'{metric}{{name="simulated"')]
    return sum(float(line.split()[-1]) for line in lines)


def told(capsys, what, expected, seen):
    """Print a line of the table in docs/reliability.md, in the long version."""
    if LONG:
        with capsys.disabled():
            print(f"\n| {what} | {expected} | {seen} |")

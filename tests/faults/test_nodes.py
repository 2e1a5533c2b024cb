"""Three nodes under load, and what befalls them: killed, frozen, cut off; their database stopped and started.

One trial of each is played, then judged by the peers' books. ROUNDS and SEED in the environment make another one.
"""

import os
import random

import pytest
import trio

from tests import postgres
from tests.faults.cluster import MESSAGES, NODES, OPT_OUTS, play
from tests.faults.harness import CODE
from tests.faults.process import ACCOUNT, SIGCONT, SIGKILL, SIGSTOP, WINDOW

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("ROUNDS", "5"))
TAKEOVER = 60.0  # seconds after which others have taken over what a silent node held: its lease ends after six


async def kill(cluster, nursery):
    """Kill one node after another, each some moments after it has begun to serve, and start it again."""
    for turn in range(ROUNDS):
        await trio.sleep(cluster.dice.uniform(0.3, 1.0))  # a random moment is what is tried here
        gateway = cluster.members[turn % NODES].gateway
        await gateway.end(SIGKILL)
        await trio.sleep(cluster.dice.uniform(0.0, 0.5))
        await gateway.start(nursery)
    await trio.sleep(0.5)


async def lose(cluster, _nursery):
    """Kill two nodes for good: the third does their work."""
    await trio.sleep(1.0)
    for member in cluster.members[:2]:
        await cluster.lose(member)
    await trio.sleep(2.0)


async def stop_database(cluster, _nursery):
    """Stop PostgreSQL under load, politely and at once in turn, and start it again."""
    for turn in range(ROUNDS):
        await trio.sleep(cluster.dice.uniform(0.5, 1.0))
        await trio.to_thread.run_sync(cluster.server.stop, ("fast", "immediate")[turn % 2])
        await trio.sleep(cluster.dice.uniform(0.0, 1.5))
        await trio.to_thread.run_sync(cluster.server.start)
    await trio.sleep(1.0)


async def freeze(cluster, _nursery):
    """Freeze a node until others have taken it for dead, and wake it."""
    await trio.sleep(1.0)
    frozen, *others = (member.gateway for member in cluster.members)
    frozen.signal(SIGSTOP)
    await cluster.until(lambda: told(others, "node_taken_for_dead"), TAKEOVER)
    frozen.signal(SIGCONT)
    await cluster.until(lambda: told([frozen], "lease_lost"), TAKEOVER)
    await trio.sleep(1.0)


async def cut(cluster, _nursery):
    """Cut a node's connections to the database, again and again, in the middle of whatever they carry."""
    for _ in range(4 * ROUNDS):
        await trio.sleep(cluster.dice.uniform(0.2, 0.6))
        cluster.wire.cut()
    await trio.sleep(0.5)


async def silence(cluster, _nursery):
    """Let a node's connections to the database go silent for longer than its lease."""
    await trio.sleep(1.0)
    cluster.wire.hush(silent=True)
    await cluster.until(
        lambda: told([member.gateway for member in cluster.members[1:]], "node_taken_for_dead"), TAKEOVER
    )
    cluster.wire.hush(silent=False)
    await trio.sleep(1.0)


def told(gateways, event):
    """Say whether any of these gateways has logged an event."""
    return any(each["event"] == event for gateway in gateways for each in gateway.events)


TRIALS = {
    # how many nodes end with what they have on the wire, besides those that live to tell that they were taken for dead;
    # the database's own end loses nothing of that
    "killed": (kill, ROUNDS),
    "lost": (lose, 2),
    "database": (stop_database, 0),
    "frozen": (freeze, 0),
    "cut": (cut, 0),
    "silent": (silence, 1),
}


@pytest.fixture(scope="module", params=TRIALS)
def trial(request, tmp_path_factory):
    """Play each trial once; hands over its name and its books."""
    faults, _ = TRIALS[request.param]
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    try:
        books = play(tmp_path_factory.mktemp(request.param), faults, seed, wired=request.param in ("cut", "silent"))
    except postgres.MissingError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    plugin = request.config.pluginmanager.getplugin
    if "ROUNDS" in os.environ:
        with plugin("capturemanager").global_and_fixture_disabled():
            plugin("terminalreporter").write_line(f"\n{request.param}: {books.figures()}")
    return request.param, books


def test_trial_was_hard(trial):
    """There was traffic at every node, and opt-outs among it."""
    _, books = trial
    assert len({token[0] for token in books.accepted}) == NODES
    assert len(books.accepted) > MESSAGES
    assert len(books.stopped) > OPT_OUTS


def test_nothing_acknowledged_is_lost(trial):
    """Whatever any node answered with ESME_ROK reached the operator, and its receipt an app of the account."""
    _, books = trial
    assert books.accepted.keys() - set(books.arrivals) == set()
    asked = {identifier for token, identifier in books.accepted.items() if token not in books.silent}
    assert asked - set(books.receipts) == set()


def test_nothing_is_sent_that_nobody_submitted(trial):
    """What reached the operator was submitted, accepted or at least unanswered, or confirms a STOP."""
    _, books = trial
    confirmations = {f"{CODE} {number}" for number in books.stopped}
    assert set(books.arrivals) - books.accepted.keys() - books.unknown - confirmations == set()


def test_sent_again_only_what_was_on_the_wire(trial):
    """What comes twice was on the wire to the operator, or answered and not committed, when its node was lost."""
    name, books = trial
    _, ended = TRIALS[name]
    dead = sum(each["event"] == "lease_lost" for events in books.events for each in events)
    assert dead or name != "frozen"
    assert books.again <= WINDOW * (ended + dead)


def test_no_opt_out_is_lost(trial):
    """Each number whose STOP any node answered is on the blacklist, and refused with 0x410 at every other."""
    _, books = trial
    assert sorted(row["number"] for row in books.blacklist) == sorted(books.stopped)
    assert {row["account"] for row in books.blacklist} == {ACCOUNT}
    assert set(books.late.values()) == {0x410}


def test_each_confirmation_is_billed_once(trial):
    """The ledger holds exactly one event for each opt-out, whichever node heard it, however often."""
    _, books = trial
    assert sorted(row["number"] for row in books.ledger) == sorted(books.stopped)

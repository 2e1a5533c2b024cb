"""Hostile peers on the socket of a real gateway process: whatever they do, an honest app and operator go on.

One trial plays every attack of the benchmark, a few hundred times each; the tests look at what it left.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from bench.attackers.hostile import ATTACKS, HOSTILE, attack
from gateway.smpp import status
from tests.faults.harness import Peers, token_of
from tests.faults.process import PASSWORD, SIGTERM, Gateway

pytestmark = pytest.mark.faults

HONEST = 20  # submissions while each attack goes on
PATIENCE = 300.0  # seconds that an attack may take; most take a few
OFTEN = {"drop": 300, "half_open": 200, "slow": 200, "octets": 20, "huge": 20, "flood": 4, "deaf": 4, "lengths": 34}
MOST = 40  # MiB that the gateway may take more than after its first attack


class Bastion(Gateway):
    """A gateway with short timers, and an account for those who have gone mad."""

    def configure(self, rate=None):
        """Write the configuration."""
        super().configure(rate)
        settings = json.loads(self.config.read_text())
        settings["smpp"] |= {"session_init_timeout": "1s", "enquire_link": "2s", "response_timeout": "20s"}
        settings["accounts"][HOSTILE] = {"password": PASSWORD, "publisher": "Mad", "max_binds": 64, "rate": None}
        self.config.write_text(json.dumps(settings))

    def resident(self):
        """Return the memory that the process takes, in MiB."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

    def sockets(self):
        """Return how many sockets the process has open."""
        return sum(_is_socket(link) for link in Path(f"/proc/{self._process.pid}/fd").iterdir())


def _is_socket(link):
    """Say whether a descriptor is a socket; one that was closed while we looked is none."""
    try:
        return str(link.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


class Attacked(NamedTuple):
    """What an attack came to: things done, what honest submissions were answered, and what the gateway held after."""

    done: int
    answers: list[int | None]
    memory: int
    left_open: int


async def _attack(nursery, peers, name):
    """Attack until it has been done often enough, and submit meanwhile."""
    tally, changed = 0, peers.changes
    before = peers.gateway.sockets()
    assert before > 2, "the listener, the operator, the app"

    def done():
        nonlocal tally
        tally += 1
        changed.tell()

    with trio.fail_after(PATIENCE):
        nursery.start_soon(attack, name, peers.gateway.address, done)
        answers = [(await peers.submit())[2] for _ in range(HONEST)]
        await changed.wait_for(lambda: tally >= OFTEN.get(name, 50))
        answers += [(await peers.submit())[2] for _ in range(HONEST)]
        nursery.cancel_scope.cancel()
    return tally, answers, before


async def _play(peers):
    found = {}
    async with trio.open_nursery() as nursery:
        await peers.open(nursery)
        peers.gateway.configure()
        await peers.gateway.start(nursery)
        await peers.submit()
        await peers.operator.wait_for(lambda: peers.operator.received)  # so all honest connections are there
        for name in ATTACKS:
            async with trio.open_nursery() as attackers:
                tally, answers, before = await _attack(attackers, peers, name)
            with trio.move_on_after(PATIENCE):
                while (left := peers.gateway.sockets() - before) > 0:  # noqa: ASYNC110 (another process tells nobody)
                    await trio.sleep(0.05)
            found[name] = Attacked(tally, answers, peers.gateway.resident(), left)
        await peers.settle(PATIENCE)
        code = await peers.gateway.end(SIGTERM)
        await peers.close_run()
        nursery.cancel_scope.cancel()
    return found, code


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """Play all attacks against one gateway; returns what each came to, the peers' books and the exit status."""
    peers = Peers(Bastion(tmp_path_factory.mktemp("attacked")))
    found, code = trio.run(_play, peers)
    return found, peers, code


@pytest.mark.parametrize("name", ATTACKS)
def test_others_are_served(trial, name):
    """While it goes on, and after hundreds of times, every submission of another session is accepted."""
    attacked = trial[0][name]
    assert attacked.answers == [status.ESME_ROK] * (2 * HONEST)
    assert attacked.done >= OFTEN.get(name, 50)


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_left_of_it(trial, name):
    """When the attackers have gone their sockets have, too, and the gateway has not grown."""
    attacked = trial[0][name]
    assert attacked.left_open <= 0
    assert attacked.memory - min(each.memory for each in trial[0].values()) < MOST


def test_what_was_accepted_meanwhile_arrived(trial):
    """Each accepted message reached the operator once, and its receipt came home."""
    _, peers, code = trial
    arrived = [token_of(text) for text in peers.operator.received]
    assert sorted(arrived) == sorted(peers.accepted)
    asked = {identifier for token, identifier in peers.accepted.items() if token not in peers.silent}
    assert asked == {report.message_id for report in peers.app.receipts}
    assert code == 0


def test_honest_session_lasted(trial):
    """The honest app never had to bind again, and no link failed of a defect."""
    events = trial[1].gateway.events
    binds = [event for event in events if event["event"] == "app_bound" and event["account"] != HOSTILE]
    assert len(binds) == 1
    assert [event for event in events if event["event"] == "link_failed"] == []

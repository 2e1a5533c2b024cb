"""Two processes and one SQLite file: side by side, and one after the other's death."""

import pytest
import trio

from tests.faults.harness import Peers, repeats, token_of
from tests.faults.process import SIGKILL, SIGTERM, Gateway

pytestmark = pytest.mark.faults

MESSAGES = 60
RATE = 20  # segments a second: most messages wait while the second process comes
PATIENCE = 60.0


def test_second_process_on_one_file(tmp_path):
    """A second gateway on the file of a running one ends with status 1 and says why; the first sends all, once."""
    peers = Peers(Gateway(tmp_path))
    folder = tmp_path / "second"
    folder.mkdir()
    second = Gateway(folder, tmp_path / "gateway.db")
    ended, code = trio.run(start_a_second, peers, second)
    assert (ended[0], "another gateway runs on this file" in ended[1], code) == (1, True, 0)
    assert len(ended[1].splitlines()) == 1
    assert_sent_once(peers)


async def start_a_second(peers, second):
    """Submit, start a second process, let all be sent; returns how the second ended and the first one's status."""
    with trio.fail_after(2 * PATIENCE):
        async with trio.open_nursery() as nursery:
            await peers.open(nursery)
            peers.gateway.configure(RATE)
            await peers.gateway.start(nursery)
            await submit(peers)
            second.operator = peers.gateway.operator
            second.configure()
            ended = await trio.to_thread.run_sync(second.run_in_vain)
            await peers.settle(PATIENCE)
            code = await peers.gateway.end(SIGTERM)
            nursery.cancel_scope.cancel()
    return ended, code


async def submit(peers):
    """Submit all messages at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(MESSAGES):
            nursery.start_soon(peers.submit)


def assert_sent_once(peers):
    """Check that every accepted message arrived, none of them twice."""
    arrived = [token_of(text) for text in peers.operator.received]
    assert (sorted(arrived), len(peers.accepted)) == (sorted(peers.accepted), MESSAGES)
    assert repeats(arrived, []) == (set(), 0)


def test_other_name_after_a_kill(tmp_path):
    """What a killed gateway held is sent by the next one on the file, whatever its node is called."""
    peers = Peers(Gateway(tmp_path))
    code = trio.run(kill_and_rename, peers)
    assert code == 0
    assert {token_of(text) for text in peers.operator.received} == peers.accepted.keys()
    assert len(peers.accepted) == MESSAGES


async def kill_and_rename(peers):
    """Submit, kill, start under another name, let all be sent; returns the exit status."""
    with trio.fail_after(2 * PATIENCE):
        async with trio.open_nursery() as nursery:
            await peers.open(nursery)
            peers.gateway.configure(RATE)
            await peers.gateway.start(nursery)
            await submit(peers)
            await peers.gateway.end(SIGKILL)
            await peers.close_run()
            peers.gateway.node = "another"
            peers.gateway.configure()
            await peers.gateway.start(nursery)
            await peers.settle(PATIENCE)
            code = await peers.gateway.end(SIGTERM)
            nursery.cancel_scope.cancel()
    return code

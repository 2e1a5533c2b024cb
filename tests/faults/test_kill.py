"""kill -9 at random moments under load, and SIGTERM under load: what was acknowledged holds.

One trial of each is played, then judged by the peers' books. KILLS and SEED in the environment make another trial of
it: `KILLS=200 pytest tests/faults/test_kill.py`.
"""

import os
import random
import time
from typing import NamedTuple

import pytest
import trio

from gateway.smpp import status
from tests.faults.harness import CODE, Peers, number_of, repeats, token_of
from tests.faults.process import ACCOUNT, SIGKILL, SIGTERM, WINDOW, Gateway

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("KILLS", "20"))
TERMS = 8
RATES = (300, 1_000, None)  # segments a second that the operator takes: the spool fills, or the window does
STARTING = 0.25  # how many of the kills come before the gateway is known to serve
PATIENCE = 180.0  # seconds for the last receipt, on a busy machine


class Trial(NamedTuple):
    """What a trial left: the peers' books, the exit statuses, and what the command line prints afterwards."""

    seed: int
    peers: Peers
    statuses: list[int]
    late: dict[str, int | None]  # what a last submission to each opted-out number was answered
    blacklist: list[dict[str, str]]
    ledger: list[dict[str, str]]
    seconds: float


def play(folder, signals, starting):
    """End the gateway with each of ``signals`` at a random moment under load, restart it, let all settle, stop it."""
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    began = time.monotonic()
    peers = Peers(Gateway(folder))
    try:
        statuses, late = trio.run(_play, peers, signals, starting, random.Random(seed))
    except BaseException as error:
        error.add_note(f"SEED={seed}")
        raise
    blacklist, ledger = (peers.gateway.table(what, "list") for what in ("blacklist", "ledger"))
    return Trial(seed, peers, statuses, late, blacklist, ledger, time.monotonic() - began)


async def _play(peers, signals, starting, dice):
    with trio.fail_after(2 * PATIENCE + 40 * len(signals)):
        async with trio.open_nursery() as nursery:
            await peers.open(nursery)
            async with trio.open_nursery() as load:
                await peers.load(load)
                statuses = [await _run_until(nursery, peers, number, starting, dice) for number in signals]
                peers.gateway.configure()
                await peers.gateway.start(nursery)
                await peers.changes.wait_for(lambda: is_hard(peers, len(signals)))
                peers.unload()
            await peers.settle(PATIENCE)
            late = {number: (await peers.submit(number))[2] for number in peers.stopped}
            statuses.append(await peers.gateway.end(SIGTERM))
            await peers.close_run()
            nursery.cancel_scope.cancel()
    return statuses, late


async def _run_until(nursery, peers, number, starting, dice):
    """Run the gateway and end it, some hundred milliseconds after it has begun to serve, or while it starts."""
    peers.gateway.configure(dice.choice(RATES))
    if dice.random() < starting:
        await peers.gateway.spawn(nursery)
        await trio.sleep(dice.uniform(0.0, 0.8))  # a random moment is what is tried here
    else:
        before = len(peers.accepted)
        await peers.gateway.start(nursery)
        await trio.sleep(dice.uniform(0.3, 1.0))
        await peers.changes.wait_for(lambda: len(peers.accepted) > before)  # the app has bound, on a busy machine, too
    code = await peers.gateway.end(number)
    await peers.close_run()
    return code


def is_hard(peers, ends):
    """Say whether so much has come through that so many ends can be judged by it."""
    return len(peers.accepted) > 50 * ends and len(peers.stopped) >= ends


def report(trial, request):
    """Print the trial's figures."""
    arrivals = [token_of(each) for each in trial.peers.operator.received]
    line = (
        f"SEED={trial.seed}: {len(trial.statuses) - 1} ends, {len(trial.peers.accepted)} accepted, "
        f"{len(trial.peers.unknown)} unanswered, {len(arrivals) - len(set(arrivals))} sent again, "
        f"{len(trial.peers.stopped)} opt-outs, {len(trial.ledger)} billed, {trial.seconds:.1f} s"
    )
    plugin = request.config.pluginmanager.getplugin
    with plugin("capturemanager").global_and_fixture_disabled():
        plugin("terminalreporter").write_line(f"\n{line}")


@pytest.fixture(scope="module")
def killed(tmp_path_factory, request):
    """Play the trial of kill -9."""
    trial = play(tmp_path_factory.mktemp("killed"), [SIGKILL] * KILLS, STARTING)
    if "KILLS" in os.environ:
        report(trial, request)
    return trial


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Play the trial of SIGTERM."""
    return play(tmp_path_factory.mktemp("stopped"), [SIGTERM] * TERMS, 0.0)


@pytest.fixture(params=["killed", "stopped"])
def trial(request):
    """Hand over either trial."""
    return request.getfixturevalue(request.param)


def test_trial_was_hard(killed):
    """Every kill hit a live process under load: submissions went unanswered, opt-outs were under way."""
    assert killed.statuses == [-SIGKILL] * KILLS + [0]
    assert is_hard(killed.peers, KILLS)
    assert len(killed.peers.unknown) > KILLS


def test_every_acknowledged_message_is_sent(trial):
    """Whatever was answered with ESME_ROK reached the operator, whole and with its mention."""
    received = {token_of(text): text for text in trial.peers.operator.received}
    assert trial.peers.accepted.keys() <= received.keys()
    texts = [received[token] for token in trial.peers.accepted]
    assert [text for text in texts if not text.text.endswith(" STOP 36034")] == []
    assert [text for text in texts if text.destination != number_of(token_of(text))] == []


def test_nothing_is_sent_that_nobody_submitted(trial):
    """What reached the operator was submitted, accepted or at least unanswered, or confirms a STOP."""
    confirmations = {f"{CODE} {number}" for number in trial.peers.stopped}
    arrived = {token_of(text) for text in trial.peers.operator.received}
    assert arrived - trial.peers.accepted.keys() - trial.peers.unknown - confirmations == set()


def test_sent_again_only_what_a_kill_left_open(killed):
    """A message comes twice only with a kill in between, and per kill no more than the window has room for."""
    names = [token_of(text) for text in killed.peers.operator.received]
    within, again = repeats(names, [run.arrivals for run in killed.peers.runs])
    assert within == set()
    assert again <= WINDOW * KILLS


def test_settled_messages_stay_settled(killed):
    """A message whose receipt was home when a kill came is never sent again."""
    peers = killed.peers
    token_by_id = {identifier: token for token, identifier in peers.accepted.items()}
    for run in peers.runs:
        home = {token_by_id.get(report.message_id) for report in peers.app.receipts[: run.receipts]}
        later = {token_of(text) for text in peers.operator.received[run.arrivals :]}
        assert home & later == set()


def test_receipts_find_their_way(trial):
    """Each accepted message that asked for a receipt got one that says delivered; the others got none (idea 119).

    One that was on the wire when a kill came, and whose number opted out before it was sent again, may be REJECTD.
    """
    states = {report.message_id: report.stat for report in trial.peers.app.receipts}
    asked = {identifier for token, identifier in trial.peers.accepted.items() if token not in trial.peers.silent}
    stopped = {trial.peers.accepted.get(number.removeprefix("33612")) for number in trial.peers.stopped}
    others = {identifier for identifier in asked - stopped if states.get(identifier) != "DELIVRD"}
    assert others == set()
    assert {states.get(identifier) for identifier in asked & stopped} <= {"DELIVRD", "REJECTD"}
    unasked = set(trial.peers.accepted.values()) - asked
    assert states.keys() & unasked == set()
    assert len(states.keys() - asked) <= len(trial.peers.unknown)


def test_receipts_repeat_only_around_kills(killed):
    """A receipt comes home twice only with a kill in between."""
    ids = [report.message_id for report in killed.peers.app.receipts]
    within, _ = repeats(ids, [run.receipts for run in killed.peers.runs])
    assert within == set()


def test_every_answered_stop_holds(trial):
    """Each number whose STOP was answered is on the account's blacklist, and marketing to it is refused with 0x410."""
    assert sorted(trial.peers.stopped) == sorted(row["number"] for row in trial.blacklist)
    assert {row["account"] for row in trial.blacklist} == {ACCOUNT}
    assert set(trial.late.values()) == {0x410}


def test_each_opt_out_is_billed_once(trial):
    """The ledger holds exactly one event for each opt-out, to the account whose marketing it answered."""
    assert sorted(row["number"] for row in trial.ledger) == sorted(trial.peers.stopped)
    assert {(row["account"], row["credits"]) for row in trial.ledger} == {(ACCOUNT, 1)}


def test_each_opt_out_is_confirmed(trial):
    """Each opted-out number was sent its confirmation."""
    confirmed = {text.destination for text in trial.peers.operator.received if text.source == CODE}
    assert confirmed == set(trial.peers.stopped)


def test_terminated_gateway_leaves_nothing_open(stopped):
    """SIGTERM under load ends with status 0, and nothing is sent twice, neither to the operator nor home."""
    peers = stopped.peers
    assert stopped.statuses == [0] * (TERMS + 1)
    sent, home = peers.operator.received, peers.app.receipts
    assert len({token_of(text) for text in sent}) == len(sent)
    assert len({report.message_id for report in home}) == len(home)


def test_refusals_are_temporary(trial):
    """Apart from marketing to opted-out numbers nothing is refused for good: at most, while stopping, for now."""
    assert trial.peers.refused.keys() <= {status.name(0x410), status.name(status.ESME_RSYSERR)}

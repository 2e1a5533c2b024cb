"""A few seconds of hostile octets; `python -m tests.fuzz.run` makes millions of it."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.rules import segment
from gateway.smpp.frame import Frames
from tests import oracle
from tests.fuzz import budget, mutate, play, targets

SEEDS = targets.seed_frames()


@pytest.mark.parametrize("seed", range(4))
def test_damaged_streams(seed):
    """Whatever is done to a PDU, it is decoded and written back the same, or refused with a status; nothing else."""
    dice = random.Random(seed)
    assert sum(targets.decoder(mutate.stream(dice, SEEDS)) for _ in range(5_000)) > 3_000


@pytest.mark.parametrize("seed", range(4))
def test_hostile_conversations(seed):
    """In every state and role, requests have one outcome each, nothing follows the end, and buffers stay small."""
    dice = random.Random(seed)
    assert sum(play.session(mutate.script(dice)) for _ in range(5_000)) == 5_000


@pytest.mark.parametrize("seed", range(4))
def test_any_text_to_any_operator(seed):
    """Whatever is written, however it is cut, the handset shows text and mention in the fewest segments possible."""
    dice = random.Random(seed)
    found = [budget.budget(dice.randbytes(8)) for _ in range(200)]
    assert len({each.reason for each in found}) > 5


def test_the_fewest_segments_are_the_fewest():
    """Filling segments one after the other takes as few as the best of all ways to cut."""
    dice = random.Random(1)
    for _ in range(500):
        costs = dice.choices((1, 1, 1, 2), k=dice.randint(0, 40))
        room = dice.randint(2, 9)
        assert oracle.fill(costs, 0, room) == oracle.fewest(costs, 0, room) or not costs


@given(st.binary(max_size=300))
def test_any_octets_as_a_stream(data):
    """Any octets at all are frames, or the end of the stream."""
    assert targets.decoder(data) <= len(data) // 16


@given(st.binary(max_size=300))
@example(bytes([0b100, 0, 18, 255]))
def test_any_octets_as_a_conversation(data):
    """Any conversation at all keeps the books of both sides equal."""
    assert play.session(data) == bool(data)


def test_the_targets_notice(monkeypatch):
    """A codec that loses an octet, and a session that hands a request over twice, do not pass."""
    monkeypatch.setattr(Frames, "feed", lambda self, data: self._octets.extend(data[:-1]))
    with pytest.raises(AssertionError):
        targets.decoder(b"\0" + SEEDS[0])
    monkeypatch.undo()
    player = play.Player(bytes([1]))
    player.begin(2)
    player.write(play.SEED[0x04])
    player.owed *= 2
    with pytest.raises(AssertionError):
        player.agree()


@pytest.mark.parametrize(("name", "broken"), [("_OPENERS", {1: b"", 2: b""}), ("_SEPTETS", 161)])
def test_the_budget_notices(monkeypatch, name, broken):
    """A cut through an escape pair, and a segment of one septet too many, do not pass."""
    monkeypatch.setattr(segment, name, broken)
    dice = random.Random(1)
    with pytest.raises((AssertionError, KeyError, ValueError, StopIteration)):
        _ = [budget.budget(dice.randbytes(8)) for _ in range(300)]

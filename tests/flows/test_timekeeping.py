"""The clock that everybody goes by is set while a gateway is at work: nothing is lost, nothing waits for longer."""

import time

import pytest

from gateway.smpp import status
from gateway.store import evidence
from tests.flows.databases import SqliteFile
from tests.flows.world import FRENCH

HOUR, UDHI = 3_600, 0x40


@pytest.fixture
def database(tmp_path):
    """Give an empty database that goes by this machine's clock; what goes by its own is in test_nodes.py."""
    return SqliteFile(tmp_path / "gateway.db")


@pytest.fixture
def set_clock(monkeypatch):
    """Set the clock of this machine, by so many seconds."""
    right = time.time_ns

    def set_by(seconds):
        monkeypatch.setattr(time, "time_ns", lambda: right() + seconds * 10**9)

    return set_by


async def test_set_back(world, set_clock):
    """What was refused before is tried again when the clock is set back, and not an hour later."""
    await world.start()
    app = await world.app()
    world.orange.answer = lambda _pdu: status.ESME_RSYSERR
    await app.accepted(FRENCH)
    waits = "SELECT count(*) FROM spool WHERE attempts > 0 AND claimed IS NULL"
    await world.eventually(lambda: world.rows(waits) == [(1,)])
    world.orange.answer = lambda _pdu: status.ESME_ROK
    set_clock(-HOUR)
    await world.gateway._timekeeping.look()
    assert [receipt.stat for receipt in await app.receipts(1)] == ["DELIVRD"]
    [event] = world.events("clock_set")
    assert abs(event["seconds"] + HOUR) < 60  # the two clocks are not looked at in one instant


async def test_set_forward(world, set_clock):
    """A clock that is set forward is told, and messages go on."""
    await world.start()
    app = await world.app()
    set_clock(HOUR)
    await world.gateway._timekeeping.look()
    await app.accepted(FRENCH)
    assert [receipt.stat for receipt in await app.receipts(1)] == ["DELIVRD"]
    [event] = world.events("clock_set")
    assert abs(event["seconds"] - HOUR) < 60


async def test_scheduled(world, set_clock):
    """A message for an instant still waits for that instant when the clock is set back."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, schedule_delivery_time="000000010000000R")
    before = world.rows("SELECT due FROM spool")
    set_clock(-HOUR)
    await world.gateway._timekeeping.look()
    assert world.rows("SELECT due FROM spool WHERE claimed IS NULL") == before


async def test_texts_in_parts(world, set_clock):
    """A STOP in parts counts again after a START, also if the clock was set back in between."""
    await world.start()
    stop = [bytes((5, 0, 3, 7, 2, place)) + words for place, words in ((1, b"ST"), (2, b"OP"))]
    for piece in stop:
        assert (await world.orange.deliver(FRENCH, piece, esm_class=UDHI)).status == status.ESME_ROK
    set_clock(-HOUR)
    await world.gateway._timekeeping.look()
    assert (await world.orange.deliver(FRENCH, b"START")).status == status.ESME_ROK
    for piece in stop:
        assert (await world.orange.deliver(FRENCH, piece, esm_class=UDHI)).status == status.ESME_ROK
    effects = [effect for (effect,) in world.rows("SELECT effect FROM evidence WHERE source = 'sms' ORDER BY position")]
    assert effects == [evidence.OPTED_OUT, evidence.LIFTED, evidence.OPTED_OUT]


async def test_parts_that_wait(world, set_clock):
    """Parts of texts and of messages wait for the others as long as ever, from when the clock was set back."""
    await world.start(delivery={"held_parts": "5m"})
    app = await world.app()
    await world.orange.deliver(FRENCH, bytes((5, 0, 3, 7, 2, 1)) + b"ST", esm_class=UDHI)
    await app.accepted(FRENCH, bytes((5, 0, 3, 8, 2, 1)) + b"first", esm_class=UDHI)
    set_clock(-HOUR)
    await world.gateway._timekeeping.look()
    present = world.gateway.store.clock()
    for table in ("inbound", "held"):
        [(until,)] = world.rows(f"SELECT until FROM {table}")
        assert present < until <= present + 300_000

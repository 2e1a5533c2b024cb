"""Retention, and what a data subject may ask for, on a gateway at work."""

import stat
from pathlib import Path

import pytest

from gateway.smpp import status
from tests.flows.commandline import CommandLine
from tests.flows.world import FRENCH, GERMAN

AT_ONCE = {"retention": {"messages": "1ms", "texts": "1ms"}}


@pytest.fixture
def stopgate(world, tmp_path):
    """Give the command line of the world's gateway."""
    return CommandLine(world, tmp_path)


async def stop(world):
    """Text STOP; it must be taken."""
    assert (await world.orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK


@pytest.fixture
async def app(world):
    """Start everything, with one message sent and reported on."""
    await world.start(accounts={"shop": {"forward_mo": False}}, **AT_ONCE)
    app = await world.app()
    await app.accepted(FRENCH, "Vente privée")
    await app.receipts(1)
    await world.settled()
    return app


async def test_purge(world, app):
    """What is kept no longer goes, and an opt-out that is in force stays with its evidence, however short the time."""
    await stop(world)
    await world.settled()
    retention = world.gateway._retention
    retention.configure(world.gateway.config.model_copy(update={"opt_out": short_lived(world)}))
    await world.eventually(lambda: world.rows("SELECT count(*) FROM message WHERE state = 1") == [(0,)])
    [(ended,)] = world.rows("SELECT max(done) FROM message")
    await world.eventually(lambda: world.gateway.store.clock() > ended + 10)  # milliseconds; what was just now stays
    assert (await retention.purge()) == {"texts": 2, "messages": 2, "confirmations": 1, "contacts": 1, "evidence": 1}
    assert world.rows("SELECT number FROM blacklist") == [(FRENCH,)]
    assert world.rows("SELECT count(*) FROM evidence WHERE number <> '' AND effect = 'opted_out'") == [(1,)]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT
    assert await retention.purge() == {}


def short_lived(world):
    """Return the settings of opt-outs, with times that are over at once."""
    return world.gateway.config.opt_out.model_copy(update={"retention": 0.0, "attribution_window": 0.0})


async def test_export(world, app, stopgate):
    """Everything about a number is handed over, by table, and nothing about others."""
    await app.accepted(GERMAN)
    await stop(world)
    exported = (await stopgate.ok("privacy", "export", "06 12 34 56 78")).data
    assert exported["number"] == FRENCH
    assert {"message", "contact", "blacklist", "evidence", "ledger", "confirmation"} <= exported["tables"].keys()
    assert exported["tables"]["evidence"][0]["octets"] == b"STOP".hex()
    assert {row["number"] for rows in exported["tables"].values() for row in rows} == {FRENCH}


async def test_erase_without_an_opt_out(world, app, stopgate):
    """Whoever has not opted out is erased whole."""
    await stopgate.ok("privacy", "erase", FRENCH, "--yes")
    assert (await stopgate.ok("privacy", "export", FRENCH)).data["tables"] == {}


async def test_erase_with_an_opt_out(world, app, stopgate):
    """An opt-out that is in force stays with its evidence, and the command says so; marketing stays refused."""
    await stop(world)
    await stop(world)
    await world.settled()
    await world.eventually(lambda: world.rows("SELECT count(*) FROM message WHERE state = 1") == [(0,)])
    erased = await stopgate.ok("privacy", "erase", FRENCH, "--yes", "--format", "json")
    assert f"the opt-out of {FRENCH} is in force and stays, as the law requires" in erased.err
    lines = {each["table"]: each for each in erased.data}
    assert (lines["blacklist"]["erased"], lines["blacklist"]["kept"]) == (0, 1)
    assert (lines["evidence"]["kept"], lines["message"]["erased"], lines["contact"]["erased"]) == (1, 2, 1)
    left = (await stopgate.ok("privacy", "export", FRENCH)).data["tables"]
    assert left.keys() == {"blacklist", "evidence", "ledger"}
    assert [each["effect"] for each in left["evidence"]] == ["opted_out"]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT
    assert (await stopgate.ok("ledger", "verify")).status == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_files_are_private(world, app):
    """The database and every file that belongs to it are for their owner alone."""
    path = Path(world.database.url.removeprefix("sqlite:///"))
    beside = {
        each.name.removeprefix(path.name): stat.S_IMODE(each.stat().st_mode)
        for each in path.parent.glob(f"{path.name}*")
    }
    assert beside == dict.fromkeys(("", "-wal", "-shm", ".lock", ".control"), 0o600)

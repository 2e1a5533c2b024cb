"""Who carries a message: routes of all, routes of an account, and what an operator's refusal means for that."""

import pytest

from gateway.smpp import status
from tests.flows.peers import Operator
from tests.flows.world import FRENCH, GERMAN

QUIET = {"forward_mo": False}


async def start(world, operator=None, **changes):
    """Start a gateway with the operators `orange`, which is always first, and `sfr`; returns the latter."""
    sfr = Operator()
    world.operator = operator or {}
    await world.start({"orange": world.orange, "sfr": sfr}, **changes)
    return sfr


async def test_routes_of_an_account(world):
    """An account's own routes go before those of all; where none of them fits, those of all count."""
    own = [{"prefixes": ["33"], "operators": ["sfr"]}]
    sfr = await start(world, accounts={"shop": {**QUIET, "routes": own}})
    shop, bank = await world.app(), await world.app("bank")
    for app in (shop, bank):
        await app.accepted(FRENCH)
        await app.accepted(GERMAN)
    assert [text.destination for text in await sfr.texts(1)] == [FRENCH]
    assert sorted(text.destination for text in await world.orange.texts(3)) == [FRENCH, GERMAN, GERMAN]
    assert len(sfr.taken) == 1


async def test_failover_keeps_to_the_account(world):
    """What waits for an operator that is down goes to the next one of the account's own route, and to no other."""
    own = [{"prefixes": [""], "operators": ["orange"]}]
    sfr = await start(world, accounts={"shop": {**QUIET, "routes": own}})
    shop, bank = await world.app(), await world.app("bank")
    await world.close("orange", world.orange)
    await shop.accepted(FRENCH)
    await bank.accepted(FRENCH)
    assert [text.text for text in await sfr.texts(1)] == ["Bonjour"]
    await world.nursery.start(world.orange.run)
    assert [text.text for text in await world.orange.texts(1)] == ["Bonjour STOP 36034"]


@pytest.mark.parametrize("key", [0x45, "0x45", "ESME_RSUBMITFAIL"])
async def test_next_operator(world, key):
    """A refusal that is said to mean the next operator leads there; the last of the route ends the message."""
    sfr = await start(world, {"statuses": {key: "next"}})
    app = await world.app()
    world.orange.answer = lambda _pdu: status.ESME_RSUBMITFAIL
    identifier = await app.accepted(FRENCH)
    assert [text.destination for text in await sfr.texts(1)] == [FRENCH]
    assert [(told.message_id, told.stat) for told in await app.receipts(1)] == [(identifier, "DELIVRD")]
    sfr.answer = world.orange.answer
    identifier = await app.accepted(FRENCH)
    told = (await app.receipts(2))[1]
    assert (told.message_id, told.stat, told.err) == (identifier, "REJECTD", "045")


async def test_next_operator_that_reads_otherwise(world):
    """A message does not go on to an operator for which data_coding 0 means something else."""
    sfr = await start(
        world, {"statuses": {"ESME_RINVDSTADR": "next"}}, operators={"sfr": {"default_alphabet": "latin1"}}
    )
    app = await world.app()
    world.orange.answer = lambda _pdu: status.ESME_RINVDSTADR
    await app.accepted(FRENCH)
    [told] = await app.receipts(1)
    assert (told.stat, sfr.requests) == ("REJECTD", [])


async def test_status_that_is_temporary_here(world):
    """A refusal that is said to be for later is tried again, though elsewhere it is for good."""
    await world.start({"orange": world.orange}, operators={"orange": {"statuses": {"ESME_RINVDSTADR": "later"}}})
    app = await world.app()
    codes = [status.ESME_RINVDSTADR]
    world.orange.answer = lambda _pdu: codes.pop() if codes else status.ESME_ROK
    await app.accepted(FRENCH)
    assert len(await world.orange.texts(1)) == 1
    assert len(world.orange.requests) == 2


async def test_status_that_is_final_here(world):
    """A refusal that is said to fail ends the message, though elsewhere it is tried again."""
    await world.start({"orange": world.orange}, operators={"orange": {"statuses": {"ESME_RSYSERR": "fail"}}})
    app = await world.app()
    world.orange.answer = lambda _pdu: status.ESME_RSYSERR
    await app.accepted(FRENCH)
    assert [told.stat for told in await app.receipts(1)] == ["REJECTD"]

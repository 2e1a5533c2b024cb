"""Prepaid accounts: a credit for each segment, as many as were granted, and confirmations whatever the balance."""

import pytest

from gateway.smpp import status
from gateway.store import balances, ledger, messages
from tests.flows.peers import SHORT_CODE
from tests.flows.test_requests import cancel, replace
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

LATER = "000000010000000R"  # in an hour
LONG = "a" * 200  # two segments


@pytest.fixture
async def app(world):
    """Start everything, with three credits for the prepaid account `shop`."""
    await world.start(accounts={"shop": {"credits": "prepaid", "forward_mo": False}})
    await grant(world, 3)
    return await world.app()


async def grant(world, amount):
    """Grant credits to `shop`."""
    await world.gateway.store.transact(lambda tx: ledger.grant(tx, "shop", amount, ("paid", "cli")))


async def balance(world):
    """Return the balance of `shop`."""
    return await world.gateway.store.transact(lambda tx: balances.balance(tx, "shop"))


async def stop(world, number=FRENCH):
    """Text STOP; it must be taken."""
    assert (await world.orange.deliver(number, b"STOP")).status == status.ESME_ROK


async def test_a_credit_for_each_segment(world, app):
    """What is accepted costs a credit for each segment; what the balance does not cover is refused with 0x415."""
    await app.accepted(FRENCH, LONG)
    assert (await app.submit(FRENCH, LONG)).status == status.NO_CREDIT
    await app.accepted(OTHER_FRENCH)
    assert (await app.submit(OTHER_FRENCH)).status == status.NO_CREDIT
    assert await balance(world) == 0
    await grant(world, 1)
    await app.accepted(OTHER_FRENCH)


async def test_others_need_no_credits(world, app):
    """An account that is not prepaid sends what it likes, and is not debited."""
    bank = await world.app("bank")
    await bank.accepted(FRENCH, LONG)
    assert await world.gateway.store.transact(balances.balances) == {"shop": 3}


async def test_many_at_once(world, app):
    """However many submissions share a commit, no more are accepted than the balance covers."""
    answers = []
    for number in range(8):
        world.nursery.start_soon(_submit, app, f"3361234560{number}", answers)
    await world.eventually(lambda: len(answers) == 8)
    assert sorted(answers) == sorted([status.ESME_ROK] * 3 + [status.NO_CREDIT] * 5)
    assert await balance(world) == 0


async def _submit(app, number, answers):
    answers.append((await app.submit(number)).status)


async def test_confirmation_below_zero(world, app):
    """A confirmation is sent and debited whatever the balance; marketing to others is refused then."""
    for _ in range(3):
        await app.accepted(FRENCH)
    await world.orange.texts(3)  # for a STOP cancels what still waits
    await stop(world)
    [*_, confirmation] = await world.orange.texts(4)
    assert confirmation.source == SHORT_CODE
    assert await balance(world) == -1
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT
    assert (await app.submit(OTHER_FRENCH)).status == status.NO_CREDIT


@pytest.mark.parametrize("on_opted_out", ["reject", "receipt"])
async def test_opted_out_is_never_charged(world, on_opted_out):
    """What is refused because its number has opted out costs nothing, whichever way it is refused."""
    account = {"credits": "prepaid", "forward_mo": False, "on_opted_out": on_opted_out}
    await world.start(accounts={"shop": account})
    await grant(world, 2)
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.texts(1)
    await stop(world)
    await app.submit(FRENCH)
    assert await balance(world) == 0


async def test_given_back_after_a_stop(world, app):
    """What waits for its time when its number opts out costs nothing in the end."""
    await app.accepted(FRENCH, LONG, schedule_delivery_time=LATER)
    assert await balance(world) == 1
    await stop(world)
    await world.eventually(lambda: world.rows("SELECT count(*) FROM message WHERE state = 8") == [(1,)])
    assert await balance(world) == 2  # three, and one for the confirmation


async def test_given_back_when_cancelled(world, app):
    """What is cancelled before anything of it was sent costs nothing; another text costs what is more."""
    cancelled = await app.accepted(FRENCH, LONG, schedule_delivery_time=LATER)
    replaced = await app.accepted(GERMAN, schedule_delivery_time=LATER)
    assert await balance(world) == 0
    assert (await replace(app, replaced, LONG)).status == status.NO_CREDIT
    assert (await cancel(app, cancelled)).status == status.ESME_ROK
    assert await balance(world) == 2
    assert (await replace(app, replaced, LONG)).status == status.ESME_ROK
    assert await balance(world) == 1
    assert (await replace(app, replaced, "short again")).status == status.ESME_ROK
    assert await balance(world) == 2
    assert world.rows("SELECT price FROM message WHERE state = 1") == [(1,)]


async def test_parts(world, app):
    """A message that the app cut is paid for when it is whole, and refused as a whole where it is not covered."""
    parts = [bytes((5, 0, 3, reference, 2, place)) + b"a" * 150 for reference in (1, 2) for place in (1, 2)]
    codes = [(await app.submit(FRENCH, part, esm_class=0x40)).status for part in parts]
    assert codes == [status.ESME_ROK, status.ESME_ROK, status.ESME_ROK, status.NO_CREDIT]
    ended = f"SELECT count(*) FROM message WHERE state = {messages.REJECTED} AND error = '415'"
    assert world.rows(ended) == [(1,)]
    assert await balance(world) == 0


async def test_debits_go_into_the_ledger(world, app):
    """What submissions have cost is summed up in the ledger, one row for each account, and is logged as billable."""
    await app.accepted(FRENCH, LONG)
    await app.accepted(OTHER_FRENCH)
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE balance SET since = since - 60001"))
    for _ in range(2):
        await world.gateway._upkeep.sweep()
    rows = world.rows("SELECT kind, account, credits, note FROM ledger ORDER BY position")
    assert rows == [("grant", "shop", -3, "paid"), ("submissions", "shop", 3, "2 messages")]
    [event] = await world.eventually(lambda: world.events("billable"))  # the gateway sweeps as well
    assert (event["account"], event["kind"], event["credits"], event["number"]) == ("shop", "submissions", 3, "")
    assert await balance(world) == 0

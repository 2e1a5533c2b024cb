"""Texts that may be opt-outs: marketing waits until a person has read them, or until it is too late to ask."""

import pytest

from gateway.optout.reviews import Reviews, Ruling
from gateway.rules.times import read_time
from gateway.smpp import receipt, status
from tests.flows.commandline import CommandLine
from tests.flows.peers import SHORT_CODE
from tests.flows.world import FRENCH, OTHER_FRENCH

UNCLEAR = b"Stop ou encore ?"
DAY = 86_400_000


@pytest.fixture
async def app(world):
    """Start everything, with one marketing message sent to FRENCH."""
    await world.start(accounts={"shop": {"forward_mo": False}, "bank": {"forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH, "Soldes", registered_delivery=0)
    await world.settled()
    return app


async def text(world, octets=UNCLEAR, **fields):
    """Text something to the code."""
    assert (await world.orange.deliver(FRENCH, octets, **fields)).status == status.ESME_ROK


async def decide(world, *, opts_out, account=None, number=FRENCH):
    """Decide as a person does, from another process."""
    ruling = Ruling(number, SHORT_CODE, account, opts_out, "cli", "root", "read it")
    reviews = Reviews(world.gateway._opt_outs)
    effects = await world.gateway.store.transact(lambda tx: reviews.decide(tx, ruling))
    for lane in world.gateway.lanes:
        lane.look()
    return effects


def waiting(world):
    """Return the numbers of marketing that waits."""
    return [number for (number,) in world.rows("SELECT number FROM spool WHERE account = 'shop'")]


def overdue(world):
    """Let every case be too old."""
    return world.gateway.store.transact(lambda tx: tx.rows("UPDATE review SET until = ?", (tx.now - 1,)))


async def test_held_back(world, app):
    """Marketing of the sender to that number waits, also what is accepted later; all else goes out."""
    await text(world)
    mine = [await app.accepted(FRENCH) for _ in range(2)]
    await app.accepted(OTHER_FRENCH, "other")
    bank = await world.app("bank")
    await bank.accepted(FRENCH, "code 1234")
    assert {each.text for each in (await world.orange.texts(3))[1:]} == {"other STOP 36034", "code 1234"}
    await world.eventually(lambda: waiting(world) == [FRENCH, FRENCH])
    [(since, until)] = world.rows("SELECT since, until FROM review")
    assert until - since == 7 * DAY
    assert {each.message_id for each in await app.receipts(1)}.isdisjoint(mine)
    assert world.rows("SELECT count(*) FROM blacklist") == world.rows("SELECT count(*) FROM ledger") == [(0,)]


async def test_in_memory(world):
    """What is in memory when the text comes waits as well."""
    world.operator["window"] = 1
    await world.start(accounts={"shop": {"forward_mo": False}})
    app = await world.app()
    world.orange.answer = lambda _pdu: None
    await app.accepted(OTHER_FRENCH)
    await world.orange.received(1)
    await app.accepted(FRENCH)
    await text(world)
    await world.eventually(lambda: world.rows("SELECT number FROM spool WHERE claimed IS NULL") == [(FRENCH,)])
    world.orange.answer = lambda _pdu: status.ESME_ROK
    world.orange.release()
    assert [each.destination for each in await world.orange.texts(1)] == [OTHER_FRENCH]
    await world.eventually(lambda: waiting(world) == [FRENCH])


async def test_no_opt_out(world, app):
    """When a person says that it was none, what has waited goes out, and what comes later at once."""
    await text(world)
    message_id = await app.accepted(FRENCH, "waited")
    await world.eventually(lambda: waiting(world) == [FRENCH])
    [effect] = await decide(world, opts_out=False)
    assert (effect.what, effect.event) == ("released", None)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    await app.accepted(FRENCH, "later")
    assert [each.text for each in await world.orange.texts(3)][1:] == ["waited STOP 36034", "later STOP 36034"]
    assert world.rows("SELECT effect, rule, note FROM evidence WHERE source <> 'receipt' ORDER BY id") == [
        ("held", "a word of opting out in free text", ""),
        ("released", "a person has read it", "root: read it"),
    ]
    assert await decide(world, opts_out=True) == []


async def test_opt_out(world, app):
    """When a person says that it was one, it is confirmed and billed, and what has waited ends REJECTD."""
    await text(world)
    message_id = await app.accepted(FRENCH)
    await world.eventually(lambda: waiting(world) == [FRENCH])
    [effect] = await decide(world, opts_out=True)
    assert (effect.what, effect.event.account, effect.event.source) == ("opted_out", "shop", "cli")
    [told] = await app.receipts(1)
    assert (told.message_id, told.state, told.err) == (message_id, receipt.REJECTED, "410")
    assert [each.source for each in await world.orange.texts(2)][1:] == [SHORT_CODE]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT
    assert world.rows("SELECT count(*) FROM review") == [(0,)]
    assert len(world.rows("SELECT * FROM ledger")) == 1


async def test_nobody_reads_it(world, app):
    """When nobody has read it in time it is an opt-out, with all that belongs to one."""
    await text(world)
    message_id = await app.accepted(FRENCH)
    await world.eventually(lambda: waiting(world) == [FRENCH])
    await world.gateway._upkeep.sweep()
    assert world.rows("SELECT count(*) FROM review") == [(1,)]
    await overdue(world)
    await world.gateway._upkeep.sweep()
    assert [(each.message_id, each.stat) for each in await app.receipts(1)] == [(message_id, "REJECTD")]
    assert [each.source for each in await world.orange.texts(2)][1:] == [SHORT_CODE]
    assert len(world.events("billable")) == 1
    assert world.rows("SELECT rule, effect FROM evidence WHERE source = 'sms' ORDER BY id")[1:] == [
        ("nobody has read it in time", "opted_out")
    ]


@pytest.mark.parametrize(("words", "left"), [(b"STOP", 0), (b"Bonjour", 1), (b"Stop?", 1)])
async def test_another_text(world, app, words, left):
    """A plain STOP decides the case; other texts leave it open, and its time as it was."""
    await text(world)
    before = world.rows("SELECT until FROM review")
    await text(world, words)
    assert world.rows("SELECT until FROM review") == before[: left or -1]
    assert (await app.submit(FRENCH)).status == (status.ESME_ROK if left else status.OPTED_OUT)


async def test_start_decides(world, app):
    """A START says that it was no opt-out."""
    await text(world)
    await app.accepted(FRENCH, "waited")
    await world.eventually(lambda: waiting(world) == [FRENCH])
    await text(world, b"START")
    assert "waited STOP 36034" in [each.text for each in await world.orange.texts(3)]
    assert world.rows("SELECT count(*) FROM review") == [(0,)]


async def test_opted_out_already(world, app):
    """An unclear text from who has opted out of it all opens no case."""
    await text(world, b"STOP")
    await text(world)
    assert world.rows("SELECT count(*) FROM review") == [(0,)]


async def test_nobody_wrote(world, app):
    """An unclear text from a number that nobody wrote to holds everybody's marketing back."""
    assert (await world.orange.deliver(OTHER_FRENCH, UNCLEAR)).status == status.ESME_ROK
    await app.accepted(OTHER_FRENCH)
    await world.eventually(lambda: waiting(world) == [OTHER_FRENCH])
    await decide(world, opts_out=False, number=OTHER_FRENCH)
    assert len(await app.receipts(1)) == 1


async def test_one_account_decides(world):
    """An account decides for itself: what others sent waits on."""
    accounts = {"shop": {"forward_mo": False}, "other": {"password": "secret", "forward_mo": False}}
    await world.start(accounts=accounts)
    shop, other = await world.app(), await world.app("other")
    await shop.accepted(FRENCH, registered_delivery=0)
    await other.accepted(FRENCH, registered_delivery=0)
    await text(world)
    mine, theirs = await shop.accepted(FRENCH), await other.accepted(FRENCH)
    await decide(world, opts_out=False, account="shop")
    assert [each.message_id for each in await shop.receipts(1)] == [mine]
    assert world.rows("SELECT account FROM review") == [("other",)]
    await decide(world, opts_out=True)
    assert [(each.message_id, each.stat) for each in await other.receipts(1)] == [(theirs, "REJECTD")]
    assert [row[0] for row in world.rows("SELECT account FROM blacklist")] == ["other"]


async def test_scheduled(world, app):
    """What is due later is held back when its time comes, and its hour is kept when the text was none."""
    await app.accepted(FRENCH, schedule_delivery_time="000000010000000R")
    due = world.rows("SELECT due FROM spool")
    await text(world)
    assert world.rows("SELECT due FROM spool") == due
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET due = 1"))
    world.gateway.lanes["operator/orange"].look()
    await world.eventually(lambda: world.rows("SELECT spool.due > review.until FROM spool, review") == [(1,)])
    await decide(world, opts_out=False)
    assert len(await app.receipts(1)) == 1


async def test_validity_that_remains_is_told(world, app):
    """A message that waits for a reader and is let go is valid at its operator for what remains by then."""
    await text(world)
    await app.accepted(FRENCH, validity_period="000000020000000R")
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET expires = expires - 3600000"))
    await decide(world, opts_out=False)
    await app.receipts(1)
    _, pdu = world.orange.taken[-1]
    assert -1_000 <= 3_600_000 - read_time(pdu.fields["validity_period"], 0) < 30_000


async def test_validity_runs_on(world, app):
    """What waits for a reader expires as anything does."""
    await text(world)
    message_id = await app.accepted(FRENCH, validity_period="000000000001000R")
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET expires = 1"))
    await world.gateway._upkeep.sweep()
    assert [(each.message_id, each.stat) for each in await app.receipts(1)] == [(message_id, "EXPIRED")]


async def test_command_line(world, app, tmp_path):
    """The command line shows what waits, with its text, and takes a decision with a reason."""
    stopgate = CommandLine(world, tmp_path)
    await text(world, "Stop ou encore ? €".encode("utf-16-be"), data_coding=8)
    [case] = (await stopgate.ok("blacklist", "review", "list", "--format", "json")).data
    assert (case["number"], case["account"], case["text"]) == (FRENCH, "shop", "Stop ou encore ? €")
    assert (await stopgate.ok("blacklist", "review", "list", "--account", "bank", "--format", "json")).data == []
    assert (await stopgate("blacklist", "review", "release", "0612345678")).status == 2
    other = await stopgate("blacklist", "review", "release", OTHER_FRENCH, "--reason", "none")
    assert (other.status, "nothing of 33712345678 waits" in other.err) == (1, True)
    said = await stopgate.ok("blacklist", "review", "opt-out", "06 12 34 56 78", "--reason", "plain to me")
    assert "has opted out now" in said.out
    assert "billed to shop" in said.out
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT


async def test_release_on_the_command_line(world, app, tmp_path):
    """A release on the command line lets go what has waited, within seconds."""
    await text(world)
    await app.accepted(FRENCH, "waited")
    await CommandLine(world, tmp_path).ok("blacklist", "review", "release", FRENCH, "--reason", "a question")
    world.gateway.lanes["operator/orange"].look()
    assert [each.text for each in await world.orange.texts(2)][1] == "waited STOP 36034"

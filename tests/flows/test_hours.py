"""Hours: marketing outside them waits for the next opening, or is refused; nothing else is touched by them."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.world import FRENCH, GERMAN

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holidays")
OPEN = dict.fromkeys(DAYS, "00:00-24:00")


def closed_now():
    """Return hours that are closed now wherever it is between five hours before and after Paris' time."""
    hour = (datetime.now(UTC) + timedelta(hours=12)).hour
    return dict.fromkeys(DAYS, f"{hour:02}:00-{hour:02}:30")


def account(**settings):
    """Return the configuration of the marketing account."""
    return {"shop": {"forward_mo": False, **settings}}


async def held(world, count=1):
    """Wait until messages wait for an instant; returns when they are due."""
    return await world.eventually(
        lambda: (
            len(rows := world.rows("SELECT due FROM spool WHERE lane LIKE 'operator/%' AND due > 0")) == count and rows
        )
    )


async def test_hold(world):
    """Marketing outside the hours is taken, ENROUTE, and waits for the next opening."""
    await world.start(accounts=account(hours=closed_now()))
    app = await world.app()
    identifier = await app.accepted(FRENCH)
    [(due,)] = await held(world)
    assert due > datetime.now(UTC).timestamp() * 1_000
    body = {"message_id": identifier, "source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "SHOP"}
    response = await app.ask(app.links[0], smpp.QUERY_SM, smpp.encode_body(smpp.QUERY_SM, body))
    assert response.fields["message_state"] == 1
    assert world.orange.taken == []


async def test_told_of_the_hold(world):
    """Whoever asks for intermediate notifications is told that a message waits, and later of its end."""
    await world.start(accounts=account(hours=closed_now()))
    app = await world.app()
    identifier = await app.accepted(FRENCH, registered_delivery=0x11)
    [told] = await app.receipts(1)
    assert (told.message_id, told.stat, app.requests[0].fields["esm_class"]) == (identifier, "ENROUTE", 0x20)


async def test_open(world):
    """Marketing within the hours leaves at once."""
    await world.start(accounts=account(hours=OPEN))
    await (await world.app()).accepted(FRENCH)
    assert len(await world.orange.texts(1)) == 1


async def test_reject(world):
    """An account that does not want to wait is refused, outside its hours only."""
    await world.start(accounts=account(hours=closed_now(), hours_policy="reject"))
    app = await world.app()
    assert (await app.submit(FRENCH)).status == status.OUTSIDE_HOURS
    assert world.rows("SELECT count(*) FROM message") == [(0,)]


async def test_notifications_and_confirmations(world):
    """Notifications have no hours, and neither has the answer to a STOP."""
    accounts = {**account(hours=closed_now()), "bank": {"hours": "strict"}}
    await world.start(accounts=accounts)
    await (await world.app("bank")).accepted(GERMAN)
    await (await world.app()).accepted(FRENCH)
    assert (await world.orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    assert {text.destination for text in await world.orange.texts(2)} == {GERMAN, FRENCH}


async def test_validity_counts(world):
    """Waiting for the hours does not lengthen a message's life: it ends EXPIRED."""
    await world.start(accounts=account(hours=closed_now()))
    app = await world.app()
    identifier = await app.accepted(FRENCH, validity_period="000000000001000R")
    await world.eventually(lambda: world.nursery.start_soon(world.gateway._upkeep.sweep) or len(app.requests) >= 1)
    [told] = await app.receipts(1)
    assert (told.message_id, told.stat) == (identifier, "EXPIRED")
    assert world.orange.requests == []


async def test_hours_that_end_while_it_waits(world):
    """What could not be sent within the hours, for its operator was down, waits for the next ones."""
    await world.start(accounts=account(hours=closed_now()))
    app = await world.app()
    await app.accepted(FRENCH)
    await held(world)
    over = "UPDATE spool SET due = 0, closes = 1 WHERE lane = 'operator/orange'"
    await world.gateway.store.transact(lambda tx: tx.rows(over))
    world.gateway.lanes["operator/orange"].look()
    [(due,)] = await held(world)
    assert due > datetime.now(UTC).timestamp() * 1_000
    assert world.rows("SELECT closes - due FROM spool WHERE lane = 'operator/orange'") == [(30 * 60_000,)]
    assert world.orange.requests == []


async def test_stop_while_it_waits(world):
    """A STOP ends what waits for its hour."""
    await world.start(accounts=account(hours=closed_now()))
    app = await world.app()
    identifier = await app.accepted(FRENCH)
    await held(world)
    assert (await world.orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    [told] = await app.receipts(1)
    assert (told.message_id, told.stat) == (identifier, "REJECTD")


@pytest.mark.parametrize("reject", [False, True])
async def test_parts(world, reject):
    """A message that its app cut has hours like any other."""
    await world.start(accounts=account(hours=closed_now(), hours_policy="reject" if reject else "hold"))
    app = await world.app()
    first = await app.accepted(FRENCH, b"\x05\0\3\7\2\1Bonjour", esm_class=0x40)
    last = await app.submit(FRENCH, b"\x05\0\3\7\2\2!", esm_class=0x40)
    if reject:
        assert last.status == status.OUTSIDE_HOURS
        assert [(told.message_id, told.err) for told in await app.receipts(1)] == [(first, "414")]
    else:
        assert last.status == status.ESME_ROK
        await held(world)

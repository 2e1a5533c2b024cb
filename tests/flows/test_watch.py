"""The figures of a gateway at work."""

from gateway.smpp import status
from tests.flows.test_parts import submit_part, with_header
from tests.flows.world import FRENCH, GERMAN

IN_AN_HOUR = "000000010000000R"


def figures(world):
    """Return what Prometheus would read now, line by line."""
    world.gateway._watch.look(world.gateway.not_ready(), world.gateway._alive())
    return set(world.gateway.metrics.render().decode().splitlines())


def count_rows(world):
    """Have what waits counted from now on."""
    world.nursery.start_soon(world.gateway._watch.count_for_ever, world.database.url, world.gateway.store.clock)


async def test_durations(world):
    """Each submission, each operator's answer, each receipt and each app's answer is timed under its peer's name."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await app.receipts(1)
    await world.settled()
    assert figures(world) >= {
        'stopgate_intake_seconds_count{account="shop"} 1.0',
        'stopgate_answer_seconds_count{operator="orange"} 1.0',
        'stopgate_receipt_lag_seconds_count{operator="orange"} 1.0',
        'stopgate_delivery_seconds_count{account="shop"} 1.0',
    }


async def test_confirmations(world):
    """Confirmations are counted by the state in which they end."""
    await world.start(accounts={"shop": {"forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH)
    await world.settled()
    assert (await world.orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    await world.eventually(lambda: 'stopgate_confirmations_total{state="DELIVRD"} 1.0' in figures(world))


async def test_links_and_windows(world):
    """Links, windows and what is on its way are shown as they are; readiness too."""
    world.orange.answer = lambda _pdu: None
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.received(1)
    shown = {
        'stopgate_links_bound{name="orange",side="operator"} 1.0',
        'stopgate_links_bound{name="shop",side="account"} 1.0',
        'stopgate_window{name="orange",side="operator"} 50.0',
        'stopgate_in_flight{name="orange",side="operator"} 1.0',
        "stopgate_ready 1.0",
        'stopgate_part_alive{part="store"} 1.0',
        'stopgate_part_alive{part="lane operator/orange"} 1.0',
    }
    await world.eventually(lambda: figures(world) >= shown)  # a part may be late, for once


async def test_spool(world, nursery):
    """What waits in the spool is counted by lane and state."""
    await world.start()
    app = await world.app()
    await app.accepted(GERMAN, schedule_delivery_time=IN_AN_HOUR)
    count_rows(world)
    later = 'stopgate_spool_rows{name="orange",side="operator",state="later"} 1.0'
    await world.eventually(lambda: later in figures(world))
    assert 'stopgate_spool_wait_seconds{name="orange",side="operator"} 0.0' in figures(world)


async def test_parts(world, nursery):
    """Parts that wait for the others of their message are counted by account."""
    await world.start()
    await submit_part(await world.app(), with_header("a", 9, 2, 1))
    count_rows(world)
    await world.eventually(lambda: 'stopgate_spool_rows{name="shop",side="parts",state="later"} 1.0' in figures(world))

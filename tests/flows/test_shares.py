"""Who shares something gets a share: the binds of one operator, the receivers of an account, accounts."""

from collections import Counter

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.test_operator import silence
from tests.flows.world import FRENCH


async def test_binds_of_one_operator(world):
    """Several binds of one operator share its lane evenly, each up to its window, in one order of acceptance."""
    world.operator = {"binds": 3, "window": 4}
    await world.start()
    await world.orange.bound(3)
    by_link = Counter()
    world.orange.answer = silence
    app = await world.app()
    for _ in range(20):
        await app.accepted(FRENCH, registered_delivery=0)
    await world.orange.received(12)
    by_link.update(id(link) for link, _ in world.orange.unanswered)
    assert sorted(by_link.values()) == [4, 4, 4]
    while len(world.orange.taken) < 20:
        await world.orange.wait_for(lambda: world.orange.unanswered)
        world.orange.release()
    assert sum(by_link.values()) == 12


async def test_bind_that_answers_nothing(world):
    """A bind that answers nothing keeps no more than its window; the others carry the rest."""
    world.operator = {"binds": 2, "window": 2, "response_timeout": "10m"}
    await world.start()
    await world.orange.bound(2)
    mute = world.orange.links[0]
    respond = world.orange.respond
    world.orange.respond = lambda link, pdu, code: None if link is mute else respond(link, pdu, code)
    app = await world.app()
    for _ in range(20):
        await app.accepted(FRENCH, registered_delivery=0)
    await world.orange.wait_for(lambda: len(world.orange.taken) >= 18)
    assert mute.session.owed <= 2


async def test_slow_app_holds_up_nobody(world):
    """An app that answers no receipt holds up neither those of other accounts nor another receiver of its own."""
    await world.start()
    slow, bank = await world.app("shop"), await world.app("bank")
    slow.answer = silence
    for _ in range(60):  # more than a window
        await slow.accepted(FRENCH)
    await slow.received(50)
    message_id = await bank.accepted(FRENCH)
    assert [each.message_id for each in await bank.receipts(1)] == [message_id]
    other = await world.app("shop", bind=smpp.BIND_RECEIVER)
    await other.received(10)
    assert len(slow.requests) == 50


async def test_receipt_that_is_refused_for_now(world):
    """A receipt that its app refuses for now comes again; one that it refuses for good does not."""
    await world.start()
    app = await world.app()
    answers = iter([status.ESME_RX_T_APPN, status.ESME_RX_R_APPN])
    app.answer = lambda _pdu: next(answers, status.ESME_ROK)
    ids = [await app.accepted(FRENCH) for _ in range(2)]
    receipts = await app.receipts(3)
    assert {each.message_id for each in receipts} == set(ids)
    assert Counter(each.message_id for each in receipts)[receipts[0].message_id] == 2
    await world.settled()

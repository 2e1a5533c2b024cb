"""What an app meets when it is fast or the disk is slow: late answers, a reader that stops, statuses that say so."""

import os
from contextlib import suppress

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Request
from gateway.store import messages
from gateway.submissions import submission
from tests.flows.peers import submit_sm
from tests.flows.world import FRENCH

QUERY = smpp.encode_body(
    smpp.QUERY_SM, {"message_id": "1", "source_addr_ton": 0, "source_addr_npi": 0, "source_addr": ""}
)


async def test_response_follows_the_commit(world):
    """No submit_sm is answered before its rows are on disk, however long that takes; other requests are meanwhile."""
    await world.start()
    app = await world.app()
    answers = []
    with world.locked():
        world.nursery.start_soon(keep, answers, app, "first")
        await app.heard()  # sent behind the submit_sm and answered: so that one has been read
        world.nursery.start_soon(keep, answers, app, "second")
        await app.heard()
        assert (answers, world.rows("SELECT id FROM message"), world.orange.requests) == ([], [], [])
    await app.wait_for(lambda: len(answers) == 2)
    ids = {f"{row:016x}" for (row,) in world.rows("SELECT id FROM message")}
    assert {answer.fields["message_id"] for answer in answers} == ids


async def keep(answers, app, text):
    """Submit a text and keep the answer."""
    answers.append(await app.submit(FRENCH, text))
    app.changes.tell()


async def test_window(world):
    """Over the account's window requests wait until responses have left; nothing is refused or lost (idea 92)."""
    await world.start(accounts={"shop": {"window": 3}})
    app, other = await world.app(), await world.app("bank")
    answers, blocked = [], []
    with world.locked():
        for number in range(5):
            world.nursery.start_soon(keep, answers, app, str(number))
        await app.wait_for(lambda: app.links[0].session.in_flight == 5)
        world.nursery.start_soon(note, blocked, app)
        await app.wait_for(lambda: app.links[0].session.in_flight == 6)
        [client] = [each for each in world.gateway._listener._clients if each.link.name == "shop"]
        await world.eventually(lambda: client.link.session.owed == 3)
        assert (await other.heard()).status == status.ESME_RINVDSTADR
        assert (answers, blocked) == ([], [])
    await app.wait_for(lambda: len(answers) == 5 and blocked)
    assert [answer.status for answer in answers] == [status.ESME_ROK] * 5


async def test_reader_stops(world):
    """An app over its window cannot make the gateway keep ever more octets: TCP tells it to wait (ideas 90, 92)."""
    await world.start(accounts={"shop": {"window": 3}})
    app, other = await world.app(), await world.app("bank")
    descriptor = app.links[0]._stream.socket.fileno()
    body = submit_sm(FRENCH, "x" * 150)
    frames = 1_000 * (smpp.header(len(body), smpp.SUBMIT_SM, 0, 1) + body)
    [client] = [each for each in world.gateway._listener._clients if each.link.name == "shop"]
    with world.locked():
        fill(descriptor, frames)
        await world.eventually(lambda: client.link.session.blocked)
        kept = client.link.session._inbox.buffered
        for _ in range(60):  # each time round the gateway could read some more
            fill(descriptor, frames)
            await other.heard()
        assert client.link.session._inbox.buffered == kept
        app.links[0].close("the test hangs up")
        await app.gone()


def fill(descriptor, octets):
    """Write until nobody takes more."""
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, octets)


async def note(noted, app):
    """Note that the gateway has read everything up to here."""
    noted.append(await app.heard())
    app.changes.tell()


async def test_over_the_rate(world):
    """Over its rate an account is told ESME_RTHROTTLED, nothing of that is sent; others are not concerned (idea 85)."""
    await world.start(accounts={"shop": {"rate": 2}})
    app, other = await world.app(), await world.app("bank")
    async with world.gateway.store.quiet:  # so that one commit, and one instant, sees all three
        answers = []
        for number in range(3):
            world.nursery.start_soon(keep, answers, app, str(number))
        await app.wait_for(lambda: app.links[0].session.in_flight == 3)
        await app.heard()
    await app.wait_for(lambda: len(answers) == 3)
    assert sorted(answer.status for answer in answers) == [0, 0, status.ESME_RTHROTTLED]
    await other.accepted(FRENCH)
    assert len(await world.orange.texts(3)) == 3
    assert world.rows("SELECT count(*) FROM message") == [(3,)]


async def test_rate_of_what_is_run_again(world, monkeypatch):
    """Submissions whose transaction is run again take of the rate once."""
    await world.start(accounts={"shop": {"rate": 4}})
    app, add = await world.app(), messages.add

    def fail_together(tx, rows):
        add(tx, rows)
        if len(rows) > 1:
            raise RuntimeError

    monkeypatch.setattr(messages, "add", fail_together)
    async with world.gateway.store.quiet:  # so that one commit, and one instant, sees all of them
        answers = []
        for number in range(5):
            world.nursery.start_soon(keep, answers, app, str(number))
        await app.wait_for(lambda: app.links[0].session.in_flight == 5)
        await app.heard()
    await app.wait_for(lambda: len(answers) == 5)
    assert sorted(answer.status for answer in answers) == [0, 0, 0, 0, status.ESME_RTHROTTLED]
    world.log.clear()  # of the tracebacks


async def test_full_disk(world):
    """While the disk is full a submit_sm is refused with ESME_RMSGQFUL; afterwards everything goes on by itself."""
    await world.start()
    app = await world.app()
    world.orange.answer = lambda _pdu: None
    accepted = 0
    with world.full():
        while (answer := await app.submit(FRENCH, "x" * 800)).status == status.ESME_ROK:
            accepted += 1
    assert answer.status == status.ESME_RMSGQFUL
    assert world.rows("SELECT count(*) FROM message") == [(accepted,)]
    await app.accepted(FRENCH)


@pytest.mark.parametrize("text", ["wrong form", "wrong command"])
async def test_refused_by_the_thousand(world, text):
    """Any number of requests that are refused at once may come in one write: each is answered, others are served."""
    await world.start()
    app, other = await world.app(), await world.app("bank")
    bad = (smpp.SUBMIT_SM, submit_sm("nobody")) if text == "wrong form" else (smpp.QUERY_SM, QUERY)
    replies = []
    app.links[0].send([Request(smpp.SUBMIT_SM, submit_sm(FRENCH), replies) for _ in range(100)])
    app.links[0].send([Request(*bad, replies) for _ in range(3_000)])
    accepted = [await other.accepted(f"336000000{number:02}") for number in range(20)]
    await app.wait_for(lambda: len(replies) == 3_100)
    assert sum(reply.status == status.ESME_ROK for reply in replies) == 100
    assert len(await world.orange.texts(120)) == 120
    assert {each.message_id for each in await other.receipts(20)} == set(accepted)


async def test_defect_on_one_link(world, monkeypatch):
    """A defect that one app provokes ends its connection; whoever is answered in the same commit is answered."""
    await world.start()
    app, other = await world.app(), await world.app("bank")
    answers = []
    read = submission.read

    def broken(link, customer, pdu, clock):
        if pdu.fields["destination_addr"] == "666":
            raise ZeroDivisionError
        return read(link, customer, pdu, clock)

    monkeypatch.setattr(submission, "read", broken)
    with world.locked():
        app.links[0].send([Request(smpp.SUBMIT_SM, submit_sm(FRENCH), answers) for _ in range(100)])
        app.links[0].send([Request(smpp.SUBMIT_SM, submit_sm("666"), answers)])
        [client] = [each for each in world.gateway._listener._clients if each.link.name == "shop"]
        await world.eventually(lambda: client.link.session.owed == 100)
        world.nursery.start_soon(keep, answers, other, "mine")
        await world.eventually(lambda: world.gateway._submit.batch.waiting)
    await other.wait_for(lambda: any(answer and answer.status == status.ESME_ROK for answer in answers))
    await app.gone()
    assert await world.orange.texts(101)
    [failure] = [entry for entry in world.log if entry.pop("exc_info", None)]
    assert failure["event"] == "link_failed"

"""Many requests, several binds and silent apps: what one session does, and what others notice of it."""

import time

import argon2
import pytest
import trio

from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.events import Request
from tests.binds.test_passwords import HASH, Gate, begun
from tests.flows.peers import PATIENCE, App, submit_sm
from tests.flows.world import FRENCH


class Versioned(App):
    """An app that binds with an interface_version of a test's choice."""

    def __init__(self, version):
        super().__init__()
        self.version = version

    async def bind(self):
        """Send the bind and return its response."""
        rest = {"system_type": "", "interface_version": self.version, "addr_ton": 0, "addr_npi": 0, "address_range": ""}
        return await self.ask(self.links[0], self._bind, smpp.encode_body(self._bind, {**self._who, **rest}))


def pass_by(world, seconds):
    """Let the one session with an app go through what it would by the time that so many seconds have passed."""
    [link] = [each.link for each in world.gateway._listener._clients if each.link.session.bound]
    link._after(link.session.handle_timer(trio.current_time() + seconds))


@pytest.mark.parametrize("version", [0x00, 0x33, 0x34, 0x50, 0xFF])
async def test_versions_of_apps(world, version):
    """An app below 3.4 gets its receipt without TLVs, and the text says it all; others get both (idea 21)."""
    await world.start()
    app = Versioned(version)
    response = await world.nursery.start(app.run, world.address)
    message_id = await app.accepted(FRENCH)
    [pdu] = await app.received(1)
    read = receipt.read(pdu.fields["short_message"])
    assert (bool(response.tlvs), bool(pdu.tlvs)) == (version >= 0x34, version >= 0x34)
    assert (read.message_id, read.stat) == (message_id, "DELIVRD")


async def test_hundred_at_once(world):
    """A hundred submissions in one write are all answered, each once, and all sent (ideas 34, 76)."""
    await world.start()
    app = await world.app()
    replies = [[] for _ in range(100)]
    app.links[0].send(
        [Request(smpp.SUBMIT_SM, submit_sm(FRENCH, f"{number:03}"), reply) for number, reply in enumerate(replies)]
    )
    await app.wait_for(lambda: all(replies))
    assert {reply[0].status for reply in replies} == {status.ESME_ROK}
    assert len({reply[0].fields["message_id"] for reply in replies}) == 100
    assert len(await world.orange.texts(100)) == 100


async def test_dead_app_frees_its_place(world):
    """The place of an app that is gone without a word is free once nothing answers any more (ideas 19, 61)."""
    await world.start(accounts={"shop": {"max_binds": 1}})
    stream = await trio.open_tcp_stream(*world.address)
    fields = {"system_id": "shop", "password": "secret", "system_type": "", "interface_version": 0x34}
    body = smpp.encode_body(smpp.BIND_RECEIVER, {**fields, "addr_ton": 0, "addr_npi": 0, "address_range": ""})
    async with stream:
        await stream.send_all(smpp.header(len(body), smpp.BIND_RECEIVER, 0, 1) + body)
        await world.eventually(lambda: world.events("app_bound"))
        assert await world.refused(App()) == status.ESME_RALYBND
        pass_by(world, 31)  # it is asked whether it lives
        pass_by(world, 62)  # it should have answered
        await world.eventually(lambda: world.events("app_unbound"))
        assert world.events("app_unbound")[0]["reason"] == "no answer to enquire_link"
        await world.app()


async def test_slow_password(world, monkeypatch):
    """While a password takes long to check, others are served (idea 26)."""
    slow = Gate(argon2.PasswordHasher.verify)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *args: slow(*args))  # noqa: PLW0108 (only a function becomes a method)
    await world.start(accounts={"shop": {"password": HASH}})
    other, app, bound = await world.app("bank"), App(), []

    async def bind():
        bound.append(await world.nursery.start(app.run, world.address))
        app.changes.tell()

    world.nursery.start_soon(bind)
    await begun(slow, 1)
    assert (await other.heard()).status == status.ESME_RINVDSTADR
    assert bound == []
    slow.open()
    await app.wait_for(lambda: bound)
    assert bound[0].status == status.ESME_ROK


async def test_transmitter_and_receiver(world):
    """What was submitted on a transmitter is reported on the receiver of the same account (idea 24)."""
    await world.start()
    transmitter, receiver = await world.app(bind=smpp.BIND_TRANSMITTER), await world.app(bind=smpp.BIND_RECEIVER)
    message_id = await transmitter.accepted(FRENCH)
    assert [each.message_id for each in await receiver.receipts(1)] == [message_id]
    assert transmitter.requests == []


async def test_transmitter_alone(world):
    """While no receiver is bound receipts wait in the database, not in memory (idea 25)."""
    await world.start()
    transmitter = await world.app(bind=smpp.BIND_TRANSMITTER)
    for _ in range(5):
        await transmitter.accepted(FRENCH)
    await world.eventually(lambda: world.rows("SELECT count(*) FROM spool WHERE lane = 'account/shop'") == [(5,)])
    assert len(world.gateway.lanes["account/shop"]) == 0
    assert len(await (await world.app(bind=smpp.BIND_RECEIVER)).receipts(5)) == 5


async def test_slow_app_does_not_hold_up_its_own_answers(world):
    """An app that leaves its first receipt without an answer gets the others, and all its answers (idea 93)."""
    await world.start()
    app = await world.app()
    app.answer = lambda _pdu: None if len(app.requests) == 1 else status.ESME_ROK
    ids = [await app.accepted(FRENCH) for _ in range(5)]
    assert sorted(each.message_id for each in await app.receipts(5)) == sorted(ids)
    assert len(app.unanswered) == 1


async def test_silent_app(world):
    """Receipts that an app does not answer in time come again, and its window holds no more (idea 91)."""
    await world.start()
    app = await world.app()
    app.answer = lambda _pdu: None
    message_id = await app.accepted(FRENCH)
    for count in (1, 2):
        await app.received(count)
        pass_by(world, 31)
    assert [each.message_id for each in await app.receipts(3)] == [message_id] * 3


async def test_stuck_bind_is_passed_by(world):
    """Of two receivers one answers nothing: what its window does not hold goes to the other (idea 94)."""
    await world.start()
    stuck, lively = await world.app(bind=smpp.BIND_RECEIVER), await world.app()
    stuck.answer = lambda _pdu: None
    ids = [await lively.accepted(FRENCH) for _ in range(150)]
    told = [each.message_id for each in await lively.receipts(100)]
    assert len(stuck.requests) <= 50
    assert set(told) <= set(ids)


async def test_backlog_and_submissions(world):
    """An app that comes back to many receipts gets its submissions answered meanwhile (idea 95)."""
    await world.start()
    transmitter = await world.app(bind=smpp.BIND_TRANSMITTER)
    for _ in range(100):
        await transmitter.accepted(FRENCH)
    await world.eventually(lambda: world.rows("SELECT count(*) FROM spool WHERE lane = 'account/shop'") == [(100,)])
    app = await world.app()
    await app.accepted(FRENCH)
    assert len(await app.receipts(101)) == 101


async def test_refused_segment(world):
    """A message one of whose segments is refused is reported once, as rejected (idea 122)."""
    await world.start()
    world.orange.answer = lambda _pdu: status.ESME_RINVDSTADR if len(world.orange.requests) == 2 else status.ESME_ROK
    app = await world.app()
    ids = [await app.accepted(FRENCH, "x" * 400), await app.accepted(FRENCH)]
    told = {each.message_id: each.stat for each in await app.receipts(2)}
    await world.settled()
    assert (told, len(app.requests)) == ({ids[0]: "REJECTD", ids[1]: "DELIVRD"}, 2)


async def test_refused_submission_has_no_receipt(world):
    """A message that was refused in its submit_sm_resp is never reported on (idea 123)."""
    await world.start()
    app = await world.app()
    assert (await app.submit("nobody", registered_delivery=1)).status == status.ESME_RINVDSTADR
    message_id = await app.accepted(FRENCH)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    assert len(app.requests) == 1


async def test_clock_jumps(world, monkeypatch):
    """A clock that jumps an hour, either way, ends no session, expires no request and holds up nothing (idea 112)."""
    await world.start()
    app, present = await world.app(), time.time_ns
    world.orange.answer = lambda _pdu: None
    await app.accepted(FRENCH)
    links = [*world.orange.links, *app.links]
    for count, wrong in enumerate((3_600, -3_600), 2):
        monkeypatch.setattr(time, "time_ns", lambda wrong=wrong: present() + wrong * 10**9)
        await app.accepted(FRENCH)
        await world.orange.received(count)
    for _ in range(3):
        world.orange.release()
    assert len(await app.receipts(3)) == len(world.orange.requests) == 3
    assert [*world.orange.links, *app.links] == links


async def test_port_answers_when_started(world):
    """Once the gateway says that it has started its port accepts and binds are judged (idea 31)."""
    await world.start()
    with trio.fail_after(PATIENCE):
        assert await world.refused(App("nobody")) == status.ESME_RINVSYSID

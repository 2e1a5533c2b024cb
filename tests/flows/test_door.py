"""The door: who is turned away before a bind, who waits, who is banned, and that the others notice nothing."""

import os
import resource
import ssl
from contextlib import contextmanager

import argon2
import pytest
import trio

from gateway.binds.door import Door, Visit
from gateway.config.models import Config
from gateway.observe.metrics import Metrics
from gateway.rules.bans import origin
from gateway.smpp import status
from gateway.smpp.state import Role
from tests.flows.peers import PATIENCE, App
from tests.flows.world import FRENCH

HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
HOUR = 3_600  # seconds


async def turned_away(address):
    """Connect and return True once we are hung up on without a word."""
    with trio.fail_after(PATIENCE):
        stream = await trio.open_tcp_stream(*address)
        async with stream:
            try:
                return await stream.receive_some(1) == b""
            except trio.BrokenResourceError:
                return True


def counted(world, line):
    """Tell whether the metrics have a line."""
    return line.encode() in world.gateway.metrics.render()


def refused_for(world, reason):
    """Return how many connections the metrics say were turned away for a reason."""
    name = f'connections_refused_total{{reason="{reason}"}} '
    return float(world.gateway.metrics.render().decode().partition(name)[2].partition("\n")[0] or 0)


@pytest.fixture(autouse=True)
def _laconic(monkeypatch):
    """Log the same reason once, however long a test takes."""
    monkeypatch.setattr("gateway.binds.door._SAID_EVERY", PATIENCE)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"connections": 3}, "total"),
        ({"unbound": 2}, "unbound"),
        ({"unbound_per_address": 2}, "unbound_address"),
    ],
)
async def test_limits(world, limits, reason):
    """Above a limit a connection is accepted and closed at once, counted, logged once; a place given back is free."""
    await world.start(smpp={"limits": limits, "session_init_timeout": "60s"})
    app = await world.app()
    strangers = [await trio.open_tcp_stream(*world.address) for _ in range(2)]
    await world.eventually(lambda: world.gateway._door.places.unbound == 2)
    for _ in range(3):
        assert await turned_away(world.address)
    assert refused_for(world, reason) == 3
    [entry] = world.events("connection_refused")
    assert (entry["reason"], entry["address"]) == (reason, "127.0.0.1")
    await app.accepted(FRENCH)
    for stranger in strangers:
        await stranger.aclose()
    await world.eventually(lambda: world.gateway._door.places.unbound == 0)
    await world.app("bank")


async def test_bound_ones_are_no_strangers(world):
    """Apps that have bound take no place of the unbound."""
    await world.start(smpp={"limits": {"unbound": 1}})
    for _ in range(4):
        await world.app()
    assert (world.gateway._door.places.taken, world.gateway._door.places.unbound) == (4, 0)


async def test_refusals_wait_longer_each_time(world, autojump_clock):
    """The first failed bind of an address is answered at once, the next ones after growing waits; a bind ends that."""
    visits = await door_of(world)
    waits = [visits().refuse(status.ESME_RINVPASWD) for _ in range(5)]
    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0]
    good = visits()
    good.succeed()
    assert visits().refuse(status.ESME_RINVSYSID) == 0.0


async def test_refusal_that_guesses_nothing(world, autojump_clock):
    """A bind that is refused for want of a place, or because we are stopping, is no failure of its address."""
    visits = await door_of(world)
    for code in (status.ESME_RALYBND, status.ESME_RSYSERR) * 20:
        assert visits().refuse(code) == 0.0
    assert not visits().banned


async def test_exempt(world, autojump_clock):
    """Networks that are exempt are not banned, and their refusals do not wait."""
    visits = await door_of(world, exempt=["192.0.2.0/24"], failures=2)
    for _ in range(5):
        assert visits("192.0.2.7").refuse(status.ESME_RINVPASWD) == 0.0
        visits("198.51.100.7").refuse(status.ESME_RINVPASWD)
    assert not visits("192.0.2.7").banned
    assert visits("198.51.100.7").banned


async def test_banned_by_64(world, autojump_clock):
    """An IPv6 address is banned with all others of its /64."""
    visits = await door_of(world, failures=2)
    for host in (1, 2):
        visits(f"2001:db8::{host}").refuse(status.ESME_RINVPASWD)
    assert visits("2001:db8::ffff").banned
    assert not visits("2001:db8:0:1::1").banned


async def door_of(world, **limits):
    """Make a door without sockets; returns a function that makes visits."""
    smpp = Config.model_validate({"smpp": {"limits": limits}}).smpp
    door = Door(smpp, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Metrics([], []))

    def visit(address="192.0.2.1"):
        made = Visit(door, origin(address))
        assert door.places.enter(made.household) is None
        return made

    return visit


async def test_ban(world):
    """An address whose binds failed too often is hung up on until the ban is over; who is bound already goes on."""
    await world.start(smpp={"limits": {"failures": 2, "ban": "1h"}})
    app = await world.app()
    for _ in range(2):
        assert await world.refused(App(password="wrong")) == status.ESME_RINVPASWD
    assert await turned_away(world.address)
    await app.accepted(FRENCH)
    assert counted(world, "stopgate_bans_total 1.0")
    assert counted(world, 'binds_refused_total{status="0xe"} 2.0')
    assert refused_for(world, "banned") == 1
    [entry] = world.events("address_banned")
    assert (entry["address"], entry["seconds"]) == ("127.0.0.1", HOUR)
    assert not world.gateway._door.bans.banned("127.0.0.1", trio.current_time() + HOUR)
    await world.app("bank")


async def test_open_connections_of_a_banned_address(world):
    """Connections opened before a ban cannot bind during it, whatever their password."""
    await world.start(smpp={"limits": {"failures": 1, "ban": "1h"}, "session_init_timeout": "60s"})
    app = App()
    stream = await trio.open_tcp_stream(*world.address)
    assert await world.refused(App(password="wrong")) == status.ESME_RINVPASWD
    world.nursery.start_soon(app.serve, stream, Role.ESME)
    await app.wait_for(lambda: app.links)
    assert (await app.bind()).status == status.ESME_RBINDFAIL


async def test_a_bind_resets(world):
    """An address that binds in between is not banned, however often it fails."""
    await world.start(smpp={"limits": {"failures": 2, "ban": "1h"}})
    for _ in range(4):
        assert await world.refused(App(password="wrong")) == status.ESME_RINVPASWD
        await (await world.app()).links[0].part(1)


async def test_rebinds_stall_no_traffic(world, checks):
    """While 200 binds wait for one hash to be checked, messages of others are answered; then all are let in."""
    await world.start(
        accounts={"shop": {"password": HASH, "max_binds": 200}},
        smpp={"session_init_timeout": "60s", "response_timeout": "60s"},
    )
    bank = await world.app("bank")
    answers = []

    async def bind():
        answers.append(await world.nursery.start(App().run, world.address))

    async with trio.open_nursery() as storm:
        for _ in range(200):
            storm.start_soon(bind)
        await world.eventually(lambda: checks and world.gateway._door.places.unbound == 200)
        for _ in range(20):
            await bank.accepted(FRENCH)
        assert answers == []
        checks.opened.set()
    assert [answer.status for answer in answers] == [status.ESME_ROK] * 200
    assert len(checks) == 1


async def test_binds_that_are_judged_are_no_strangers(world, checks):
    """Apps behind one address that name their accounts are no strangers there while their passwords are checked."""
    await world.start(
        accounts={"shop": {"password": HASH, "max_binds": 5}}, smpp={"limits": {"unbound_per_address": 1}}
    )
    bound = []

    async def bind():
        bound.append(await world.nursery.start(App().run, world.address))

    for count in range(1, 6):
        world.nursery.start_soon(bind)
        await world.eventually(lambda count=count: world.gateway._door.places.unbound == count and checks)
        await world.eventually(lambda: not world.gateway._door.places._strangers)
    checks.opened.set()
    await world.eventually(lambda: len(bound) == 5)
    assert [answer.status for answer in bound] == [status.ESME_ROK] * 5


async def test_binds_of_an_address_banned_meanwhile(world, checks):
    """Binds that wait for a check of their password when their address is banned are refused without one."""
    await world.start(accounts={"shop": {"password": HASH}}, smpp={"limits": {"failures": 1, "ban": "1h"}})
    refused = []

    async def bind(number):
        refused.append(await world.refused(App(password=f"wrong {number}")))

    for number in range(4):
        world.nursery.start_soon(bind, number)
    await world.eventually(lambda: len(checks) == 2 and world.gateway._door.places.unbound == 4)
    checks.opened.set()
    await world.eventually(lambda: len(refused) == 4)
    assert sorted(refused) == [status.ESME_RBINDFAIL] * 3 + [status.ESME_RINVPASWD]
    assert len(checks) == 2


@contextmanager
def no_descriptors_left():
    """Leave the process no room for another file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open(os.devnull, os.O_RDONLY)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open(os.devnull, os.O_RDONLY)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_no_descriptors(world):
    """Being out of file descriptors keeps new connections waiting, is told once, and ends nothing."""
    await world.start()
    app = await world.app()
    client = trio.socket.socket()
    with no_descriptors_left():
        await client.connect(world.address)
        await world.eventually(lambda: refused_for(world, "descriptors") >= 2)
        await app.accepted(FRENCH)
    [entry] = world.events("connection_refused")
    assert entry["reason"] == "descriptors"
    await world.eventually(lambda: world.gateway._door.places.taken == 2)
    client.close()
    await world.app("bank")

"""Binds of upstream apps: who is let in, what a bind may do, and how it ends."""

import socket
import struct

import argon2
import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.layout import MAX_PASSWORD
from tests.flows.peers import App, submit_sm
from tests.flows.world import FRENCH

HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
RST = struct.pack("ii", 1, 0)


@pytest.mark.parametrize(
    ("who", "account", "code"),
    [
        ({"system_id": "nobody"}, {}, status.ESME_RINVSYSID),
        ({"system_id": ""}, {}, status.ESME_RINVSYSID),
        ({"password": "wrong"}, {}, status.ESME_RINVPASWD),
        ({"password": ""}, {}, status.ESME_RINVPASWD),
        ({"password": "wrong"}, {"password": HASH}, status.ESME_RINVPASWD),
        ({"password": "\xe9\xff"}, {"password": HASH}, status.ESME_RINVPASWD),
        ({}, {"allow_from": ["192.0.2.0/24"]}, status.ESME_RBINDFAIL),
    ],
)
async def test_refused(world, who, account, code):
    """An app that may not bind is told why and disconnected; others are not concerned."""
    await world.start(accounts={"shop": account})
    assert status.name(await world.refused(App(**who))) == status.name(code)
    await (await world.app("bank")).accepted(FRENCH)


@pytest.mark.parametrize("bind", [smpp.BIND_TRANSMITTER, smpp.BIND_RECEIVER, smpp.BIND_TRANSCEIVER])
@pytest.mark.parametrize("password", ["secret", HASH], ids=["clear", "hashed"])
async def test_let_in(world, bind, password):
    """Every kind of bind is let in with the right password, configured in clear or hashed, again and again."""
    await world.start(accounts={"shop": {"password": password}})
    for _ in range(2):
        app = await world.app(bind=bind)
        await app.links[0].part(1)


async def test_longest_password(world):
    """A password as long as one may be configured lets in, whole; SMPP's own limit of 8 is no concern of ours."""
    longest = "x" * MAX_PASSWORD
    await world.start(accounts={"shop": {"password": longest}})
    await world.app(password=longest)
    assert await world.refused(App(password=longest[:-1])) == status.ESME_RINVPASWD


@pytest.mark.parametrize("way", ["unbinds", "hangs up"])
async def test_max_binds(world, way):
    """An account has max_binds places; one that is left, politely or not, is free again (idea 18)."""
    await world.start(accounts={"shop": {"max_binds": 2}})
    first, _second = await world.app(), await world.app(bind=smpp.BIND_RECEIVER)
    assert await world.refused(App()) == status.ESME_RALYBND
    await world.app("bank")
    if way == "unbinds":
        await first.links[0].part(1)
    else:
        first.links[0].close("the test hangs up")
    await world.eventually(lambda: world.gateway._listener.bound()["shop"] == 1)
    await world.app()
    assert await world.refused(App()) == status.ESME_RALYBND


async def test_second_bind_on_one_connection(world):
    """A bind on a connection that is bound is refused, and the first one goes on."""
    await world.start(accounts={"shop": {"max_binds": 1}})
    app = await world.app()
    assert (await app.bind()).status == status.ESME_RALYBND
    await app.accepted(FRENCH)


async def test_submissions_without_the_bind_for_it(world):
    """A receiver cannot submit."""
    await world.start()
    receiver = await world.app(bind=smpp.BIND_RECEIVER)
    assert (await receiver.submit(FRENCH)).status == status.ESME_RINVBNDSTS
    assert world.orange.requests == []


async def test_requests_sent_behind_the_bind(world):
    """What an app sends without waiting for its bind_resp is served once the bind is let in."""
    await world.start(accounts={"shop": {"password": HASH}})
    with socket.create_connection(world.address) as raw:
        raw.setblocking(False)
        bind = {"system_id": "shop", "password": "secret", "system_type": "", "interface_version": 0x34}
        body = smpp.encode_body(smpp.BIND_TRANSMITTER, {**bind, "addr_ton": 0, "addr_npi": 0, "address_range": ""})
        frames = smpp.header(len(body), smpp.BIND_TRANSMITTER, 0, 1) + body
        body = submit_sm(FRENCH, "early")
        raw.send(frames + smpp.header(len(body), smpp.SUBMIT_SM, 0, 2) + body)
        [text] = await world.orange.texts(1)
    assert text.text == "early STOP 36034"


async def test_connections_that_are_reset(world):
    """Connections that are broken off before they said anything harm nobody (idea 29)."""
    await world.start()
    for _ in range(50):
        with socket.create_connection(world.address) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    await (await world.app()).accepted(FRENCH)


async def test_connection_that_ends_while_its_bind_is_judged(world, checks):
    """A bind that is judged too late was not refused: its place is free, and the log says that the app is gone."""
    await world.start(accounts={"shop": {"password": HASH, "max_binds": 1}})
    with socket.create_connection(world.address) as raw:
        bind = {"system_id": "shop", "password": "secret", "system_type": "", "interface_version": 0x34}
        body = smpp.encode_body(smpp.BIND_TRANSMITTER, {**bind, "addr_ton": 0, "addr_npi": 0, "address_range": ""})
        raw.send(smpp.header(len(body), smpp.BIND_TRANSMITTER, 0, 1) + body)
    await world.eventually(lambda: checks and world.events("app_gone"))
    checks.opened.set()
    await world.eventually(lambda: len(world.events("app_gone")) == 2)
    assert world.events("app_refused") == []
    assert world.gateway._listener.bound()["shop"] == 0

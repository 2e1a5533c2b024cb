"""TLS on both sides: who may speak, to whom, and what happens to those who cannot."""

import gc
import ssl
import warnings

import pytest
import trio

from gateway.binds.listener import Client
from gateway.smpp import status
from tests.certificates import Authority
from tests.flows.peers import PATIENCE, App, Operator
from tests.flows.world import FRENCH

GREETINGS = {
    "smpp": bytes.fromhex("00000010000000150000000000000001"),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "junk": b"\0" * 64,
}


@pytest.fixture
def authority(tmp_path):
    """Give a certificate authority."""
    return Authority(tmp_path)


@pytest.fixture
def listen(world, authority):
    """Start the world with a TLS listener; returns its address."""

    async def listen(client_ca=None, **smpp):
        certificate, key = authority.issue("server", "localhost", "127.0.0.1")
        tls = {"listen": ["127.0.0.1:0"], "certificate": certificate, "key": key, "client_ca": client_ca}
        await world.start(smpp={"tls": tls, **smpp})
        [address] = world.more_addresses
        return address

    return listen


@pytest.fixture
def secure_operator(world, authority):
    """Start the world with an operator that speaks TLS; returns the operator."""

    async def secure_operator(host="127.0.0.1", names=("127.0.0.1",), trust=None, server=None, **tls):
        operator = Operator(tls=authority.server(authority.issue("operator", *names), **(server or {})))
        await world.nursery.start(operator.run)
        world.operator = {"host": host, "tls": {"ca": trust or authority.file, **tls}}
        await world.start_gateway({"orange": operator})
        return operator

    return secure_operator


async def bind(world, address, **who):
    """Bind an app that must be let in, at ``address``."""
    app = App(**who)
    assert (await world.nursery.start(app.run, address)).status == status.ESME_ROK
    return app


async def heard(address, greeting):
    """Say something raw and return whatever comes back until the connection ends."""
    answer = b""
    with trio.fail_after(PATIENCE):
        stream = await trio.open_tcp_stream(*address)
        async with stream:
            try:
                await stream.send_all(greeting)
                async for data in stream:
                    answer += data
            except trio.BrokenResourceError:  # reset, which is an end as well
                pass
    return answer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_message_over_tls(world, authority, listen, version):
    """An app that comes over TLS 1.2 or 1.3 is served like any other, and so are those that come without."""
    address = await listen()
    app = await bind(world, address, tls=authority.client(minimum_version=version, maximum_version=version))
    await app.accepted(FRENCH)
    assert len(await app.receipts(1)) == 1
    await (await world.app("bank")).accepted(FRENCH)


async def test_end_is_told(world, authority, listen):
    """A TLS connection that we close ends with close_notify, so the app knows that nothing was cut off."""
    transport = await trio.open_tcp_stream(*await listen())
    async with trio.SSLStream(transport, authority.client(), server_hostname="localhost") as stream:
        await stream.send_all(GREETINGS["http"])
        with trio.fail_after(PATIENCE):
            assert b"".join([data async for data in stream])[:8] == bytes.fromhex("00000010 80000000")


async def test_old_tls_is_refused(world, authority, listen):
    """A peer that speaks nothing newer than TLS 1.1 is turned away."""
    address = await listen()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context = authority.client(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    stream = trio.SSLStream(await trio.open_tcp_stream(*address), context, server_hostname="localhost")
    with pytest.raises(trio.BrokenResourceError):
        await stream.do_handshake()
    [entry] = await world.eventually(lambda: world.events("connection_refused"))
    assert (entry["reason"], entry["why"]) == ("tls", "unsupported protocol")


@pytest.mark.parametrize("shows", ["none", "foreign", "own"])
async def test_client_certificates(world, authority, listen, tmp_path, shows):
    """With a client_ca, only who shows a certificate signed by it gets as far as a bind."""
    address = await listen(client_ca=authority.file)
    foreign = Authority(tmp_path, "foreign")
    pair = {"none": None, "foreign": foreign.issue("f", "shop"), "own": authority.issue("o", "shop")}[shows]
    app = App(tls=authority.client(pair))
    response = await world.nursery.start(app.run, address)
    if shows == "own":
        assert response.status == status.ESME_ROK
        await app.accepted(FRENCH)
    else:
        assert response is None
        [entry] = await world.eventually(lambda: world.events("connection_refused"))
        assert entry["reason"] == "tls"
        assert ("did not return a certificate" in entry["why"]) == (shows == "none")
        assert world.gateway._door.places.taken == 0


@pytest.mark.parametrize("greeting", GREETINGS)
async def test_plain_greeting_on_the_tls_port(world, authority, listen, greeting):
    """What is not TLS ends its own connection on the TLS port, and is counted; the next app is let in (idea 27)."""
    address = await listen()
    await heard(address, GREETINGS[greeting])
    await world.eventually(lambda: world.events("connection_refused"))
    assert b'connections_refused_total{reason="tls"} 1.0' in world.gateway.metrics.render()
    await (await bind(world, address, tls=authority.client())).accepted(FRENCH)


async def test_tls_greeting_on_the_plain_port(world, authority, listen):
    """TLS and HTTP on the plain port are told generic_nack, and harm nobody."""
    await listen()
    hello = trio.SSLStream(await trio.open_tcp_stream(*world.address), authority.client(), server_hostname="localhost")
    with pytest.raises(trio.BrokenResourceError):
        await hello.do_handshake()
    nack = await heard(world.address, GREETINGS["http"])
    assert nack[:12] == bytes.fromhex("00000010 80000000 00000002")
    await (await world.app()).accepted(FRENCH)


async def test_handshake_that_never_ends(world, authority, listen):
    """A peer that connects and says nothing loses its connection in time, and delays no other."""
    address = await listen(session_init_timeout="10m")
    async with await trio.open_tcp_stream(*address):
        await world.eventually(lambda: world.gateway._door.places.unbound == 1)
        await (await bind(world, address, tls=authority.client())).accepted(FRENCH)
        await world.reload(smpp={"session_init_timeout": "300ms"})
        async with await trio.open_tcp_stream(*address) as silent:
            with trio.fail_after(PATIENCE):
                assert await silent.receive_some(1) == b""
        [entry] = await world.eventually(lambda: world.events("connection_refused"))
        assert (entry["reason"], entry["why"]) == ("tls", "took too long")
    await world.eventually(lambda: world.gateway._door.places.unbound == 0)


async def test_reload(world, authority, listen, tmp_path):
    """After a reload new connections meet the new certificate, and those that there are go on."""
    address = await listen()
    app = await bind(world, address, tls=authority.client())
    renewed = Authority(tmp_path, "renewed")
    renewed.issue("server", "localhost")
    await bind(world, address, tls=authority.client())
    await world.reload()
    later = await bind(world, address, tls=renewed.client())
    assert await world.nursery.start(App(tls=authority.client()).run, address) is None
    for each in (app, later):
        await each.accepted(FRENCH)
    assert world.events("reload_refused") == []


async def test_reload_of_files_that_do_not_fit(world, authority, listen, tmp_path):
    """Files that do not load are refused loudly, and the certificate in use stays."""
    address = await listen()
    (tmp_path / "server.key").write_text("not a key")
    assert not await world.reload(accounts={"bank": {"rate": 7}})
    [entry] = world.events("reload_refused")
    assert entry["log_level"] == "error"
    assert "server.key holds no private key" in entry["reason"]
    assert world.gateway.config.accounts["bank"].rate is None
    await (await bind(world, address, tls=authority.client())).accepted(FRENCH)


@pytest.mark.parametrize(("host", "names"), [("127.0.0.1", ["127.0.0.1"]), ("localhost", ["localhost"])])
async def test_operator_over_tls(world, secure_operator, host, names):
    """An operator whose certificate is signed and names the host is bound to, over TLS."""
    operator = await secure_operator(host, names)
    await world.usable("orange")
    await (await world.app()).accepted(FRENCH)
    [text] = await operator.texts(1)
    assert text.text == "Bonjour STOP 36034"


async def test_operator_hears_the_host_name(world, secure_operator):
    """The operator is told which host is meant (SNI)."""
    names = []
    await secure_operator(
        "localhost", ["localhost"], server={"sni_callback": lambda _socket, name, _context: names.append(name)}
    )
    await world.usable("orange")
    assert names == ["localhost"]


async def test_operator_that_asks_for_a_certificate(world, authority, secure_operator):
    """An operator that asks for our certificate gets it, and binds us."""
    certificate, key = authority.issue("us", "gateway")
    await secure_operator(server={"verify_mode": ssl.CERT_REQUIRED}, certificate=certificate, key=key)
    await world.usable("orange")


async def failures(world):
    """Return the first three failures to reach the operator, so that it is seen to be tried again."""
    return await world.eventually(lambda: len(found := world.events("operator_tls_failed")) >= 3 and found[:3])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["localhost"], "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (["127.0.0.1"], "self-signed certificate in"),
    ],
)
async def test_operator_that_is_not_who_it_should_be(world, secure_operator, tmp_path, names, words):
    """A certificate for another host, or of an unknown authority, is refused with its reason; nothing is told there."""
    trust = Authority(tmp_path, "other").file if words.startswith("self-signed") else None
    operator = await secure_operator(names=names, trust=trust)
    for entry in await failures(world):
        assert (entry["log_level"], entry["operator"]) == ("error", "orange")
        assert words in entry["reason"]
    assert operator.requests == []


async def test_operator_without_tls(world, authority):
    """An operator that speaks plain SMPP where TLS is configured hears no password."""
    world.operator = {"tls": {"ca": authority.file}}
    await world.nursery.start(world.orange.run)
    await world.start_gateway({"orange": world.orange})
    assert "wrong version number" in (await failures(world))[0]["reason"]
    assert world.orange.requests == []


async def test_operator_certificates_are_read_again(world, authority, secure_operator, tmp_path):
    """After a reload an operator is known by the authorities that the file holds then."""
    other = Authority(tmp_path, "trusted")
    await secure_operator(trust=other.file)
    await failures(world)
    other.file.write_bytes(authority.file.read_bytes())
    await world.reload()
    await world.usable("orange")


async def test_connections_leave_nothing_behind(world, authority, listen):
    """Whoever comes, bound or not, over TLS or not, takes along what was made for him: nothing is left to collect."""
    address = await listen()

    def left():
        kept = [each for each in gc.get_objects() if isinstance(each, Client | ssl.SSLObject)]
        return [each for each in kept if not isinstance(each, ssl.SSLObject) or each.server_side]

    gc.collect()
    gc.disable()
    try:
        before = len(left())
        for where, tls in ((address, authority.client()), (world.address, None)):
            app = await bind(world, where, tls=tls)
            app.links[0].close("the test hangs up")
            await heard(where, GREETINGS["http"])
        await world.eventually(lambda: len(left()) <= before)
    finally:
        gc.enable()

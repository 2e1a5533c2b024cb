"""Signals to the real process: SIGHUP takes over a good file and refuses a bad one whole, two SIGTERM end at once."""

import json
import socket

import pytest
import trio

from gateway.simulate.peer import Changes
from gateway.smpp import status
from tests.faults.endure import told
from tests.faults.harness import Peers
from tests.faults.process import ACCOUNT, SIGHUP, SIGTERM, Gateway
from tests.faults.weather import Between, Weather

pytestmark = pytest.mark.faults

WATCHDOG = 0.4  # seconds that systemd waits for a sign of life
PATIENCE = 60.0  # seconds for what must happen
TIMEOUT_STOP = 60.0  # seconds: TimeoutStopSec of the unit


@pytest.fixture
async def peers(tmp_path, nursery):
    """Start a gateway, an operator with weather in between, and an app."""
    peers = Peers(Gateway(tmp_path))
    await peers.open(nursery)
    peers.between = Between(peers.gateway.operator)
    peers.gateway.operator = await nursery.start(peers.between.run)
    peers.gateway.configure()
    await peers.gateway.start(nursery)
    await peers.changes.wait_for(lambda: peers.bound)
    await said(peers.gateway, "operator_bound")  # before any weather comes between
    return peers


async def said(gateway, name, count=1):
    """Wait for the events of that name in the log; returns them."""
    with trio.fail_after(PATIENCE):
        await gateway.changes.wait_for(lambda: len([each for each in gateway.events if each["event"] == name]) >= count)
    return [each for each in gateway.events if each["event"] == name]


async def test_good_file(peers):
    """SIGHUP takes over another rate and another log level; the app that is bound stays so."""
    gateway = peers.gateway
    gateway.configure(accounts={ACCOUNT: {"rate": 1}}, log={"level": "debug"}, node="other")
    gateway.signal(SIGHUP)
    assert (await said(gateway, "reloaded"))[0]["accounts"] == []
    assert (await said(gateway, "restart_needed"))[0]["keys"] == ["node"]
    with trio.fail_after(PATIENCE):
        while (await peers.submit())[2] != status.ESME_RTHROTTLED:
            pass
    gateway.configure(log={"level": "error"})
    gateway.signal(SIGHUP)
    await said(gateway, "reloaded", 2)
    assert {(await peers.submit())[2] for _ in range(3)} == {status.ESME_ROK}
    assert [each for each in gateway.events if each["event"] == "app_unbound"] == []
    assert await gateway.end(SIGTERM) == 0
    assert [each for each in gateway.events if each["event"] == "stopping"] == []


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("node: gw1\nacounts: {}\n", ":2:1: acounts: ", "unknown"),
        ("node: [\n", ":2:1: ", ""),
        ('accounts:\n  shop: {password: "secret", rate: 0}\n', ":2:36: accounts.shop.rate: ", ""),
    ],
)
async def test_bad_file(peers, text, where, what):
    """A bad file is refused whole, each problem logged with file, line and key; the gateway goes on by the old one."""
    gateway = peers.gateway
    gateway.config.write_text(text)
    gateway.signal(SIGHUP)
    with trio.fail_after(PATIENCE):
        await gateway.changes.wait_for(
            lambda: any(
                reason.startswith(f"{gateway.config}{where}") and what in reason for reason in refusals(gateway)
            )
        )
    for _ in range(3):
        assert (await peers.submit())[2] == status.ESME_ROK
    gateway.configure()
    gateway.signal(SIGHUP)
    await said(gateway, "reloaded")
    assert await gateway.end(SIGTERM) == 0


def refusals(gateway):
    """Return why what was read again was refused."""
    return [each["reason"] for each in gateway.events if each["event"] == "reload_refused"]


async def test_file_that_is_gone(peers):
    """A file that is not there any more is refused, and so is one whose certificates cannot be used."""
    gateway = peers.gateway
    settings = gateway.config.read_text()
    gateway.config.unlink()
    gateway.signal(SIGHUP)
    await said(gateway, "reload_refused")
    gone = {"ca": "/nowhere/ca.pem"}
    changed = json.loads(settings)
    changed["operators"]["simulated"]["tls"] = gone
    gateway.config.write_text(json.dumps(changed))
    gateway.config.chmod(0o600)
    gateway.signal(SIGHUP)
    refusal = (await said(gateway, "reload_refused", 2))[1]["reason"]
    assert "operators.simulated.tls.ca: /nowhere/ca.pem cannot be read" in refusal
    assert (await peers.submit())[2] == status.ESME_ROK


async def test_second_signal(peers, nursery):
    """A second SIGTERM ends at once, though peers still owe answers; what was accepted is sent by the next run."""
    gateway = peers.gateway
    peers.between.turn(Weather.HANGING)
    tokens = [(await peers.submit())[0] for _ in range(5)]
    with trio.fail_after(PATIENCE):
        await peers.operator.wait_for(lambda: peers.operator.received)
    gateway.signal(SIGTERM)
    await said(gateway, "stopping")
    assert await gateway.end(SIGTERM) == 0
    assert [each for each in gateway.events if each["event"] == "stopped"] == []  # it did not wait for anybody
    assert set(tokens) <= peers.accepted.keys()
    peers.between.turn(Weather.FAIR)
    await gateway.start(nursery)
    await peers.settle(PATIENCE)


async def test_what_systemd_hears(tmp_path, nursery, monkeypatch):
    """Systemd hears READY=1, WATCHDOG=1 as often as it asked, RELOADING=1 and READY=1 around a reload, STOPPING=1."""
    address = str(tmp_path / "notify")
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        await systemd.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", f"{WATCHDOG * 1e6:.0f}")
        gateway = Gateway(tmp_path)
        gateway.configure()
        words, changes = [], Changes()
        began = trio.current_time()
        async with trio.open_nursery() as hearing:
            hearing.start_soon(hear, systemd, words, changes)
            await gateway.start(nursery)
            with trio.fail_after(PATIENCE):
                await changes.wait_for(lambda: words.count("WATCHDOG=1") >= 4)
            gateway.signal(SIGHUP)
            await said(gateway, "reloaded")
            await gateway.end(SIGTERM)
            with trio.fail_after(PATIENCE):
                await changes.wait_for(lambda: "STOPPING=1" in words)
            hearing.cancel_scope.cancel()
        took = trio.current_time() - began
    assert words[0] == "READY=1"
    assert [word for word in words if word != "WATCHDOG=1"] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert words.count("WATCHDOG=1") <= took / WATCHDOG * 3  # systemd asks for two within its time


async def hear(systemd, words, changes):
    """Note what systemd hears, as it comes: a socket that is not read takes ten words, further ones are lost."""
    while True:
        words.append((await systemd.recv(1024)).decode().split("\n")[0])
        changes.tell()


@pytest.mark.long
async def test_drain_among_peers_that_answer_nothing(peers, nursery, capsys):
    """Among peers that answer nothing SIGTERM ends with status 0 within TimeoutStopSec, and nothing is lost."""
    gateway = peers.gateway
    peers.between.turn(Weather.HANGING)
    idle = [await trio.open_tcp_stream(*gateway.address) for _ in range(5)]
    tokens = [(await peers.submit())[0] for _ in range(20)]
    began = trio.current_time()
    gateway.signal(SIGTERM)
    with trio.fail_after(TIMEOUT_STOP):
        assert await gateway.ended() == 0
    took = trio.current_time() - began
    for stream in idle:
        await stream.aclose()
    peers.between.turn(Weather.FAIR)
    await gateway.start(nursery)
    await peers.settle(PATIENCE)
    assert set(tokens) <= peers.accepted.keys()
    told(capsys, "SIGTERM among peers that answer nothing", "status 0 within TimeoutStopSec (60 s)", f"{took:.1f} s")

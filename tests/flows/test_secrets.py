"""Credentials never reach a log, a report of problems or an exception, whatever is done with them."""

import json
import os
import signal
import socket
import subprocess

import argon2
import pytest
import structlog
import trio

from gateway.config.models import ConfigError, load
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.faults.process import STOPGATE
from tests.flows.commandline import CommandLine
from tests.flows.peers import PATIENCE, App

SECRET = "Hush-42"
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)
BODY = f"shop\0{SECRET}\0\0\x34\0\0\0".encode()
FRAMES = {
    "wrong": b"bank\0" + BODY[5:],
    "swapped": f"{SECRET}\0shop\0\0\x34\0\0\0".encode(),
    "long": f"shop\0{SECRET * 20}\0\0\x34\0\0\0".encode(),
    "without an end": f"shop\0{SECRET}".encode(),
    "with a tail": BODY + SECRET.encode(),
    "with a TLV": BODY + b"\x14\x00\x00\x07" + SECRET.encode(),
    "not ASCII": BODY.replace(b"shop", b"\xff\xfe\x80") + b"\xff",
}


def talk(address, frame, answers=0):
    """Say something, wait for some answers, and read until the end."""
    with socket.create_connection(address, timeout=PATIENCE) as raw:
        raw.sendall(frame)
        for _ in range(answers):
            raw.recv(4096)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass


@pytest.mark.parametrize("password", [SECRET, HASH], ids=["clear", "hashed"])
async def test_binds(world, password):
    """Whatever a bind looks like, no event of any level holds its password."""
    world.operator = {"password": SECRET}
    await world.start(accounts={"shop": {"password": password}}, smpp={"limits": {"exempt": ["127.0.0.0/8"]}})
    for number, body in enumerate(FRAMES.values(), 1):
        frame = smpp.header(len(body), smpp.BIND_TRANSCEIVER, 0, number) + body
        await trio.to_thread.run_sync(talk, world.address, frame)
        await trio.to_thread.run_sync(talk, world.address, frame[4:])  # an unusable length
    await (await world.app(password=SECRET)).links[0].part(1)
    assert await world.refused(App(SECRET, password=SECRET)) == status.ESME_RINVSYSID
    world.orange.lets_in = False
    world.orange.hang_up()
    await world.eventually(lambda: world.events("operator_refused"))
    assert {entry["log_level"] for entry in world.log} >= {"debug", "info", "warning", "error"}
    assert SECRET not in repr(world.log)
    assert HASH not in repr(world.log)
    assert SECRET.encode() not in world.gateway.metrics.render()


PROBLEMS = [
    "accounts: {shop: {password: Hush-42, rate: x}}",
    "accounts: {shop: {password: Hush-42Hush-42, api_key: Hush-42}}",
    "accounts: {shop: {passwort: Hush-42}}",
    "accounts: {shop: {password: *Hush-42}}",
    "accounts: {shop: {password: !Hush-42 x}}",
    "accounts: {shop: {password: &Hush-42 {a: b}}}",
    "accounts: {shop: {password: [Hush-42]}}",
    "accounts: {shop: {password: $argon2id$Hush-42}}",
    "accounts: {shop: {password: %Hush-42}}",
    "accounts: {shop: {password: 'Hush-42}}",
    "accounts: {shop: {password: 'Hush-42' 'Hush-42'}}",
    "accounts: {shop: {password: Hush-42: Hush-42}}",
    "accounts:\n  shop:\n    password: x\n   Hush-42",
    "operators: {o: {host: h, system_id: s, password: Hush-42-too-long}}",
    "accounts: {shop: {password: x, api_key: Hush-42}}",
]


@pytest.mark.parametrize("text", PROBLEMS)
def test_configurations(tmp_path, text):
    """No problem of a configuration quotes what may be a password."""
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert SECRET not in str(caught.value)


async def test_process(tmp_path):
    """The daemon at level debug, from start over SIGHUP to stop, says nothing of its passwords on either output."""
    path = tmp_path / "gateway.yaml"
    settings = {
        "store": f"sqlite:///{tmp_path}/gateway.db",
        "log": {"level": "debug"},
        "smpp": {"listen": ["127.0.0.1:0"]},
        "web": None,
        "metrics": None,
        "accounts": {"shop": {"password": "${SHOP}"}},
        "operators": {"o": {"host": "127.0.0.1", "port": 1, "system_id": "gw", "password": "${SHOP}"}},
        "routes": [{"prefixes": [""], "operators": ["o"]}],
    }
    path.write_text(json.dumps(settings))
    process = await trio.lowlevel.open_process(
        [*STOPGATE, "run", "--config", str(path)],
        env={**os.environ, "SHOP": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = b""
    with trio.fail_after(PATIENCE):
        try:
            while b'"started"' not in said:
                said += await process.stdout.receive_some()
            [line] = [json.loads(line) for line in said.splitlines() if b'"started"' in line]
            for body in FRAMES.values():
                frame = smpp.header(len(body), smpp.BIND_TRANSCEIVER, 0, 1) + body
                await trio.to_thread.run_sync(talk, tuple(line["listen"][0]), frame)
            frame = smpp.header(len(BODY), smpp.BIND_TRANSCEIVER, 0, 1) + BODY
            await trio.to_thread.run_sync(talk, tuple(line["listen"][0]), frame, 1)
            process.send_signal(signal.SIGHUP)
            while b'"reloaded"' not in said:
                said += await process.stdout.receive_some()
            process.terminate()
            async for data in process.stdout:
                said += data
        finally:
            process.kill()
            await process.wait()
    assert b'"app_refused"' in said
    assert b'"app_bound"' in said
    assert SECRET.encode() not in said


@pytest.mark.parametrize(
    "words",
    [["doctor"], ["operators", "list"], ["operators", "binds"], ["accounts", "list"], ["accounts", "binds"]],
    ids=" ".join,
)
async def test_commands(world, tmp_path, words):
    """No command for administrators shows a password, whichever the format."""
    world.operator = {"password": SECRET}
    await world.start(accounts={"shop": {"password": SECRET, "api_key": SECRET * 3}}, control=str(tmp_path / "control"))
    await world.app(password=SECRET)
    stopgate = CommandLine(world, tmp_path)
    for form in ("table", "json"):
        said = await stopgate(*words, "--format", form)
        assert SECRET not in said.out + said.err
    assert "orange" in said.out or "shop" in said.out
    assert SECRET not in repr(world.log)


@pytest.mark.parametrize(
    "words",
    [["backup", "there"], ["restore", "here"], ["doctor", "--format", "json"], ["spool", "status"]],
    ids=lambda words: words[0],
)
async def test_database_password(world, tmp_path, words):
    """A database's password is not in what a command says of a server that it cannot reach."""
    (tmp_path / "here").write_text("")
    world.settings = {"store": f"postgresql://stopgate:{SECRET}@127.0.0.1:1/stopgate", "web": None}
    said = await CommandLine(world, tmp_path)(*[str(tmp_path / each) if "here" in each else each for each in words])
    assert said.status == 1
    assert "127.0.0.1:1" in said.out + said.err
    assert SECRET not in said.out + said.err


def test_marker_is_found():
    """The search is able to find what it looks for."""
    with structlog.testing.capture_logs() as log:
        structlog.get_logger().info("said", what=SECRET)
    assert SECRET in repr(log)

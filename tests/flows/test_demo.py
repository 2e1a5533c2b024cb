"""The demo, as its user sees it."""

import json
import re
import signal
import socket
import subprocess
import sys

import pytest

from gateway.demo.story import ENDING, STORY
from gateway.demo.teller import PlainTeller

DEMO = [sys.executable, "-m", "gateway", "demo"]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Have temporary folders made where the test can look for them."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_story_comes_true(environment):
    """The whole story comes true, step by step in its order, and nothing is left behind."""
    done = subprocess.run([*DEMO, "--once", "--json"], capture_output=True, text=True, check=False, timeout=300)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["step"], each["ok"]) for each in told] == [(step.name, True) for step in [*STORY, *ENDING]]
    assert (done.returncode, done.stderr, list(environment.iterdir())) == (0, "", [])
    figures = {each["step"]: each["figures"] for each in told}
    assert figures["french_message"]["received"].endswith(" STOP 36034")
    assert figures["german_message"]["received"].endswith("no-sms.eu")
    assert figures["german_message"]["segments"] == 2
    assert figures["billable_event"]["number"] == figures["stop"]["from"]
    assert figures["web_opt_out"]["billable_events"] == 2


def test_gateway_that_cannot_start(environment):
    """A gateway that cannot have its address: the demo says so with its log, plays nothing more, and ends with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "{}:{}".format(*taken.getsockname())
        line = [*DEMO, "--once", "--json", "--listen", address]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    (told,) = (json.loads(line) for line in done.stdout.splitlines())
    assert (done.returncode, told["step"], told["ok"]) == (1, "gateway_started", False)
    assert f"cannot listen on {address}" in told["why"]
    assert any("cannot_run" in line for line in told["log"])
    assert list(environment.iterdir()) == []


def test_stays_until_interrupted(environment):
    """Without --once the demo stays, says how to connect, carries what others send, and leaves nothing behind."""
    with subprocess.Popen(DEMO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as demo:
        lines = iter(demo.stdout.readline, "")
        invitation = next(line for line in lines if "or send with" in line)
        next(line for line in lines if "Ctrl-C" in line)
        command = re.search(r"stopgate simulate app (.*) (\d+) \"Bonjour\"", invitation)
        app = [sys.executable, "-m", "gateway", "simulate", "app", *command[1].split(), command[2], "Bonjour"]
        sent = subprocess.run(app, capture_output=True, text=True, check=False, timeout=60)
        arrived = next(lines)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert (sent.returncode, "stat:DELIVRD" in sent.stdout) == (0, True), sent
    assert arrived == f"DEMO → {command[2]} (1 segment, gsm): Bonjour STOP 36034\n"
    assert rest.startswith(f"✓ {ENDING[-1].promise}")
    assert (demo.returncode, list(environment.iterdir())) == (0, [])


def test_failure_in_words(capsys):
    """A step that fails is told to people with the reason and the gateway's last log lines."""
    PlainTeller().failed(STORY[0], "it ended", ["first line", "last line"])
    told = f"✗ {STORY[0].promise} But it ended.\nThe gateway's last log lines:\n    first line\n    last line\n"
    assert capsys.readouterr().out == told

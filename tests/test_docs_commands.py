"""Every command line that the pages show is run as it stands, against a gateway that runs."""

import contextlib
import json
import re
import shlex
import subprocess
import sys

import pytest

from tests.faults.process import free_port
from tests.test_docs import FENCE, PAGES

STOPGATE = [sys.executable, "-m", "gateway"]
# What runs on, needs a peer or another database, or ends what the others need; each has tests of its own.
ELSEWHERE = {"run", "demo", "simulate", "store", "restore"}
COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )?(?:runuser -u stopgate -- )?stopgate (.*)$", re.MULTILINE)
# Words that stand for something of the reader's.
FILES = re.compile(r"^(?:/\S*/|)gateway\.yaml$|^FILE$")
TIME = 60.0


def command_lines():
    """Return (page, words) of every command in a block that is run here."""
    found = []
    for page in PAGES:
        for _, block in FENCE.findall(page.read_text(encoding="utf-8")):
            lines = COMMAND.findall(block.replace("\\\n", " "))
            found += [(page.name, shlex.split(line, comments=True)) for line in lines]
    return [
        (page, words)
        for number, (page, words) in enumerate(found)
        if words[0] not in ELSEWHERE and words not in (other for _, other in found[:number])
    ]


LINES = command_lines()


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """Run a gateway with the accounts and operators that the pages speak of; returns its configuration."""
    folder = tmp_path_factory.mktemp("pages")
    path = folder / "gateway.yaml"
    accounts = {"password": "secret", "publisher": "Shop SARL"}
    settings = {
        "store": f"sqlite:///{folder / 'gateway.db'}",
        "smpp": {"listen": ["127.0.0.1:0"]},
        "web": {"listen": None},
        "metrics": {"listen": None},
        "accounts": {"shop": accounts, "alerts": accounts | {"kind": "notification"}},
        "operators": {"orange": {"host": "127.0.0.1", "port": free_port(), "system_id": "gw", "password": "secret"}},
        "routes": [{"prefixes": [""], "operators": ["orange"]}],
    }
    path.write_text(json.dumps(settings), encoding="utf-8")
    path.chmod(0o600)
    (folder / "list.csv").write_text("number\n0612345679\n", encoding="utf-8")
    port = settings["operators"]["orange"]["port"]
    peer = ("simulate", "operator", "--listen", f"127.0.0.1:{port}", "--system-id", "gw", "--password", "secret")
    with running(*peer, until=str(port)) as operator:
        with running("run", "--config", str(path), until='"operator_bound"') as gateway:
            yield path
            gateway.terminate()
            gateway.stdout.read()
        operator.terminate()
    assert gateway.returncode == 0


@contextlib.contextmanager
def running(*words, until):
    """Run a command until it prints something, and go on."""
    command = [*STOPGATE, *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if until in line:
                break
        yield process


def test_pages_have_commands():
    """The search finds the commands."""
    assert len(LINES) > 15
    assert {"check", "preview", "ledger"} <= {words[0] for _, words in LINES}


@pytest.mark.parametrize(("page", "words"), LINES, ids=[f"{page}-{' '.join(words[:2])}" for page, words in LINES])
def test_command_works(configuration, page, words):
    """A command that a page shows is one that works as it is shown."""
    line = [str(configuration) if FILES.match(word) else word for word in words]
    line = ["0612345678" if word == "NUMBER" else word for word in line]
    line = [str(configuration.parent / word.rpartition("/")[2]) if word.startswith("/var/") else word for word in line]
    done = subprocess.run(
        [*STOPGATE, *line],
        cwd=configuration.parent,
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=TIME,
    )
    assert done.returncode == 0, f"{page}: {done.stdout}{done.stderr}"

"""Commands with odd streams, octets and locales: a sentence and a status, never a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from gateway.store import blacklist
from gateway.store.blacklist import Entry
from gateway.store.sqlite import SqliteStore

STOPGATE = [sys.executable, "-m", "gateway"]
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
NUMBER = "33612345678"
MANY = 3_000  # more than one page, and more than a pipe holds


@pytest.fixture
def config(tmp_path):
    """Write a configuration; its database does not exist yet."""
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"store: sqlite:///{tmp_path}/gateway.db\n"
        "accounts: {shop: {password: x}}\n"
        "operators: {o: {host: 127.0.0.1, system_id: a, password: b}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )
    return path


@pytest.fixture
def opted_out(config):
    """Opt many numbers out; returns them."""
    numbers = sorted((f"3361{number:07}" for number in range(MANY)), reverse=True)
    entries = [Entry(number, "*", MANY - place, "cli", "36034", False, 1) for place, number in enumerate(numbers)]
    store = SqliteStore(config.with_name("gateway.db"))
    trio.run(store.once, lambda tx: blacklist.add(tx, entries))
    store.close()
    return numbers


@pytest.fixture
def run(config):
    """Run a command on the configuration."""

    def run(*words, env=None, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **more}
        line = [*STOPGATE, *words, "--config", str(config)]
        environ = {**os.environ, **(env or {})}
        return subprocess.run(line, stderr=subprocess.PIPE, env=environ, check=False, timeout=60, **more)

    return run


def said(done):
    """Return what a command said on standard error; a traceback fails."""
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    return text.splitlines()[-1] if text else ""


PREVIEW = ("preview", "--account", "shop", "--to", NUMBER)


def test_argument_that_is_no_text(run):
    """An argument that is not UTF-8 is said so, with status 2."""
    for words in ((*PREVIEW, b"caf\xe9"), ("blacklist", "add", "--reason", b"\xff", NUMBER)):
        done = run(*words)
        assert (done.returncode, "is not text in UTF-8" in said(done)) == (2, True), words


def test_empty_reason(run):
    """A reason that says nothing is none."""
    done = run("blacklist", "add", "--reason", " ", NUMBER)
    assert (done.returncode, "must say why" in said(done)) == (2, True)


def test_preview_in_ascii(run):
    """Where the locale has ASCII only, a text is read, and printed, as the UTF-8 that it is."""
    done = run(*PREVIEW, "été ☃", env=ASCII)
    assert (done.returncode, said(done)) == (0, "")
    assert done.stdout.decode().startswith("été ☃ STOP 36034\n")
    assert b"alphabet  UCS-2" in done.stdout


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_lists_in_ascii(run, opted_out, form):
    """A list is whole, in its order, in every form, whatever the locale."""
    done = run("blacklist", "list", "--format", form, env=ASCII)
    assert (done.returncode, said(done)) == (0, "")
    text = done.stdout.decode()
    if form == "json":
        assert [row["number"] for row in json.loads(text)] == opted_out
    else:
        assert [word for word in text.replace(",", " ").split() if word.startswith("3361")] == opted_out


@pytest.mark.parametrize(
    "words", [["check"], *(["blacklist", "list", "--format", form] for form in ("table", "csv", "json"))]
)
def test_full_disk_behind_standard_output(run, opted_out, words):
    """Output that cannot be written is said in one sentence, with status 1."""
    with Path("/dev/full").open("wb") as full:
        done = run(*words, stdout=full)
    sentence = "stopgate: standard output cannot be written: No space left on device"
    assert (done.returncode, done.stderr.decode().splitlines()) == (1, [sentence])


def test_reader_that_leaves(config, opted_out):
    """A reader that has seen enough ends a list without a word."""
    line = [*STOPGATE, "blacklist", "list", "--format", "csv", "--config", str(config)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout.readline().startswith(b"number,")
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 1


def test_reader_that_leaves_the_demo(tmp_path, monkeypatch):
    """A demo that nobody watches any more ends with status 1, without a traceback, and cleans up."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with subprocess.Popen([*STOPGATE, "demo", "--once"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == b""
    assert (demo.returncode, list(tmp_path.iterdir())) == (1, [])


def test_password_that_is_no_text():
    """A password that is not UTF-8, and one that cannot be read at all, are said so."""
    for shell, words in (("printf 'caf\\351\\n' |", "is not text in UTF-8"), ("<&-", "the password is empty")):
        piped = shell.endswith("|")
        command = f"{sys.executable} -m gateway hash-password"
        line = f"{shell} {command}" if piped else f"{command} {shell}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=60)
        assert (done.returncode, words in said(done)) == (1, True), line


def test_simulated_operator_without_a_keyboard():
    """A simulated operator whose standard input is closed serves, and ends as asked."""
    line = f"exec {sys.executable} -m gateway simulate operator --listen 127.0.0.1:0 --system-id a --password b <&-"
    with subprocess.Popen(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as operator:
        assert operator.stdout.readline().startswith(b"listening on ")
        operator.send_signal(signal.SIGINT)
        assert (operator.stdout.read(), operator.stderr.read()) == (b"stopped\n", b"")
    assert operator.returncode == 0


# Says so when the first module of ours is about to be imported, and stays there.
IMPORTING = """
import builtins, signal, sys
import gateway.__main__ as entry
def stay(*_, **__):
    sys.stdout.write("now\\n")
    sys.stdout.flush()
    while True:
        signal.pause()
builtins.__import__ = stay
entry.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_modules_are_imported(number):
    """A signal that comes before the command is there ends the process by that signal, without a word."""
    line = [sys.executable, "-c", IMPORTING]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"now\n"
        process.send_signal(number)
        assert process.stderr.read() == b""
    assert process.returncode == -number


def test_no_database_is_made(run, config):
    """Commands on a database that does not exist say so, and make none: the name may be mistyped."""
    for words in (
        ["blacklist", "list"],
        ["ledger", "export"],
        ["blacklist", "add", "--reason", "x", NUMBER],
    ):
        done = run(*words)
        assert (done.returncode, "there is no such database" in said(done)) == (1, True), words
    assert [path.name for path in config.parent.iterdir()] == [config.name]


def test_database_of_somebody_else(run, config):
    """A file that is no database of ours is said so."""
    for octets, words in ((b"", "is no database of this release"), (b"x" * 5_000, "is not a SQLite database")):
        config.with_name("gateway.db").write_bytes(octets)
        done = run("blacklist", "list")
        assert (done.returncode, words in said(done)) == (1, True), words


@pytest.mark.parametrize("what", ["blacklist", "ledger"])
def test_account_that_does_not_exist(run, opted_out, what):
    """A list for an account that is not there is a mistake, not an empty list."""
    done = run(what, "list", "--account", "nope")
    assert (done.returncode, said(done)) == (1, "Error: there is no account nope; the configuration has shop")

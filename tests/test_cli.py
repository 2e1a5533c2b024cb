"""The command line, as its user sees it."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest
import trio
from argon2 import PasswordHasher
from click.testing import CliRunner

from gateway import cli
from gateway.optout.effect import Decided, opt_out_by_hand
from gateway.rules.number import canonical
from gateway.store.sqlite import SqliteStore

EXAMPLE = Path(__file__).parents[1] / "config" / "gateway.yaml"


@pytest.fixture
def run():
    """Run a command line."""
    return lambda *args, **more: CliRunner().invoke(cli.main, args, **more)


def test_check_accepts_the_example(run):
    """A correct configuration ends with status 0 and one line that says what would run."""
    result = run("check", "--config", str(EXAMPLE))
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"{EXAMPLE}: node gw1, 2 accounts, 1 operator (1 bind), 2 routes, SMPP on 127.0.0.1:2775, store sqlite\n"
    )


def test_check_lists_problems(run, tmp_path):
    """A wrong configuration ends with status 2 and each problem on standard error, one a line."""
    path = tmp_path / "gateway.yaml"
    path.write_text("nodes: x\nweb: {listen: here}\n")
    result = run("check", "--config", str(path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [f"{path}:1:1", f"{path}:2:15"]


def test_check_without_a_file(run, tmp_path):
    """A file that is not there is a problem like any other."""
    result = run("check", "--config", str(tmp_path / "gateway.yaml"))
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


@pytest.mark.parametrize("typed", ["correct horse\n", "correct horse\r\n", "correct horse"])
def test_hash_password(run, typed):
    """The printed hash verifies the password that was read."""
    result = run("hash-password", input=typed)
    assert result.exit_code == 0
    assert PasswordHasher().verify(result.stdout.strip(), "correct horse")


def test_hash_of_nothing(run):
    """An empty password is refused in one sentence."""
    result = run("hash-password", input="")
    assert result.exit_code == 1
    assert result.stderr == "Error: the password is empty; give one on standard input\n"


def test_help_lists_the_commands(run):
    """Help names every command with what it does."""
    result = run("--help")
    assert result.exit_code == 0
    assert [name for name in cli.COMMANDS if name not in result.stdout] == []


def test_unknown_command(run):
    """A command that does not exist is said so, with status 2."""
    result = run("chekc")
    assert result.exit_code == 2
    assert "No such command" in result.stderr


def all_of(terminal):
    """Read all that a terminal has been shown; it hands over as much at a time as it likes."""
    shown = b""
    with suppress(OSError):  # which is the end, once the other side is closed
        while octets := os.read(terminal, 65_536):
            shown += octets
    return shown


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_text_commands_the_terminal(form):
    """On a terminal no form of a list lets a text's escape sequences through."""
    ours, theirs = pty.openpty()
    words = [
        "blacklist",
        "try",
        "--config",
        str(EXAMPLE),
        "--format",
        form,
        "--data-coding",
        "3",
        "--octets",
        "1b5b324a",
    ]
    terminal = {**os.environ, "TERM": "dumb", "COLUMNS": "200", "FORCE_COLOR": ""}
    subprocess.run([sys.executable, "-m", "gateway", *words], stdout=theirs, check=True, env=terminal)
    os.close(theirs)
    shown = all_of(ours)
    os.close(ours)
    assert b"u001b[2J" in shown
    assert b"\x1b" not in shown


def test_installed_command():
    """The installed command knows its version, and imports no command's module to say it."""
    code = (
        "import sys; from gateway.cli import main\ntry: main(['--version'])\nfinally: print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, imported = done.stdout.splitlines()
    assert said.endswith(f"version {version('stopgate')}")
    assert imported == "False"


@pytest.fixture
def previewed(run, tmp_path, monkeypatch):
    """Run `stopgate preview` for an account with hours, on a Sunday night."""
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"store: sqlite:///{tmp_path}/gateway.db\n"
        "accounts: {shop: {password: x, hours: strict, max_segments: 2}}\n"
        "operators: {o: {host: 127.0.0.1, system_id: a, password: b, long_messages: udh16}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )
    sunday = 1_795_921_200_000_000_000  # the 29th of November 2026, 03:00 UTC
    monkeypatch.setattr("time.time_ns", lambda: sunday)
    return lambda *words: run("preview", "--config", str(path), "--account", "shop", *words)


def test_preview(previewed):
    """A preview shows the text, its segments, the room left, when it leaves, and what it would be without accents."""
    shown = previewed("--to", "262692123456", "L\u2019h\u00f4tel " + "x" * 70)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        "L\u2019h\u00f4tel " + "x" * 70 + " no-sms.eu",
        "",
        "to        262692123456 (RE)",
        "mention   no-sms.eu, appended",
        "alphabet  UCS-2",
        "segments  2, room for 44 more in the last one",
        "       1  'L\u2019h\u00f4tel " + "x" * 58 + "'",
        "       2  '" + "x" * 12 + " no-sms.eu'",
        "leaves    2026-11-30 08:00 (Indian/Reunion): outside the account's hours until then",
        "foreign   '\u2019' at 2, in GSM-7 \"'\", '\u00f4' at 4, in GSM-7 'o'",
        "plain     without accents 1 in GSM-7: L'hotel " + "x" * 70 + " no-sms.eu",
    ]


def test_preview_of_what_the_database_knows(previewed, tmp_path):
    """A number that has opted out is refused in the preview, too; a database that cannot be read is said to be so."""
    store = SqliteStore(tmp_path / "gateway.db")
    decided = Decided(canonical("33612345678"), "shop", "36034", "asked to")
    trio.run(store.once, lambda tx: opt_out_by_hand(tx, decided))
    store.close()
    shown = previewed("--to", "0612345678", "x")
    assert (shown.exit_code, "The number has opted out" in shown.stderr) == (1, True)
    assert previewed("--to", "0712345678", "x").exit_code == 0
    (tmp_path / "gateway.db").write_bytes(b"no database")
    shown = previewed("--to", "0612345678", "x")
    assert (shown.exit_code, "Whether the number has opted out is not known" in shown.stderr) == (0, True)


def test_preview_as_json(previewed):
    """A preview in JSON has the same, for programs."""
    found = json.loads(previewed("--to", "0612345678", "--format", "json", "Ao\u00fbt").stdout)
    assert (found["to"], found["territory"], found["reason"]) == ("33612345678", "FR", "appended")
    assert (found["text"], found["after"]["alphabet"]) == ("Ao\u00fbt STOP 36034", "ucs2")
    assert found["due"] == 1_796_022_000_000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x" * 310], "Message Length is invalid"),
        (["x" * 300], "do not fit into the segments allowed"),
        (["--optout-mention", "0", "x"], "may not leave the opt-out mention out"),
        (["--encoding", "gsm", "\u00ea"], "the GSM alphabet has no '\u00ea'"),
    ],
)
def test_preview_of_what_is_refused(previewed, words, sentence):
    """What would be refused ends with status 1, and says why."""
    shown = previewed("--to", "0612345678", *words)
    assert shown.exit_code == 1
    assert sentence in shown.stderr

"""The command line, as its user sees it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner

from gateway import cli

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


def test_installed_command():
    """The installed command knows its version, and imports no command's module to say it."""
    code = (
        "import sys; from gateway.cli import main\ntry: main(['--version'])\nfinally: print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, imported = done.stdout.splitlines()
    assert said.endswith(f"version {version('stopgate')}")
    assert imported == "False"


def test_preview_outside_the_hours(run, tmp_path, monkeypatch):
    """A preview says when the message would leave, on the clock of where the number is, if that is not now."""
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"store: sqlite:///{tmp_path}/gateway.db\n"
        "accounts: {shop: {password: x, hours: strict}}\n"
        "operators: {o: {host: 127.0.0.1, system_id: a, password: b}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )
    sunday = 1_795_921_200_000_000_000  # the 29th of November 2026, 03:00 UTC
    monkeypatch.setattr("time.time_ns", lambda: sunday)
    shown = run("preview", "--config", str(path), "--account", "shop", "--to", "262692123456", "Bonjour")
    assert shown.exit_code == 0, shown.output
    assert "leaves    2026-11-30 08:00 (Indian/Reunion)" in shown.stdout

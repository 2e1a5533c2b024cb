"""Lays an installation out under a folder, for `make install` and the Debian package; it needs no network later.

The program lives in a virtual environment of its own, `/usr/lib/stopgate`, with exactly the packages of the lock file;
around it stand the command, the units, man pages, shell completion, and a first configuration. What is laid out depends
on nothing but the checkout: the same one gives the same octets.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from click_man.core import write_man_pages

from gateway import cli

ROOT = Path(__file__).parents[1]
HERE = Path("usr/lib/stopgate")
LOCK = "requirements.lock"
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/stopgate",
    "fish": "usr/share/fish/vendor_completions.d/stopgate.fish",
    "zsh": "usr/share/zsh/vendor-completions/_stopgate",
}
FILES = {
    "packaging/gateway.yaml": "etc/stopgate/gateway.yaml",
    "packaging/sysusers.conf": "usr/lib/sysusers.d/stopgate.conf",
    "packaging/tmpfiles.conf": "usr/lib/tmpfiles.d/stopgate.conf",
    "systemd/stopgate.service": "usr/lib/systemd/system/stopgate.service",
    "systemd/stopgate@.service": "usr/lib/systemd/system/stopgate@.service",
    "config/gateway.yaml": "usr/share/doc/stopgate/examples/gateway.yaml",
    "CHANGELOG.md": "usr/share/doc/stopgate/CHANGELOG.md",
    "LICENSE": "usr/share/doc/stopgate/copyright",
    "README.md": "usr/share/doc/stopgate/README.md",
}


def epoch() -> int:
    """Return the moment that files are dated: SOURCE_DATE_EPOCH, else that of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or _run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip())


def stage(root: Path, python: str) -> None:
    """Lay the installation out under ``root``, for the interpreter ``python``, which is at the same path there."""
    _environment(root, python)
    _manuals(root)
    for shell, target in COMPLETIONS.items():
        completion = get_completion_class(shell)
        if completion is None:
            raise ValueError(f"click completes no {shell}")
        _write(root / target, completion(cli.main, {}, "stopgate", "_STOPGATE_COMPLETE").source())
    for source, target in FILES.items():
        if not (target.startswith("etc/") and (root / target).exists()):  # a configuration is its owner's
            _write(root / target, (ROOT / source).read_text(encoding="utf-8"))
    command = root / "usr/bin/stopgate"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.unlink(missing_ok=True)
    command.symlink_to(f"../../{HERE}/bin/stopgate")


def bill(target: Path) -> None:
    """Write the bill of materials: what is locked, and so installed, in CycloneDX' form."""
    tool = Path(sys.executable).parent / "cyclonedx-py"
    _run(
        tool, "requirements", "--output-reproducible", "--pyproject", ROOT / "pyproject.toml", "-o", target, ROOT / LOCK
    )


def _environment(root: Path, python: str) -> None:
    """Make the virtual environment: what is locked and the program, with paths as they are without ``root``."""
    here = root / HERE
    shutil.rmtree(here, ignore_errors=True)
    _run(python, "-m", "venv", "--without-pip", here)
    pip = (sys.executable, "-m", "pip", "--python", here / "bin/python", "--disable-pip-version-check", "install", "-q")
    _run(*pip, "--no-compile", "--require-hashes", "-r", ROOT / LOCK)
    with tempfile.TemporaryDirectory() as folder:
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
        _run(*pip, "--no-compile", "--no-deps", "--no-index", *Path(folder).glob("*.whl"))
    for script in (here / "bin").iterdir():
        if not script.is_symlink() and script.name != "stopgate":
            script.unlink()
    shutil.rmtree(here / "include")
    command = here / "bin/stopgate"
    _, _, rest = command.read_text(encoding="utf-8").partition("\n")
    command.write_text(f"#!/{HERE}/bin/python\n{rest}", encoding="utf-8")
    configuration = here / "pyvenv.cfg"
    configuration.write_text(configuration.read_text(encoding="utf-8").replace(str(root), ""), encoding="utf-8")
    for record in here.glob("lib/*/site-packages/stopgate-*.dist-info"):
        (record / "direct_url.json").unlink(missing_ok=True)  # it names the checkout
    # Hashes rather than times: whoever unpacks this may date files as he likes.
    options = ("-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", root, "-p", "/")
    _run(here / "bin/python", "-m", "compileall", *options, here / "lib")


def _manuals(root: Path) -> None:
    """Write a man page for each command."""
    context = click.Context(cli.main)
    commands = {name: cli.main.get_command(context, name) for name in cli.main.list_commands(context)}
    # click-man walks groups by their table, and ours imports a command when it is asked for.
    whole = click.Group(
        "stopgate",
        {name: command for name, command in commands.items() if command},
        help=cli.main.help,
        params=cli.main.params,
    )
    folder = root / "usr/share/man/man1"
    folder.mkdir(parents=True, exist_ok=True)
    write_man_pages("stopgate", whole, version=version("stopgate"), target_dir=str(folder), date="")
    for page in sorted(folder.glob("*.1")):
        page.with_suffix(".1.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    # A bill without its own graph of dependencies is one: the lock has no graph.
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, cwd=cwd, env=environ).stdout


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--root", type=Path, help="where to lay it out; / installs it")
    what.add_argument("--bill", type=Path, help="write the bill of materials there, and nothing else")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that it will run on")
    given = parser.parse_args()
    if given.bill:
        bill(given.bill.resolve())
    else:
        stage(given.root.resolve(), given.python)


if __name__ == "__main__":
    main()

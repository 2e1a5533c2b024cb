"""The Debian package, as a file: what it holds."""

import gzip
import shutil
import subprocess

import pytest

from gateway import cli

ROOT = "usr/lib/stopgate"


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    """Unpack the package."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder


def test_program_is_whole(unpacked):
    """Nothing but Python itself is taken from elsewhere: the program runs from where it was unpacked."""
    python = unpacked / ROOT / "bin/python3"
    probe = "import gateway, psycopg, apsw, sys; print(gateway.__file__, *sys.path)"
    printed = subprocess.run([python, "-I", "-c", probe], check=True, capture_output=True, text=True).stdout
    module, *path = printed.split()
    assert module.startswith(str(unpacked))
    assert [each for each in path if "dist-packages" in each or "site-packages" in each] == [
        each for each in path if each.startswith(str(unpacked))
    ]


def test_nothing_names_the_place_where_it_was_built(unpacked):
    """No file has the path that it was laid out at in it, compiled ones included."""
    found = subprocess.run(
        ["grep", "-rlE", "/tmp/tmp[a-z0-9_]{8}/", unpacked], check=False, capture_output=True, text=True
    )
    assert found.stdout == ""
    assert (unpacked / ROOT / "bin/stopgate").read_text().startswith("#!/usr/lib/stopgate/bin/python\n")


def test_every_command_has_a_manual(unpacked):
    """Each command has a man page that says what its help says."""
    folder = unpacked / "usr/share/man/man1"
    pages = {path.name: gzip.decompress(path.read_bytes()).decode() for path in folder.iterdir()}
    assert {f"stopgate-{name}.1.gz" for name in cli.COMMANDS} <= set(pages)
    assert "configuration" in pages["stopgate-run.1.gz"]
    if shutil.which("man"):
        command = ["man", "--warnings", "-l", folder / "stopgate-run.1.gz"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stderr == ""


def test_shells_complete(unpacked):
    """Bash, zsh and fish are told how to complete its commands."""
    for path in ("bash-completion/completions/stopgate", "zsh/vendor-completions/_stopgate"):
        assert "_STOPGATE_COMPLETE" in (unpacked / "usr/share" / path).read_text()
    words = {"COMP_WORDS": "stopgate led", "COMP_CWORD": "1", "_STOPGATE_COMPLETE": "bash_complete"}
    python = unpacked / ROOT / "bin/python"
    run = "from gateway.cli import main; main(prog_name='stopgate')"
    printed = subprocess.run([python, "-c", run], env=words, capture_output=True, text=True, check=False).stdout
    assert printed == "plain,ledger\n"


def test_lists_what_is_in_it(unpacked):
    """Its bill of materials names every package that it brings."""
    bill = (unpacked / "usr/share/doc/stopgate/stopgate.cdx.json").read_text()
    brought = {
        path.name.split("-")[0].lower().replace("_", "-")
        for path in unpacked.glob(f"{ROOT}/lib/*/site-packages/*.dist-info")
    }
    assert {name for name in brought if f'"name": "{name}"' not in bill.lower()} == set()
    assert len(brought) > 30

"""What is released: archives that anybody can build again, and that install anywhere; locks that fit."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.conftest import ROOT, skip

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WANTED = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["postgres"]]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def locked(name):
    """Return the versions that a lock file names, by package."""
    return {canonicalize_name(each): release for each, release in LOCKED.findall((ROOT / name).read_text("utf-8"))}


def build(folder):
    """Build sdist and wheel from a copy of the checkout's files; returns them."""
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).exists():
            target = folder / "copy" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, cwd=folder / "copy", check=True, capture_output=True, env=environ)
    return sorted(path for path in folder.iterdir() if path.is_file())


def interpreter(version):
    """Return a Python of that version which can make environments, from the path or from pyenv; None without one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in (shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")):
        if (
            path
            and not subprocess.run([path, "-c", "import ensurepip, ssl"], capture_output=True, check=False).returncode
        ):
            return path
    return None


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Build the archives once."""
    return build(tmp_path_factory.mktemp("first"))


def test_archives_are_reproducible(archives, tmp_path):
    """The same checkout gives the same octets, wherever and whenever it is built."""
    again = build(tmp_path)
    assert [path.name for path in again] == ["stopgate-0.1.0-py3-none-any.whl", "stopgate-0.1.0.tar.gz"]
    digests = [[sha256(path.read_bytes()).hexdigest() for path in paths] for paths in (archives, again)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_wheel_installs(archives, tmp_path, version):
    """The wheel runs in a clean environment of each Python that is there, with what its ranges ask for."""
    python = interpreter(version)
    if python is None:
        if sys.version.startswith(version):
            skip(f"Python {version} cannot make environments; on Debian: apt-get install python3-venv")
        pytest.skip(f"there is no Python {version} here")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    pip = [tmp_path / "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-compile", f"{archives[0]}[postgres]"], check=True, capture_output=True)
    stopgate = tmp_path / "venv/bin/stopgate"
    said = subprocess.run([stopgate, "--version"], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert said == "stopgate, version 0.1.0\n"
    example = ROOT / "config/gateway.yaml"
    subprocess.run([stopgate, "check", "--config", example], check=True, capture_output=True, cwd=tmp_path)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", WANTED),
        (
            "requirements-dev.lock",
            WANTED + [each for each in PROJECT["dependency-groups"]["dev"] if "embedded" not in each],
        ),
    ],
)
def test_locks_fit(name, wanted):
    """A lock file has every package that is asked for, in a version that is within its range; `make lock` writes it."""
    found = locked(name)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(found[canonicalize_name(requirement.name)]), requirement


def test_locks_agree():
    """What is shipped is what is tested."""
    shipped, tested = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: tested.get(name) for name in shipped} == shipped
    assert len(shipped) > 30

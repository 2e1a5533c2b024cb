"""What the tests of packages share: one Debian package and one machine for all of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.machine import MissingError, machine

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"


def skip(why):
    """Skip, unless nothing may be skipped."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """Build the Debian package."""
    if not shutil.which("dpkg-deb") or not Path(PYTHON).exists():
        skip(f"a Debian package needs dpkg-deb and {PYTHON}")
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "packaging/deb.py", str(folder), "--python", PYTHON]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def debian(package, tmp_path_factory):
    """Boot a machine with systemd that the package is copied to, as /stopgate.deb."""
    try:
        with machine(tmp_path_factory.mktemp("machine")) as booted:
            booted.run("sh", "-c", "cat >/stopgate.deb", data=package.read_bytes())
            yield booted
    except MissingError as missing:
        skip(str(missing))

"""The units, by systemd's own judgement."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, skip

UNITS = sorted((ROOT / "systemd").glob("*.service"))
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
OF_A_NODE = {"Description", "ExecStart", "RuntimeDirectory"}
MOST_EXPOSED = 1.5


@pytest.fixture
def analyze(tmp_path):
    """Run systemd-analyze on units whose command exists."""
    if not shutil.which("systemd-analyze"):
        skip("systemd-analyze is missing; on Debian: apt-get install systemd")

    def analyze(unit, *words):
        copy = tmp_path / unit.name
        text = unit.read_text(encoding="utf-8")
        copy.write_text(
            re.sub(r"/usr/bin/stopgate|^Documentation=.*", "/bin/true", text, flags=re.MULTILINE).replace(
                "\n/bin/true\n", "\n"
            )
        )
        command = ["systemd-analyze", *words, str(copy)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return analyze


@each_unit
def test_systemd_finds_nothing_wrong(analyze, unit):
    """`systemd-analyze verify` has nothing to say."""
    done = analyze(unit, "verify")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@each_unit
def test_little_is_exposed(analyze, unit):
    """`systemd-analyze security` calls the service well protected."""
    done = analyze(unit, "security", "--offline=true", "--no-pager")
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_units_differ_in_what_is_a_nodes_own():
    """The template says what the single unit says, but for names."""
    single, template = (dict(enumerate(unit.read_text(encoding="utf-8").splitlines())) for unit in UNITS)
    assert len(single) == len(template)
    differ = {single[line].partition("=")[0] for line in single if single[line] != template[line]}
    assert differ == OF_A_NODE


def test_units_are_both_there():
    """There is one unit for a single gateway, and a template for several."""
    assert [unit.name for unit in UNITS] == ["stopgate.service", "stopgate@.service"]
    assert all(isinstance(unit, Path) for unit in UNITS)

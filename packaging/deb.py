"""Builds the Debian package: what `stage.py` lays out, and the scripts that dpkg runs; the same octets each time.

It holds all that it needs but Python itself, so it fits one release of Debian: the one that it is built on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import stage

SCRIPTS = ("postinst", "prerm", "postrm")
CONTROL = """\
Package: stopgate
Version: {version}
Architecture: {architecture}
Maintainer: The stopgate developers
Installed-Size: {size}
Depends: python3 (>= {python}), python3 (<< {next}), init-system-helpers, systemd | systemd-standalone-sysusers
Section: net
Priority: optional
Description: SMPP gateway that puts the opt-out mention into marketing SMS
 Applications bind to it as if it were an operator, and it binds to operators.
 It appends the mention that French law asks for, hears every STOP that comes
 back, confirms and bills it once, and refuses further marketing to that
 number. Nothing is acknowledged before it is on disk.
"""


def build(folder: Path, python: str) -> Path:
    """Build the package into ``folder``, for the interpreter ``python``, and return its file."""
    os.environ["SOURCE_DATE_EPOCH"] = str(stage.epoch())
    os.umask(0o022)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        root.mkdir()
        stage.stage(root, python)
        stage.bill(root / "usr/share/doc/stopgate/stopgate.cdx.json")
        _control(root, python)
        architecture = _output("dpkg", "--print-architecture")
        target = folder / f"stopgate_{version('stopgate')}_{architecture}.deb"
        _output("dpkg-deb", "-Zzstd", "--root-owner-group", "--build", root, target)
    return target


def _control(root: Path, python: str) -> None:
    """Write what dpkg has to know."""
    folder = root / "DEBIAN"
    folder.mkdir()
    major, minor = (int(part) for part in _output(python, "-c", "import sys; print(*sys.version_info[:2])").split())
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) // 1024
    values = {"version": version("stopgate"), "architecture": _output("dpkg", "--print-architecture"), "size": size}
    control = CONTROL.format(**values, python=f"{major}.{minor}~", next=f"{major}.{minor + 1}~")
    (folder / "control").write_text(control, encoding="utf-8")
    (folder / "conffiles").write_text("/etc/stopgate/gateway.yaml\n", encoding="utf-8")
    for name in SCRIPTS:
        script = folder / name
        script.write_bytes((stage.ROOT / "packaging" / name).read_bytes())
        script.chmod(0o755)


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the package goes")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that it will run on")
    given = parser.parse_args()
    print(build(given.folder, given.python))


if __name__ == "__main__":
    main()

"""A machine with a real systemd: namespaces of their own, and the host's files under a layer that is thrown away.

Nothing of the host is changed. The kernel's settings are the host's, so units that would touch them are masked.
"""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
BOOT = r"""
set -e
root=$1/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
ip link set lo up
rm -f "$root/usr/sbin/policy-rc.d" # images of containers keep packages from starting services
rm -f "$root/etc/machine-id" && : >"$root/etc/machine-id"
for unit in sysctl binfmt modules-load remount-fs udevd udev-trigger random-seed update-utmp; do
    ln -sf /dev/null "$root/etc/systemd/system/systemd-$unit.service"
done
ln -sf /dev/null "$root/etc/systemd/system/proc-sys-fs-binfmt_misc.automount"
ln -sf /lib/systemd/system/basic.target "$root/etc/systemd/system/default.target"
mkdir -p "$root/old" && cd "$root" && pivot_root . old # chroot would forbid user namespaces
umount -l /old
mount --make-rshared / # credentials are mounted by a child, for all
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --log-target=journal --show-status=0
"""
PATIENCE = 300.0  # seconds; a busy machine takes its time to boot another one, to install and to drain
NAMESPACES = ("--pid", "--mount", "--uts", "--ipc", "--cgroup", "--net")


class MissingError(Exception):
    """No such machine can be had here; says why."""


class Machine:
    """One that is up; ``run`` runs a command on it, as its root."""

    def __init__(self, init: int) -> None:
        self._init = init

    def run(self, *command: str | Path, data: bytes | None = None, check: bool = True) -> str:
        """Return what a command prints on either output; fails with that where it fails."""
        enter = ("nsenter", f"--target={self._init}", *NAMESPACES, "--root", "--wd")
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            [*enter, *map(str, command)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=PATIENCE,
            env=environ,
        )
        printed = done.stdout.decode(errors="replace")
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {printed}"
        return printed

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        self.run("tee", path, data=text.encode())

    def until(self, said: str, *command: str | Path, times: int = 1) -> str:
        """Run a command again and again until it prints ``said`` so many times; returns what it printed then."""
        deadline = time.monotonic() + PATIENCE
        while (printed := self.run(*command, check=False)).count(said) < times:
            assert time.monotonic() < deadline, f"no {said!r} in: {printed}"
            time.sleep(0.1)
        return printed

    def show(self, unit: str, key: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={key}", unit).strip()


@contextlib.contextmanager
def machine(folder: Path):
    """Boot one, its files below ``folder``; it is gone afterwards."""
    _demand()
    command = ["unshare", "--fork", *NAMESPACES, "sh", "-c", BOOT, "sh", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        try:
            booted = Machine(_init_of(process))
            booted.until("running", "systemctl", "is-system-running")
            yield booted
        finally:
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(_init_of(process), 9)  # and with it everything in its namespace
            process.kill()


def _demand() -> None:
    missing = [each for each in ("unshare", "nsenter", "ip", "dpkg") if not shutil.which(each)]
    if os.geteuid() != 0:
        raise MissingError("a machine of its own needs root")
    if missing or not SYSTEMD.exists():
        raise MissingError(f"not there: {', '.join(missing) or SYSTEMD}; on Debian: apt-get install systemd iproute2")
    probe = subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, check=False)
    if probe.returncode:
        raise MissingError(f"no namespaces can be had: {probe.stderr.decode().strip()}")


def _init_of(process: subprocess.Popen[bytes]) -> int:
    """Return the process that is number 1 in the machine."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        if children and Path(f"/proc/{children[0]}/comm").read_text(encoding="ascii").strip() == "systemd":
            return int(children[0])
        time.sleep(0.05)
    raise ValueError(f"systemd did not come up: {process.stdout.read().decode(errors='replace')}")

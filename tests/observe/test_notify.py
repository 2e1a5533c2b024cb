"""What systemd hears."""

import os
import socket

import pytest

from gateway.observe.notify import Notifier, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """Be systemd's socket: a name for NOTIFY_SOCKET and a function that receives."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@stopgate-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        listening.settimeout(30)
        yield name, lambda: listening.recv(4096).decode()


def test_states_arrive(systemd):
    """Each state arrives as the datagram that sd_notify(3) describes."""
    name, receive = systemd
    notifier = Notifier.from_env({"NOTIFY_SOCKET": name})
    notifier.ready()
    assert receive() == "READY=1"
    notifier.stopping()
    assert receive() == "STOPPING=1"
    notifier.watchdog()
    assert receive() == "WATCHDOG=1"
    notifier.reloading()
    first, second = receive().split("\n")
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()


def test_status_is_one_line(systemd):
    """A status of several lines cannot smuggle in another state."""
    name, receive = systemd
    Notifier(name).status("2 links up\nREADY=1")
    assert receive() == "STATUS=2 links up READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_nobody_listens(environ):
    """Without systemd, or with its socket gone, telling it is harmless."""
    assert Notifier.from_env(environ).ready() is None


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval(environ, interval):
    """The watchdog is fed twice in the time allowed, and only by the process it watches."""
    assert watchdog_interval(environ) == interval

"""Ports of the loopback interface for processes that have to be told theirs before they start.

A port that the kernel gives away when asked for any is one that it gives away again as soon as it is free: to the next
outgoing connection, long before a process that takes a second to start listens there. So these come from outside the
range in which it looks.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOCAL = "127.0.0.1"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL = (32_768, 60_999)  # where the kernel looks unless it was told otherwise
_FIRST, _LAST = 10_000, 65_535  # below them live well-known services
_TRIES = 1_000
_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, that no outgoing connection is given, and that this process has not had.

    Raises:
        RuntimeError: none is left.
    """
    low, high = _ephemeral()
    ports: list[int] = [*range(_FIRST, min(low, _LAST)), *range(high + 1, _LAST + 1)]
    for port in random.sample(ports, k=min(_TRIES, len(ports))):  # by chance: other processes look for theirs, too
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port outside {low} to {high}, which are for outgoing connections ({_RANGE})")


def _ephemeral() -> tuple[int, int]:
    try:
        low, high = _RANGE.read_text(encoding="ascii").split()
    except OSError:
        return _USUAL
    return int(low), int(high)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOCAL, port))
        except OSError:
            return False
        return True

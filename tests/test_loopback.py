"""Ports for processes that are told theirs before they start."""

import socket
from pathlib import Path

import pytest

from gateway.demo import loopback


def test_no_outgoing_connection_is_given_such_a_port():
    """Ports come from outside the range that the kernel serves outgoing connections from, none of them twice."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    ports = [loopback.free_port() for _ in range(200)]
    assert [port for port in ports if low <= port <= high] == []
    assert len(set(ports)) == len(ports)


def test_taken_ports_are_passed_over(monkeypatch):
    """A port that somebody listens on is not given, and where none is left the error says where it looked."""
    taken = loopback.free_port()
    monkeypatch.setattr(loopback, "_FIRST", taken)
    monkeypatch.setattr(loopback, "_ephemeral", lambda: (taken + 1, 65_535))
    monkeypatch.setattr(loopback, "_given", set())
    with socket.create_server((loopback.LOCAL, taken)), pytest.raises(RuntimeError, match="ip_local_port_range"):
        loopback.free_port()
    assert loopback.free_port() == taken

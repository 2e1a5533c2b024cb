"""What time it is for pages, which live in a process of their own."""

import time

import pytest
import trio.testing

from gateway.store.clock import seen
from gateway.web.channel import Channel
from gateway.web.worker import RemoteBackend

HOUR = 3_600_000


@pytest.fixture
def pages():
    """Give the gateway as pages see it."""
    return RemoteBackend(Channel(trio.testing.memory_stream_pair()[0], {}))


@pytest.fixture
def set_clock(monkeypatch):
    """Set this machine's clock, by so many milliseconds."""
    right = time.time_ns
    return lambda wrong: monkeypatch.setattr(time, "time_ns", lambda: right() + wrong * 1_000_000)


def test_clock_of_a_server(pages, set_clock):
    """Between two signs of life, too, pages go by the server's clock, wherever this machine's is set to."""
    pages.seen = seen(8 * HOUR)
    for wrong in (HOUR, -HOUR):
        set_clock(wrong)
        assert 8 * HOUR <= pages.clock() < 9 * HOUR


def test_clock_of_this_machine(pages, set_clock):
    """Where the database goes by this machine's clock pages do as well, from the moment at which it is set."""
    before = pages.clock()
    set_clock(HOUR)
    assert before + HOUR <= pages.clock() < before + 2 * HOUR

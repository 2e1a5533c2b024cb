"""A whole gateway for each test: real sockets, a real database, scripted peers around it."""

import threading

import argon2
import pytest
import structlog
from structlog.testing import LogCapture

from tests.flows.databases import PostgresSchema, SqliteFile
from tests.flows.peers import PATIENCE
from tests.flows.world import World


@pytest.fixture
def log():
    """Keep what the gateway logs; whatever a test does to it, no traceback may be among that."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)
    assert [entry for entry in capture.entries if entry.get("exc_info")] == []


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """Give an empty database of each engine."""
    if request.param == "sqlite":
        yield SqliteFile(request.getfixturevalue("tmp_path") / "gateway.db")
        return
    server = request.getfixturevalue("postgres_server")
    space = server.create()
    yield PostgresSchema(server.url(space))
    server.drop(space)


@pytest.fixture
async def world(nursery, database, log):
    """Give a world in which nothing runs yet."""
    world = World(nursery, database, log)
    yield world
    world.close_reader()


class Checks(list):
    """Checks of hashes that have begun; `opened` lets them end."""


@pytest.fixture
def checks(monkeypatch):
    """Hold up every check of a hash until `opened` is set; a list of those that have begun."""
    opened, begun = threading.Event(), Checks()
    begun.opened, verify = opened, argon2.PasswordHasher.verify

    def held(*args):
        begun.append(args)
        assert opened.wait(PATIENCE)
        return verify(*args)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", held)
    yield begun
    opened.set()

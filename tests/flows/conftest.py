"""A whole gateway for each test: real sockets, a real database, scripted peers around it."""

import pytest
import structlog
from structlog.testing import LogCapture

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


@pytest.fixture
async def world(nursery, tmp_path, log):
    """Give a world in which nothing runs yet."""
    return World(nursery, tmp_path / "gateway.db", log)

"""Databases for the conformance suite: every store passes the same tests."""

import pytest
from structlog.testing import capture_logs

from tests.store.helpers import DATABASES, postgres_database


@pytest.fixture(autouse=True)
def logged():
    """Offer what the store logs, as a list of events, and keep it off the terminal."""
    with capture_logs() as events:
        yield events


@pytest.fixture(params=DATABASES)
def database(request):
    """Offer an empty database of each engine."""
    with DATABASES[request.param](request) as database:
        yield database
        database.close()


@pytest.fixture
async def store(database):
    """Offer a store that serves rounds."""
    async with database.serving() as store:
        yield store


@pytest.fixture
def server(postgres_server):
    """Offer the server where it is ours, so that it may be reached over TCP and be told what to do."""
    if postgres_server.over_tcp is None:
        pytest.skip("the server is not ours to disturb")
    return postgres_server


@pytest.fixture
def shared(request):
    """Offer an empty PostgreSQL database."""
    with postgres_database(request) as database:
        yield database
        database.close()

"""What all tests share: one PostgreSQL server for the whole run, started when the first test asks for it."""

import os

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def postgres_server():
    """Offer a PostgreSQL server, or skip where none can be had and nobody insists."""
    try:
        with postgres.server() as server:
            yield server
    except postgres.MissingError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))

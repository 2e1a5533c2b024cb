"""What all tests share: one PostgreSQL server for each worker's whole run, started when the first test asks for it."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres, workers

# In CI hypothesis has a profile of its own, which is as patient.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("CI"):
    settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Say how tests are dealt to workers."""
    return workers.Scheduling(config, log)


def pytest_configure(config):
    """Keep out of the other workers' way, and what the environment has for others out of the tests'."""
    if "://" not in os.environ.get("STOPGATE_TEST_POSTGRES", ""):
        for name in [each for each in os.environ if each.startswith("PG")]:  # what libpq reads
            del os.environ[name]
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as shells have it behind an &; children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = getattr(config, "workerinput", None)
    if worker:
        workers.share_ports(int(worker["workerid"].removeprefix("gw")), worker["workercount"])


def pytest_collection_modifyitems(config, items):
    """Begin with what takes longest where there are several workers; one alone begins with what fails fastest."""
    if hasattr(config, "workerinput"):
        workers.sort(items)


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

"""The same whole gateway as for the flow tests."""

from tests.flows.conftest import database, log, world

__all__ = ["database", "log", "world"]

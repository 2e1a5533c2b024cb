"""The same whole gateway as for the flow tests."""

from tests.flows.conftest import log, world

__all__ = ["log", "world"]

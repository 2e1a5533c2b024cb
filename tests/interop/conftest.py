"""What foreign peers talk to: the flow tests' gateway in this process, or one that runs as a process of its own."""

import pytest

from tests.flows.conftest import log, world
from tests.flows.peers import Operator
from tests.interop.site import Site

__all__ = ["log", "world"]


@pytest.fixture
async def site(nursery, tmp_path):
    """Give a gateway process that has not started; in the end it must stop cleanly, and tshark find no fault."""
    site = Site(nursery, tmp_path)
    yield site
    await site.stop()
    site.judge()


@pytest.fixture
async def orange(nursery, site):
    """Start the gateway process, bound to an operator of our own that reports what it takes as delivered."""
    operator = Operator()
    await nursery.start(operator.run)
    await site.start(("127.0.0.1", operator.port))
    return operator

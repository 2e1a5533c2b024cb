"""What foreign peers talk to: a gateway process, with every octet recorded; and what must be installed for them."""

import pytest

from tests.flows.peers import Operator
from tests.interop.site import Site
from tests.interop.tools import NODE, need, program


@pytest.fixture
def node_installed():
    """Go on only where node is, and its package `smpp` beside the bridge."""
    need(have=program("node"), what="node", get="apt-get install nodejs npm")
    package = NODE / "node_modules" / "smpp"
    need(have=package.exists(), what="The npm package smpp", get="npm ci --prefix tests/interop/node")


@pytest.fixture
def kannel_installed():
    """Go on only where Kannel's two boxes are."""
    need(have=program("bearerbox") and program("smsbox"), what="Kannel", get="apt-get install kannel")


@pytest.fixture
def tshark_installed():
    """Go on only where tshark is."""
    need(have=program("tshark"), what="tshark", get="apt-get install tshark")


@pytest.fixture
async def site(nursery, tmp_path):
    """Give a gateway process that has not started; in the end it must stop cleanly, and tshark find no fault."""
    site = Site(nursery, tmp_path)
    yield site
    await site.stop()
    site.judge()


@pytest.fixture
async def orange(request, nursery, site):
    """Start the gateway process, bound to an operator of our own that reports what it takes as delivered.

    The parameter, if there is one, is laid over the configuration.
    """
    operator = Operator()
    await nursery.start(operator.run)
    await site.start(("127.0.0.1", operator.port), **getattr(request, "param", {}))
    return operator

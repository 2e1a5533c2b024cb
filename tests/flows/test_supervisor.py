"""The supervisor of an operator's binds, over hours of virtual time."""

import trio
import trio.testing

from gateway.binds.connector import Connector
from gateway.config.models import Config
from gateway.smpp import status
from gateway.smpp.state import Role
from tests.flows.peers import Operator

HOUR = 3_600.0
OPERATOR = {"host": "127.0.0.1", "system_id": "gw", "password": "secret"}


class Lane:
    """Stands where the operator's lane stands, and takes links."""

    def __init__(self):
        self.links = []

    def attach(self, link):
        """Take a link."""
        self.links.append(link)

    def detach(self, link, unanswered):
        """Let go of a link."""
        assert unanswered == []
        if link in self.links:
            self.links.remove(link)

    def pump(self):
        """Have nothing to send."""


class FarOperator(Operator):
    """An operator that is reached through memory, at the other end of a virtual hour.

    Attributes:
        asked: when each bind came.
    """

    def __init__(self, nursery):
        super().__init__()
        self.nursery = nursery
        self.asked = []

    async def connect(self):
        """Return a connection to it."""
        near, far = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.serve, far, Role.MC)
        return near

    def _request(self, link, pdu):
        self.asked.append(trio.current_time())
        super()._request(link, pdu)


async def supervised(nursery, monkeypatch, lets_in):
    """Run a connector; returns it, its lane and its operator."""
    operator, lane = FarOperator(nursery), Lane()
    operator.lets_in = lets_in
    settings = Config.model_validate({"operators": {"orange": OPERATOR}}).operators["orange"]
    connector = Connector(settings, lane, None, lambda: None)
    monkeypatch.setattr(connector, "_connect", operator.connect)
    nursery.start_soon(connector.run)
    return connector, lane, operator


async def test_operator_that_refuses_binds_for_an_hour(autojump_clock, nursery, monkeypatch, log):
    """It is asked again and again, ever more rarely down to once a minute, and bound to within a minute of the end."""
    _, lane, operator = await supervised(nursery, monkeypatch, lets_in=False)
    await trio.sleep(HOUR)
    pauses = [later - earlier for earlier, later in zip(operator.asked, operator.asked[1:], strict=False)]
    assert 60 <= len(operator.asked) <= 140
    assert pauses[0] <= 1.0
    assert all(30.0 <= pause <= 60.0 for pause in pauses[10:])
    assert lane.links == []
    operator.lets_in = True
    await trio.sleep(61)
    assert len(lane.links) == 1
    refusals = [entry for entry in log if entry["event"] == "operator_refused"]
    assert {entry["status"] for entry in refusals} == {status.name(status.ESME_RBINDFAIL)}


async def test_operator_that_never_answers_a_bind(autojump_clock, nursery, monkeypatch):
    """It is given up each time after the response timeout, and asked anew."""
    _, lane, operator = await supervised(nursery, monkeypatch, lets_in=None)
    await trio.sleep(HOUR)
    assert 35 <= len(operator.asked) <= 80
    operator.lets_in = True
    await trio.sleep(91)
    assert len(lane.links) == 1

"""node's `smpp` as the operator of a gateway process."""

import pytest

from gateway.config.models import CONFIRMATION
from gateway.smpp import receipt, status
from tests.flows.peers import App
from tests.flows.world import FRENCH, GERMAN
from tests.interop.node_peer import NodeOperator

pytestmark = pytest.mark.usefixtures("node_installed")


@pytest.fixture
async def operator(nursery, tmp_path):
    """Open an operator's server."""
    operator = NodeOperator(tmp_path)
    await nursery.start(operator.run)
    nursery.start_soon(operator.report)
    return operator


@pytest.fixture
async def app(nursery, site, operator):
    """Start a gateway bound to it, and bind an app of our own."""
    await site.start(await operator.listen())
    app = App()
    assert (await nursery.start(app.run, site.address)).status == status.ESME_ROK
    return app


def text_of(pdu):
    """Return a text, as node reads it."""
    return pdu["short_message"]["message"]


async def test_bind(app, operator):
    """The server reads who binds to it, and in which version."""
    [bind] = await operator.received("bind_transceiver")
    assert (bind["system_id"], bind["password"], bind["interface_version"]) == ("gw", "secret", 0x34)


async def test_marketing(app, operator):
    """French and German marketing arrives with its mention, and the server's receipts come home under our ids."""
    sent = [(FRENCH, "Soldes à -50 % {10 €}", {}), (GERMAN, "Привет".encode("utf-16-be"), {"data_coding": 8})]
    ids = {await app.accepted(to, text, **fields) for to, text, fields in sent}
    french, german = await operator.received("submit_sm", 2)
    assert (french["destination_addr"], text_of(french)) == (FRENCH, "Soldes à -50 % {10 €} STOP 36034")
    assert (german["destination_addr"], text_of(german)) == (GERMAN, "Привет no-sms.eu")
    assert (french["source_addr"], french["source_addr_ton"], french["data_coding"]) == ("SHOP", 5, 0)
    receipts = await app.receipts(2)
    assert {(each.message_id, each.state) for each in receipts} == {(each, receipt.DELIVERED) for each in ids}


async def test_long_marketing(app, operator):
    """A long text arrives in parts that the server joins, the mention at the end; there is one receipt for it."""
    text = "Soldes d'été à -50 %, " * 10
    identifier = await app.accepted(FRENCH, text)
    parts = await operator.received("submit_sm", 2)
    assert [part["short_message"]["udh"][0]["hex"][-4:] for part in parts] == ["0201", "0202"]
    assert len({part["short_message"]["udh"][0]["hex"][:-2] for part in parts}) == 1
    assert "".join(map(text_of, parts)) == f"{text}STOP 36034"
    [report] = await app.receipts(1)
    assert (report.message_id, report.state) == (identifier, receipt.DELIVERED)


async def test_stop(app, operator):
    """A STOP over the server is confirmed and copied to the app, whose next message is refused with 0x410."""
    await app.accepted(FRENCH, "Soldes", registered_delivery=0)
    await operator.received("submit_sm")
    response = await operator.deliver(FRENCH, "36034", "Stop svp")
    assert (response["command"], response["command_status"]) == ("deliver_sm_resp", status.ESME_ROK)
    [_, confirmation] = await operator.received("submit_sm", 2)
    assert (confirmation["source_addr"], confirmation["destination_addr"]) == ("36034", FRENCH)
    assert text_of(confirmation) == CONFIRMATION["fr"]
    await app.wait_for(lambda: [pdu for pdu in app.requests if pdu.fields["short_message"] == b"Stop svp"])
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT


async def test_throttling(site, app, operator):
    """What the server throttles is submitted again and arrives once, with one receipt."""
    operator.statuses = [status.ESME_RTHROTTLED]
    identifier = await app.accepted(FRENCH, "Soldes")
    [report] = await app.receipts(1)
    assert (report.message_id, report.state) == (identifier, receipt.DELIVERED)
    assert [text_of(pdu) for pdu in operator.taken] == ["Soldes STOP 36034"]
    assert len(await operator.received("submit_sm", 2)) == 2


async def test_enquire_link_and_unbind(site, app, operator):
    """Either side's enquire_link is answered; the server's unbind is, too, and the gateway binds again."""
    [bind] = await operator.received("bind_transceiver")
    assert (await operator.request(bind["session"], "enquire_link"))["command_status"] == status.ESME_ROK
    assert (await operator.request(bind["session"], "unbind"))["command"] == "unbind_resp"
    again = (await operator.received("bind_transceiver", 2))[1]
    assert again["session"] != bind["session"]
    await app.accepted(FRENCH)
    assert (await app.receipts(1))[0].state == receipt.DELIVERED


async def test_our_enquire_link(site, operator):
    """A server that is silent is asked whether it is there; the session goes on with its answer."""
    await site.start(await operator.listen(), operators={"simulated": {"enquire_link": "200ms"}})
    await operator.received("enquire_link", 2)
    assert (operator.closed, site.events("operator_unbound")) == ([], [])


async def test_parting(site, app, operator):
    """A gateway that stops unbinds from the server, which then sees the connection end."""
    await site.stop()
    [unbind] = await operator.received("unbind")
    assert await operator.wait_for(lambda: operator.closed) == [unbind["session"]]

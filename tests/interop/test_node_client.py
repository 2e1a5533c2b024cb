"""node's `smpp` as an upstream app of a gateway process."""

import pytest

from gateway.config.models import CONFIRMATION
from gateway.smpp import status
from tests.flows.world import FRENCH, GERMAN
from tests.interop.node_peer import NodePeer
from tests.interop.site import SLOW

pytestmark = pytest.mark.usefixtures("node_installed")

SHOP = {"system_id": "shop", "password": "secret", "interface_version": 0x34}
ADDRESSED = {"source_addr": "SHOP", "source_addr_ton": 5, "dest_addr_ton": 1, "dest_addr_npi": 1}


@pytest.fixture
async def node(nursery, tmp_path, orange):
    """Start everything, with a client that has not connected."""
    node = NodePeer(tmp_path)
    await nursery.start(node.run)
    return node


async def bound(node, site, how="bind_transceiver", **who):
    """Connect and bind; returns the session."""
    session = await node.connect(site.address)
    response = await node.request(session, how, **{**SHOP, **who})
    assert (response["command"], response["command_status"]) == (f"{how}_resp", status.ESME_ROK)
    return session


async def submit(node, session, to, text, **fields):
    """Submit a text, asking for a receipt; returns the response."""
    return await node.request(
        session,
        "submit_sm",
        **{**ADDRESSED, "destination_addr": to, "registered_delivery": 1, "short_message": text, **fields},
    )


@pytest.mark.parametrize("how", ["bind_transmitter", "bind_receiver", "bind_transceiver"])
async def test_bind_and_part(site, node, how):
    """The client binds in each of the three ways, learns who and which version we are, and unbinds."""
    session = await node.connect(site.address)
    response = await node.request(session, how, **SHOP)
    assert (response["system_id"], response["sc_interface_version"]) == ("stopgate", 0x34)
    assert (await node.request(session, "enquire_link"))["command_status"] == status.ESME_ROK
    assert (await node.request(session, "unbind"))["command"] == "unbind_resp"
    assert await node.wait_for(lambda: node.closed) == [session]
    assert node.errors == []


async def test_wrong_password(site, node):
    """The client is told that its password is wrong, and the connection ends."""
    session = await node.connect(site.address)
    response = await node.request(session, "bind_transceiver", **{**SHOP, "password": "wrong"})
    assert response["command_status"] == status.ESME_RINVPASWD
    assert await node.wait_for(lambda: node.closed) == [session]


async def test_marketing(site, orange, node):
    """French and German marketing, in GSM-7 and UCS-2, short and long, arrives with its mention; its receipts come."""
    session = await bound(node, site)
    long = "Soldes d'été à -50 %, " * 10
    sent = [
        (FRENCH, {"short_message": "Soldes à -50 % {10 €}"}, "Soldes à -50 % {10 €} STOP 36034"),
        (GERMAN, {"short_message": "Привет"}, "Привет no-sms.eu"),
        (FRENCH, {"short_message": "", "message_payload": long}, long + "STOP 36034"),
    ]
    answers = [await submit(node, session, to, "", **text) for to, text, _ in sent]
    assert [answer["command_status"] for answer in answers] == [status.ESME_ROK] * 3
    texts = await orange.texts(3)
    assert [(each.destination, each.text) for each in texts] == [(to, arrives) for to, _, arrives in sent]
    receipts = await node.received("deliver_sm", 3)
    assert {each["receipted_message_id"] for each in receipts} == {each["message_id"] for each in answers}
    assert {each["message_state"] for each in receipts} == {2}
    assert all(f"id:{each['receipted_message_id']} " in each["short_message"]["message"] for each in receipts)


async def test_parts_of_a_notification(site, orange, node):
    """Parts with user data headers pass unchanged for a notification account, and each gets its receipt."""
    session = await bound(node, site, system_id="bank")
    for number, part in enumerate(("Votre code est ", "4711"), start=1):
        fields = {"udh": {"hex": f"05000342020{number}"}, "message": part}
        answer = await submit(node, session, FRENCH, fields, esm_class=0x40)
        assert answer["command_status"] == status.ESME_ROK
    [text] = await orange.texts(1)
    assert (text.text, text.segments) == ("Votre code est 4711", 2)
    assert len(await node.received("deliver_sm", 2)) == 2


async def test_stop(site, orange, node):
    """A subscriber's STOP is confirmed, reaches the client, and its next message is refused with 0x410."""
    session = await bound(node, site)
    await submit(node, session, FRENCH, "Soldes", registered_delivery=0)
    await orange.texts(1)
    assert (await orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    [copy] = await node.received("deliver_sm")
    assert (copy["short_message"]["message"], copy["source_addr"]) == ("STOP", FRENCH)
    assert (copy["destination_addr"], copy["esm_class"]) == ("36034", 0)
    [_, confirmation] = await orange.texts(2)
    assert (confirmation.source, confirmation.text) == ("36034", CONFIRMATION["fr"])
    assert (await submit(node, session, FRENCH, "Soldes"))["command_status"] == status.OPTED_OUT
    assert (await submit(node, session, GERMAN, "Soldes"))["command_status"] == status.ESME_ROK


@pytest.mark.parametrize("orange", [SLOW], indirect=True)
async def test_throttling(site, orange, node):
    """Above its rate the client is told so, and nothing of what was throttled is sent."""
    session = await bound(node, site)
    taken = 0
    while (answer := await submit(node, session, GERMAN, "Soldes"))["command_status"] == status.ESME_ROK:
        taken += 1
    assert answer["command_status"] == status.ESME_RTHROTTLED
    assert taken > 0
    assert len(await node.received("deliver_sm", taken)) == len(orange.taken) == taken


@pytest.mark.parametrize("orange", [{"smpp": {"enquire_link": "200ms"}}], indirect=True)
async def test_our_enquire_link(site, node):
    """A client that is silent is asked whether it is there; the session goes on with its answer."""
    session = await bound(node, site)
    asked = await node.received("enquire_link", 2)
    assert {pdu["session"] for pdu in asked} == {session}
    assert (node.closed, site.events("app_unbound")) == ([], [])


async def test_our_parting(site, orange, node):
    """The client is sent an unbind by a gateway that stops, and sees the connection end."""
    session = await bound(node, site)
    await site.stop()
    assert [pdu["session"] for pdu in await node.received("unbind")] == [session]
    assert await node.wait_for(lambda: node.closed) == [session]

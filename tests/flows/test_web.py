"""The public server within a whole gateway: it lives and ends with it, and hands in what pages send."""

import pytest
import trio

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.text import Alphabet
from tests.flows.world import FRENCH

FIELDS = {
    "service_type": "",
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "SHOP",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": FRENCH,
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 0,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
    "short_message": b"Hello",
}


async def fetch(address, octets):
    """Send octets to the web and return all that comes back."""
    stream = await trio.open_tcp_stream(*address)
    async with stream:
        await stream.send_all(octets)
        return b"".join([part async for part in stream])


async def test_web_lives_and_ends_with_the_gateway(world):
    """The web answers while the gateway runs, survives a malformed upgrade, and is drained with everything else."""
    await world.start(web={"listen": "127.0.0.1:0"})
    address = world.gateway.web_address
    hostile = await trio.open_tcp_stream(*address)
    await hostile.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nx")
    answer = await fetch(address, b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404")
    await hostile.aclose()
    world.ask_to_stop()
    await world.stopped()
    with pytest.raises(OSError, match=r"connect|refused"):
        await trio.open_tcp_stream(*address)


async def test_hand_in_is_a_submission(world):
    """What a page hands in takes the way of a submit_sm, with mention and spool; its answer comes after the commit."""
    await world.start(web={"listen": "127.0.0.1:0"})
    site = world.gateway._site
    code, body = await site.post.hand_in(site.customers["shop"], smpp.Pdu(smpp.SUBMIT_SM, 1, 0, FIELDS))
    assert code == status.ESME_ROK
    assert world.rows(f"SELECT id FROM message WHERE account = 'shop' AND number = '{FRENCH}'") == [
        (int(body[:16], 16),)
    ]
    assert await world.orange.texts(1) == [("SHOP", FRENCH, "Hello STOP 36034", Alphabet.GSM7, 1)]


async def test_hand_in_is_refused_likewise(world):
    """What a submit_sm would be refused for a page is refused for, with the same status."""
    await world.start(web={"listen": "127.0.0.1:0"})
    site = world.gateway._site
    wrong = smpp.Pdu(smpp.SUBMIT_SM, 1, 0, {**FIELDS, "destination_addr": "12"})
    assert await site.post.hand_in(site.customers["shop"], wrong) == (status.ESME_RINVDSTADR, b"")

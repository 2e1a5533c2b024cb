"""Long messages on their way out, as each operator likes them."""

import pytest
import trio

from gateway.smpp import pdu as smpp
from gateway.smpp.udh import concatenation, sar_concatenation, split_udh
from tests.flows.world import FRENCH

TEXT = "Soldes! " * 40
SHOWN = TEXT + "STOP 36034"
QUIET = {"shop": {"forward_mo": False}}


async def send(world, **operator):
    """Let a long message leave; returns what the operator took, once the receipt is home."""
    world.operator = operator
    await world.start(accounts=QUIET)
    app = await world.app()
    await app.accepted(FRENCH, TEXT)
    assert (await app.receipts(1))[0].stat == "DELIVRD"
    return [pdu for _, pdu in world.orange.taken]


@pytest.mark.parametrize(("long", "wide"), [("udh8", False), ("udh16", True)])
async def test_headers(world, long, wide):
    """With headers each segment bears its place, by a reference of 8 or of 16 bits."""
    pdus = await send(world, long_messages=long)
    headers, texts = zip(*(split_udh(pdu.fields["short_message"]) for pdu in pdus), strict=True)
    places = [concatenation(header) for header in headers]
    assert [(place.number, place.total, place.wide) for place in places] == [(n, 3, wide) for n in (1, 2, 3)]
    assert b"".join(texts).decode() == SHOWN
    assert all(pdu.fields["esm_class"] == 0x40 for pdu in pdus)


async def test_sar(world):
    """With sar_* parameters segments bear their place there, and no header."""
    pdus = await send(world, long_messages="sar")
    places = [sar_concatenation(pdu.tlvs) for pdu in pdus]
    assert [(place.number, place.total) for place in places] == [(1, 3), (2, 3), (3, 3)]
    assert len({place.reference for place in places}) == 1
    assert b"".join(pdu.fields["short_message"] for pdu in pdus).decode() == SHOWN
    assert all(pdu.fields["esm_class"] == 0 for pdu in pdus)


async def test_payload(world):
    """With a payload the operator gets all of it at once, and one receipt ends it."""
    [pdu] = await send(world, long_messages="payload")
    assert pdu.fields["short_message"] == b""
    assert pdu.tlv(smpp.Tag.message_payload).decode() == SHOWN
    assert world.rows("SELECT segments FROM message") == [(1,)]


async def test_payload_takes_the_rate_of_its_segments(world):
    """What an operator cuts itself counts as the segments that it makes of it."""
    began = trio.current_time()
    await send(world, long_messages="payload", rate=1)
    assert world.gateway.lanes["operator/orange"]._bucket.ready_at() > began + 2


async def test_short_text_has_no_payload(world):
    """A message of one segment travels in short_message everywhere."""
    world.operator = {"long_messages": "payload"}
    await world.start(accounts=QUIET)
    await (await world.app()).accepted(FRENCH)
    [(_, pdu)] = await world.eventually(lambda: world.orange.taken)
    assert (pdu.fields["short_message"], pdu.tlvs) == (b"Bonjour STOP 36034", [])


async def test_parts_become_what_the_operator_likes(world):
    """What an app cut with headers leaves as the operator likes it."""
    world.operator = {"long_messages": "sar"}
    await world.start(accounts=QUIET)
    app = await world.app()
    for number in (1, 2):
        await app.accepted(FRENCH, bytes((5, 0, 3, 7, 2, number)) + b"x" * 100, esm_class=0x40)
    await world.eventually(lambda: len(world.orange.taken) == 2)
    assert [len(pdu.fields["short_message"]) for _, pdu in world.orange.taken] == [152, 59]

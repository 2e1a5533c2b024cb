"""Kannel as an upstream app of a gateway process: texts in over HTTP, delivery reports and subscribers' texts out."""

import pytest

from gateway.config.models import CONFIRMATION
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from tests.flows.world import FRENCH, GERMAN
from tests.interop.kannel import ACCEPTED, DELIVERED, REJECTED, Kannel
from tests.interop.site import SLOW
from tests.interop.wire import APPS

pytestmark = pytest.mark.usefixtures("kannel_installed")

LONG = "Soldes d'été à -50 %, " * 15


@pytest.fixture
async def kannel(nursery, tmp_path, orange):
    """Start the gateway, with a Kannel that has not started."""
    kannel = Kannel(nursery, tmp_path)
    yield kannel
    await kannel.stop()


async def test_marketing(site, orange, kannel):
    """French and German marketing in GSM-7 and UCS-2 arrives with its mention, and Kannel reports it under our ids."""
    await kannel.start(site.address, "shop")
    sent = {
        "gsm": (FRENCH, "Soldes à -50 % {10 €}", {}, "Soldes à -50 % {10 €} STOP 36034"),
        "ucs2": (GERMAN, "Привет", {"coding": 2}, "Привет no-sms.eu"),
    }
    for tag, (to, text, query, _) in sent.items():
        assert await kannel.send(to, text, tag, **query) == "0: Accepted for delivery"
    texts = await orange.texts(2)
    assert {(each.destination, each.text) for each in texts} == {(to, arrives) for to, _, _, arrives in sent.values()}
    for tag in sent:
        reports = await kannel.reported(tag, ACCEPTED, DELIVERED)
        [message_id] = {each.message_id for each in reports}
        [receipt] = [each.answer for each in reports if each.kind == DELIVERED]
        assert receipt.startswith(f"id:{message_id} sub:001 dlvrd:001 ")


async def test_long_marketing(site, orange, kannel):
    """A long text in message_payload arrives whole, with one mention and one report."""
    await kannel.start(site.address, "shop", octets=1_000)
    await kannel.send(FRENCH, LONG, "long")
    [arrived] = await orange.texts(1)
    assert (arrived.text, arrived.segments) == (f"{LONG}STOP 36034", 3)
    await kannel.reported("long", ACCEPTED, DELIVERED)


async def test_parts_of_a_notification(site, orange, kannel):
    """A long notification that Kannel cuts itself arrives in its parts."""
    await kannel.start(site.address, "bank")
    text = "Votre dossier est prêt. " * 10
    await kannel.send(FRENCH, text, "parts", coding=2)
    [arrived] = await orange.texts(1)
    assert (arrived.text, arrived.segments) == (text, 4)
    await kannel.reported("parts", ACCEPTED, DELIVERED)


async def test_stop(site, orange, kannel):
    """A STOP is confirmed and handed on to Kannel's service, and Kannel reports 0x410 for the next message."""
    await kannel.start(site.address, "shop")
    await kannel.send(FRENCH, "Soldes", "before")
    await kannel.reported("before", DELIVERED)
    assert (await orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    [text] = await kannel.heard(1)
    assert (text["from"].lstrip("+"), text["to"], text["text"]) == (FRENCH, "36034", "STOP")
    [_, confirmation] = await orange.texts(2)
    assert (confirmation.source, confirmation.text) == ("36034", CONFIRMATION["fr"])
    await kannel.send(FRENCH, "Soldes", "after")
    [refused] = await kannel.reported("after", REJECTED)
    assert refused.answer.startswith(f"NACK/0x{status.OPTED_OUT:08x}/")


@pytest.mark.parametrize("orange", [SLOW], indirect=True)
async def test_throttling(site, orange, kannel):
    """Kannel takes our throttling for what it is: it sends again, and everything arrives once."""
    await kannel.start(site.address, "shop", octets=1_000)
    await kannel.send(FRENCH, LONG, "0")  # three segments: the rate is used up for as many seconds
    sent = [LONG]

    def answers():
        return site.recording.answered(APPS, smpp.SUBMIT_SM)

    while status.ESME_RTHROTTLED not in answers():  # once more where Kannel has taken longer than that
        await kannel.send(FRENCH, "Soldes ", str(len(sent)))
        sent.append("Soldes ")
        await site.recording.wait_for(lambda: len(answers()) >= len(sent) or status.ESME_RTHROTTLED in answers())
    texts = await orange.texts(len(sent))
    assert [each.text for each in texts] == [f"{text}STOP 36034" for text in sent]
    for tag in range(len(sent)):
        await kannel.reported(str(tag), DELIVERED)
    assert answers().count(status.ESME_ROK) == len(sent)
    assert len(orange.taken) == len(sent) + 2


async def test_enquire_link_and_parting(site, orange, kannel):
    """Kannel's enquire_link is answered, and its unbind ends the session."""
    await kannel.start(site.address, "shop")
    await site.recording.wait_for(lambda: site.recording.answered(APPS, smpp.ENQUIRE_LINK))
    await kannel.stop()
    [event] = await site.logged("app_unbound")
    assert event["reason"] == "the peer unbound"
    assert site.recording.answered(APPS, smpp.UNBIND) == [status.ESME_ROK]


async def test_our_parting(site, orange, kannel):
    """Kannel answers the unbind of a gateway that stops."""
    await kannel.start(site.address, "shop")
    await site.stop()
    [event] = await site.logged("app_unbound")
    assert event["reason"] == "unbound"

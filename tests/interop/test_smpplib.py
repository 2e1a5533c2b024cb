"""smpplib's client, written by others, as an upstream app of a gateway process."""

import socket
import warnings

import pytest
import trio
from smpplib import consts, exceptions, gsm, smpp
from smpplib.client import Client

from gateway.smpp.pdu import ENQUIRE_LINK
from tests.flows.world import FRENCH, GERMAN
from tests.interop.site import SLOW
from tests.interop.wire import APPS

PATIENCE = 60


class Foreigner:
    """A blocking client; every method is to be called in a thread."""

    def __init__(self, address):
        self.client = Client(*address, timeout=PATIENCE, allow_unknown_opt_params=True)
        self.responses = []
        self.inbound = []
        self.client.set_message_sent_handler(self._answered)
        self.client.set_message_received_handler(self._reached)
        self.client.set_error_pdu_handler(lambda _pdu: None)  # a response comes to its own handler as well

    def _answered(self, pdu):
        self.responses.append(pdu)

    def _reached(self, pdu):
        self.inbound.append(pdu)

    def bind(self, how="bind_transceiver", **who):
        """Connect and bind."""
        self.client.connect()
        return getattr(self.client, how)(**{"system_id": "shop", "password": "secret", **who})

    def submit(self, text, to=FRENCH, **fields):
        """Submit a text in as many parts as smpplib makes of it; returns the responses."""
        parts, data_coding, esm_class = gsm.make_parts(text)
        seen = len(self.responses)
        for part in parts:
            self.client.send_message(
                source_addr_ton=consts.SMPP_TON_ALNUM,
                source_addr="SHOP",
                dest_addr_ton=consts.SMPP_TON_INTL,
                dest_addr_npi=consts.SMPP_NPI_ISDN,
                destination_addr=to,
                data_coding=data_coding,
                esm_class=esm_class,
                short_message=part,
                registered_delivery=1,
                **fields,
            )
        self.read(lambda: len(self.responses) == seen + len(parts))
        return self.responses[seen:]

    def read(self, until):
        """Read PDUs and answer them until that is true."""
        while not until():
            self.client.read_once(auto_send_enquire_link=False)

    def leave(self):
        """Unbind, or at least disconnect."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.client.state in (consts.SMPP_CLIENT_STATE_OPEN, consts.SMPP_CLIENT_STATE_CLOSED):
                self.client.disconnect()
                return
            self.client.unbind()
            self.client.disconnect()


@pytest.fixture
async def foreigner(site, orange):
    """Start everything, with a client that has not connected."""
    foreigner = Foreigner(site.address)
    yield foreigner
    await run(foreigner.leave)


async def run(blocking, *args, **options):
    """Call something blocking in a thread."""
    with trio.fail_after(2 * PATIENCE):
        return await trio.to_thread.run_sync(lambda: blocking(*args, **options))


@pytest.mark.parametrize("how", ["bind_transmitter", "bind_receiver", "bind_transceiver"])
async def test_bind(foreigner, how):
    """The client binds in each of the three ways and learns our system_id."""
    response = await run(foreigner.bind, how)
    assert (response.command, response.status) == (f"{how}_resp", consts.SMPP_ESME_ROK)
    assert response.system_id == b"stopgate"


async def test_wrong_password(foreigner):
    """The client is told that its password is wrong."""
    with pytest.raises(exceptions.PDUError) as refused:
        await run(foreigner.bind, password="wrong")
    assert refused.value.args[1] == consts.SMPP_ESME_RINVPASWD


@pytest.mark.parametrize(
    ("to", "text", "arrives"),
    [(FRENCH, "Soldes à -50 %", "Soldes à -50 % STOP 36034"), (GERMAN, "Привет", "Привет no-sms.eu")],
    ids=["GSM-7", "UCS-2"],
)
async def test_message_and_receipt(orange, foreigner, to, text, arrives):
    """What the client submits arrives with its mention, and it gets an id and a receipt for it."""
    await run(foreigner.bind)
    [response] = await run(foreigner.submit, text, to)
    assert (response.status, len(response.message_id)) == (consts.SMPP_ESME_ROK, 16)
    [received] = await orange.texts(1)
    assert received.text == arrives
    await run(foreigner.read, lambda: foreigner.inbound)
    [receipt] = foreigner.inbound
    assert receipt.receipted_message_id == response.message_id
    assert receipt.message_state == consts.SMPP_MESSAGE_STATE_DELIVERED
    assert receipt.short_message.startswith(b"id:" + response.message_id + b" sub:001 dlvrd:001 submit date:")


async def test_stop_reaches_it(orange, foreigner):
    """The client gets the subscriber's STOP, which is confirmed, and the status of our own for its next message."""
    await run(foreigner.bind)
    await run(foreigner.submit, "Soldes")
    await run(foreigner.read, lambda: foreigner.inbound)
    await orange.deliver(FRENCH, b"STOP")
    await run(foreigner.read, lambda: len(foreigner.inbound) == 2)
    assert (foreigner.inbound[1].short_message, foreigner.inbound[1].destination_addr) == (b"STOP", b"36034")
    [_, confirmation] = await orange.texts(2)
    assert (confirmation.source, confirmation.destination) == ("36034", FRENCH)
    [response] = await run(foreigner.submit, "Soldes")
    assert response.status == 0x410


@pytest.mark.parametrize("text", ["Votre code est 4711. " * 10, "Ваш код 4711. " * 10], ids=["GSM-7", "UCS-2"])
async def test_parts_of_a_notification(orange, foreigner, text):
    """A long notification that smpplib cuts arrives in its parts, each with an id of its own and a receipt."""
    await run(foreigner.bind, system_id="bank")
    responses = await run(foreigner.submit, text)
    [arrived] = await orange.texts(1)
    assert (arrived.text, arrived.segments) == (text, len(responses))
    await run(foreigner.read, lambda: len(foreigner.inbound) == len(responses))
    assert {each.receipted_message_id for each in foreigner.inbound} == {each.message_id for each in responses}


@pytest.mark.parametrize("orange", [SLOW], indirect=True)
async def test_throttling(orange, foreigner):
    """Above its rate the client is told so."""
    await run(foreigner.bind)
    answers = []
    while consts.SMPP_ESME_RTHROTTLED not in answers:
        [response] = await run(foreigner.submit, "Soldes")
        answers.append(response.status)
    assert set(answers) == {consts.SMPP_ESME_ROK, consts.SMPP_ESME_RTHROTTLED}


async def test_enquire_link(site, foreigner):
    """The client's enquire_link is answered."""
    await run(foreigner.bind)
    await run(foreigner.client.send_pdu, smpp.make_pdu("enquire_link", client=foreigner.client))
    await run(foreigner.client.read_once, auto_send_enquire_link=False)
    assert site.recording.answered(APPS, ENQUIRE_LINK) == [consts.SMPP_ESME_ROK]


async def test_parting(orange, foreigner):
    """The client's unbind is answered, and its connection closed."""
    await run(foreigner.bind)
    response = await run(foreigner.client.unbind)
    assert (response.command, response.status) == ("unbind_resp", consts.SMPP_ESME_ROK)
    foreigner.client._socket.settimeout(PATIENCE)
    assert await run(foreigner.client._socket.recv, 1) == b""
    assert isinstance(foreigner.client._socket, socket.socket)

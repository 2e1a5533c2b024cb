"""smpplib's client, written by others, as an upstream app: what it understands of us is what other apps will."""

import socket
import warnings

import pytest
import trio
from smpplib import consts, exceptions, gsm
from smpplib.client import Client

from tests.flows.world import FRENCH, GERMAN

PATIENCE = 5


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
async def foreigner(world):
    """Start everything, with a client that has not connected."""
    await world.start()
    foreigner = Foreigner(world.address)
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
async def test_message_and_receipt(world, foreigner, to, text, arrives):
    """What the client submits arrives with its mention, and it gets an id and a receipt for it."""
    await run(foreigner.bind)
    [response] = await run(foreigner.submit, text, to)
    assert (response.status, len(response.message_id)) == (consts.SMPP_ESME_ROK, 16)
    [received] = await world.orange.texts(1)
    assert received.text == arrives
    await run(foreigner.read, lambda: foreigner.inbound)
    [receipt] = foreigner.inbound
    assert receipt.receipted_message_id == response.message_id
    assert receipt.message_state == consts.SMPP_MESSAGE_STATE_DELIVERED
    assert receipt.short_message.startswith(b"id:" + response.message_id + b" sub:001 dlvrd:001 submit date:")


async def test_stop_reaches_it(world, foreigner):
    """The client gets the subscriber's STOP, and the status of our own for its next message."""
    await run(foreigner.bind)
    await run(foreigner.submit, "Soldes")
    await run(foreigner.read, lambda: foreigner.inbound)
    await world.orange.deliver(FRENCH, b"STOP")
    await run(foreigner.read, lambda: len(foreigner.inbound) == 2)
    assert (foreigner.inbound[1].short_message, foreigner.inbound[1].destination_addr) == (b"STOP", b"36034")
    [response] = await run(foreigner.submit, "Soldes")
    assert response.status == 0x410


async def test_parting(world, foreigner):
    """The client's unbind is answered, and its connection closed."""
    await run(foreigner.bind)
    response = await run(foreigner.client.unbind)
    assert (response.command, response.status) == ("unbind_resp", consts.SMPP_ESME_ROK)
    foreigner.client._socket.settimeout(PATIENCE)
    assert await run(foreigner.client._socket.recv, 1) == b""
    assert isinstance(foreigner.client._socket, socket.socket)

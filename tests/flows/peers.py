"""Peers for the flow tests: an upstream app and an operator that do exactly what a test tells them, and no more.

They stand on the gateway's session and link, and keep every PDU that they are sent; what they answer is a function that
the test replaces. Every wait ends within :data:`PATIENCE` seconds.
"""

import struct
from collections import deque

import trio

from gateway.demo.loopback import free_port
from gateway.link import Link
from gateway.simulate.peer import Changes, Joiner, message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.events import Answered, Ended, Expired, Request, RequestReceived
from gateway.smpp.session import Session
from gateway.smpp.state import BINDS, Role, State
from gateway.smpp.text import Alphabet, encode_text
from gateway.smpp.timers import Limits

PATIENCE = 60.0  # an upper bound: what is waited for mostly comes within milliseconds
SHORT_CODE = "36034"
RECEIPT = 0x04
_LIMITS = Limits(session_init=PATIENCE, response=PATIENCE)


async def soon(changes, condition):
    """Return what ``condition`` returns as soon as that is true."""
    with trio.fail_after(PATIENCE):
        return await changes.wait_for(condition)


def tlv(tag, value):
    """Write one TLV."""
    return struct.pack(">HH", tag, len(value)) + value


class Peer:
    """What both peers are: some links, what came over them, and how requests are answered.

    Attributes:
        requests: every request received, oldest first.
        answer: maps a request to a command_status, or to None for no answer at all.
    """

    def __init__(self):
        self.requests = []
        self.links = []
        self.answer = lambda _pdu: status.ESME_ROK
        self.changes = Changes()
        self.unanswered = deque()

    async def wait_for(self, condition):
        """Return what ``condition`` returns as soon as that is true."""
        return await soon(self.changes, condition)

    async def received(self, count):
        """Return the requests as soon as there are ``count`` of them."""
        await self.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def ask(self, link, command, body=b""):
        """Send a request; returns the response, or None when the session ended without one."""
        reply = []
        link.send([Request(command, body, reply)])
        self.changes.tell()
        [response] = await self.wait_for(lambda: reply)
        return response

    async def heard(self):
        """Wait until everything sent so far over the first link has been read, by tasks just started as well.

        Behind it goes a submit_sm that is refused at once, for its form or as it comes from an operator: it waits for
        no commit.
        """
        for _ in range(2):  # turns of the event loop: who was started in this one has had its first step then
            await trio.lowlevel.checkpoint()
        return await self.ask(self.links[0], smpp.SUBMIT_SM, submit_sm("nobody"))

    async def serve(self, stream, role):
        """Be one side of a connection until it ends."""
        link = Link(stream, Session(role, _LIMITS, trio.current_time(), window=1_000), self._handle)
        self.links.append(link)
        self.changes.tell()
        try:
            await link.run()
        finally:
            self.links.remove(link)
            self.changes.tell()

    def respond(self, link, pdu, code):
        """Answer a request after all."""
        body = smpp.encode_body(pdu.command | smpp.RESPONSE, {"message_id": ""}) if code == status.ESME_ROK else b""
        link.respond([(pdu, code, body)])

    def _handle(self, link, events):
        for event in events:
            match event:
                case RequestReceived(pdu):
                    self._request(link, pdu)
                case Answered(request, response, _):
                    request.context.append(response)
                case Expired(request):
                    request.context.append(None)
                case Ended(_, unanswered):
                    for request in unanswered:
                        request.context.append(None)
        self.changes.tell()

    def _request(self, link, pdu):
        self.requests.append(pdu)
        if pdu.command == smpp.ALERT_NOTIFICATION:  # it has no response
            return
        code = self.answer(pdu)
        if code is None:
            self.unanswered.append((link, pdu))
        else:
            self.respond(link, pdu, code)


class App(Peer):
    """An upstream app with one bind, over TLS where it has a context for it."""

    def __init__(self, system_id="shop", password="secret", bind=smpp.BIND_TRANSCEIVER, tls=None):
        super().__init__()
        self._tls = tls
        self._who = {"system_id": system_id, "password": password}
        self._bind = bind

    async def run(self, address, *, task_status=trio.TASK_STATUS_IGNORED):
        """Connect, bind and serve; started with the bind's response, whatever its status."""
        stream = await trio.open_tcp_stream(*address)
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_hostname="localhost")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.serve, stream, Role.ESME)
            await self.wait_for(lambda: self.links)
            task_status.started(await self.bind())

    async def bind(self):
        """Send the bind and return its response."""
        fields = {"system_type": "", "interface_version": 0x34, "addr_ton": 0, "addr_npi": 0, "address_range": ""}
        return await self.ask(self.links[0], self._bind, smpp.encode_body(self._bind, {**self._who, **fields}))

    async def submit(self, to, text="Bonjour", *, source="SHOP", tlvs=b"", **fields):
        """Submit a text (or octets) and return the response."""
        return await self.ask(self.links[0], smpp.SUBMIT_SM, submit_sm(to, text, source=source, tlvs=tlvs, **fields))

    async def accepted(self, to, text="Bonjour", **fields):
        """Submit what must be taken, asking for a receipt; returns its message_id."""
        response = await self.submit(to, text, **{"registered_delivery": 1, **fields})
        assert response.status == status.ESME_ROK, status.name(response.status)
        return response.fields["message_id"]

    async def receipts(self, count):
        """Return the first ``count`` receipts, read."""
        pdus = (await self.received(count))[:count]
        return [receipt.read(pdu.fields["short_message"], pdu.tlvs) for pdu in pdus]

    async def gone(self):
        """Wait until the connection has ended."""
        await self.wait_for(lambda: not self.links)


def submit_sm(to, text="Bonjour", *, source="SHOP", tlvs=b"", **fields):
    """Write the body of a submit_sm; a text is written in GSM-7, and as message_payload when it is long."""
    octets = text if isinstance(text, bytes) else encode_text(text, Alphabet.GSM7)
    long = len(octets) > smpp.MAX_SHORT_MESSAGE
    content = {"short_message": b"" if long else octets, **fields}
    return message_body(smpp.SUBMIT_SM, (source, to), content, octets if long else None) + tlvs


class Operator(Peer):
    """An SMSC on a port of its own that can close and open again.

    Attributes:
        lets_in: whether binds are let in; None leaves them without an answer.
        reports: the message_state to report for each segment accepted; None: the test reports by hand.
        taken: the submit_sm that were answered with ESME_ROK, in that order, each with its message_id.
        unreported: the message_state of each of those that the gateway has not been told of yet, by message_id.
    """

    def __init__(self, tls=None):
        super().__init__()
        self._tls = tls
        self.port = 0
        self.lets_in = True
        self.reports = receipt.DELIVERED
        self.taken = []
        self.unreported = {}
        self._first_id = 1_001
        self._scope = trio.CancelScope()
        self._closed = trio.Event()
        self._nursery = None

    async def run(self, task_status=trio.TASK_STATUS_IGNORED):
        """Listen until closed; when it opens again, on the same port, which nobody is given by chance meanwhile."""
        self.port = self.port or free_port()
        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self._closed = trio.Event()
        async with trio.open_nursery() as self._nursery:
            self._scope = self._nursery.cancel_scope
            self._nursery.start_soon(trio.serve_listeners, self._accept, listeners)
            for message_id in self.unreported:
                self._nursery.start_soon(self._report_until_taken, message_id)
            task_status.started()
        self._closed.set()

    async def close(self):
        """Stop listening and break every connection."""
        self._scope.cancel()
        await self._closed.wait()

    def hang_up(self):
        """Break every connection and go on listening."""
        for link in list(self.links):
            link.close("the test hangs up")

    async def bound(self, count=1):
        """Wait until ``count`` links are bound."""
        await self.wait_for(lambda: sum(link.session.bound for link in self.links) >= count)

    async def texts(self, count):
        """Return the first ``count`` texts taken, long ones joined."""
        return await self.wait_for(lambda: len(found := self._texts()) >= count and found[:count])

    def _texts(self):
        joiner = Joiner()
        return [text for _, pdu in self.taken if (text := joiner.add(pdu))]

    async def deliver(self, source, octets, **fields):
        """Hand in a subscriber's text to the short code, over ``link`` if given, and return the response."""
        to, link = fields.pop("to", SHORT_CODE), fields.pop("link", None)
        long = len(octets) > smpp.MAX_SHORT_MESSAGE
        content = {"short_message": b"" if long else octets, **fields}
        body = message_body(smpp.DELIVER_SM, (source, to), content, octets if long else None)
        return await self.ask(link or self._receivers()[0], smpp.DELIVER_SM, body)

    async def report(self, message_id, state=receipt.DELIVERED, err="000"):
        """Send a receipt for a message and return the response."""
        octets = receipt.write(receipt.Receipt(message_id, state, err))
        return await self.deliver("33600000000", octets, to="SHOP", esm_class=RECEIPT)

    def release(self, code=status.ESME_ROK):
        """Answer the oldest request that was left without an answer."""
        link, pdu = self.unanswered.popleft()
        self.respond(link, pdu, code)

    def respond(self, link, pdu, code):
        """Answer a submit_sm; one that is taken gets the next message_id, and is reported on."""
        if pdu.command in BINDS or code != status.ESME_ROK:
            super().respond(link, pdu, code)
            return
        message_id = str(self._first_id + len(self.taken))
        self.taken.append((message_id, pdu))
        body = smpp.encode_body(smpp.SUBMIT_SM | smpp.RESPONSE, {"message_id": message_id})
        link.respond([(pdu, code, body)])
        if self.reports is not None:
            self.unreported[message_id] = self.reports
            self._nursery.start_soon(self._report_until_taken, message_id)

    async def _report_until_taken(self, message_id):
        """Report once more, over the next bind, whenever one ends before it has answered."""
        answer = None
        while answer is None:
            await self.wait_for(self._receivers)
            answer = await self.report(message_id, self.unreported[message_id])
        del self.unreported[message_id]

    def _receivers(self):
        return [link for link in self.links if link.session.state in (State.BOUND_RX, State.BOUND_TRX)]

    async def _accept(self, stream):
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True)
        await self.serve(stream, Role.MC)

    def _request(self, link, pdu):
        if pdu.command not in BINDS:
            super()._request(link, pdu)
        elif self.lets_in:
            link.accept_bind(pdu, "simulated")
        elif self.lets_in is not None:
            link.refuse_bind(pdu, status.ESME_RBINDFAIL)

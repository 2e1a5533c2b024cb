"""A simulated operator: an SMSC that lets in who knows the password, keeps what it is sent, and reports it delivered.

It does what real ones do and a gateway must cope with: it answers with ids of its own, sends each segment's receipt a
while later over any bind that can take it, and hands in the texts of its subscribers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import trio

from gateway.link import Link
from gateway.rules import segment
from gateway.rules.carriage import Form
from gateway.simulate.peer import (
    RECEIPT_ASKED,
    UDHI,
    Changes,
    Joiner,
    PeerError,
    Text,
    ask,
    message_body,
    refuse,
    settle,
)
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.events import Event, RequestReceived
from gateway.smpp.session import Session
from gateway.smpp.state import BINDS, Role, State
from gateway.smpp.timers import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.smpp.pdu import Pdu

Found = TypeVar("Found")

_RECEIPT = 0x04  # esm_class of a delivery receipt (SMPP 3.4 section 5.2.12)
_RECEIVING = (State.BOUND_RX, State.BOUND_TRX)
_REFERENCES = 256
_AGAIN = 1.0  # seconds before a receipt that was refused is offered again


class SimulatedOperator:
    """An SMSC for one customer.

    Args:
        system_id: who may bind.
        password: with what.
        delay: seconds between a segment's submit_sm_resp and its receipt.

    Attributes:
        received: the texts that arrived, long ones joined, oldest first.
        limits: the timers of sessions to come.
        links: the connections, bound or not.
    """

    def __init__(self, system_id: str, password: str, delay: float = 0.0) -> None:
        self.received: list[Text] = []
        self.links: list[Link] = []
        self.limits = Limits()
        self._credentials = {"system_id": system_id, "password": password}
        self._delay = delay
        self._changes = Changes()
        self._joiner = Joiner()
        self._ids = 0
        self._references = 0
        self._nursery: trio.Nursery | None = None

    async def run(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; started, with the address that was taken, once it is open.

        Raises:
            OSError: the address cannot be had.
        """
        listeners = await trio.open_tcp_listeners(port, host=host)
        async with trio.open_nursery() as self._nursery:
            address = listeners[0].socket.getsockname()[:2]
            self._nursery.start_soon(trio.serve_listeners, self._serve, listeners)
            task_status.started(address)

    def hang_up(self) -> None:
        """Break every connection, and go on listening."""
        for link in list(self.links):
            link.close("hung up")

    async def wait_for(self, condition: Callable[[], Found | None]) -> Found:
        """Return what ``condition`` returns once that is true; it is asked now and whenever something happened."""
        return await self._changes.wait_for(condition)

    @property
    def bound(self) -> bool:
        """Whether anybody is bound."""
        return any(link.session.bound for link in self.links)

    async def arrivals(self, seen: int = 0) -> AsyncIterator[Text]:
        """Yield the texts that arrive, for ever, leaving out the first ``seen``."""
        while True:
            await self.wait_for(lambda: len(self.received) > seen)  # noqa: B023 (asked before it changes)
            yield self.received[seen]
            seen += 1

    async def text(self, source: str, destination: str, text: str) -> list[Pdu]:
        """Hand in a subscriber's text as soon as a bind can take it; returns the answer to each of its segments.

        Raises:
            PeerError: it was not answered.
        """
        link = await self.wait_for(self._receiver)
        alphabet = segment.choose(text)
        self._references = (self._references + 1) % _REFERENCES
        parts = Form().encode(segment.split(text, alphabet), alphabet, self._references)
        answers = []
        for part in parts:
            esm_class = UDHI if part.udhi else 0
            content = {"esm_class": esm_class, "data_coding": part.data_coding, "short_message": part.octets}
            body = message_body(smpp.DELIVER_SM, (source, destination), content, None)
            answers.append(await ask(link, smpp.DELIVER_SM, body))
        return answers

    def _receiver(self) -> Link | None:
        """Return a bind that takes deliver_sm, each in its turn."""
        link = next((link for link in self.links if link.session.state in _RECEIVING), None)
        if link is not None:
            self.links.remove(link)
            self.links.append(link)
        return link

    # One connection

    async def _serve(self, stream: trio.SocketStream) -> None:
        link = Link(stream, Session(Role.MC, self.limits, trio.current_time()), self._handle)
        self.links.append(link)
        try:
            await link.run()
        finally:
            self.links.remove(link)
            self._changes.tell()

    def _handle(self, link: Link, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                self._request(link, event.pdu)
            else:
                settle(event)
        self._changes.tell()

    def _request(self, link: Link, pdu: Pdu) -> None:
        if pdu.command in BINDS:
            self._judge(link, pdu)
        elif pdu.command == smpp.SUBMIT_SM:
            self._take(link, pdu)
        else:
            refuse(link, pdu)

    def _judge(self, link: Link, pdu: Pdu) -> None:
        if pdu.fields["system_id"] != self._credentials["system_id"]:
            link.refuse_bind(pdu, status.ESME_RINVSYSID)
        elif pdu.fields["password"] != self._credentials["password"]:
            link.refuse_bind(pdu, status.ESME_RINVPASWD)
        else:
            link.accept_bind(pdu, "simulated")

    def _take(self, link: Link, pdu: Pdu) -> None:
        """Answer a submit_sm with an id of ours, keep its text, and have its receipt sent."""
        self._ids += 1
        message_id = f"op{self._ids:06d}"
        body = smpp.encode_body(smpp.SUBMIT_SM | smpp.RESPONSE, {"message_id": message_id})
        link.respond([(pdu, status.ESME_ROK, body)])
        text = self._joiner.add(pdu)
        if text is not None:
            self.received.append(text)
        if pdu.fields["registered_delivery"] & RECEIPT_ASKED and self._nursery is not None:
            self._nursery.start_soon(self._report, pdu, message_id)

    async def _report(self, pdu: Pdu, message_id: str) -> None:
        """Report a segment delivered, again and again until somebody has taken the receipt."""
        await trio.sleep(self._delay)
        body = _receipt_body(pdu, message_id)
        accepted = False
        while not accepted:
            link = await self.wait_for(self._receiver)
            try:
                accepted = (await ask(link, smpp.DELIVER_SM, body)).status == status.ESME_ROK
            except PeerError:
                continue  # that bind is gone; the next one takes it
            if not accepted:
                await trio.sleep(_AGAIN)


def _receipt_body(pdu: Pdu, message_id: str) -> bytes:
    """Write the receipt for a submit_sm: TLVs and text, back the way the message came."""
    now = f"{datetime.now(UTC):%y%m%d%H%M}"
    report = receipt.Receipt(message_id, receipt.DELIVERED, submit_date=now, done_date=now)
    fields = {
        **pdu.fields,
        **{f"source_addr{part}": pdu.fields[f"dest_addr{part}"] for part in ("_ton", "_npi")},
        **{f"dest_addr{part}": pdu.fields[f"source_addr{part}"] for part in ("_ton", "_npi")},
        "source_addr": pdu.fields["destination_addr"],
        "destination_addr": pdu.fields["source_addr"],
        "esm_class": _RECEIPT,
        "registered_delivery": 0,
        "data_coding": 0,
        "short_message": receipt.write(report),
    }
    return smpp.encode_body(smpp.DELIVER_SM, fields, receipt.tlvs(message_id, receipt.DELIVERED))

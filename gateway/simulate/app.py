"""A simulated upstream app: binds as a transceiver, submits texts, and keeps the receipts and texts that come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from gateway.link import Link
from gateway.simulate.peer import (
    RECEIPT_ASKED,
    Changes,
    Joiner,
    PeerError,
    Text,
    ask,
    message_body,
    refuse,
    settle,
    written,
)
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.events import Event, RequestReceived
from gateway.smpp.session import Session
from gateway.smpp.state import Role
from gateway.smpp.timers import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.smpp.pdu import Pdu
    from gateway.smpp.receipt import Receipt

Found = TypeVar("Found")

_PATIENCE = 2.0  # seconds for each step of a polite parting


class SimulatedApp:
    """An upstream app with one bind.

    Args:
        system_id: who it says it is.
        password: with what.
        sender: the source address of what it submits.

    Attributes:
        receipts: the delivery receipts that arrived, oldest first.
        texts: the subscribers' texts that arrived, oldest first.
    """

    def __init__(self, system_id: str, password: str, sender: str = "DEMO") -> None:
        self.sender = sender
        self.receipts: list[Receipt] = []
        self.texts: list[Text] = []
        self._system_id = system_id
        self._password = password
        self._changes = Changes()
        self._joiner = Joiner()
        self._link: Link | None = None

    async def run(self, host: str, port: int, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Connect, bind and serve until the session ends; started once bound.

        Raises:
            OSError: nobody listens there.
            PeerError: the bind was refused or not answered.
        """
        stream = await trio.open_tcp_stream(host, port)
        link = Link(stream, Session(Role.ESME, Limits(), trio.current_time()), self._handle)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run)
            refusal = await self._bind(link)
            if refusal is None:
                self._link = link
                task_status.started()
            else:
                nursery.cancel_scope.cancel()
        if refusal is not None:
            raise refusal

    async def _bind(self, link: Link) -> PeerError | None:
        try:
            answer = await ask(link, smpp.BIND_TRANSCEIVER, self._bind_body())
        except PeerError as error:
            return error
        if answer.status == status.ESME_ROK:
            return None
        return PeerError(f"the bind was refused: {status.describe(answer.status)} ({status.name(answer.status)})")

    async def submit(self, destination: str, text: str, *, receipt_asked: bool = True) -> Pdu:
        """Submit one text, however long, in one submit_sm; returns the response: a message_id or a status.

        Raises:
            PeerError: not bound, or not answered.
        """
        octets, data_coding = written(text)
        asks = RECEIPT_ASKED if receipt_asked else 0
        return await self.submit_octets(destination, octets, data_coding=data_coding, registered_delivery=asks)

    async def submit_octets(self, destination: str, octets: bytes, **fields: int) -> Pdu:
        """Submit octets as they are, with ``fields`` of a submit_sm beside them; returns the response.

        Raises:
            PeerError: not bound, or not answered.
        """
        short = len(octets) <= smpp.MAX_SHORT_MESSAGE
        content = {**fields, "short_message": octets if short else b""}
        body = message_body(smpp.SUBMIT_SM, (self.sender, destination), content, None if short else octets)
        return await ask(self._bound_link(), smpp.SUBMIT_SM, body)

    async def wait_for(self, condition: Callable[[], Found | None]) -> Found:
        """Return what ``condition`` returns once that is true; it is asked now and whenever something happened."""
        return await self._changes.wait_for(condition)

    async def receipt_for(self, message_id: str) -> Receipt:
        """Wait for the receipt that names ``message_id`` and return it."""
        return await self.wait_for(
            lambda: next((each for each in self.receipts if each.message_id == message_id), None)
        )

    async def leave(self) -> None:
        """Unbind, politely; the session is over when this returns."""
        await self._bound_link().part(_PATIENCE)

    def hang_up(self) -> None:
        """Break the connection, if there is one."""
        if self._link is not None:
            self._link.close("hung up")

    def _bound_link(self) -> Link:
        if self._link is None:
            raise PeerError("not bound")
        return self._link

    def _bind_body(self) -> bytes:
        fields = {
            "system_id": self._system_id,
            "password": self._password,
            "system_type": "",
            "interface_version": smpp.VERSION_34,
            "addr_ton": 0,
            "addr_npi": 0,
            "address_range": "",
        }
        return smpp.encode_body(smpp.BIND_TRANSCEIVER, fields)

    def _handle(self, link: Link, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                self._request(link, event.pdu)
            else:
                settle(event)
        self._changes.tell()

    def _request(self, link: Link, pdu: Pdu) -> None:
        if pdu.command != smpp.DELIVER_SM:
            refuse(link, pdu)
            return
        self._take(pdu)
        body = smpp.encode_body(smpp.DELIVER_SM | smpp.RESPONSE, {"message_id": ""})
        link.respond([(pdu, status.ESME_ROK, body)])

    def _take(self, pdu: Pdu) -> None:
        if receipt.is_receipt(pdu.fields["esm_class"]):
            report = receipt.read(pdu.fields["short_message"], pdu.tlvs)
            if report is not None:
                self.receipts.append(report)
            return
        text = self._joiner.add(pdu)
        if text is not None:
            self.texts.append(text)

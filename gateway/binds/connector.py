"""The ESME side: one supervisor for each configured bind keeps a link to its operator alive.

Connect, bind, serve, and when it ends for whatever reason try again after a growing pause with jitter. The pause
begins anew only after a bind has lasted, counted to the last sign of life: an operator that accepts and hangs up, or
says nothing more, is not hammered. What a link had sent and nobody answered goes back to the lane, once.

Where the configuration says so we also listen: an operator that connects there and says who it is with an outbind is
bound to as a receiver (SMPP 3.4 sections 2.2.1 and 4.1.7); anybody else is hung up on, without a word.
"""

from __future__ import annotations

import math
import random
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from gateway import tls
from gateway.binds.binding import bind_body, caller, cause, is_theirs, may_call
from gateway.binds.orders import Orders
from gateway.link import Link
from gateway.observe.pulse import Pulse
from gateway.ports import open_port
from gateway.rules.pacing import Backoff
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Event, Expired, Late, Request, RequestReceived
from gateway.smpp.session import Session
from gateway.smpp.state import BINDS, Role, State
from gateway.smpp.timers import NEVER, Limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from gateway.config.models import Operator
    from gateway.config.smpp import Outbind
    from gateway.deliver import Deliver
    from gateway.lanes.dispatcher import Lane
    from gateway.smpp.pdu import Pdu

_log = structlog.get_logger()
_CONNECT_TIME = 10.0  # seconds for a connection, the TLS handshake included
_STABLE = 30.0  # seconds after which a bind counts as having lasted
_INBOUND_WINDOW = 500  # deliver_sm that may wait for our responses on one link
_TAKES_MESSAGES = (State.BOUND_TX, State.BOUND_TRX)


class Connector:
    """All binds to one operator.

    Args:
        operator: where and how to bind.
        lane: what is to be sent there.
        deliver: the intake of what comes from there.
        changed: called when the operator becomes usable or stops being so.

    Attributes:
        operator: what the configuration says of it.
        title: what signs of life call it.
        gone: set once :meth:`run` has ended.
    """

    def __init__(self, operator: Operator, lane: Lane, deliver: Deliver, changed: Callable[[], None]) -> None:
        self.title = f"operator {operator.name}"
        self.operator = operator
        self._lane = lane
        self._deliver = deliver
        self._changed = changed
        self._links: set[Link] = set()
        self._called: set[Link] = set()  # connections of the operator's own making that await its outbind
        self._context: ssl.SSLContext | None = None
        self._stopping = False
        self.orders = Orders()
        self._pulses: list[Pulse] = []  # of each bind
        self._scope = trio.CancelScope()
        self.gone = trio.Event()

    def configure(self, operator: Operator, context: ssl.SSLContext | None) -> None:
        """Go by these settings, which bind like those that we have, and connect over TLS by this context."""
        self.operator = operator
        self._context = context

    @property
    def bound(self) -> int:
        """How many links are bound."""
        return sum(link.session.bound for link in self._links)

    @property
    def links(self) -> list[Link]:
        """The connections, bound or not."""
        return list(self._links)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep every bind alive until cancelled; started once every address for outbinds is open.

        Raises:
            OSError: an address cannot be had; the message names it.
        """
        try:
            with trio.CancelScope() as self._scope:
                if not self._stopping:
                    await self._keep_bound(task_status)
        finally:
            self.gone.set()

    async def _keep_bound(self, task_status: trio.TaskStatus[None]) -> None:
        pair = self.operator.bind == "pair"
        kinds = [smpp.BIND_TRANSMITTER, smpp.BIND_RECEIVER] if pair else [smpp.BIND_TRANSCEIVER]
        async with trio.open_nursery() as nursery:
            outbind = self.operator.outbind
            if outbind is not None:
                listeners = [each for address in outbind.listen for each in await open_port(*address)]
                nursery.start_soon(trio.serve_listeners, partial(self._take_call, outbind), listeners)
            task_status.started()
            for _ in range(self.operator.binds):
                for kind in kinds:
                    nursery.start_soon(self._keep_alive, kind)

    async def drain(self, patience: float) -> None:
        """Send nothing more, wait for what is on its way, unbind and stay away; returns when every link is gone."""
        self._stopping = True
        await self._part(patience)

    async def _part(self, patience: float) -> None:
        async with trio.open_nursery() as nursery:
            for link in self.links:
                self._lane.detach(link, [])
                nursery.start_soon(link.part, patience)

    async def leave(self, patience: float) -> None:
        """Drain, and end :meth:`run`."""
        await self.drain(patience)
        self._scope.cancel()

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.observe.pulse`); nothing when all is well."""
        if not self._stopping and any(pulse.late for pulse in self._pulses):
            return "is not connected to again"
        return next((complaint for link in self._links if (complaint := link.complaint())), "")

    # What an administrator may ask

    def inherit(self, predecessor: Connector) -> None:
        """Go on with what an administrator has asked of the one before us."""
        self.orders.repeat(predecessor.orders)

    def suspend(self) -> None:
        """Send nothing more until :meth:`resume`; binds stay, and what the operator sends is taken."""
        self.orders.suspended = True
        for link in self.links:
            self._lane.detach(link, [])
        self._changed()

    async def unbind(self, patience: float) -> None:
        """Drain, unbind, and bind no more until :meth:`resume`."""
        self.orders.stay_away()
        await self._part(patience)

    def resume(self) -> None:
        """Bind, and send, again."""
        self.orders.end()
        for link in self.links:
            self._use(link)
        self._changed()

    def _use(self, link: Link) -> None:
        if link.session.state in _TAKES_MESSAGES and not self.orders.suspended and link not in self._lane.links:
            self._lane.attach(link)

    async def _keep_alive(self, kind: int) -> None:
        backoff = Backoff(self.operator.reconnect.initial, self.operator.reconnect.maximum)
        self._pulses.append(pulse := Pulse())
        while not self._stopping:
            lasted = 0.0
            pulse.until(math.inf)
            await self.orders.wanted()
            pulse.beat(_CONNECT_TIME)
            try:
                with trio.fail_after(_CONNECT_TIME):
                    stream = await self._connect()
            except tls.TlsError as error:
                _log.error("operator_tls_failed", operator=self.operator.name, reason=str(error))
            except (OSError, trio.TooSlowError) as error:
                _log.warning("operator_unreachable", operator=self.operator.name, reason=cause(error))
            else:
                pulse.until(math.inf)  # the link has signs of its own
                lasted = await self._serve(stream, [Request(kind, bind_body(self.operator, kind))])
            if lasted >= _STABLE:
                backoff.reset()
            pause = backoff.next(random.random())  # noqa: S311 (jitter, not a secret)
            pulse.beat(pause)
            await trio.sleep(pause)

    async def _take_call(self, outbind: Outbind, stream: trio.SocketStream) -> None:
        address = caller(stream)
        if may_call(outbind, address) and not self._stopping and not self.orders.away:
            await self._serve(stream, [])
        else:
            _log.warning("outbind_refused", operator=self.operator.name, reason="network", address=str(address))
            await trio.aclose_forcefully(stream)

    async def _connect(self) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(self.operator.host, self.operator.port)
        context = self._context
        return stream if context is None else await tls.shake_hands(stream, context, self.operator.host)

    async def _serve(self, stream: trio.abc.Stream, first: list[Request]) -> float:
        """Serve a connection that begins with our bind, or with the operator's outbind; returns how long it lasted."""
        operator = self.operator
        limits = Limits(operator.response_timeout, operator.enquire_link, NEVER, operator.response_timeout)
        session = Session(Role.ESME, limits, trio.current_time(), window=_INBOUND_WINDOW)
        link = Link(stream, session, self._handle, operator.name)
        self._links.add(link)
        if not first:
            self._called.add(link)
        try:
            link.send(first)
            await link.run()
        finally:
            self._links.discard(link)
            self._called.discard(link)
        return session.lasted

    def _handle(self, link: Link, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                self._request(link, event.pdu)
            elif isinstance(event, Answered):
                self._answered(link, event)
            elif isinstance(event, Expired):
                self._expired(link, event.request)
            elif isinstance(event, Late):
                self._answered_late(event)
            elif isinstance(event, Ended):
                self._ended(link, event.reason, event.unanswered)
            else:
                _log.debug("smpp_odd", peer=link.name, link=link.number, what=event.what)
        self._lane.pump()

    def _request(self, link: Link, pdu: Pdu) -> None:
        if pdu.command in (smpp.DELIVER_SM, smpp.DATA_SM):
            self._deliver.offer(link, self.operator, pdu)
        elif pdu.command == smpp.ALERT_NOTIFICATION:
            self._deliver.alerts.offer(self.operator, pdu)
        elif pdu.command == smpp.OUTBIND:
            self._outbind(link, pdu)
        else:
            link.respond([(pdu, status.ESME_RINVCMDID, b"")])

    def _outbind(self, link: Link, pdu: Pdu) -> None:
        """Bind to an operator that has called and is who it should be; an outbind anywhere else is ignored."""
        outbind = self.operator.outbind
        if link not in self._called or outbind is None:
            return
        self._called.discard(link)
        if is_theirs(outbind, pdu):
            link.send([Request(smpp.BIND_RECEIVER, bind_body(self.operator, smpp.BIND_RECEIVER))])
        else:
            _log.warning("outbind_refused", operator=self.operator.name, reason="credentials")
            link.close("outbind refused")

    def _answered(self, link: Link, answered: Answered) -> None:
        request = answered.request
        if request.context is not None:
            self._lane.answered(request.context, answered.response, answered.seconds)
        elif request.command in BINDS:
            self._bind_answered(link, request, answered.response)

    def _answered_late(self, late: Late) -> None:
        if late.request.context is not None:
            self._lane.answered_late(late.request.context, late.response)

    def _bind_answered(self, link: Link, request: Request, response: Pdu) -> None:
        if response.status != status.ESME_ROK or not link.session.bound:
            _log.error("operator_refused", operator=self.operator.name, status=status.name(response.status))
            link.close(f"bind refused with {status.name(response.status)}")
            return
        if self.operator.interface_version == "3.3":
            link.session.takes_tlvs = False
        _log.info("operator_bound", operator=self.operator.name, link=link.number, bind=smpp.NAMES[request.command])
        self._use(link)
        self._changed()

    def _expired(self, link: Link, request: Request) -> None:
        if request.context is not None:
            self._lane.unanswered(request.context)
        else:
            link.close("no answer to the bind")

    def _ended(self, link: Link, reason: str, unanswered: list[Request]) -> None:
        name, count = self.operator.name, len(unanswered)
        _log.warning("operator_unbound", operator=name, link=link.number, reason=reason, unanswered=count)
        self._lane.detach(link, [request for request in unanswered if request.context is not None])
        self._changed()

"""Where upstream apps come in: accept, turn away whom nobody wants, speak TLS, and hand over the rest.

A stranger costs little: connections, unbound ones and those from one household are counted against limits, an address
that failed to bind too often is banned for a while, and a TLS handshake has the same time limit as the bind. Whoever is
turned away is accepted and hung up on at once, counted each time and logged now and then. Being out of file
descriptors delays new connections and ends nothing.
"""

from __future__ import annotations

import errno
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from gateway import tls
from gateway.observe.pulse import Pulse
from gateway.ports import Port, open_port
from gateway.rules.bans import Bans, household, origin
from gateway.rules.places import Places
from gateway.smpp import status

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from ipaddress import IPv4Address, IPv6Address

    from gateway.config.smpp import Smpp
    from gateway.observe.metrics import Metrics

_log = structlog.get_logger()
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
_GUESSED = {status.ESME_RINVSYSID, status.ESME_RINVPASWD, status.ESME_RBINDFAIL}  # what guessing leads to
_TURN = 5.0  # seconds after which we look around though nobody comes
_PAUSE = 0.1  # seconds until we try again to accept when there was no room
_SAID_EVERY = 10.0  # seconds between two log lines on the same reason


class Entrance(NamedTuple):
    """A socket that we listen on, and whether TLS is spoken there."""

    listener: Port
    secure: bool


class Visit:
    """One connection, from the door to its end.

    Attributes:
        address: where it comes from.
        began: when it was accepted, on Trio's clock.
    """

    def __init__(self, door: Door, address: IPv4Address | IPv6Address) -> None:
        self.address = address
        self.began = trio.current_time()
        self.household = household(address)
        self.guesses = True  # until a password has been right
        self.known = False
        self.bound = False
        self._door = door

    @property
    def banned(self) -> bool:
        """Whether nobody from there may bind for now."""
        return self._door.bans.banned(self.household, trio.current_time())

    def introduce(self) -> None:
        """Count this connection as no stranger's: it has named an account that may come from here."""
        if not self.known:
            self.known = True
            self._door.places.know(self.household)

    def succeed(self) -> None:
        """Count this connection as bound, and forget what failed before it from the same household."""
        self.introduce()
        self.bound = True
        self._door.places.bind()
        self._door.bans.succeeded(self.household)

    def refuse(self, code: int) -> float:
        """Count a bind refused with ``code``; returns how many seconds the answer is to wait."""
        return self._door.refused(self, code)


class Door:
    """The listening sockets and all who come through them.

    Args:
        config: addresses and limits.
        context: what those meet who come over TLS.
        metrics: where those turned away are counted.
    """

    title = "listener"

    def __init__(self, config: Smpp, context: ssl.SSLContext, metrics: Metrics) -> None:
        self.config = config
        limits = config.limits
        self.places = Places(limits.connections, limits.unbound, limits.unbound_per_address)
        self.bans = Bans(limits.failures, limits.ban)
        self._metrics = metrics
        self._context = context
        self._pulses: list[Pulse] = []
        self._unsaid: Counter[str] = Counter()
        self._said: dict[str, float] = {}

    def configure(self, config: Smpp, context: ssl.SSLContext) -> None:
        """Go by this configuration, whose addresses and limits are those that we have, from the next visitor on."""
        self.config = config
        self._context = context

    async def open(self) -> list[Entrance]:
        """Open every address, plain ones first.

        Raises:
            OSError: one cannot be had; the message names it.
        """
        plain = [Entrance(each, secure=False) for place in self.config.listen for each in await open_port(*place)]
        places = self.config.tls.listen if self.config.tls is not None else []
        return plain + [Entrance(each, secure=True) for place in places for each in await open_port(*place)]

    async def receive(
        self, entrance: Entrance, serve: Callable[[trio.abc.Stream, Visit], Awaitable[None]], nursery: trio.Nursery
    ) -> None:
        """Accept until cancelled; ``serve`` runs in ``nursery`` for each connection and leaves it closed."""
        self._pulses.append(pulse := Pulse())
        async with entrance.listener:
            while True:
                pulse.beat(_TURN)
                stream = None
                try:
                    with trio.move_on_after(_TURN):
                        stream = await entrance.listener.accept()
                except OSError as error:
                    if error.errno not in _NO_ROOM:
                        raise
                    self._complain("descriptors", error.strerror or "")
                    await trio.sleep(_PAUSE)
                if stream is not None:
                    visit = self._admit(stream)
                    if visit is None:
                        entrance.listener.waste()
                        stream.socket.close()
                    else:
                        nursery.start_soon(self._attend, stream, visit, entrance, serve)

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.observe.pulse`); nothing when all is well."""
        return "nobody is accepted" if any(pulse.late for pulse in self._pulses) else ""

    def _admit(self, stream: trio.SocketStream) -> Visit | None:
        try:
            visit = Visit(self, origin(stream.socket.getpeername()[0]))
        except OSError:  # it was gone before we could look
            return None
        reason = "banned" if visit.banned else self.places.enter(visit.household)
        if reason is not None:
            self._complain(reason, str(visit.address))
            return None
        return visit

    async def _attend(
        self,
        stream: trio.SocketStream,
        visit: Visit,
        entrance: Entrance,
        serve: Callable[[trio.abc.Stream, Visit], Awaitable[None]],
    ) -> None:
        try:
            ready = await self._secured(stream, visit) if entrance.secure else stream
            if ready is not None:
                await serve(ready, visit)
                if entrance.secure:
                    tls.forget(ready)
        finally:
            if not visit.known:
                entrance.listener.waste()
            self.places.leave(visit.household, known=visit.known, bound=visit.bound)

    async def _secured(self, stream: trio.SocketStream, visit: Visit) -> trio.abc.Stream | None:
        try:
            with trio.fail_after(self.config.session_init_timeout):
                return await tls.shake_hands(stream, self._context)
        except (tls.TlsError, trio.TooSlowError) as error:
            self._complain("tls", str(visit.address), str(error) or "took too long")
        return None

    def refused(self, visit: Visit, code: int) -> float:
        """Count a bind of ``visit`` that was refused with ``code``; returns how many seconds the answer is to wait."""
        self._metrics.bind_refused(code)
        exempt = any(visit.address in network for network in self.config.limits.exempt)
        if exempt or not visit.guesses or code not in _GUESSED:
            return 0.0
        now, was_banned = trio.current_time(), visit.banned
        pause = self.bans.failed(visit.household, now)
        if not was_banned and self.bans.banned(visit.household, now):
            self._metrics.address_banned()
            _log.warning("address_banned", address=visit.household, seconds=self.config.limits.ban)
        return pause

    def _complain(self, reason: str, address: str, why: str = "") -> None:
        """Count a connection that was turned away, and now and then say so."""
        self._metrics.connection_refused(reason)
        self._unsaid[reason] += 1
        now = trio.current_time()
        if now >= self._said.get(reason, float("-inf")) + _SAID_EVERY:
            self._said[reason] = now
            _log.warning("connection_refused", reason=reason, address=address, why=why, count=self._unsaid.pop(reason))

"""The SMSC side: let in those who may bind, out of all who came through the door, and serve one link for each.

A bind that is being judged holds back what the app sent behind it; nothing is refused for coming early. A bind that
failed is answered the later, the more failed before it from the same address.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog
import trio

from gateway.binds.passwords import Passwords
from gateway.link import Link
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Event, Expired, Late, RequestReceived
from gateway.smpp.session import Session
from gateway.smpp.state import BINDS, Role, State
from gateway.smpp.timers import Limits
from gateway.store.base import StoreError
from gateway.store.spool import account_lane

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gateway.binds.door import Door, Visit
    from gateway.binds.requests import Requests
    from gateway.config.models import Account
    from gateway.config.smpp import Smpp
    from gateway.lanes.dispatcher import Lane
    from gateway.lanes.lanes import Lanes
    from gateway.membership import Membership
    from gateway.ports import Port
    from gateway.smpp.pdu import Pdu
    from gateway.store.spool import Spooled
    from gateway.submissions.submission import Customer

_log = structlog.get_logger()
_RECEIVING = (State.BOUND_RX, State.BOUND_TRX)


class Listener:
    """Where upstream apps bind.

    Args:
        door: where they come in.
        customers: who may bind, by system_id.
        requests: serves what apps ask.
        lanes: the accounts' lanes.
        membership: counts binds at all nodes.
    """

    def __init__(
        self, door: Door, customers: Mapping[str, Customer], requests: Requests, lanes: Lanes, membership: Membership
    ) -> None:
        self._membership = membership
        self._door = door
        self._customers = customers
        self._requests = requests
        self._lanes = lanes
        self._passwords = Passwords()
        self._binds: Counter[str] = Counter()
        self._clients: set[Client] = set()
        self._accepting = trio.CancelScope()

    async def run(self, task_status: trio.TaskStatus[list[Port]] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept until drained, serve until cancelled; started once every address is open.

        Raises:
            OSError: an address cannot be had; the message names it.
        """
        entrances = await self._door.open()
        async with trio.open_nursery() as nursery:
            with self._accepting:
                async with trio.open_nursery() as doors:
                    for entrance in entrances:
                        doors.start_soon(self._door.receive, entrance, self._serve, nursery)
                    task_status.started([entrance.listener for entrance in entrances])

    def bound(self) -> Mapping[str, int]:
        """Return how many binds each account has."""
        return self._binds

    def clients(self, account: str | None = None) -> list[Client]:
        """Return the bound apps, of one account or all."""
        return [each for each in self._clients if each.account and account in (None, each.account)]

    def let_go(self, unbound: Collection[str], patience: float) -> None:
        """Part from the apps of ``unbound`` accounts, and from those that are where none may be any more."""
        for client in list(self._clients):
            client.adapt(unbound, patience)

    async def drain(self, patience: float) -> None:
        """Accept nobody, take no more submissions, answer those taken, unbind every app; returns when all are gone."""
        self._accepting.cancel()
        await self.part(self._clients, patience)

    async def part(self, clients: Iterable[Client], patience: float) -> None:
        """Take no more from these apps, answer what was taken, and unbind them; returns when they are gone."""
        async with trio.open_nursery() as nursery:
            for client in list(clients):
                client.retire()
                nursery.start_soon(client.link.part, patience)

    async def _serve(self, stream: trio.abc.Stream, visit: Visit) -> None:
        async with trio.open_nursery() as nursery:
            client = Client(self, visit, nursery.start_soon)
            config = self._door.config
            session = Session(Role.MC, _limits(config), visit.began, max_pdu=config.max_pdu)
            client.link = Link(stream, session, client.handle, str(visit.address))
            self._clients.add(client)
            try:
                await client.link.run()
            finally:
                self._clients.discard(client)

    async def judge(self, client: Client, pdu: Pdu) -> int:
        """Return the command_status for a bind: ESME_ROK, and the place is taken, or why not."""
        system_id = pdu.fields["system_id"]
        customer = self._customers.get(system_id)
        if customer is None:
            return status.ESME_RINVSYSID
        account = customer.account
        if not _allowed(account, client.visit):
            return status.ESME_RBINDFAIL
        client.visit.introduce()
        if not await self._passwords.check(account.password, pdu.fields["password"], lambda: not client.visit.banned):
            return status.ESME_RBINDFAIL if client.visit.banned else status.ESME_RINVPASWD
        client.visit.guesses = False
        if customer.suspended:
            return status.ESME_RBINDFAIL
        if self._accepting.cancel_called:
            return status.ESME_RSYSERR  # on the way down
        return await self._take_place(customer, account)

    async def _take_place(self, customer: Customer, account: Account) -> int:
        """Take one of an account's places at all nodes, or say why not."""
        self._binds[account.name] += 1
        try:
            allowed = await self._membership.may_bind(account.name, self._binds[account.name], account.max_binds)
            code = status.ESME_ROK if allowed else status.ESME_RALYBND
        except StoreError:
            code = status.ESME_RSYSERR  # nobody can count; another node, or a later try, may
        if customer.account.password != account.password or self._customers.get(account.name) is not customer:
            code = status.ESME_RBINDFAIL  # the configuration has changed meanwhile
        if code != status.ESME_ROK:
            self.leave(account.name)
        return code

    def admit(self, client: Client, pdu: Pdu) -> None:
        """Let a bind in that :meth:`judge` approved."""
        customer = self._customers[pdu.fields["system_id"]]
        client.visit.succeed()
        client.welcome(customer, self._requests, self._lanes[account_lane(customer.name)])
        client.link.accept_bind(pdu, self._door.config.system_id)

    def account_named(self, system_id: str) -> str | None:
        """Return a system_id that is an account's; any other may be a password in the wrong field, not to be logged."""
        return system_id if system_id in self._customers else None

    def leave(self, account: str) -> None:
        """Free a place."""
        self._binds[account] -= 1
        self._membership.unbound(account, self._binds[account])


class Client:
    """One upstream connection, bound or not."""

    link: Link

    def __init__(self, listener: Listener, visit: Visit, start_soon: Callable[..., None]) -> None:
        self.visit = visit
        self.address = str(visit.address)
        self._listener = listener
        self._start_soon = start_soon
        self._customer: Customer | None = None
        self._requests: Requests | None = None
        self._lane: Lane | None = None

    @property
    def account(self) -> str:
        """The account that it is bound as, '' while it is not."""
        return self._customer.name if self._customer is not None and self.link.session.bound else ""

    def welcome(self, customer: Customer, requests: Requests, lane: Lane) -> None:
        """Become a bound app of ``customer``."""
        self._customer, self._requests, self._lane = customer, requests, lane
        self.link.name = customer.name
        self.link.session.window = customer.account.window

    def adapt(self, unbound: Collection[str], patience: float) -> None:
        """Go on with the settings that the account has now, or leave."""
        if self._customer is None or self.link.session.finished:
            return
        if self._customer.name in unbound or not _allowed(self._customer.account, self.visit):
            _log.warning("app_let_go", account=self._customer.name, address=self.address)
            self.retire()
            self._start_soon(self.link.part, patience)
        else:
            self.link.session.window = self._customer.account.window

    def retire(self) -> None:
        """Take nothing more, in either direction."""
        self._requests = None
        if self._lane is not None:
            self._lane.detach(self.link, [])

    def handle(self, link: Link, events: list[Event]) -> None:
        """Act on what the session tells; never waits."""
        for event in events:
            if isinstance(event, RequestReceived):
                self._request(link, event.pdu)
            elif isinstance(event, Answered):
                self._answered(event)
            elif isinstance(event, Expired):
                self._expired(event.request.context)
            elif isinstance(event, Late):
                self._answered_late(event)
            elif isinstance(event, Ended):
                self._ended(link, event)
            else:
                _log.debug("smpp_odd", peer=link.name, link=link.number, what=event.what)
        if self._lane is not None:
            self._lane.pump()

    def _request(self, link: Link, pdu: Pdu) -> None:
        if pdu.command in BINDS:
            self._start_soon(self._bind, pdu)
        elif self._requests is not None and self._customer is not None:
            self._requests.offer(link, self._customer, pdu)
        else:
            link.respond([(pdu, status.ESME_RSYSERR, b"")])  # on the way down: another node, or a later try, takes it

    async def _bind(self, pdu: Pdu) -> None:
        # Whoever is banned is not asked for a password, so what he opened before costs nothing after.
        code = status.ESME_RBINDFAIL if self.visit.banned else await self._listener.judge(self, pdu)
        if code != status.ESME_ROK:
            await self._refuse(pdu, code)
        elif self.link.session.finished:  # it has hung up meanwhile
            self._listener.leave(pdu.fields["system_id"])
            _log.debug("app_gone", address=self.address, reason="ended before its bind was answered")
        else:
            self._listener.admit(self, pdu)
            name, number, kind = pdu.fields["system_id"], self.link.number, smpp.NAMES[pdu.command]
            _log.info("app_bound", account=name, address=self.address, link=number, bind=kind)
            if self._lane is not None and self.link.session.state in _RECEIVING:
                self._lane.attach(self.link)

    async def _refuse(self, pdu: Pdu, code: int) -> None:
        account = self._listener.account_named(pdu.fields["system_id"])
        _log.warning("app_refused", account=account, address=self.address, status=status.name(code))
        await trio.sleep(self.visit.refuse(code))
        self.link.refuse_bind(pdu, code)

    def _answered(self, event: Answered) -> None:
        row: Spooled | None = event.request.context
        if self._lane is not None and row is not None:
            self._lane.answered(row, event.response, event.seconds)

    def _answered_late(self, event: Late) -> None:
        if self._lane is not None and event.request.context is not None:
            self._lane.answered_late(event.request.context, event.response)

    def _expired(self, row: Spooled | None) -> None:
        if self._lane is not None and row is not None:
            self._lane.unanswered(row)

    def _ended(self, link: Link, event: Ended) -> None:
        if self._customer is None or self._lane is None:
            _log.debug("app_gone", address=self.address, reason=event.reason)
            return
        self._lane.detach(link, event.unanswered)
        self._listener.leave(self._customer.name)
        name = self._customer.name
        _log.info("app_unbound", account=name, address=self.address, link=link.number, reason=event.reason)


def _limits(config: Smpp) -> Limits:
    return Limits(
        session_init=config.session_init_timeout,
        enquire_link=config.enquire_link,
        inactivity=config.inactivity_timeout,
        response=config.response_timeout,
    )


def _allowed(account: Account, visit: Visit) -> bool:
    return account.allow_from is None or any(visit.address in network for network in account.allow_from)

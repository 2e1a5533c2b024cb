"""What an administrator may see of a running gateway, and do to it, through the control socket.

What is done here lasts until it is undone, or until the process ends: a gateway that starts has nothing suspended.
Suspending an operator keeps its binds, so texts and receipts still come in; what waits for it goes to the next operator
of its route, or waits. Unbinding drains first. Neither loses anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.control import ControlError
from gateway.store.spool import account_lane, operator_lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.binds.connector import Connector
    from gateway.binds.listener import Client, Listener
    from gateway.control import Action
    from gateway.lanes.dispatcher import Lane
    from gateway.lanes.lanes import Lanes
    from gateway.link import Link
    from gateway.submissions.submission import Customer

_PATIENCE = 5.0  # seconds that a peer has for its last answers
Line = dict[str, Any]


class Operate:
    """The commands of one gateway.

    Args:
        connectors: returns those of the operators that this node binds to.
        listener: where apps bind.
        customers: the accounts.
        lanes: all of this process.
    """

    def __init__(
        self,
        connectors: Callable[[], Iterable[Connector]],
        listener: Listener,
        customers: Mapping[str, Customer],
        lanes: Lanes,
    ) -> None:
        self._connectors = connectors
        self._listener = listener
        self._customers = customers
        self._lanes = lanes
        self.actions: Mapping[str, Action] = {
            "operators": self.operators,
            "operator_binds": self.operator_binds,
            "suspend_operator": self.suspend_operator,
            "unbind_operator": self.unbind_operator,
            "resume_operator": self.resume_operator,
            "accounts": self.accounts,
            "account_binds": self.account_binds,
            "kick": self.kick,
            "suspend_account": self.suspend_account,
            "resume_account": self.resume_account,
            "look": self.look,
        }

    # Operators

    def reachable(self, operator: str) -> bool:
        """Say whether an operator has a link at this moment, at whatever node."""
        return self._lanes.reachable(operator_lane(operator))

    async def operators(self) -> list[Line]:
        """Say of each operator that this node binds to how it is doing."""
        return [self._operator(each) for each in self._connectors()]

    def _operator(self, connector: Connector) -> Line:
        operator = connector.operator
        sessions = operator.binds * (1 if operator.bind == "transceiver" else 2)
        return {
            "name": operator.name,
            "state": _state_of(connector, sessions),
            "address": f"{operator.host}:{operator.port}",
            "binds": connector.bound,
            "of": sessions,
            "window": operator.window,
            **_load(self._lanes[operator_lane(operator.name)]),
        }

    async def operator_binds(self) -> list[Line]:
        """Say of each connection to an operator how it is doing."""
        return [_bind(each.operator.name, link) for each in self._connectors() for link in each.links]

    async def suspend_operator(self, name: str) -> Line:
        """Send nothing more to an operator; its binds stay."""
        connector = self._connector(name)
        connector.suspend()
        return self._operator(connector)

    async def unbind_operator(self, name: str) -> Line:
        """Drain an operator, unbind from it and stay away."""
        connector = self._connector(name)
        await connector.unbind(_PATIENCE)
        return self._operator(connector)

    async def resume_operator(self, name: str) -> Line:
        """Bind and send to an operator again."""
        connector = self._connector(name)
        connector.resume()
        return self._operator(connector)

    def _connector(self, name: str) -> Connector:
        known = {each.operator.name: each for each in self._connectors()}
        if name not in known:
            raise ControlError(f"this node binds to no operator {name}; it binds to {', '.join(known) or 'none'}")
        return known[name]

    # Accounts

    async def accounts(self) -> list[Line]:
        """Say of each account how it is doing."""
        return [self._account(each) for each in self._customers.values()]

    def _account(self, customer: Customer) -> Line:
        binds = self._listener.bound().get(customer.name, 0)
        return {
            "name": customer.name,
            "state": "suspended" if customer.suspended else "bound" if binds else "not bound",
            "kind": customer.account.kind,
            "binds": binds,
            "of": customer.account.max_binds,
            "window": customer.account.window,
            **_load(self._lanes[account_lane(customer.name)]),
            "rate": customer.bucket.rate,
        }

    async def account_binds(self) -> list[Line]:
        """Say of each bound app how it is doing."""
        return [_bind(each.account, each.link) | {"address": each.address} for each in self._listener.clients()]

    async def kick(self, name: str, address: str | None = None) -> int:
        """Unbind the apps of an account, all or those from one address; returns how many."""
        customer = self._customer(name)
        return await self._part(
            [each for each in self._listener.clients(customer.name) if address in (None, each.address)]
        )

    async def suspend_account(self, name: str) -> Line:
        """Unbind the apps of an account, and let none bind again."""
        customer = self._customer(name)
        customer.suspended = True
        await self._part(self._listener.clients(customer.name))
        return self._account(customer)

    async def resume_account(self, name: str) -> Line:
        """Let the apps of an account bind again."""
        customer = self._customer(name)
        customer.suspended = False
        return self._account(customer)

    async def _part(self, clients: list[Client]) -> int:
        await self._listener.part(clients, _PATIENCE)
        return len(clients)

    def _customer(self, name: str) -> Customer:
        if name not in self._customers:
            raise ControlError(
                f"there is no account {name}; the configuration has {', '.join(self._customers) or 'none'}"
            )
        return self._customers[name]

    # Both

    async def look(self) -> int:
        """Have every lane look into the spool now: somebody has changed something there."""
        lanes = list(self._lanes)
        for lane in lanes:
            lane.look()
        return len(lanes)


def _state_of(connector: Connector, sessions: int) -> str:
    if connector.orders.away:
        return "unbound"
    if connector.orders.suspended:
        return "suspended"
    if not connector.bound:
        return "down"
    return "bound" if connector.bound >= sessions else "partly bound"


def _load(lane: Lane) -> Line:
    load = lane.load()
    return load._asdict() | {"pause": round(load.pause, 1)}


def _bind(name: str, link: Link) -> Line:
    session = link.session
    counts = {"in_flight": session.in_flight, "owed": session.owed, "seconds": round(session.lasted)}
    return {"name": name, "state": session.state, **counts}

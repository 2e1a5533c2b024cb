"""A gateway process between two recorded wires: apps bind over one, it binds to its operator over the other."""

from tests.faults.process import SIGTERM, Gateway
from tests.flows.peers import soon
from tests.interop.tools import program
from tests.interop.tshark import Reading
from tests.interop.wire import APPS, OPERATORS, Recording, Wire

SLOW = {"accounts": {"shop": {"rate": 1}}}  # what makes the gateway throttle
_BANK = {"password": "secret", "rate": None, "kind": "notification", "mention": False}


class Site:
    """The gateway `stopgate run`, with the accounts `shop` (marketing) and `bank` (notification).

    Attributes:
        address: where apps bind.
        recording: every octet on both wires.
        gateway: the process.
    """

    def __init__(self, nursery, folder):
        self.recording = Recording()
        self.gateway = Gateway(folder)
        self._nursery = nursery
        self._apps = Wire(self.recording, APPS)
        self._operator = Wire(self.recording, OPERATORS)
        self._capture = folder / "wires.pcap"
        self._stopped = False

    @property
    def address(self):
        """Where apps bind."""
        return self._apps.address

    async def start(self, operator, **changes):
        """Start the gateway, with an operator at the address ``operator``; returns once it is bound there.

        ``changes`` are laid over the configuration.
        """
        await self._nursery.start(self._operator.run)
        await self._nursery.start(self._apps.run)
        self._operator.target, self.gateway.operator = operator, self._operator.address
        changes["accounts"] = {"bank": _BANK, **changes.get("accounts", {})}
        self.gateway.configure(**changes)
        await self.gateway.start(self._nursery)
        self._apps.target = self.gateway.address
        await self.logged("operator_bound")

    async def logged(self, event, count=1):
        """Return the events that the gateway logged under a name, as soon as there are ``count``."""
        return await soon(self.gateway.changes, lambda: len(found := self.events(event)) >= count and found)

    def events(self, name):
        """Return what the gateway has logged under a name."""
        return [entry for entry in self.gateway.events if entry["event"] == name]

    async def stop(self):
        """Do what an administrator does; the gateway must end cleanly, having told no traceback."""
        if not self._stopped:
            self._stopped = True
            assert await self.gateway.end(SIGTERM) == 0
            assert [entry for entry in self.gateway.events if "exception" in entry] == []

    def read(self):
        """Return the recording as tshark reads it."""
        self.recording.write(self._capture)
        return Reading(self._capture)

    def judge(self):
        """Have tshark, where it is installed, read what went over the wires; it must find nothing wrong with it."""
        if program("tshark"):
            assert self.read().complaints == []

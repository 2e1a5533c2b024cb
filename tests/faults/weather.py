"""What lies between the gateway and an operator, in any weather: PDUs are kept back, lost, doubled, shuffled, spoiled.

It stands where the operator is configured and passes on what comes, whole PDUs at a time. So any operator can be made
to misbehave in any way, also one that has no faults of its own.
"""

from __future__ import annotations

import contextlib
import struct
from enum import Enum

import trio

from gateway.simulate.peer import Changes
from gateway.smpp import pdu as smpp
from gateway.smpp import status

_HEADER = struct.Struct(">4I")
_LENGTH = 4  # octets
JUNK = b"\xff" * 16  # a PDU of 4 GiB, says its length
FLOOD = 50  # PDUs from one fault to the next
LATE = 12.0  # seconds
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_THROTTLED = smpp.SUBMIT_SM | smpp.RESPONSE


class Weather(Enum):
    """What becomes of PDUs from now on."""

    FAIR = "they pass"
    DOWN = "connections end, and nobody gets one"
    SILENT = "nothing passes, either way, and nothing is said about it"
    HANGING = "the operator hears and says nothing more"
    LOSSY = "every so many PDUs of the operator one is lost"
    DOUBLE = "every so many PDUs of the operator one comes twice"
    LATE = "every so many PDUs of the operator one comes long after its time"
    SHUFFLED = "two PDUs of the operator change places"
    GARBAGE = "every so many PDUs of the operator junk comes instead"
    THROTTLED = "submissions are answered with ESME_RTHROTTLED"
    UNBOUND = "binds are answered with ESME_RBINDFAIL"


class Between:
    """Passes PDUs on between a gateway and its operator.

    Args:
        operator: its address.
        every: PDUs from one fault to the next.
        late: seconds that a late PDU is late.

    Attributes:
        weather: what becomes of PDUs.
        faults: how many PDUs it has befallen.
        connections: how many have been taken.
    """

    def __init__(self, operator, every=FLOOD, late=LATE):
        self._operator = operator
        self._every, self._late = every, late
        self._passages = set()
        self.changes = Changes()
        self.weather = Weather.FAIR
        self.faults = 0
        self.connections = 0

    async def run(self, port=0, task_status=trio.TASK_STATUS_IGNORED):
        """Pass on until cancelled; started, with its address."""
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        task_status.started(listeners[0].socket.getsockname()[:2])
        await trio.serve_listeners(self._serve, listeners)

    def turn(self, weather):
        """Change the weather; when it is DOWN, connections end at once."""
        self.weather = weather
        self.changes.tell()
        for passage in self._passages:
            if weather is Weather.DOWN:
                passage.cancel()

    async def _serve(self, stream):
        self.connections += 1
        if self.weather is Weather.DOWN:
            return
        try:
            operator = await trio.open_tcp_stream(*self._operator)
        except OSError:
            return
        async with operator, trio.open_nursery() as nursery:
            self._passages.add(nursery.cancel_scope)
            passage = _Passage(self, stream, operator, nursery)
            nursery.start_soon(passage.outward)
            nursery.start_soon(passage.homeward)
        self._passages.discard(nursery.cancel_scope)

    def strikes(self, counted):
        """Say whether the fault befalls this PDU, the how-manieth of its connection."""
        struck = counted % self._every == 0
        self.faults += struck
        return struck

    async def later(self, stream, pdu):
        """Deliver a PDU long after its time, if there is still anybody."""
        await trio.sleep(self._late)
        await stream.send(pdu)


class _End:
    """One side's stream: PDUs in and out, one sender at a time."""

    def __init__(self, stream):
        self._stream = stream
        self._sending = trio.Lock()
        self._rest = b""

    async def pdus(self):
        """Yield what has come, some PDUs at a time."""
        async for octets in self._stream:
            data, at = self._rest + octets, 0
            while len(data) - at >= _LENGTH and len(data) - at >= (length := int.from_bytes(data[at : at + _LENGTH])):
                yield data[at : at + length]
                at += length
            self._rest = data[at:]

    async def send(self, octets):
        async with self._sending:
            await self._stream.send_all(octets)


class _Passage:
    """One connection of the gateway, and the one to the operator that belongs to it."""

    def __init__(self, between, gateway, operator, nursery):
        self._between = between
        self._gateway, self._operator = _End(gateway), _End(operator)
        self._nursery = nursery
        self._counted = 0
        self._waiting = None  # a PDU that is to change places with the next

    async def outward(self):
        await self._pump(self._gateway, self._outward)

    async def homeward(self):
        await self._pump(self._operator, self._homeward)

    async def _pump(self, source, handle):
        try:
            async with contextlib.aclosing(source.pdus()) as pdus:
                async for pdu in pdus:
                    await self._between.changes.wait_for(lambda: self._between.weather is not Weather.SILENT)
                    await handle(pdu)
        except _GONE:
            pass
        finally:
            self._nursery.cancel_scope.cancel()

    async def _outward(self, pdu):
        _, command, _, sequence = _HEADER.unpack_from(pdu)
        weather = self._between.weather
        if weather is Weather.THROTTLED and command == smpp.SUBMIT_SM:
            self._between.faults += 1
            await self._gateway.send(_HEADER.pack(16, _THROTTLED, status.ESME_RTHROTTLED, sequence))
        elif weather is Weather.UNBOUND and command == smpp.BIND_TRANSCEIVER:
            self._between.faults += 1
            await self._gateway.send(_HEADER.pack(16, command | smpp.RESPONSE, status.ESME_RBINDFAIL, sequence))
        else:
            await self._operator.send(pdu)

    async def _homeward(self, pdu):
        weather = self._between.weather
        if weather is Weather.HANGING:
            return
        self._counted += 1
        if weather is Weather.SHUFFLED:
            await self._shuffle(pdu)
            return
        await self._flush()
        struck = weather in _STRIKING and self._between.strikes(self._counted)
        await _STRIKING[weather](self, pdu) if struck else await self._gateway.send(pdu)

    async def _shuffle(self, pdu):
        if self._waiting is None:
            self._waiting = pdu
        else:
            await self._gateway.send(pdu)
            self._between.faults += 1
            await self._flush()

    async def _flush(self):
        if self._waiting is not None:
            pdu, self._waiting = self._waiting, None
            await self._gateway.send(pdu)

    async def _lose(self, pdu):
        pass

    async def _double(self, pdu):
        await self._gateway.send(pdu + pdu)

    async def _delay(self, pdu):
        self._nursery.start_soon(self._deliver_late, pdu)

    async def _deliver_late(self, pdu):
        with contextlib.suppress(*_GONE):
            await self._between.later(self._gateway, pdu)

    async def _spoil(self, _pdu):
        await self._gateway.send(JUNK)


_STRIKING = {
    Weather.LOSSY: _Passage._lose,
    Weather.DOUBLE: _Passage._double,
    Weather.LATE: _Passage._delay,
    Weather.GARBAGE: _Passage._spoil,
}

"""What hostile peers do to a gateway, over and over: strangers, and accounts that have gone mad.

As a script, `hostile.py NAME PORT`, it attacks until it is killed; tests and the benchmark use it.
"""

from __future__ import annotations

import os
import random
import struct
import sys
from typing import TYPE_CHECKING

import trio

from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HOSTILE, PASSWORD = "mallory", "secret"
HEADER = struct.Struct(">4I")
HTTP = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
LENGTHS = (*range(16), 0xFFFFFFFF)
_DROPS = 20
_BIND = {"system_id": HOSTILE, "password": PASSWORD, "system_type": "", "interface_version": 0x34}


class Attack:
    """One attacker.

    Args:
        address: the gateway's.
        done: called for everything that it has brought to its end.
    """

    def __init__(self, address: tuple[str, int], done: Callable[[], None]) -> None:
        self._address = address
        self._done = done
        self._dice = random.Random(1)

    async def _connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(*self._address)

    async def _bound(self) -> trio.SocketStream:
        body = smpp.encode_body(smpp.BIND_TRANSCEIVER, {**_BIND, "addr_ton": 0, "addr_npi": 0, "address_range": ""})
        stream = await self._connect()
        try:
            await stream.send_all(HEADER.pack(16 + len(body), smpp.BIND_TRANSCEIVER, 0, 1) + body)
            await stream.receive_some()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream

    async def _until_closed(self, octets: bytes) -> None:
        """Write and read until the gateway hangs up."""
        stream = await self._connect()
        async with stream:
            try:
                await stream.send_all(octets)
                while await stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        self._done()

    # What strangers do

    async def half_open(self) -> None:
        """Connect, begin a header and fall silent."""
        await self._until_closed(b"\0\0\0")

    async def slow(self) -> None:
        """Write a bind that never ends, octet by octet."""
        stream = await self._connect()
        async with stream:
            try:
                for octet in HEADER.pack(60_000, smpp.BIND_TRANSCEIVER, 0, 1) + bytes(50_000):
                    await stream.send_all(bytes([octet]))
                    await trio.sleep(0.2)
            except trio.BrokenResourceError:
                self._done()

    async def drop(self) -> None:
        """Connect and go, at times without a goodbye."""
        for number in range(_DROPS):
            async with await self._connect() as stream:
                if number % 2:
                    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._done()

    async def http(self) -> None:
        """Speak HTTP."""
        await self._until_closed(HTTP)

    async def tls(self) -> None:
        """Speak TLS where it is not spoken."""
        await self._until_closed(TLS)

    async def garbage(self) -> None:
        """Write random octets."""
        await self._until_closed(self._dice.randbytes(4_096))

    async def lengths(self) -> None:
        """Claim lengths that cannot be."""
        for length in LENGTHS:
            await self._until_closed(HEADER.pack(length, smpp.ENQUIRE_LINK, 0, 1))

    async def junk(self) -> None:
        """Write the cheapest PDUs there are, as many as go, before any bind."""
        await self._until_closed(HEADER.pack(16, smpp.SUBMIT_SM, 0, 1) * 100_000)

    # What accounts do that have gone mad

    async def flood(self) -> None:
        """Write damaged PDUs without end, and read what comes."""
        await self._exchange(HEADER.pack(16, smpp.SUBMIT_SM, 0, 1) * 4_000)

    async def octets(self) -> None:
        """Write sound PDUs octet by octet, each in a packet of its own."""
        body = message_body(smpp.SUBMIT_SM, ("X", "not a number"), {"short_message": b"x" * 20}, None)
        async with await self._bound() as stream:
            stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            while True:
                for octet in HEADER.pack(16 + len(body), smpp.SUBMIT_SM, 0, 1) + body:
                    await stream.send_all(bytes([octet]))
                await stream.receive_some()
                self._done()

    async def huge(self) -> None:
        """Submit 64 kB at a time."""
        body = message_body(smpp.SUBMIT_SM, ("X", "33612345678"), {}, b"Bonjour " * 8_000)
        await self._exchange(HEADER.pack(16 + len(body), smpp.SUBMIT_SM, 0, 1) + body)

    async def _exchange(self, octets: bytes) -> None:
        stream = await self._bound()
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._read_on, stream)
            while True:
                await stream.send_all(octets)
                self._done()

    async def _read_on(self, stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass

    async def deaf(self) -> None:
        """Ask without end and read no answer, until the gateway hangs up."""
        stream = await self._bound()
        try:
            async with stream:
                while True:
                    await stream.send_all(HEADER.pack(16, smpp.ENQUIRE_LINK, 0, 1) * 1_000)
        except trio.BrokenResourceError:
            self._done()


ATTACKS: dict[str, tuple[Callable[[Attack], Awaitable[None]], int]] = {
    "half_open": (Attack.half_open, 200),
    "slow": (Attack.slow, 200),
    "drop": (Attack.drop, 4),
    "http": (Attack.http, 4),
    "tls": (Attack.tls, 4),
    "garbage": (Attack.garbage, 4),
    "lengths": (Attack.lengths, 4),
    "junk": (Attack.junk, 4),
    "flood": (Attack.flood, 2),
    "octets": (Attack.octets, 4),
    "huge": (Attack.huge, 2),
    "deaf": (Attack.deaf, 4),
}
"""Each attack, and how many make it at once."""


async def attack(name: str, address: tuple[str, int], done: Callable[[], None]) -> None:
    """Attack until cancelled, however often the gateway hangs up."""
    act, count = ATTACKS[name]

    async def again() -> None:
        while True:
            try:
                await act(Attack(address, done))
            except OSError:  # nobody takes the connection at this moment
                await trio.sleep(0.01)
            except trio.BrokenResourceError:
                done()

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(again)


def main(name: str, port: int) -> None:
    """Attack until killed, and yield to others; says how often it did, on standard output, as it goes."""
    os.nice(10)
    tally = 0

    def done() -> None:
        nonlocal tally
        tally += 1
        if tally % 100 == 0:
            os.write(1, b"%d\n" % tally)

    trio.run(attack, name, ("127.0.0.1", port), done)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

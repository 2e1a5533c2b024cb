"""Wires between real peers: each carries octets from socket to socket, and a recording keeps them all.

A recording can be written as a capture file in the form of pcap, as if a sniffer had seen the connections; that takes
no rights on the machine's interfaces.
"""

import struct
from typing import NamedTuple

import trio

from gateway.simulate.peer import Changes
from tests.flows.peers import soon

APPS, OPERATORS = 2775, 2776  # what a capture calls the servers' ports, whatever they really were

_HEADER, _RESPONSE = 16, 0x80000000  # length of a PDU's header; the bit of command_id that tells a response
_PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)  # 101: packets begin with an IP header
_HOST = b"\x7f\0\0\1"
_FIRST_CLIENT_PORT = 40_000
_SYN, _PUSH, _ACK = 0x02, 0x08, 0x10
_ROOM = 1_400  # octets in one packet; longer PDUs take several, as on a network


class Piece(NamedTuple):
    """What one read from a socket brought: ``upward`` is from the one who connected to the one who listens."""

    port: int
    connection: int
    upward: bool
    data: bytes


class Recording:
    """Everything that went over some wires, in the order in which it did.

    Attributes:
        pieces: what was read, oldest first.
    """

    def __init__(self):
        self.pieces = []
        self._changes = Changes()

    def add(self, piece):
        """Keep one more piece."""
        self.pieces.append(piece)
        self._changes.tell()

    async def wait_for(self, condition):
        """Return what ``condition`` returns as soon as that is true."""
        return await soon(self._changes, condition)

    def headers(self, port, *, upward):
        """Return (command_id, command_status) of every PDU that went one way over a wire, connection by connection."""
        pieces = [piece for piece in self.pieces if (piece.port, piece.upward) == (port, upward)]
        octets = b"".join(piece.data for piece in sorted(pieces, key=lambda piece: piece.connection))
        found = []
        while len(octets) >= _HEADER:
            length, command, status, _ = struct.unpack(">IIII", octets[:_HEADER])
            found.append((command, status))
            octets = octets[length:]
        return found

    def answered(self, port, command):
        """Return the command_status of every response of the listening side to requests of one command."""
        return [status for answer, status in self.headers(port, upward=False) if answer == command | _RESPONSE]

    def write(self, path):
        """Write a capture file."""
        capture = _Capture()
        for piece in self.pieces:
            capture.add(piece)
        path.write_bytes(capture.octets)


class Wire:
    """One address to connect to, joined to another.

    Attributes:
        address: where to connect.
        target: where connections lead; to be set before there are any.
    """

    def __init__(self, recording, port):
        self.address = None
        self.target = None
        self._recording = recording
        self._port = port
        self._connections = 0

    async def run(self, task_status):
        """Carry until cancelled."""
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.address = listener.socket.getsockname()
        await trio.serve_listeners(self._join, [listener], task_status=task_status)

    async def _join(self, client):
        self._connections += 1
        number = self._connections
        try:
            server = await trio.open_tcp_stream(*self.target)
        except OSError:
            return  # nobody is there: this connection ends, too
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(self._carry, number, True, client, server)
            nursery.start_soon(self._carry, number, False, server, client)

    async def _carry(self, number, upward, source, sink):
        try:
            async for data in source:
                self._recording.add(Piece(self._port, number, upward, bytes(data)))
                await sink.send_all(data)
            await sink.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.aclose_forcefully(source)  # the other way ends with this one
            await trio.aclose_forcefully(sink)


class _Capture:
    """Packets made up around what was recorded, with sequence numbers that fit."""

    def __init__(self):
        self.octets = _PCAP_HEADER
        self._packets = 0
        self._sent = {}  # octets sent so far, SYN included, by connection and direction

    def add(self, piece):
        connection = piece.port, piece.connection
        if (*connection, True) not in self._sent:
            self._greet(connection)
        for start in range(0, len(piece.data), _ROOM):
            self._packet(connection, piece.upward, _PUSH | _ACK, piece.data[start : start + _ROOM])
            self._packet(connection, not piece.upward, _ACK)

    def _greet(self, connection):
        self._sent.update({(*connection, True): 0, (*connection, False): 0})
        self._packet(connection, True, _SYN)
        self._packet(connection, False, _SYN | _ACK)
        self._packet(connection, True, _ACK)

    def _packet(self, connection, upward, flags, data=b""):
        port, number = connection
        ends = (_FIRST_CLIENT_PORT + number, port) if upward else (port, _FIRST_CLIENT_PORT + number)
        sent, heard = self._sent[*connection, upward], self._sent[*connection, not upward]
        self._sent[*connection, upward] += len(data) + bool(flags & _SYN)
        tcp = struct.pack(">HHIIBBHHH", *ends, sent, heard, 5 << 4, flags, 65_535, 0, 0) + data
        packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, _HOST, _HOST) + tcp
        self._packets += 1
        self.octets += struct.pack("<IIII", 0, self._packets, len(packet), len(packet)) + packet

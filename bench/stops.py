"""How many STOPs a second the daemon takes from as many numbers, each committed before it is answered, billed once.

An operator of a few lines, on a plain socket, hands in a STOP of each number, with up to so many unanswered, and takes
the confirmations. While they come it looks into the database from outside: whatever has been answered must be there. In
the end all that a STOP leads to must be there once, the chains whole. BENCH_STORE names another store than a new SQLite
file, BENCH_STOPS how many numbers text.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway.demo.loopback import free_port
from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp
from gateway.store import contacts, evidence, ledger
from gateway.store.url import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.base import Store, Tx

Found = TypeVar("Found")
STOPS = int(os.environ.get("BENCH_STOPS", "20000"))
STORE = os.environ.get("BENCH_STORE", "")
WINDOW = 500
CODE = "36034"
WORDS = (b"STOP", b"Stop svp", b"ARRET", b"stop merci", "Désabonnez-moi".encode("latin-1"))
LOOKS = 20
CONFIG = """
node: bench
store: {store}
log: {{level: error}}
smpp: {{listen: ["127.0.0.1:{app}"]}}
web: null
metrics: null
accounts:
  shop: {{password: secret, forward_mo: false}}
operators:
  orange: {{host: 127.0.0.1, port: {operator}, system_id: gw, password: secret, window: 1000, rate: null}}
routes:
  - {{prefixes: [""], operators: [orange]}}
"""


def stop(sequence: int) -> bytes:
    """Return a deliver_sm in which a number of its own texts STOP."""
    words = WORDS[sequence % len(WORDS)]
    content = {"short_message": words, "data_coding": 3}
    body = message_body(smpp.DELIVER_SM, (f"336{sequence:08}", CODE), content, None)
    return struct.pack(">IIII", 16 + len(body), smpp.DELIVER_SM, 0, sequence) + body


class Operator:
    """One bind, on a plain socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._ready = selectors.DefaultSelector()
        self._ready.register(connection, selectors.EVENT_READ)
        self._buffer = b""
        self._out = b""
        self.answered = self.confirmations = 0

    def send(self, octets: bytes) -> None:
        """Send, or keep for later what the socket does not take."""
        self._out += octets
        try:
            self._out = self._out[self._connection.send(self._out) :]
        except BlockingIOError:
            return

    def turn(self, patience: float = 0.05) -> None:
        """Take in what has come and answer it."""
        self.send(b"")
        if not self._ready.select(patience):
            return
        self._buffer += self._connection.recv(1 << 20)
        answers = b""
        while len(self._buffer) >= 16 and len(self._buffer) >= (size := struct.unpack(">I", self._buffer[:4])[0]):
            answers += self._answer(*struct.unpack(">III", self._buffer[4:16]))
            self._buffer = self._buffer[size:]
        self.send(answers)

    def _answer(self, command: int, status: int, sequence: int) -> bytes:
        body = {smpp.BIND_TRANSCEIVER: b"bench\0", smpp.SUBMIT_SM: b"%x\0" % sequence}.get(command, b"")
        if command == smpp.DELIVER_SM | smpp.RESPONSE:
            assert status == 0, hex(status)
            self.answered += 1
        self.confirmations += command == smpp.SUBMIT_SM
        if command & smpp.RESPONSE:
            return b""
        return struct.pack(">IIII", 16 + len(body), command | smpp.RESPONSE, 0, sequence) + body


def look(store: Store, work: Callable[[Tx], Found]) -> Found:
    """Look into the database."""
    return trio.run(store.once, work)


def rows(table: str) -> Callable[[Tx], int]:
    """Return what counts the rows of a table."""
    return lambda tx: int(tx.rows(f"SELECT count(*) FROM {table}")[0][0])


def hand_in(operator: Operator, store: Store) -> float:
    """Hand in every STOP; returns the seconds until the last answer."""
    began, sent, looked = time.perf_counter(), 0, 0
    while operator.answered < STOPS:
        room = min(WINDOW - (sent - operator.answered), STOPS - sent)
        if room:
            operator.send(b"".join(stop(each) for each in range(sent, sent + room)))
            sent += room
        operator.turn()
        if operator.answered >= STOPS * (looked + 1) / LOOKS:
            answered, looked = operator.answered, looked + 1
            there = look(store, rows("blacklist"))
            assert there >= answered, f"{answered} answered, {there} committed"
    return time.perf_counter() - began


def check(store: Store) -> None:
    """See that each STOP has led to all that it must, once."""
    for table in ("blacklist", "ledger", "confirmation"):
        assert (found := look(store, rows(table))) == STOPS, f"{table}: {found}"
    assert look(store, rows("evidence WHERE effect = 'opted_out'")) == STOPS
    assert look(store, rows("ledger WHERE account = 'shop' AND credits = 1")) == STOPS
    assert look(store, ledger.verify).broken is None
    assert look(store, evidence.verify).broken is None


def measure(folder: str) -> None:
    """Run the daemon and measure."""
    url, port = STORE or f"sqlite:///{folder}/gateway.db", free_port()
    config = Path(folder, "gateway.yaml")
    config.write_text(CONFIG.format(store=url, app=free_port(), operator=port), encoding="utf-8")
    store = open_store(url, "bench/looks")
    contacted = [(f"336{each:08}", CODE, "shop") for each in range(STOPS)]
    look(store, lambda tx: contacts.touch(tx, contacted))
    with socket.create_server(("127.0.0.1", port)) as listener:
        daemon = subprocess.Popen([sys.executable, "-m", "gateway", "run", "--config", str(config)])
        try:
            operator = Operator(listener.accept()[0])
            for _ in range(20):
                operator.turn()
            seconds = hand_in(operator, store)
            print(f"{STOPS / seconds:8.0f} STOPs/s answered, each committed before ({STOPS} in {seconds:.1f} s)")
            began = time.perf_counter()
            while operator.confirmations < STOPS and time.perf_counter() < began + 60:
                operator.turn()
            print(f"{operator.confirmations:8} confirmations, the last {time.perf_counter() - began:.1f} s after that")
            check(store)
            print("         each billed once; ledger and evidence are whole chains")
        finally:
            daemon.terminate()
            daemon.wait(30)
            store.close()


def main() -> None:
    """Measure in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        measure(folder)


if __name__ == "__main__":
    main()

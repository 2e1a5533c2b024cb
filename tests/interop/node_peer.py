"""node's `smpp`, written by others, as either side: one process that holds its sessions, steered by the test.

PDUs are mappings of that package's making: its names for fields and TLVs, texts decoded by it.
"""

import json
import subprocess
from itertools import count

import trio

from gateway.simulate.peer import Changes
from gateway.smpp import receipt
from tests.flows.peers import soon
from tests.interop.tools import NODE, program

RECEIPT = 0x04  # esm_class


class NodePeer:
    """The process, its sessions, and what came over them.

    Attributes:
        requests: the requests of the gateway, oldest first, each with its ``session``.
        closed: the numbers of the sessions whose connection has ended.
        errors: what the package complained of.
        answer: maps a request to the fields of its response; None: no response.
    """

    def __init__(self, folder):
        self.requests, self.closed, self.errors = [], [], []
        self.answer = lambda _pdu: {}
        self.changes = Changes()
        self._errors = folder / "node.txt"
        self._tags = count(1)
        self._replies = {}
        self._process = None
        self._commands, self._to_send = trio.open_memory_channel(float("inf"))  # a pipe takes one writer at a time

    async def run(self, task_status):
        """Run the process until cancelled."""
        with self._errors.open("wb") as errors:
            command = [program("node"), str(NODE / "bridge.js")]
            pipe = subprocess.PIPE
            self._process = await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe, stderr=errors)
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send)
                await self._listen()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                self._process.kill()
                await self._process.wait()
        raise AssertionError(self._errors.read_text())  # it ends when it is told to, not by itself

    async def _send(self):
        async for command in self._to_send:
            await self._process.stdin.send_all(json.dumps(command).encode() + b"\n")

    async def _listen(self):
        rest = b""
        async for data in self._process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
            self.changes.tell()

    def _take(self, event):
        what, pdu = event["event"], event.get("pdu", {})
        if what == "request":
            self.requests.append({**pdu, "session": event["session"]})
            self._answer(self.requests[-1])
        elif what == "closed":
            self.closed.append(event["session"])
        elif what == "error":
            self.errors.append(event["reason"])
        elif event.get("tag"):
            self._replies[event["tag"]] = event

    def _answer(self, pdu):
        fields = self.answer(pdu)
        if fields is not None:
            self._tell("respond", session=pdu["session"], sequence_number=pdu["sequence_number"], fields=fields)

    def _tell(self, what, **command):
        self._commands.send_nowait({"do": what, **command})

    async def _ask(self, what, **command):
        tag = next(self._tags)
        self._tell(what, tag=tag, **command)
        return await self.wait_for(lambda: self._replies.get(tag))

    async def wait_for(self, condition):
        """Return what ``condition`` returns as soon as that is true."""
        return await soon(self.changes, condition)

    async def connect(self, address):
        """Open a session as a client; returns its number."""
        host, port = address
        return (await self._ask("connect", host=host, port=port))["session"]

    async def listen(self):
        """Open a server; returns its address."""
        return "127.0.0.1", (await self._ask("listen"))["port"]

    async def request(self, session, command, **fields):
        """Send a request; returns the response."""
        return (await self._ask("send", session=session, command=command, fields=fields))["pdu"]

    async def received(self, command, many=1):
        """Return the requests of one command as soon as there are that ``many``."""
        return await self.wait_for(lambda: len(found := self._of(command)) >= many and found)

    def _of(self, command):
        return [pdu for pdu in self.requests if pdu["command"] == command]


class NodeOperator(NodePeer):
    """An operator whose server is node's: lets everybody in, takes submissions, and reports each as delivered.

    Attributes:
        statuses: what the next submissions are answered; once there is none left, they are taken.
        taken: the submissions that were taken, in order.
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.answer = self._judge
        self.statuses, self.taken = [], []
        self._reports, self._to_report = trio.open_memory_channel(float("inf"))

    def _judge(self, pdu):
        if pdu["command"].startswith("bind_"):
            return {"system_id": "node"}
        if pdu["command"] != "submit_sm":
            return {}
        status = self.statuses.pop(0) if self.statuses else 0
        if status:
            return {"command_status": status}
        self.taken.append(pdu)
        message_id = f"{len(self.taken):08x}"
        self._reports.send_nowait((pdu, message_id))
        return {"message_id": message_id}

    async def report(self):
        """Report on every submission that asks for it, until cancelled."""
        async for pdu, message_id in self._to_report:
            if pdu["registered_delivery"] & 1:
                text = receipt.write(receipt.Receipt(message_id, receipt.DELIVERED)).decode()
                tlvs = {"receipted_message_id": message_id, "message_state": receipt.DELIVERED}
                await self.deliver(pdu["destination_addr"], pdu["source_addr"], text, esm_class=RECEIPT, **tlvs)

    async def deliver(self, source, to, text, **fields):
        """Hand in a deliver_sm over the last bind; returns the response."""
        session = next(pdu["session"] for pdu in reversed(self.requests) if pdu["command"] == "bind_transceiver")
        addresses = {"source_addr": source, "source_addr_ton": 1, "source_addr_npi": 1, "destination_addr": to}
        return await self.request(session, "deliver_sm", short_message=text, **addresses, **fields)

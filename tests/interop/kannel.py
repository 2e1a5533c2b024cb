"""Kannel as an upstream app: its bearerbox binds to the gateway, its smsbox takes texts and reports over HTTP.

Configuration, logs and output of both boxes go into one folder, where they explain a failure.
"""

import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import NamedTuple

import trio

from gateway.demo.loopback import free_port
from gateway.simulate.peer import Changes
from tests.flows.peers import PATIENCE
from tests.interop.tools import program

DELIVERED, ACCEPTED, REJECTED = 1, 8, 16  # Kannel's types of delivery reports
_START_TIME, _STOP_TIME, _SHORT_PAUSE = 60.0, 60.0, 0.02  # seconds
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-file = {folder}/bearerbox.log
log-level = 0
dlr-storage = internal
sms-resend-freq = 1

group = smsc
smsc = smpp
smsc-id = gateway
host = {host}
port = {port}
transceiver-mode = true
smsc-username = {account}
smsc-password = secret
system-type = ""
source-addr-autodetect = true
dest-addr-ton = 1
dest-addr-npi = 1
reconnect-delay = 1
enquire-link-interval = 1
max-sms-octets = {octets}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log
log-level = 0

group = sendsms-user
username = user
password = secret
max-messages = 5
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "http://127.0.0.1:{sink}/text?from=%p&to=%P&text=%a"
"""


class Report(NamedTuple):
    """One delivery report: the ``tag`` of the text, Kannel's type, the gateway's message_id, and what it answered."""

    tag: str
    kind: int
    message_id: str
    answer: str


class Kannel:
    """Both boxes, and what they told over HTTP.

    Attributes:
        reports: the delivery reports, oldest first.
        texts: what subscribers wrote, each a mapping with ``from``, ``to`` and ``text``.
    """

    def __init__(self, nursery, folder):
        self.reports, self.texts = [], []
        self._nursery = nursery
        self._folder = folder
        self._changes = Changes()
        self._ports = {name: free_port() for name in ("admin", "smsbox", "sendsms")}
        self._processes = []
        self._sink = 0

    async def start(self, address, account, octets=140):
        """Start both boxes, bound at ``address``; texts above ``octets`` are cut. Returns once they are ready."""
        host, port = address
        await self._nursery.start(self._listen)
        path = self._folder / "kannel.conf"
        settings = {"folder": self._folder, "host": host, "port": port, "account": account, "octets": octets}
        path.write_text(_CONFIGURATION.format(**self._ports, **settings, sink=self._sink))
        await self._box("bearerbox", path, self._online)
        await self._box("smsbox", path, self._box_online)

    async def stop(self):
        """Have both boxes stop; the bearerbox unbinds."""
        for process in reversed(self._processes):
            process.terminate()
            with trio.fail_after(_STOP_TIME):
                await process.wait()
        self._processes.clear()

    async def _box(self, name, path, ready):
        await self._nursery.start(self._live, name, path)
        with trio.fail_after(_START_TIME):
            while not await ready():
                assert self._processes[-1].returncode is None, self._output(name).read_text()
                await trio.sleep(_SHORT_PAUSE)

    async def _live(self, name, path, task_status):
        with self._output(name).open("wb") as output:
            process = await trio.lowlevel.open_process(
                [program(name), path], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._folder
            )
        self._processes.append(process)
        task_status.started()
        try:
            await process.wait()
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()

    def _output(self, name):
        return self._folder / f"{name}.txt"

    async def _online(self):
        return "(online" in await self._get("admin", "status.txt", password="secret")

    async def _box_online(self):
        return "smsbox" in await self._get("admin", "status.txt", password="secret") and await self._get("sendsms", "")

    async def _get(self, service, page, **query):
        """Fetch a page; an empty string while nobody is there."""
        url = f"http://127.0.0.1:{self._ports[service]}/{page}?{urllib.parse.urlencode(query)}"
        return await trio.to_thread.run_sync(_fetch, url)

    async def send(self, to, text, tag, **query):
        """Have a text sent, with a report on everything that becomes of it under ``tag``; returns smsbox's word."""
        back = f"http://127.0.0.1:{self._sink}/report?tag={tag}&kind=%d&message_id=%F&answer=%A"
        who = {"username": "user", "password": "secret", "from": "SHOP", "to": to, "text": text, "charset": "UTF-8"}
        return await self._get("sendsms", "cgi-bin/sendsms", **who, **{"dlr-mask": 31, "dlr-url": back, **query})

    async def reported(self, tag, *kinds):
        """Return the reports under a tag as soon as there is one of each of the ``kinds``."""
        with trio.fail_after(2 * PATIENCE):
            await self._changes.wait_for(lambda: {each.kind for each in self._under(tag)} >= set(kinds))
        return self._under(tag)

    def _under(self, tag):
        return [report for report in self.reports if report.tag == tag]

    async def heard(self, many):
        """Return what subscribers wrote as soon as there is that ``many``."""
        with trio.fail_after(PATIENCE):
            return await self._changes.wait_for(lambda: len(self.texts) >= many and self.texts)

    # What the smsbox calls

    async def _listen(self, task_status):
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self._sink = listener.socket.getsockname()[1]
        await trio.serve_listeners(self._serve, [listener], task_status=task_status)

    async def _serve(self, stream):
        head = b""
        while b"\r\n\r\n" not in head:
            octets = await stream.receive_some()
            if not octets:
                return  # an smsbox that stops may have asked for nothing
            head += octets
        target = urllib.parse.urlsplit(head.split()[1].decode())
        query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        if target.path == "/report":
            self.reports.append(Report(query["tag"], int(query["kind"]), query["message_id"], query["answer"]))
        else:
            self.texts.append(query)
        await stream.send_all(_ANSWER)
        self._changes.tell()
        await stream.aclose()


def _fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.read().decode()
    except OSError:
        return ""

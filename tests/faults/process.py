"""The gateway as a process: configured, started, signalled and questioned as an administrator would do it."""

import http.client
import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import trio

from gateway.demo.loopback import free_port
from gateway.simulate.peer import Changes
from tests.flows.world import merged

ACCOUNT, OPERATOR, PASSWORD = "shop", "gw", "secret"
WINDOW = 20  # requests that the gateway may have unanswered at the operator
SIGCONT, SIGHUP, SIGKILL = signal.SIGCONT, signal.SIGHUP, signal.SIGKILL
SIGSTOP, SIGTERM = signal.SIGSTOP, signal.SIGTERM
START_TIME, STOP_TIME = 90.0, 60.0  # seconds; a busy machine takes its time
STOPGATE = [sys.executable, "-m", "gateway"]


def fetch(address, path):
    """Return a page of the metrics listener."""
    connection = http.client.HTTPConnection(*address, timeout=STOP_TIME)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class Gateway:
    """One configuration and one database, run as often as a test likes.

    Args:
        folder: where its files go.
        store: the database, as a file or a URL; None: a file in the folder.
        node: its name.

    Attributes:
        config: the configuration file.
        listen: where it takes binds; port 0 is any free one, which only its log tells.
        prefix: words in front of the command line.
        address: where the latest run takes binds.
        starts: how many runs have got as far as taking binds.
        serves: whether the latest one did, and has not ended.
        events: what the latest run has logged, oldest first.
        operator: where the operator listens.
    """

    def __init__(self, folder, store=None, node="gw1"):
        self.config = folder / "gateway.yaml"
        self.errors = folder / "stderr.txt"
        self.listen, self.prefix = ("127.0.0.1", 0), []
        self.address = ("127.0.0.1", 0)
        self.metrics = ("127.0.0.1", free_port())
        self.starts = 0
        self.serves = False
        self.events = []
        self.changes = Changes()
        self.operator = ("127.0.0.1", 1)  # nobody, until there is one
        self._store = store if "://" in str(store) else f"sqlite:///{store or folder / 'gateway.db'}"
        self.node = node
        self._process = None

    def configure(self, rate=None, **changes):
        """Write the configuration, for an operator that takes ``rate`` segments a second, ``changes`` laid over it."""
        host, port = self.operator
        smsc = {"host": host, "port": port, "system_id": OPERATOR, "password": PASSWORD}
        settings = {
            "node": self.node,
            "store": self._store,
            "smpp": {"listen": ["{}:{}".format(*self.listen)]},
            "web": {"listen": None},
            "metrics": {"listen": "{}:{}".format(*self.metrics)},
            "accounts": {ACCOUNT: {"password": PASSWORD, "publisher": "Shop", "rate": None}},
            "operators": {"simulated": {**smsc, "window": WINDOW, "rate": rate, "reconnect": {"initial": "100ms"}}},
            "routes": [{"prefixes": [""], "operators": ["simulated"]}],
        }
        self.config.write_text(json.dumps(merged(settings, changes)))  # JSON is YAML
        self.config.chmod(0o600)

    async def spawn(self, nursery):
        """Start the process; it may be killed before it has started to serve, and is when ``nursery`` is cancelled."""
        self.events = []
        await nursery.start(self._live)

    async def _live(self, task_status):
        with self.errors.open("wb") as errors:
            command = [*self.prefix, *STOPGATE, "run", "--config", str(self.config)]
            process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=errors)
        self._process = process
        task_status.started()
        try:
            async with process.stdout as output:
                await self._read_log(output)
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()
            self.serves = False
            self.changes.tell()

    async def _read_log(self, output):
        rest = b""
        async for data in output:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
            self.changes.tell()

    def _take(self, event):
        self.events.append(event)
        if event["event"] == "started":
            self.address = tuple(event["listen"][0])
            self.starts += 1
            self.serves = True

    async def start(self, nursery):
        """Start the process and wait until it takes binds."""
        starts = self.starts
        await self.spawn(nursery)
        with trio.fail_after(START_TIME):
            await self.changes.wait_for(lambda: self.starts > starts or self._process.returncode is not None)
        assert self.starts > starts, self.errors.read_text()

    def signal(self, number):
        """Send a signal and go on."""
        self._process.send_signal(number)

    def size(self):
        """Return the process's resident KiB and its open descriptors."""
        process = Path("/proc", str(self._process.pid))
        lines = process.joinpath("status").read_text(encoding="ascii").splitlines()
        [resident] = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
        return resident, len(list(process.joinpath("fd").iterdir()))

    async def end(self, number):
        """Send a signal, wait for the end, and return the exit status (negative: the signal that ended it)."""
        self._process.send_signal(number)
        with trio.fail_after(STOP_TIME):
            return await self.ended()

    async def ended(self):
        """Wait for the end, and return the exit status."""
        return await self._process.wait()

    async def spawn_into(self, nursery, stdout):
        """Start the process with its log going into a descriptor; it is killed when ``nursery`` is cancelled."""
        self.address = self.listen
        command = [*self.prefix, *STOPGATE, "run", "--config", str(self.config)]
        self._process = await nursery.start(partial(trio.run_process, command, stdout=stdout, check=False))

    async def answering(self, path="/metrics"):
        """Return what the metrics listener says, as soon as it says anything."""
        with trio.fail_after(START_TIME):
            while True:
                try:
                    return await trio.to_thread.run_sync(fetch, self.metrics, path)
                except OSError:
                    await trio.sleep(0.05)  # nobody announces it: the log may not be readable

    async def ready(self):
        """Wait until /readyz misses nothing: it answers before apps may bind."""
        with trio.fail_after(START_TIME):
            while json.loads(await self.answering("/readyz")):  # noqa: ASYNC110 (nor that)
                await trio.sleep(0.05)

    async def metric(self, name):
        """Return the value of a metric without labels."""
        page = await self.answering()
        return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))

    def run_in_vain(self):
        """Run a gateway that cannot start; returns its exit status and what it said on standard error."""
        command = [*STOPGATE, "run", "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_TIME)
        return done.returncode, done.stderr

    def table(self, *command):
        """Run a list command of the CLI and return its rows."""
        line = [*STOPGATE, *command, "--config", str(self.config), "--format", "json"]
        return json.loads(subprocess.run(line, capture_output=True, check=True, timeout=START_TIME).stdout)

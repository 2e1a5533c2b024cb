"""A gateway as a real process between real peers that keep books: what faults are tried on.

Nothing in here looks into the gateway: it is started and signalled as an administrator would, and judged by what its
peers were told over TCP and by what its command line prints. Peers rebind by themselves. The app submits nothing twice,
so what was never answered stays unknown; the operator texts a STOP again until somebody has taken it.
"""

import json
import signal
import subprocess
import sys
from collections import Counter
from typing import NamedTuple

import trio

from gateway.demo.process import free_port
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator
from gateway.simulate.peer import Changes, PeerError
from gateway.smpp import status

ACCOUNT, OPERATOR, CODE = "shop", "gw", "36034"
PASSWORD = "secret"
WINDOW = 20  # requests that the gateway may have unanswered at the operator
SUBMITTERS, SUBSCRIBERS = 30, 10  # tasks that load the gateway
LONG, SILENT = 10, 7  # every tenth message takes two segments, every seventh asks for no receipt
START_TIME, STOP_TIME = 20.0, 30.0  # seconds
STOPGATE = [sys.executable, "-m", "gateway"]


class Gateway:
    """One configuration and one database, run as often as a test likes.

    Attributes:
        config: the configuration file.
        address: where the latest run takes binds.
        starts: how many runs have got as far as taking binds.
        events: what the latest run has logged, oldest first.
        operator: where the operator listens.
    """

    def __init__(self, folder, store=None):
        self.config = folder / "gateway.yaml"
        self.errors = folder / "stderr.txt"
        self.address = ("127.0.0.1", 0)
        self.metrics = ("127.0.0.1", free_port())
        self.starts = 0
        self.events = []
        self.changes = Changes()
        self.operator = ("127.0.0.1", 1)  # nobody, until there is one
        self._store = store or folder / "gateway.db"
        self._process = None

    def configure(self, rate=None):
        """Write the configuration, for an operator that takes ``rate`` segments a second."""
        host, port = self.operator
        smsc = {"host": host, "port": port, "system_id": OPERATOR, "password": PASSWORD}
        settings = {
            "node": "gw1",
            "store": f"sqlite:///{self._store}",
            "smpp": {"listen": ["127.0.0.1:0"]},
            "web": {"listen": None},
            "metrics": {"listen": "{}:{}".format(*self.metrics)},
            "accounts": {ACCOUNT: {"password": PASSWORD, "publisher": "Shop", "rate": None}},
            "operators": {"simulated": {**smsc, "window": WINDOW, "rate": rate, "reconnect": {"initial": "100ms"}}},
            "routes": [{"prefixes": [""], "operators": ["simulated"]}],
        }
        self.config.write_text(json.dumps(settings))  # JSON is YAML
        self.config.chmod(0o600)

    async def spawn(self, nursery):
        """Start the process; it may be killed before it has started to serve, and is when ``nursery`` is cancelled."""
        self.events = []
        await nursery.start(self._live)

    async def _live(self, task_status):
        with self.errors.open("wb") as errors:
            command = [*STOPGATE, "run", "--config", str(self.config)]
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

    async def start(self, nursery):
        """Start the process and wait until it takes binds."""
        starts = self.starts
        await self.spawn(nursery)
        with trio.fail_after(START_TIME):
            await self.changes.wait_for(lambda: self.starts > starts)

    async def end(self, number):
        """Send a signal, wait for the end, and return the exit status (negative: the signal that ended it)."""
        self._process.send_signal(number)
        with trio.fail_after(STOP_TIME):
            return await self._process.wait()

    def run_in_vain(self):
        """Run a gateway that cannot start; returns its exit status and what it said on standard error."""
        command = [*STOPGATE, "run", "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_TIME)
        return done.returncode, done.stderr

    def table(self, *command):
        """Run a list command of the CLI and return its rows."""
        line = [*STOPGATE, *command, "--config", str(self.config), "--format", "json"]
        return json.loads(subprocess.run(line, capture_output=True, check=True, timeout=START_TIME).stdout)


class Run(NamedTuple):
    """Where the books stood when a run of the gateway had ended: arrivals at the operator, receipts at the app."""

    arrivals: int
    receipts: int


class Peers:
    """The app, the operator and its subscribers, and their books.

    Attributes:
        accepted: message_id of each token whose submission was answered with ESME_ROK.
        unknown: tokens whose submission was never answered.
        refused: how often each other status was the answer.
        silent: tokens for which no receipt was asked.
        stopped: numbers whose STOP was answered with ESME_ROK.
        delays: how often each other status was the answer to a STOP.
        runs: one entry for each run of the gateway that has ended.
    """

    def __init__(self, gateway, receipt_delay=0.02):
        self.gateway = gateway
        self.app = SimulatedApp(ACCOUNT, PASSWORD)
        self.operator = SimulatedOperator(OPERATOR, PASSWORD, receipt_delay)
        self.accepted, self.unknown, self.silent = {}, set(), set()
        self.refused, self.delays = Counter(), Counter()
        self.stopped, self.runs = [], []
        self.bound, self.loading = False, True
        self.changes = Changes()
        self._arrived = set()
        self._tokens = 0

    async def open(self, nursery):
        """Open the operator, tell the gateway where, and keep the app bound from the gateway's first start on."""
        self.gateway.operator = await nursery.start(self.operator.run)
        nursery.start_soon(self._keep_bound)
        nursery.start_soon(self._note_arrivals)

    async def _keep_bound(self):
        """Bind again whenever the session has ended: at once, and in vain, as soon as the gateway has started again."""
        starts = 0
        while True:
            await self.gateway.changes.wait_for(lambda: self.gateway.starts > starts)  # noqa: B023 (asked at once)
            try:
                while True:
                    starts = self.gateway.starts
                    await self._bind_and_serve()
            except* (OSError, PeerError):
                pass  # nobody is there to bind to

    async def _bind_and_serve(self):
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.app.run, *self.gateway.address)
                self._turn(bound=True)
        finally:
            self._turn(bound=False)

    def _turn(self, *, bound):
        self.bound = bound
        self.changes.tell()

    async def _note_arrivals(self):
        async for text in self.operator.arrivals():
            self._arrived.add(token_of(text))
            self.changes.tell()

    # Load

    async def load(self, nursery):
        """Submit and text STOP until :meth:`unload`."""
        for _ in range(SUBMITTERS):
            nursery.start_soon(self._submit_on)
        for _ in range(SUBSCRIBERS):
            nursery.start_soon(self._opt_out_on)

    async def _submit_on(self):
        while self.loading:
            await self.submit()

    async def submit(self, number=None):
        """Submit one new message once bound; returns its token, its number and the status, None if never answered."""
        await self.changes.wait_for(lambda: self.bound)
        self._tokens += 1
        token = f"{self._tokens:06d}"
        self.unknown.add(token)
        asked = self._tokens % SILENT != 0
        if not asked:
            self.silent.add(token)
        text = f"Promo {token}" + " vraiment" * (20 if self._tokens % LONG == 0 else 0)
        number = number or number_of(token)
        try:
            answer = await self.app.submit(number, text, receipt_asked=asked)
        except PeerError:
            self._turn(bound=False)
            return token, number, None
        self.unknown.discard(token)
        if answer.status == status.ESME_ROK:
            self.accepted[token] = answer.fields["message_id"]
        else:
            self.refused[status.name(answer.status)] += 1
        return token, number, answer.status

    async def _opt_out_on(self):
        while self.loading:
            token, number, answer = await self.submit()
            if answer == status.ESME_ROK:
                await self.changes.wait_for(lambda: token in self._arrived or not self.loading)  # noqa: B023 (asked at once)
            if token in self._arrived:
                await self.opt_out(number)

    def unload(self):
        """Begin nothing new."""
        self.loading = False
        self.changes.tell()

    async def opt_out(self, number):
        """Text STOP from ``number``, again and again until the gateway has taken it."""
        taken = False
        while not taken:
            try:
                answers = await self.operator.text(number, CODE, "Stop svp")
            except PeerError:
                continue  # the run ended before it answered; the next one gets it
            taken = all(answer.status == status.ESME_ROK for answer in answers)
            self.delays.update(status.name(each.status) for each in answers if each.status != status.ESME_ROK)
            self.changes.tell()
        self.stopped.append(number)

    # Books

    async def close_run(self):
        """Note where the books stand, once all that the dead gateway had written has been read."""
        await self.operator.wait_for(lambda: not self.operator.links)
        await self.changes.wait_for(lambda: not self.bound)
        self.runs.append(Run(len(self.operator.received), len(self.app.receipts)))

    async def settle(self, patience):
        """Wait until every accepted message has arrived, each asked receipt is home and each STOP is confirmed.

        Fails, naming what is missing, after ``patience`` seconds.
        """
        messages = set(self.accepted)
        receipts = {identifier for token, identifier in self.accepted.items() if token not in self.silent}
        confirmations = {f"{CODE} {number}" for number in self.stopped}
        with trio.move_on_after(patience):
            await self.operator.wait_for(_all_here(messages, self.operator.received, token_of))
            await self.operator.wait_for(_all_here(confirmations, self.operator.received, token_of))
            await self.app.wait_for(_all_here(receipts, self.app.receipts, lambda each: each.message_id))
        missing = {"messages": messages, "receipts": receipts, "confirmations": confirmations}
        assert not any(missing.values()), {what: sorted(tokens)[:10] for what, tokens in missing.items() if tokens}


def _all_here(missing, arrivals, name):
    """Return a condition that takes arrivals out of ``missing``, looking at each once, and holds when none is left."""
    seen = 0

    def nothing_missing():
        nonlocal seen
        missing.difference_update(name(each) for each in arrivals[seen:])
        seen = len(arrivals)
        return not missing

    return nothing_missing


def number_of(token):
    """Return the number that the message of ``token`` goes to: each gets its own."""
    return f"33612{token}"


def token_of(text):
    """Return what names a text at the operator: its token, or for a confirmation the code and the number."""
    return f"{CODE} {text.destination}" if text.source == CODE else text.text.split()[1]


def repeats(names, ends):
    """Return the names that occur twice within one run, and how often any name was a repetition.

    ``ends`` are the positions in ``names`` at which runs ended.
    """
    runs = [names[start:end] for start, end in zip([0, *ends], [*ends, len(names)], strict=True)]
    within = {name for run in runs for name, count in Counter(run).items() if count > 1}
    return within, len(names) - len(set(names))


SIGKILL, SIGTERM = signal.SIGKILL, signal.SIGTERM

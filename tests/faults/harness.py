"""Real peers around a real gateway, and the books they keep: what faults are judged by.

Nothing in here looks into the gateway: it is judged by what its peers were told over TCP and by what its command line
prints. Peers rebind by themselves. The app submits nothing twice, so what was never answered stays unknown; subscribers
text STOP again until somebody has taken it.
"""

from collections import Counter
from typing import NamedTuple

import trio

from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator
from gateway.simulate.peer import Changes, PeerError
from gateway.smpp import status
from tests.faults.process import ACCOUNT, OPERATOR, PASSWORD

CODE = "36034"
SUBMITTERS, SUBSCRIBERS = 30, 10  # tasks that load the gateway
RECEIPT_DELAY = 0.02  # seconds
BACKLOG = 1_000  # accepted messages that may be on their way before the app waits
LONG, SILENT = 10, 7  # every tenth message takes two segments, every seventh asks for no receipt
CUT = 9  # every ninth is submitted in two parts
_AGAIN = 0.1  # seconds
_FIRST_PART = 10  # characters, which are too few for the token


class Run(NamedTuple):
    """Where the books stood when a run of the gateway had ended: arrivals at the operator, receipts at the app."""

    arrivals: int
    receipts: int


class Peers:
    """The app, the operator and its subscribers, and their books.

    Args:
        gateway: what is between them.
        operator: one that others talk to as well, open already; None: one of our own.
        first: where the numbers of our messages begin.

    Attributes:
        accepted: message_id of each token whose submission was answered with ESME_ROK.
        unknown: tokens whose submission was never answered.
        refused: how often each other status was the answer.
        silent: tokens for which no receipt was asked.
        alive: whether the gateway is to be expected back.
        stopped: numbers whose STOP was answered with ESME_ROK, twice.
        delays: how often each other status was the answer to a STOP.
        runs: one entry for each run of the gateway that has ended.
        door: where the app binds; None: at the gateway itself.
        cut: every how many-th message is submitted in parts; None: none is.
    """

    def __init__(self, gateway, operator=None, first=0):
        self.gateway = gateway
        self.app = SimulatedApp(ACCOUNT, PASSWORD)
        self.operator = operator or SimulatedOperator(OPERATOR, PASSWORD, RECEIPT_DELAY)
        self._operator_is_open = operator is not None
        self.accepted, self.unknown, self.silent = {}, set(), set()
        self.refused, self.delays = Counter(), Counter()
        self.stopped, self.runs = [], []
        self.bound, self.loading, self.alive = False, True, True
        self.door, self.cut = None, CUT
        self.changes = Changes()
        self._arrived, self._under_way = set(), set()
        self._tokens = first

    async def open(self, nursery):
        """Open the operator, tell the gateway where, and keep the app bound from the gateway's first start on."""
        if not self._operator_is_open:
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
                if self.alive and (self.door is not None or self.gateway.serves):  # what came between passes: try again
                    starts -= 1
                    await trio.sleep(_AGAIN)

    async def _bind_and_serve(self):
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.app.run, *(self.door or self.gateway.address))
                self._turn(bound=True)
        finally:
            self._turn(bound=False)

    def _lose_touch(self):
        """Bind anew after a request that was not answered, whether or not the connection is still there."""
        self.app.hang_up()
        self._turn(bound=False)

    def _turn(self, *, bound):
        self.bound = bound
        self.changes.tell()

    async def _note_arrivals(self):
        async for text in self.operator.arrivals():
            self._arrived.add(token_of(text))
            self._under_way.discard(token_of(text))
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
            await self.changes.wait_for(lambda: len(self._under_way) < BACKLOG or not self.loading)

    async def submit(self, number=None):
        """Submit one new message once bound; returns its token, its number and the status, None if never answered."""
        await self.changes.wait_for(lambda: self.bound or not self.alive)
        self._tokens += 1
        token = f"{self._tokens:06d}"
        self.unknown.add(token)
        asked = self._tokens % SILENT != 0
        if not asked:
            self.silent.add(token)
        text = f"Promo {token}" + " vraiment" * (20 if self._tokens % LONG == 0 else 0)
        number = number or number_of(token)
        submit = self._submit_in_parts if self.cut and self._tokens % self.cut == 0 else self.app.submit
        try:
            answer = await submit(number, text, receipt_asked=asked)
        except PeerError:
            self._lose_touch()
            return token, number, None
        self.unknown.discard(token)
        if answer.status == status.ESME_ROK:
            self.accepted[token] = answer.fields["message_id"]
            self._under_way |= {token} - self._arrived
        else:
            self.refused[status.name(answer.status)] += 1
        return token, number, answer.status

    async def _submit_in_parts(self, number, text, *, receipt_asked):
        """Submit a text in two parts, the first one until it is answered; returns the last answer."""
        answer = None
        while answer is None:
            try:
                answer = await self._submit_part(number, text[:_FIRST_PART], 1)
            except PeerError:
                self._lose_touch()
                await self.changes.wait_for(lambda: self.bound or not self.alive)
                if not self.alive:
                    raise
        if answer.status != status.ESME_ROK:
            return answer
        await self.changes.wait_for(lambda: self.bound or not self.alive)
        return await self._submit_part(number, text[_FIRST_PART:], 2, registered_delivery=int(receipt_asked))

    async def _submit_part(self, number, text, place, **fields):
        octets = bytes((5, 0, 3, 1, 2, place)) + text.encode()
        return await self.app.submit_octets(number, octets, esm_class=0x40, **fields)

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
        """Text STOP from ``number`` until the gateway has taken it, and once more, as people do."""
        await self._text_stop(number)
        await self._text_stop(number)
        self.stopped.append(number)
        self.changes.tell()

    async def _text_stop(self, number):
        taken = False
        while not taken:
            try:
                (answer,) = await self.operator.text(number, CODE, "Stop svp")
            except PeerError:
                continue  # the run ended before it answered; the next one gets it
            taken = answer.status == status.ESME_ROK
            if not taken:
                self.delays[status.name(answer.status)] += 1
                self.changes.tell()

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

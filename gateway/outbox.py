"""Hands events to the webhook of one account: claim, post, settle; again after a growing pause where it is not taken.

Whatever answers 2xx has taken an event. Anything else is tried again until the event's time is over: the event after a
pause of its own, and the webhook as a whole after one as well when it is the server that does not work (no answer, 429
or 5xx), for then one attempt at a time is enough to find out when it does. Each account has an outbox of its own, so a
dead webhook holds up nobody else's. After a kill an event may be posted again, under the same id.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from gateway.poster import Answer, Poster, PostError
from gateway.rules.pacing import Backoff, pause_after
from gateway.rules.signature import sign
from gateway.store import outbox, spool
from gateway.store.base import StoreError
from gateway.store.ids import wire

if TYPE_CHECKING:
    from gateway.config.hooks import Webhook
    from gateway.observe.metrics import Metrics
    from gateway.store.base import Store, Tx
    from gateway.store.spool import Spooled

_log = structlog.get_logger()
_LONGEST_WISH = 3_600  # seconds of a Retry-After that are heeded
_PAUSE = 1.0  # seconds before a store that has failed is asked again
_RESCUE = 10.0  # seconds between looks into the spool that nothing asked for
_HEADERS = {"content-type": "application/json", "user-agent": "stopgate"}


class Pauses(NamedTuple):
    """Seconds, the first and the longest: between attempts at one event, and for a server that does not work."""

    event: tuple[float, float] = (2.0, 900.0)
    server: tuple[float, float] = (1.0, 300.0)


USUAL = Pauses()


class Outbox:
    """The webhook of one account.

    Args:
        account: whose it is.
        hook: where events go.
        store: where they wait.
        metrics: counts attempts by account and answer.
        pauses: how long to wait where an event is not taken.

    Raises:
        OSError: the certificates to trust cannot be read.
    """

    def __init__(self, account: str, hook: Webhook, store: Store, metrics: Metrics, pauses: Pauses = USUAL) -> None:
        self.lane = outbox.webhook_lane(account)
        self._account = account
        self.hook = hook
        self._store = store
        self._metrics = metrics
        self._pauses = pauses.event
        self._poster = Poster(hook.url, hook.at_once, hook.ca, private=hook.private)
        self._rests = Backoff(*pauses.server)
        self._rest_until = -math.inf
        self._look_at = -math.inf  # when events may be due in the spool (trio's clock)
        self._open = 0  # events on their way, or not settled yet
        self._leaving = False
        self._scope = trio.CancelScope()
        self._quiet = trio.Event()  # nothing is on its way while we leave
        self._stir = trio.Event()

    def look(self, at: float = -math.inf) -> None:
        """Say that events may wait in the spool, from the instant ``at`` on (trio's clock)."""
        self._look_at = min(self._look_at, at)
        self._stir.set()

    async def drain(self, patience: float) -> None:
        """Begin nothing more, and wait up to ``patience`` seconds until what is under way is settled."""
        self._leaving = True
        if self._open:
            with trio.move_on_after(patience):
                await self._quiet.wait()

    async def leave(self, patience: float) -> None:
        """Drain, and end :meth:`run`."""
        await self.drain(max(patience, self.hook.timeout + _PAUSE))  # what is under way is ours until it is settled
        self._scope.cancel()

    async def run(self) -> None:
        """Hand events over until cancelled; what is under way then is claimed again at the next start."""
        try:
            with self._scope:
                await self._hand_over()
        finally:
            with trio.move_on_after(1.0, shield=True):
                await self._poster.aclose()

    async def _hand_over(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                await self._until_wanted()
                for event in await self._claim():
                    self._open += 1
                    nursery.start_soon(self._serve, event)
                self._close_one()

    async def _until_wanted(self) -> None:
        while True:
            now = trio.current_time()
            at = max(self._look_at, self._rest_until) if self._room() else math.inf
            if at <= now < self._store.lease_until:
                return
            if at <= now:  # others may take us for dead; nothing that we hold is surely ours
                at = now + _PAUSE
            self._stir = trio.Event()
            with trio.move_on_at(min(at, now + _RESCUE)):
                await self._stir.wait()
            if not self._stir.is_set():
                self._look_at = -math.inf

    def _room(self) -> int:
        """Return how many events may be posted now: one by one while the server does not work."""
        most = 1 if self._rests.attempts else self.hook.at_once
        return 0 if self._leaving else max(0, most - self._open)

    async def _claim(self) -> list[Spooled]:
        room = self._room()
        self._open += 1  # this claim: what it brings is to be served, also if we are to leave meanwhile
        self._look_at = math.inf
        try:
            events, due, now = await self._store.transact(
                lambda tx: (outbox.claim(tx, self.lane, room), spool.next_due(tx, self.lane), tx.now)
            )
        except StoreError:
            self.look(trio.current_time() + _PAUSE)
            return []
        if len(events) == room:
            self.look()
        elif due is not None:
            self.look(trio.current_time() + (due - now) / 1_000)
        return events

    async def _serve(self, event: Spooled) -> None:
        pause = await self._post(event)
        while True:
            try:
                await self._store.transact(lambda tx: _settle(tx, event, pause))
                break
            except StoreError:  # the outcome stands; the store has logged why it cannot be kept yet
                await trio.sleep(_PAUSE)
        self._close_one()
        self.look()

    def _close_one(self) -> None:
        self._open -= 1
        if self._leaving and not self._open:
            self._quiet.set()

    async def _post(self, event: Spooled) -> float | None:
        """Make one attempt; returns after how many seconds to make the next one, None when it was taken."""
        headers = _HEADERS | sign(self.hook.secrets, wire(event.id), self._store.clock() // 1_000, event.body)
        try:
            answer = await self._poster.post(headers, event.body, self.hook.timeout)
        except PostError as error:
            answer = Answer(0)
            self._rest(str(error))
        else:
            self._learn(answer)
        self._metrics.webhook(self._account, answer.status)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        pause = pause_after(event.attempts, *self._pauses, event.id % 997 / 997)
        return max(pause, min(answer.retry_after, _LONGEST_WISH))

    def _learn(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._rest(f"status {answer.status}", min(answer.retry_after, _LONGEST_WISH))
            return
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            _log.warning("webhook_refused", account=self._account, status=answer.status)
        if self._rests.attempts:
            _log.info("webhook_works", account=self._account)
            self._rests.reset()

    def _rest(self, reason: str, wish: float = 0.0) -> None:
        """Leave the server alone for a while, a growing one; failures of requests that were under way count once."""
        now = trio.current_time()
        if now < self._rest_until:
            return
        pause = max(wish, self._rests.next(now % 1.0))
        self._rest_until = now + pause
        _log.warning("webhook_fails", account=self._account, reason=reason, seconds=round(pause, 2))


def _settle(tx: Tx, event: Spooled, pause: float | None) -> None:
    """Take out an event that was taken; let any other wait for its next attempt."""
    if pause is None:
        spool.remove(tx, [event.id])
    else:
        due = tx.now + int(pause * 1_000)
        spool.release(tx, [event._replace(due=due, attempts=event.attempts + 1)])

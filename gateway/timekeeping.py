"""Watches the clock that everybody goes by, and sees to it that nobody waits because it was set back.

What was refused waits for a while, which the spool has as an instant. A clock that goes back moves that instant away by
as much: a message would be tried again an hour later, where a second was meant. So when the clock is set back all that
was refused before is tried again at once, and parts wait for the others of their text for no longer than ever. Which
ones have been read is forgotten as far as that is later than now, for nobody can tell any more what came before and
what after. Instants that somebody has named are still meant by the clock: schedule_delivery_time, validity_period, the
hours of an account.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from gateway.store import held, inbound
from gateway.store.base import StoreError
from gateway.store.browse import Selection
from gateway.tend import Tending

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.lanes.lanes import Lanes
    from gateway.store.base import Store, Tx

_log = structlog.get_logger()
_LOOK = 5.0  # seconds between looks
_STEP = 10.0  # seconds; less costs nobody much, and may be no more than that we stood still
_MILLI = 1_000


class Timekeeping:
    """The clock of one gateway.

    Args:
        config: in which hours what is tried again may be sent, and how long parts wait.
        store: whose clock it is, and what waits.
        lanes: what is to be tried again leaves through these.
    """

    def __init__(self, config: Config, store: Store, lanes: Lanes) -> None:
        self._store = store
        self._lanes = lanes
        self._looking = trio.CancelScope()
        self._ahead = math.inf  # nobody has looked
        self._set_back = False  # and what waited then has not been seen to yet
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._tending = Tending(config)
        self._parts_wait = int(config.delivery.held_parts * _MILLI)

    async def run(self) -> None:
        """Watch until cancelled, or until we leave."""
        with self._looking:
            while True:
                try:
                    await self.look()
                except StoreError as error:
                    _log.warning("clock_step_unattended", reason=str(error))  # the next look tries again
                await trio.sleep(_LOOK)

    def leave(self) -> None:
        """Watch no more: we are about to give our token back."""
        self._looking.cancel()

    async def look(self) -> None:
        """See whether the clock was set since the last look; if it was set back, let everything be tried again.

        Raises:
            StoreError: the database cannot be asked, or not everything is tried again.
        """
        if abs(self._step()) > _STEP:  # or what we know of it is as old as that, because we stood still
            await self._store.transact(_ask)
        step = self._step()
        self._ahead += step
        if abs(step) > _STEP:
            _log.warning("clock_set", seconds=round(step))
            self._set_back |= step < 0
        if self._set_back:
            await self._try_again()
            self._set_back = False

    def _step(self) -> float:
        """Return by how many seconds the clock is further ahead of one that nobody sets than at the last look."""
        ahead = self._store.clock() / _MILLI - trio.current_time()
        if math.isinf(self._ahead):
            self._ahead = ahead
        return ahead - self._ahead

    async def _try_again(self) -> None:
        await self._store.transact(self._see_to_parts)
        after: int | None = 0
        while after is not None:
            page = partial(self._tending.retry, selection=Selection(), after=after)
            after = (await self._store.transact(page)).after
        self._lanes.look({lane.name: 0 for lane in self._lanes})

    def _see_to_parts(self, tx: Tx) -> None:
        inbound.forget_since(tx, tx.now)
        inbound.shorten(tx, tx.now + self._parts_wait)
        held.shorten(tx, tx.now + self._parts_wait)


def _ask(tx: Tx) -> int:
    """Ask the database for the time: any commit shows it anew."""
    return tx.now

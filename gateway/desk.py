"""Where people opt out without texting, and decide about texts: what a page hears takes effect as a STOP does.

It is the same function that acts. There is a confirmation, and a billable event, only where somebody is known to have
written to the number; the answer to whoever filled in the page is the same either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.optout.heard import Heard
from gateway.optout.reviews import Reviews
from gateway.rules.keyword import Decision
from gateway.rules.ladder import Reading, Rule
from gateway.store.contacts import WEB

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.lanes.lanes import Lanes, Placed
    from gateway.optout.effect import Heeded, OptOuts
    from gateway.optout.reviews import Ruling
    from gateway.rules.number import Number
    from gateway.store.base import Store, Tx

_FORM = Decision(Reading.OPT_OUT, Rule.FORM, "")


class Desk:
    """Takes opt-outs from pages.

    Args:
        opt_outs: what an opt-out leads to.
        store: where it is kept.
        lanes: where confirmations and receipts go.
        follow: goes on with what was heard, once it is committed.
    """

    def __init__(self, opt_outs: OptOuts, store: Store, lanes: Lanes, follow: Callable[[Heeded], None]) -> None:
        self._opt_outs = opt_outs
        self._reviews = Reviews(opt_outs)
        self._store = store
        self._lanes = lanes
        self._follow = follow

    async def opt_out(self, number: Number) -> None:
        """Opt a number out of what has been sent to it, or of everything where that is not known; it is kept on return.

        Raises:
            StoreError: it could not be kept.
        """
        heard = Heard(number, WEB, "web", _FORM)
        await self._act(lambda tx: self._opt_outs.hear(tx, [heard]))

    async def decide(self, ruling: Ruling) -> int:
        """Decide about texts that wait for a person; returns about how many that was.

        Raises:
            StoreError: it could not be kept.
        """
        return await self._act(lambda tx: self._reviews.hear(tx, ruling))

    async def _act(self, work: Callable[[Tx], Heeded]) -> int:
        _, heeded = await self._store.transact(lambda tx: self._place(tx, work(tx)), self._go_on)
        return len(heeded.effects)

    def _go_on(self, done: tuple[Placed, Heeded]) -> None:
        """Go on with what has been committed, whether or not anybody still waits for the answer."""
        placed, heeded = done
        self._lanes.carry_on(placed)
        self._follow(heeded)

    def _place(self, tx: Tx, heeded: Heeded) -> tuple[Placed, Heeded]:
        return self._lanes.place(tx, heeded.rows), heeded

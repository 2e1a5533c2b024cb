"""What is kept no longer than the configuration says: looked for all the time, in small pages with pauses in between.

One pass over everything takes as long as it takes; the next begins a while after it has ended. What a page costs is far
less than what goes on beside it, so traffic does not notice. Several nodes may be at it at once: each row goes once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from gateway.observe.pulse import Pulse
from gateway.store import purging
from gateway.store.base import StoreError
from gateway.store.purging import FIRST_CONTACT, START

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.config.models import Config
    from gateway.store.base import Store, Tx
    from gateway.store.purging import Key, Purged

_log = structlog.get_logger()
_PAGE = 300  # rows
_BREATH = 0.05  # seconds between pages
_FIRST, _PAUSE = 60.0, 600.0  # seconds before the first pass, and between passes
_LONGEST = 60.0  # seconds that a page may take before it seems stuck


class _Rule(NamedTuple):
    """One kind of rows: its name, what takes them out, behind which key all of them are, how many seconds they stay."""

    what: str
    page: Callable[[Tx, Key, int, int], Purged]
    start: Key
    keep: float


class Retention:
    """The purge of one gateway.

    Args:
        config: how long what is kept.
        store: where.
    """

    title = "retention"

    def __init__(self, config: Config, store: Store) -> None:
        self._store = store
        self._pulse = Pulse()
        self._purging = trio.CancelScope()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by another configuration from the next pass on."""
        keep, opt_out = config.retention, config.opt_out
        self._rules = (
            _Rule("texts", purging.texts, START, keep.texts),
            _Rule("messages", purging.messages, START, keep.messages),
            _Rule("confirmations", purging.confirmations, START, keep.messages),
            _Rule("contacts", purging.contacts, FIRST_CONTACT, opt_out.attribution_window),
            _Rule("evidence", purging.proofs, START, opt_out.retention),
        )

    def complaint(self) -> str:
        """Say what seems to stand still (:mod:`gateway.observe.pulse`); nothing when all is well."""
        return "nothing is purged" if self._pulse.late else ""

    async def run(self) -> None:
        """Purge until cancelled, or until we leave; not at once, for who starts has other things to do."""
        pause = _FIRST
        with self._purging:
            while True:
                self._pulse.beat(pause + _LONGEST)
                await trio.sleep(pause)
                pause = _PAUSE
                try:
                    counts = await self.purge()
                except StoreError as error:
                    _log.warning("purge_failed", reason=str(error))
                else:
                    if counts:
                        _log.info("purged", **counts)

    def leave(self) -> None:
        """Purge no more: we are about to give our token back."""
        self._purging.cancel()

    async def purge(self) -> dict[str, int]:
        """Look at everything once; returns how many rows of which kind have gone.

        Raises:
            StoreError: not all could be looked at.
        """
        counts = {rule.what: await self._all(rule) for rule in self._rules}
        return {what: count for what, count in counts.items() if count}

    async def _all(self, rule: _Rule) -> int:
        """Look at every row of one kind; returns how many have gone."""
        count, after = 0, rule.start
        while True:
            self._pulse.beat(_LONGEST)
            purged = await self._store.transact(partial(_page, rule, after))
            count += purged.gone
            if purged.after is None:
                return count
            after = purged.after
            await trio.sleep(_BREATH)


def _page(rule: _Rule, after: Key, tx: Tx) -> Purged:
    return rule.page(tx, after, tx.now - int(rule.keep * 1_000), _PAGE)

"""Signs of life: each part says when it will show the next one, and whoever is late, and stays so, is stuck.

A part that merely exists proves nothing. So it says in every turn of its loop until when the next turn begins at the
latest, and nothing else ever says it on its behalf.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import structlog
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.observe.notify import Notifier

_log = structlog.get_logger()
PATIENCE = 10.0  # seconds for which the same complaint is put up with
_LOOK = 1.0  # seconds between looks
_MISSED = 3.0  # seconds between looks after which nobody had a chance to show anything: we were stopped


class Part(Protocol):
    """Whatever shows signs of life."""

    @property
    def title(self) -> str:
        """What it is called."""

    def complaint(self) -> str:
        """Say what seems to stand still; nothing when all is well."""


class Pulse:
    """The signs of life of one loop."""

    def __init__(self) -> None:
        self._due = math.inf

    def beat(self, within: float) -> None:
        """Show one; the next follows within so many seconds."""
        self._due = trio.current_time() + within

    def until(self, instant: float) -> None:
        """Show one; the next follows at that instant (trio's clock); never: whenever there is something to do."""
        self._due = instant

    @property
    def late(self) -> bool:
        """Whether the next one is due and has not come."""
        return trio.current_time() > self._due


class Watchdog:
    """Looks at all parts, and tells systemd that we are alive as long as none is stuck.

    Args:
        complaints: says of each part that seems to stand still why; it is stuck when that stays the same for a while.

    Attributes:
        stuck: the parts that are stuck, and why.
    """

    def __init__(self, complaints: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self.stuck: Mapping[str, str] = {}
        self._complaints = complaints
        self._since: dict[tuple[str, str], float] = {}
        self._looked = math.inf

    async def run(self, notifier: Notifier, interval: float | None) -> None:
        """Look until cancelled, and tell systemd every ``interval`` seconds; None: it does not want to know."""
        told = -math.inf
        while True:
            self.look(trio.current_time())
            if interval is not None and not self.stuck and trio.current_time() >= told + interval:
                notifier.watchdog()
                told = trio.current_time()
            await trio.sleep(_LOOK if interval is None else min(_LOOK, interval))

    def look(self, now: float) -> None:
        """See at ``now`` who has been standing still since when."""
        if now - self._looked > _MISSED:
            self._since.clear()
        self._looked = now
        self._since = {each: self._since.get(each, now) for each in self._complaints()}
        stuck = {part: why for (part, why), since in self._since.items() if now - since >= PATIENCE}
        for part in stuck.keys() - self.stuck.keys():
            _log.error("part_stuck", part=part, reason=stuck[part])
        for part in self.stuck.keys() - stuck.keys():
            _log.warning("part_moves_again", part=part)
        self.stuck = stuck

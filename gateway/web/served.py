"""One process that serves pages, as the gateway holds it from its start to its end, and who ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from gateway.store.base import StoreError
from gateway.web.channel import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.web.channel import Channel
    from gateway.web.child import Child

_log = structlog.get_logger()
FAILED = (ChannelError, RuntimeError, StoreError)  # what a call of a process may raise
LEAVE = 1.0  # seconds beyond those for its visitors that a process has to end


class End(NamedTuple):
    """How a process ended: with which status (None: there was no process), and whether that was our doing."""

    status: int | None
    ours: bool

    def log(self, pause: float) -> None:
        """Log it, with the seconds until another one is started."""
        if self.ours:
            _log.info("web_ended", status=self.status, again_in=pause)
        else:
            _log.error("web_ended", status=self.status, again_in=pause)


class Served:
    """One process, which serves or is about to.

    Args:
        child: the process.
        channel: leads to it.
        replace: has another one started; told None: this one has not ended yet.

    Attributes:
        begun: whether it serves.
        given_up: whether its end is our doing.
        replaced: whether another one takes its place already.
    """

    def __init__(self, child: Child, channel: Channel, replace: Callable[[None], None]) -> None:
        self.child = child
        self.channel = channel
        self.begun = self.given_up = self.replaced = False
        self._replace = replace

    def replace(self) -> None:
        """Have another one started; once."""
        self.replaced = True
        self._replace(None)

    def give_up(self) -> None:
        """End it."""
        self.begun, self.given_up = False, True
        self.child.kill()

    async def drain(self, patience: float) -> None:
        """Have it let nobody in any more, and whoever is there be answered within ``patience`` seconds."""
        with trio.move_on_after(patience + LEAVE):
            try:
                await self.channel.call("drain", patience)
            except FAILED as error:
                _log.debug("web_gone_before", reason=str(error))

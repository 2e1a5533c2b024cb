"""What an administrator has asked of the connector of one operator: to send nothing, or to stay away altogether."""

from __future__ import annotations

import trio


class Orders:
    """The orders in force; none at first, and they end with the process.

    Attributes:
        suspended: whether nothing is to be sent.
    """

    def __init__(self) -> None:
        self.suspended = False
        self._wanted = trio.Event()
        self._wanted.set()

    @property
    def away(self) -> bool:
        """Whether nobody is to bind."""
        return not self._wanted.is_set()

    async def wanted(self) -> None:
        """Wait until somebody is to bind."""
        await self._wanted.wait()

    def stay_away(self) -> None:
        """Have nobody bind, until :meth:`end`."""
        self._wanted = trio.Event()

    def repeat(self, others: Orders) -> None:
        """Take over what is in force elsewhere."""
        self.suspended = others.suspended
        if others.away:
            self.stay_away()

    def end(self) -> None:
        """End every order."""
        self.suspended = False
        self._wanted.set()

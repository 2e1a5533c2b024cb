"""Hears what other nodes tell at their commits, without a thread: the event loop watches the connection's socket.

What is missed while there is no connection is missed: nothing may depend on it but speed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import structlog
import trio

from gateway.store.base import StoreError
from gateway.store.postgres_tx import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.postgres_link import Bounded, Link

_log = structlog.get_logger()
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0  # seconds between attempts to connect


async def listen(link: Link, hear: Callable[[list[psycopg.Notify]], None]) -> None:
    """Listen until cancelled, connecting again as often as needed.

    Args:
        link: makes the connection.
        hear: given what is told, by whomever.
    """
    pause, deaf = _FIRST_PAUSE, False
    while True:
        try:
            connection = await trio.to_thread.run_sync(_connect, link)
            if deaf:
                _log.info("listen_recovered", store=link.label)
            pause, deaf = _FIRST_PAUSE, False
            try:
                await _hear(connection, hear)
            finally:
                connection.close()
        except (psycopg.Error, StoreError) as error:
            if not deaf:
                _log.warning("listen_failed", store=link.label, reason=str(error).strip())
            deaf = True
        await trio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _connect(link: Link) -> Bounded:
    connection = link.connect()
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


async def _hear(connection: Bounded, hear: Callable[[list[psycopg.Notify]], None]) -> None:
    while True:
        if told := list(connection.notifies(timeout=0)):
            hear(told)
        await trio.lowlevel.wait_readable(connection.fileno())

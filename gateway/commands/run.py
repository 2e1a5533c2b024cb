"""`stopgate run`: the daemon in the foreground, with its signals and exit statuses."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click
import structlog
import trio

from gateway.app import Gateway
from gateway.commands.common import config_option, usable_configuration
from gateway.observe import log
from gateway.observe.notify import Notifier
from gateway.store.base import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.config.models import Config

_log = structlog.get_logger()


@click.command()
@config_option
def run(config_path: Path) -> None:
    """Run the gateway until SIGTERM or SIGINT: status 0 after a clean stop, 1 on failure, 2 on a bad configuration."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the first signals are heeded nothing is worth a farewell
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is about to be read is not to be read again
    config = usable_configuration(config_path)
    output = log.setup(config.log)
    failures: list[BaseException] = []
    try:
        trio.run(_serve, config, config_path, output)
    except* (StoreError, OSError, ValueError) as errors:
        failures = _leaves(errors)
    for failure in failures:
        _log.error("cannot_run", reason=str(failure))
        click.echo(f"stopgate: {failure}", err=True)
    if failures:  # raised within except* it would become part of a group, on early releases of Python 3.11
        sys.exit(1)


async def _serve(config: Config, path: Path, output: log.Output) -> None:
    gateway = Gateway(config)
    output.dropped = gateway.metrics.log_line_dropped
    stop = trio.Event()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed_signals, stop, scope)
            nursery.start_soon(_reload_for_ever, gateway, path)
            await gateway.run(stop)
            nursery.cancel_scope.cancel()


async def _heed_signals(stop: trio.Event, scope: trio.CancelScope) -> None:
    """The first SIGTERM or SIGINT drains, a second one ends at once: what was acknowledged is on disk anyway."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if stop.is_set():
                scope.cancel()
            else:
                stop.set()


async def _reload_for_ever(gateway: Gateway, path: Path) -> None:
    """Read the configuration again at each SIGHUP; several that come while one is under way are one."""
    notifier = Notifier.from_env()
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            notifier.reloading()
            await _reload(gateway, path)
            notifier.ready()


async def _reload(gateway: Gateway, path: Path) -> None:
    try:
        config = await trio.to_thread.run_sync(usable_configuration, path)
    except click.ClickException as error:
        for problem in error.message.splitlines():
            _log.error("reload_refused", reason=problem)
        return
    if await gateway.reload(config):
        log.set_level(config.log.level)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found

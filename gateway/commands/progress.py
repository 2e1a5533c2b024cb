"""How far a long command is, and in what words it ends when it cannot go on."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.store.base import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bar:
    """Shows how far a command is, on standard error: a bar on a terminal, otherwise a line for each stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = progress.add_task("look", total=None)

    def begin(self, stage: str, total: int, unit: str = "rows") -> None:
        """Show a new stage of so many units, 0 where nobody knows how many."""
        self._progress.update(self._stage, visible=False)
        self._stage = self._progress.add_task(stage, total=total or None)
        if self._progress.disable:
            click.echo(f"{stage}: {total:,} {unit}" if total else stage, err=True)

    def advance(self, done: int) -> None:
        """Show that so many more are done."""
        self._progress.advance(self._stage, done)


@contextmanager
def bar() -> Iterator[Bar]:
    """Show a bar meanwhile; whoever forces colours upon what is no terminal (FORCE_COLOR) wants no bar there."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.file.isatty()) as progress:
        yield Bar(progress)


@contextmanager
def in_plain_words() -> Iterator[None]:
    """End the command with one sentence for what a store says, and for Ctrl-C."""
    sentences = []
    try:
        with _log_on_stderr():
            yield
    except* KeyboardInterrupt:
        sentences = ["interrupted; run the same command again to go on"]
    except* StoreError as errors:
        sentences = [str(error) for error in errors.exceptions]
    if sentences:  # raised within except* it would become part of a group
        raise click.ClickException("; ".join(sentences))


@contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Keep the log out of the report, and rows out of the log's tracebacks."""
    before = structlog.get_config()
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[structlog.processors.add_log_level, plain],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)

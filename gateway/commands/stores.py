"""`stopgate store copy` and `stopgate ledger verify`: whole stores, moved and proven."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click
import structlog
import trio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.commands.common import config_option, configuration
from gateway.commands.records import ledger, show
from gateway.store import ledger as ledgers
from gateway.store.base import StoreError
from gateway.store.copying import copy as copy_store
from gateway.store.url import check_url, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.store.copying import Report
    from gateway.store.ledger import Verdict


class _Bar:
    """Shows how far a copy is: a bar on a terminal, otherwise a line for each stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = progress.add_task("look", total=None)

    def begin(self, stage: str, rows: int) -> None:
        """Show a new stage of so many rows."""
        self._progress.update(self._stage, visible=False)
        self._stage = self._progress.add_task(stage, total=rows)
        if self._progress.disable:
            click.echo(f"{stage}: {rows:,} rows", err=True)

    def advance(self, rows: int) -> None:
        """Show that so many more rows are done."""
        self._progress.advance(self._stage, rows)


def read_url(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Read a store's URL as the configuration spells it; a callback for options."""
    try:
        return check_url(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group()
def store() -> None:
    """Move what a gateway knows from one database to another."""


@store.command()
@click.option("--from", "source", required=True, metavar="URL", callback=read_url, help="The store to read.")
@click.option("--to", "destination", required=True, metavar="URL", callback=read_url, help="The store to fill.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="How to report.")
def copy(source: str, destination: str, form: str) -> None:
    """Copy a store into another one, while no gateway runs on either, and verify the copy.

    Status 0 if all is there and the same; otherwise 1 and what is wrong. A copy that was interrupted goes on where it
    stopped when the same command is run again.
    """
    began = time.monotonic()
    with _in_plain_words(), _bar() as bar:
        report = trio.run(copy_store, source, destination, bar)
    if form == "json":
        click.echo(json.dumps(_summary(report, time.monotonic() - began), indent=2))
    else:
        columns = ["table", "source", "destination", "difference"]
        show(form, columns, [(*each[:3], each.difference or "none") for each in report.tables])
    click.echo(f"{report.copied:,} rows copied; {_chain(report)}", err=True)
    if not report.same:
        raise click.ClickException("; ".join([*_wrong(report), "drop the destination and copy again"]))


@contextmanager
def _bar() -> Iterator[_Bar]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Bar(progress)


@contextmanager
def _in_plain_words() -> Iterator[None]:
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


def _summary(report: Report, seconds: float) -> dict[str, object]:
    return {
        "same": report.same,
        "copied": report.copied,
        "seconds": round(seconds, 3),
        "tables": {each.table: each._asdict() for each in report.tables},
        "ledger": {
            "position": report.chain.last.position,
            "hash": report.chain.last.hash,
            "expected": report.expected.hash,
            "broken": report.chain.broken,
        },
    }


def _chain(report: Report) -> str:
    if report.chain.broken is not None:
        return f"the copied ledger is broken at position {report.chain.broken}"
    words = "is" if report.chain.last == report.expected else "is NOT"
    return f"the ledger's last hash, recomputed at the destination, {words} the source's"


def _wrong(report: Report) -> list[str]:
    found = [f"table {each.table} differs: {each.difference}" for each in report.tables if each.difference]
    good = report.chain.broken is None and report.chain.last == report.expected
    return found if good else [*found, _chain(report)]


@ledger.command()
@config_option
def verify(config_path: Path) -> None:
    """Recompute the chain of billable events: status 0 if it holds, 1 and the first broken position if not.

    Keep the hash that this prints: a chain whose end was cut off holds, but no longer has it.
    """
    config = configuration(config_path)
    with _in_plain_words():
        verdict = _verdict(config.store, f"{config.node}/cli")
    if verdict.broken is not None:
        raise click.ClickException(f"the ledger is broken at position {verdict.broken}; restore a backup that is whole")
    click.echo(f"{verdict.last.position} events, last hash {verdict.last.hash}")


def _verdict(url: str, node: str) -> Verdict:
    with closing(open_store(url, node)) as store:
        return trio.run(ledgers.verify_all, store.once)

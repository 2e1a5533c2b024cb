"""`stopgate store copy`: whole stores, moved and proven."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click
import trio

from gateway.commands import progress
from gateway.commands.progress import in_plain_words
from gateway.commands.records import show
from gateway.store.copying import copy as copy_store
from gateway.store.url import check_url

if TYPE_CHECKING:
    from gateway.store.copying import Report


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
    with in_plain_words(), progress.bar() as bar:
        report = trio.run(copy_store, source, destination, bar)
    if form == "json":
        click.echo(json.dumps(_summary(report, time.monotonic() - began), indent=2))
    else:
        columns = ["table", "source", "destination", "difference"]
        show(form, columns, [(*each[:3], each.difference or "none") for each in report.tables])
    click.echo(f"{report.copied:,} rows copied; {_chain(report)}", err=True)
    if not report.same:
        raise click.ClickException("; ".join([*_wrong(report), "drop the destination and copy again"]))


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

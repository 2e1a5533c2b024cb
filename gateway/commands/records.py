"""`stopgate blacklist` and `stopgate ledger`: what the database holds, and changes by hand, each with its evidence."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import trio
from rich.console import Console
from rich.table import Table

from gateway.commands.common import config_option, configuration
from gateway.opt_out import lift, opt_out_by_hand
from gateway.rules.number import Number, NumberError, canonical
from gateway.store import blacklist as blacklisted
from gateway.store import ledger as ledgers
from gateway.store.base import StoreError, Tx
from gateway.store.blacklist import EVERYBODY
from gateway.store.url import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from gateway.config import Config

Result = TypeVar("Result")

format_option = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="How to print the list."
)
account_option = click.option("--account", metavar="NAME", help="Only what concerns this account.")


def in_store(config: Config, work: Callable[[Tx], Result]) -> Result:
    """Run ``work`` in one transaction on the configured store, also while a gateway runs on it."""
    try:
        store = open_store(config.store, f"{config.node}/cli")
        try:
            return trio.run(store.once, work)
        finally:
            store.close()
    except StoreError as error:
        raise click.ClickException(str(error)) from error


def show(form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table for people, or as CSV or JSON for machines."""
    if form == "json":
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2, ensure_ascii=False))
    elif form == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        click.echo(text.getvalue(), nl=False)
    else:
        table = Table(*columns)
        for row in rows:
            table.add_row(*(str(value) for value in row))
        Console(file=sys.stdout).print(table)


def number_argument(text: str) -> Number:
    """Read a number in any spelling, or end the command with what is wrong with it."""
    try:
        return canonical(text, 0)
    except NumberError as error:
        raise click.ClickException(str(error)) from error


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="seconds")


@click.group()
def blacklist() -> None:
    """Show and change which numbers have opted out."""


@blacklist.command("list")
@config_option
@account_option
@format_option
def list_blacklist(config_path: Path, account: str | None, form: str) -> None:
    """Print opted-out numbers, newest first."""
    entries = in_store(configuration(config_path), lambda tx: blacklisted.entries(tx, account))
    columns = ["number", "account", "since", "source", "short_code", "everything"]
    rows = [(e.number, e.account, _instant(e.since), e.source, e.code, e.everything) for e in entries]
    show(form, columns, rows)


@blacklist.command()
@config_option
@click.option("--account", metavar="NAME", help="Whose marketing is refused; without it, everybody's.")
@click.option("--reason", required=True, help="Why; kept as evidence.")
@click.argument("number")
def add(config_path: Path, account: str | None, reason: str, number: str) -> None:
    """Opt NUMBER out by hand, without a confirmation SMS."""
    config = configuration(config_path)
    line = number_argument(number)
    whose = _account(config, account)
    added = in_store(config, lambda tx: opt_out_by_hand(tx, line, whose, config.opt_out.short_codes[0], reason))
    click.echo(f"{line.key} {'has opted out now' if added else 'had opted out already'}")


@blacklist.command()
@config_option
@click.option("--account", metavar="NAME", help="Whose entry is removed; without it, the one for everybody.")
@click.option("--reason", required=True, help="Why; kept as evidence.")
@click.argument("number")
def remove(config_path: Path, account: str | None, reason: str, number: str) -> None:
    """Lift the opt-out of NUMBER by hand."""
    config = configuration(config_path)
    line = number_argument(number)
    whose = _account(config, account)
    if not in_store(config, lambda tx: lift(tx, line, whose, config.opt_out.short_codes[0], reason)):
        scope = "everybody" if whose == EVERYBODY else f"account {whose}"
        raise click.ClickException(f"{line.key} has not opted out of {scope}; see `stopgate blacklist list`")
    click.echo(f"{line.key} may be sent marketing again")


def _account(config: Config, name: str | None) -> str:
    if name is not None and name not in config.accounts:
        raise click.ClickException(f"there is no account {name}; the configuration has {', '.join(config.accounts)}")
    return name or EVERYBODY


@click.group()
def ledger() -> None:
    """Show billable events."""


def _events(path: Path, account: str | None, since: datetime | None, until: datetime | None) -> list[Sequence[Any]]:
    bounds = [int(each.replace(tzinfo=UTC).timestamp() * 1_000) if each else None for each in (since, until)]
    events = in_store(configuration(path), lambda tx: ledgers.events(tx, account, bounds[0] or 0, bounds[1]))
    return [(e.id, _instant(e.at), e.account, e.kind, e.credits, e.number, e.code, e.source, e.message) for e in events]


_LEDGER = ["id", "time", "account", "kind", "credits", "number", "short_code", "source", "message_id"]
since_option = click.option("--since", type=click.DateTime(), help="From this instant on, UTC.")
until_option = click.option("--until", type=click.DateTime(), help="Before this instant, UTC.")


@ledger.command("list")
@config_option
@account_option
@since_option
@until_option
@format_option
def list_ledger(
    config_path: Path, account: str | None, since: datetime | None, until: datetime | None, form: str
) -> None:
    """Print billable events in their order."""
    show(form, _LEDGER, _events(config_path, account, since, until))


@ledger.command()
@config_option
@account_option
@since_option
@until_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="What to write.")
def export(config_path: Path, account: str | None, since: datetime | None, until: datetime | None, form: str) -> None:
    """Write billable events for accounting."""
    show(form, _LEDGER, _events(config_path, account, since, until))

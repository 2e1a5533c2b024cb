"""`stopgate blacklist`: who has opted out, and changes by hand, each with its evidence; how all lists are printed."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import closing
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import click
import trio
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from gateway.commands.common import Words, config_option, configuration, reason
from gateway.commands.progress import in_plain_words
from gateway.commands.words import instant
from gateway.optout.effect import Decided, lift, opt_out_by_hand
from gateway.rules.number import Number, NumberError, canonical
from gateway.rules.visible import spelled_out
from gateway.store import listing
from gateway.store.blacklist import EVERYBODY
from gateway.store.reading import part_by_part
from gateway.store.url import open_store, read_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from gateway.config.models import Config
    from gateway.store.base import Snapshot, Tx
    from gateway.store.reading import Parts

Result = TypeVar("Result")
Line = tuple[Any, ...]
_PAGE = 1_000  # lines that one table lays out together
_WIDTH = 200  # characters, where no terminal says how many there are: a pipe cuts nothing off

format_option = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="How to print the list."
)
account_option = click.option("--account", metavar="NAME", type=Words(), help="Only what concerns this account.")


def in_store(config: Config, work: Callable[[Tx], Result]) -> Result:
    """Run ``work`` in one transaction on the configured store, also while a gateway runs on it; none is made."""
    with in_plain_words(), closing(open_store(config.store, f"{config.node}/cli", create=False)) as store:
        return trio.run(store.once, work)
    raise AssertionError  # what `in_plain_words` swallows it raises in other words


def show_all(form: str, columns: Sequence[str], config: Config, query: Callable[[Snapshot], Iterator[Line]]) -> None:
    """Print what a query finds at one instant, which is over by then: it must fit into memory."""
    with in_plain_words():
        with read_store(config.store) as snapshot:
            lines = list(query(snapshot))
        show(form, columns, lines)


def show_long(form: str, columns: Sequence[str], config: Config, query: Callable[[Parts], Iterator[Line]]) -> None:
    """Print what a query goes through page by page, as it comes: of any length, however slowly it is taken."""
    with in_plain_words(), part_by_part(config.store) as parts:
        show(form, columns, query(parts))


def _print_json(columns: Sequence[str], lines: Iterable[Line]) -> None:
    before = "["
    for line in lines:
        text = json.dumps(dict(zip(columns, line, strict=True)), indent=2)
        click.echo(f"{before}\n{text}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _print_csv(columns: Sequence[str], lines: Iterable[Line]) -> None:
    if sys.stdout.isatty():  # machines get what was said
        lines = (tuple(spelled_out(str(value)) for value in line) for line in lines)
    csv.writer(sys.stdout, lineterminator="\n").writerows(chain([columns], lines))


def _print_table(columns: Sequence[str], lines: Iterable[Line]) -> None:
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)
    remaining = iter(lines)
    page = list(islice(remaining, _PAGE))
    while True:
        table = Table(*(Column(name, overflow="fold") for name in columns))  # nothing is cut off
        for line in page:
            table.add_row(*(Text(spelled_out(str(value))) for value in line))  # and no markup of rich's
        with console.capture() as capture:
            console.print(table)
        click.echo(capture.get(), nl=False)
        if not (page := list(islice(remaining, _PAGE))):
            return


def show(form: str, columns: Sequence[str], lines: Iterable[Line]) -> None:
    """Print lines as a table for people, or as CSV or JSON for machines, as they come."""
    forms = {"table": _print_table, "csv": _print_csv, "json": _print_json}
    forms[form](columns, lines)


def number_argument(text: str) -> Number:
    """Read a number in any spelling, or end the command with what is wrong with it."""
    try:
        return canonical(text, 0)
    except NumberError as error:
        raise click.ClickException(str(error)) from error


@click.group()
def blacklist() -> None:
    """Show and change which numbers have opted out."""


@blacklist.command("list")
@config_option
@account_option
@format_option
def list_blacklist(config_path: Path, account: str | None, form: str) -> None:
    """Print opted-out numbers, newest first."""

    def query(parts: Parts) -> Iterator[Line]:
        for each in listing.newest(parts, concerning(account)):
            yield each.number, each.account, instant(each.since), each.source, each.code, each.everything

    config = configuration(config_path)
    known_account(config, account)
    show_long(form, ["number", "account", "since", "source", "short_code", "everything"], config, query)


@blacklist.command()
@config_option
@click.option("--account", metavar="NAME", type=Words(), help="Whose marketing is refused; without it, everybody's.")
@click.option("--reason", required=True, type=Words(), callback=reason, help="Why; kept as evidence.")
@click.argument("number", type=Words())
def add(config_path: Path, account: str | None, reason: str, number: str) -> None:
    """Opt NUMBER out by hand, without a confirmation SMS."""
    config = configuration(config_path)
    line = number_argument(number)
    decided = Decided(line, known_account(config, account), config.opt_out.short_codes[0], reason)
    added = in_store(config, lambda tx: opt_out_by_hand(tx, decided))
    click.echo(f"{line.key} {'has opted out now' if added else 'had opted out already'}")


@blacklist.command()
@config_option
@click.option(
    "--account", metavar="NAME", type=Words(), help="Whose entry is removed; without it, the one for everybody."
)
@click.option("--reason", required=True, type=Words(), callback=reason, help="Why; kept as evidence.")
@click.argument("number", type=Words())
def remove(config_path: Path, account: str | None, reason: str, number: str) -> None:
    """Lift the opt-out of NUMBER by hand."""
    config = configuration(config_path)
    line = number_argument(number)
    whose = known_account(config, account)
    decided = Decided(line, whose, config.opt_out.short_codes[0], reason)
    if not in_store(config, lambda tx: lift(tx, decided)):
        scope = "everybody" if whose == EVERYBODY else f"account {whose}"
        raise click.ClickException(f"{line.key} has not opted out of {scope}; see `stopgate blacklist list`")
    click.echo(f"{line.key} may be sent marketing again")


def concerning(account: str | None) -> list[str] | None:
    """Return whose entries concern an account; None: all of them, for no account."""
    return None if account is None else [account, EVERYBODY]


def known_account(config: Config, name: str | None) -> str:
    """Return the account, everybody's for None, or end the command where there is none of that name."""
    if name is not None and name not in config.accounts:
        raise click.ClickException(f"there is no account {name}; the configuration has {', '.join(config.accounts)}")
    return name or EVERYBODY

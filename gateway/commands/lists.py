"""`stopgate blacklist import` and `export`: whole lists of numbers, in and out, of any length."""

from __future__ import annotations

import csv
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import trio

from gateway.commands.common import Words, config_option, configuration, reason
from gateway.commands.progress import bar, in_plain_words
from gateway.commands.records import account_option, concerning, known_account, show_long
from gateway.commands.words import counted, instant
from gateway.optout.importing import WIDTH, Import, Order
from gateway.rules.columns import RowError
from gateway.rules.visible import in_a_line
from gateway.store import listing
from gateway.store.blacklist import EVERYBODY
from gateway.store.sorting import sorter
from gateway.store.url import is_busy, open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from gateway.commands.progress import Bar
    from gateway.commands.records import Line
    from gateway.config.models import Config
    from gateway.optout.importing import Problem, Report
    from gateway.store.base import Store
    from gateway.store.reading import Parts

_COLUMNS = ["number", "account", "since", "source", "short_code", "everything"]
_STDIN = "-"


class _Watch:
    """Shows on standard error how far an import is, and hands its problems on."""

    def __init__(self, progress: Bar, problem: Callable[[Problem], None]) -> None:
        self.problem = problem
        self.read = self.added = progress.advance


@click.command("import")
@config_option
@click.option("--account", metavar="NAME", type=Words(), help="Whose marketing is refused; without it, everybody's.")
@click.option("--reason", required=True, type=Words(), callback=reason, help="Why; kept as evidence.")
@click.option("--source", default="import", show_default=True, type=Words(), help="Where the list comes from.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--errors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write rows that cannot be used into this CSV.",
)
@click.option(
    "--nine-digits",
    "nine",
    type=click.Choice(["french", "foreign"]),
    help="What nine bare digits from 6 or 7 on are; without it, they are refused.",
)
@click.argument("path", metavar="FILE", type=click.Path(allow_dash=True))
def take_in(config_path: Path, path: str, **options: Any) -> None:  # noqa: ANN401 (what click has read)
    """Opt out all numbers of a list: a CSV FILE, or `-` for standard input.

    Columns, delimiter and encoding are found out. A first line may name the columns: number, and any of account, since,
    source, short_code and everything; what `stopgate blacklist export` writes is such a list. Numbers are read in any
    spelling. The same import can be run again, and goes on where it was cut off. Status 1 where rows cannot be used;
    the others are imported all the same.
    """
    config = configuration(config_path)
    order, size, dry_run = _order(config, path, options), _size(path), options["dry_run"]
    with in_plain_words(), ExitStack() as stack:
        store = stack.enter_context(closing(open_store(config.store, f"{config.node}/import", create=False)))
        problem = stack.enter_context(_problems(options["errors"]))
        progress = stack.enter_context(bar())
        room = stack.enter_context(sorter(WIDTH))
        work = Import(order, _Watch(progress, problem), room)
        progress.begin("read", size, "octets")
        _read(work, path)
        progress.begin("look" if dry_run else "add", len(room), "numbers")
        report = trio.run(_run, store, work.rehearse if dry_run else work.add, is_busy(config.store))
    _tell(report, "would be added" if dry_run else "added")


def _order(config: Config, path: str, options: dict[str, Any]) -> Order:
    account = options["account"]
    known_account(config, account)
    return Order(
        name="standard input" if path == _STDIN else Path(path).name,
        reason=options["reason"],
        code=config.opt_out.short_codes[0],
        account=account or EVERYBODY,
        accounts=frozenset([EVERYBODY, *config.accounts] if account is None else []),
        source=options["source"],
        nine=options["nine"] or "",
    )


def _size(path: str) -> int:
    """Return the length of a file, 0 where only its end tells."""
    try:
        return 0 if path == _STDIN or not Path(path).is_file() else Path(path).stat().st_size
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error


def _read(work: Import, path: str) -> None:
    try:
        with click.open_file(path, "rb") as file:
            work.read(file)
    except RowError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error


@contextmanager
def _problems(path: Path | None) -> Iterator[Callable[[Problem], None]]:
    """Offer a place for problems: a CSV with their lines, reasons, and what the rows say."""
    if path is None:
        yield lambda _problem: None
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["line", "problem", "row"])
            yield lambda problem: writer.writerow([problem.line, problem.reason, *problem.row])
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error


async def _run(store: Store, work: Callable[..., Awaitable[Report]], crowded: bool) -> Report:  # noqa: FBT001 (trio.run)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)  # which keeps the log short meanwhile
        report = await work(store.transact, politely=crowded)
        nursery.cancel_scope.cancel()
    return report


def _tell(report: Report, done: str) -> None:
    """Print what came of an import: numbers on standard output, rows that cannot be used on standard error."""
    there = report.numbers - report.added
    click.echo(f"{counted(report.numbers, 'number')}: {report.added:,} {done}, {there:,} there already")
    if not report.problems:
        return
    for each in report.first:
        click.echo(f"line {each.line}: {in_a_line(each.reason)}", err=True)
    if report.problems > len(report.first):
        click.echo("… and others:", err=True)
        for why, count in sorted(report.reasons.items(), key=lambda item: -item[1]):
            click.echo(f"{counted(count, 'row')}: {in_a_line(why)}", err=True)
    raise click.ClickException(f"{counted(report.problems, 'row')} of {report.rows:,} cannot be used")


@click.command()
@config_option
@account_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="What to write.")
def export(config_path: Path, account: str | None, form: str) -> None:
    """Write the blacklist such that `stopgate blacklist import` can read it.

    The whole list comes by number, what concerns one account newest first.
    """
    config = configuration(config_path)
    known_account(config, account)
    whose = concerning(account)

    def query(parts: Parts) -> Iterator[Line]:
        for each in listing.by_number(parts) if whose is None else listing.newest(parts, whose):
            when = instant(each.since)
            yield f"+{each.number}", each.account, when, each.source, each.code, str(each.everything).lower()

    show_long(form, _COLUMNS, config, query)

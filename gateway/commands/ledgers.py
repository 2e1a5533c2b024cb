"""`stopgate ledger`: what accounts are charged and granted, listed, summed up and proven."""

from __future__ import annotations

from datetime import UTC
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from gateway.commands.common import Words, config_option, configuration, reason
from gateway.commands.progress import bar, in_plain_words
from gateway.commands.records import account_option, format_option, in_store, known_account, show_all, show_long
from gateway.commands.words import counted, instant
from gateway.store import audit as audits
from gateway.store import balances as balanced
from gateway.store import ledger as ledgers
from gateway.store.url import read_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from gateway.commands.records import Line
    from gateway.store.audit import Report
    from gateway.store.base import Snapshot, Tx
    from gateway.store.ledger import Verdict
    from gateway.store.reading import Parts

    Period = tuple[datetime | None, datetime | None]

_EVENTS = ["id", "time", "account", "kind", "credits", "number", "short_code", "source", "message_id", "note"]
_RESTORE = "restore a backup that is whole"
since_option = click.option("--since", type=click.DateTime(), help="From this instant on, UTC.")
until_option = click.option("--until", type=click.DateTime(), help="Before this instant, UTC.")


@click.group()
def ledger() -> None:
    """Show, sum up and prove what accounts are charged, and grant them credits."""


def _instants(period: Period) -> tuple[int, int | None]:
    since, until = (int(each.replace(tzinfo=UTC).timestamp() * 1_000) if each else None for each in period)
    return since or 0, until


def _show_events(path: Path, account: str | None, period: Period, form: str) -> None:
    config = configuration(path)

    def query(parts: Parts) -> Iterator[Line]:
        events = ledgers.events(parts, account, *_instants(period))
        first = list(islice(events, 1))
        if not first and account is not None:
            known_account(config, account)  # one that is configured no longer may have been billed all the same
        for e in chain(first, events):
            yield e.id, instant(e.at), e.account, e.kind, e.credits, e.number, e.code, e.source, e.message, e.note

    show_long(form, _EVENTS, config, query)


@ledger.command("list")
@config_option
@account_option
@since_option
@until_option
@format_option
def list_ledger(
    config_path: Path, account: str | None, since: datetime | None, until: datetime | None, form: str
) -> None:
    """Print events in their order."""
    _show_events(config_path, account, (since, until), form)


@ledger.command()
@config_option
@account_option
@since_option
@until_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="What to write.")
def export(config_path: Path, account: str | None, since: datetime | None, until: datetime | None, form: str) -> None:
    """Write events for accounting."""
    _show_events(config_path, account, (since, until), form)


@ledger.command()
@config_option
@account_option
@since_option
@until_option
@format_option
def totals(config_path: Path, account: str | None, since: datetime | None, until: datetime | None, form: str) -> None:
    """Print events and credits by account, month (UTC) and kind."""
    config = configuration(config_path)

    def query(snapshot: Snapshot) -> Iterator[Line]:
        return iter(ledgers.totals(snapshot, account, *_instants((since, until))))

    show_all(form, list(ledgers.Total._fields), config, query)


@ledger.command()
@config_option
@account_option
@format_option
def balances(config_path: Path, account: str | None, form: str) -> None:
    """Print what each account may still spend: what it was granted less what it was charged."""
    config = configuration(config_path)

    def query(snapshot: Snapshot) -> Iterator[Line]:
        found = balanced.balances(snapshot)
        for name in found if account is None else [account]:
            known = config.accounts.get(name)
            yield name, found.get(name, 0), "yes" if known and known.credits == "prepaid" else "no"

    show_all(form, ["account", "balance", "prepaid"], config, query)


@ledger.command()
@config_option
@click.option("--account", required=True, metavar="NAME", type=Words(), help="Who gets them.")
@click.option("--credits", "amount", required=True, type=int, help="How many; less than zero takes some back.")
@click.option("--reason", required=True, type=Words(), callback=reason, help="Why; kept in the ledger.")
def grant(config_path: Path, account: str, amount: int, reason: str) -> None:
    """Grant credits to an account."""
    config = configuration(config_path)
    known_account(config, account)
    if not amount:
        raise click.BadParameter("must be some", param_hint="--credits")

    def work(tx: Tx) -> int:
        ledgers.grant(tx, account, amount, (reason, "cli"))
        return balanced.balance(tx, account)

    left = in_store(config, work)
    done = f"{counted(abs(amount), 'credit')} {'granted' if amount > 0 else 'taken back'}"
    click.echo(f"{account}: {done}; the balance is {left:,}")
    if config.accounts[account].credits is None:
        click.echo(f"{account} is not prepaid: it sends whatever its balance; see accounts.*.credits", err=True)


@ledger.command()
@config_option
@click.option("--head", "kept", multiple=True, metavar="HASH", help="A hash that this once printed, and you kept.")
def verify(config_path: Path, kept: tuple[str, ...]) -> None:
    """Recompute the chains of events and of evidence, and all balances: status 0 if all holds, 1 and what does not.

    Keep the hashes that this prints away from the database: nobody can change what came before without losing them.
    """
    config = configuration(config_path)
    with in_plain_words(), read_store(config.store) as snapshot, bar() as progress:
        report = audits.audit(snapshot, kept, progress)
        last = ledgers.last(snapshot).position
    problems = [*_broken("ledger", report.ledger, last), *_broken("evidence", report.evidence, None), *_others(report)]
    if problems:
        raise click.ClickException("; ".join([*problems, _RESTORE]))
    click.echo(f"{counted(report.ledger.last.position, 'event')}, last hash {report.ledger.last.hash}")
    click.echo(f"{counted(report.evidence.last.position, 'row')} of evidence, last hash {report.evidence.last.hash}")


def _broken(what: str, verdict: Verdict, last: int | None) -> Iterator[str]:
    if verdict.broken is not None:
        cut = last is not None and last < verdict.broken
        yield f"the {what} is {'cut off' if cut else 'broken'} at position {verdict.broken}"


def _others(report: Report) -> Iterator[str]:
    for each in sorted(report.missing):
        yield f"no row has the hash {each} any more"
    for account, (kept, summed) in report.wrong.items():
        yield f"the balance of {account or 'the platform'} is {kept}, its rows come to {summed}"

"""`stopgate blacklist review`: texts that may be opt-outs, and what people decide about them."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from gateway.commands.common import Words, config_option, configuration, reason
from gateway.commands.records import account_option, format_option, in_store, known_account, number_argument, show_long
from gateway.commands.words import instant, said
from gateway.optout.effect import OptOuts
from gateway.optout.reviews import Reviews, Ruling
from gateway.rules.inbound import Octets
from gateway.store import reviews

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gateway.commands.records import Line
    from gateway.config.models import Config
    from gateway.store.reading import Parts

_COLUMNS = ["number", "account", "short_code", "since", "opts_out_at", "rule", "text"]


@click.group()
def review() -> None:
    """Decide about texts that may be opt-outs; marketing to their numbers waits meanwhile."""


@review.command("list")
@config_option
@account_option
@format_option
def list_cases(config_path: Path, account: str | None, form: str) -> None:
    """Print what waits for a decision, the most urgent first."""
    config = configuration(config_path)
    known_account(config, account)

    def query(parts: Parts) -> Iterator[Line]:
        for each in reviews.every(parts, account):
            case = each.case
            times = instant(case.since), instant(case.until)
            text = said(config, each.operator, Octets(each.octets, each.data_coding, each.esm_class))
            yield case.number, case.account, case.code, *times, each.rule, text

    show_long(form, _COLUMNS, config, query)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for add in (
        click.argument("number", type=Words()),
        click.option("--reason", required=True, type=Words(), callback=reason, help="Why; kept as evidence."),
        click.option("--code", metavar="CODE", help="Only its texts to this short code."),
        account_option,
        config_option,
    ):
        command = add(command)
    return command


@review.command("opt-out")
@_options
def opt_out(config_path: Path, account: str | None, code: str | None, reason: str, number: str) -> None:
    """Say that NUMBER wants no more marketing: it is opted out, told so, and billed as any opt-out."""
    _decide(configuration(config_path), (account, code), reason, number, opts_out=True)
    click.echo(f"{number_argument(number).key} has opted out now")


@review.command()
@_options
def release(config_path: Path, account: str | None, code: str | None, reason: str, number: str) -> None:
    """Say that NUMBER did not ask for an opt-out: what has waited is sent."""
    _decide(configuration(config_path), (account, code), reason, number, opts_out=False)
    click.echo(f"{number_argument(number).key} may be sent marketing again")


def _decide(config: Config, which: tuple[str | None, str | None], reason: str, number: str, *, opts_out: bool) -> None:
    account, code = which
    known_account(config, account)
    line = number_argument(number).key
    ruling = Ruling(line, code, account, opts_out, "cli", getpass.getuser(), reason)
    effects = in_store(config, lambda tx: Reviews(OptOuts(config)).decide(tx, ruling))
    if not effects:
        raise click.ClickException(f"nothing of {line} waits for a decision; see `stopgate blacklist review list`")
    for event in (effect.event for effect in effects if effect.event):
        click.echo(f"confirmed by message {event.message}, billed to {event.account or 'the platform'}")

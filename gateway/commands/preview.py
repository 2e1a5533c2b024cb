"""`stopgate preview`: what a message becomes, without sending it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway import ruleset
from gateway.calendars import calendar
from gateway.commands.common import Words, config_option, configuration
from gateway.commands.records import number_argument
from gateway.openings import Openings
from gateway.rules.policy import Case, Forward, Refuse, Submission, decide
from gateway.rules.reading import Piece
from gateway.rules.segment import capacity, measure
from gateway.smpp import status
from gateway.smpp.text import USUAL, Alphabet, alphabet_of, decode_text, encode_gsm7, encode_ucs2
from gateway.smpp.udh import split_udh

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.rules.number import Number


@click.command()
@config_option
@click.option("--account", required=True, metavar="NAME", type=Words(), help="Who would send it.")
@click.option("--to", required=True, metavar="NUMBER", type=Words(), help="To whom, in any spelling.")
@click.option(
    "--encoding", type=click.Choice(["auto", "gsm", "ucs2"]), default="auto", help="How it would be submitted."
)
@click.argument("text", type=Words())
def preview(config_path: Path, account: str, to: str, encoding: str, text: str) -> None:
    """Show TEXT as its recipient would get it: the mention in place, alphabet and segments."""
    config = configuration(config_path)
    if account not in config.accounts:
        raise click.ClickException(f"there is no account {account}; the configuration has {', '.join(config.accounts)}")
    number = number_argument(to)
    septets = None if encoding == "ucs2" else encode_gsm7(text)
    if septets is None and encoding == "gsm":
        foreign = "".join(sorted({each for each in text if encode_gsm7(each) is None}))
        raise click.ClickException(f"the GSM alphabet has no {foreign!r}; use --encoding auto")
    octets, coding = (encode_ucs2(text), 8) if septets is None else (septets, 0)
    profile = ruleset.profile(config.accounts[account], config.opt_out)._replace(meanings=USUAL)
    case = Case(profile, Submission(number, (Piece(octets, coding),)), opted_out=False)
    verdict = decide(case, ruleset.mentions(config.opt_out), lambda: 1)
    if isinstance(verdict, Refuse):
        raise click.ClickException(f"it would be refused: {status.describe(verdict.status)}")
    if isinstance(verdict, Forward):
        _show(number, verdict)
        _show_time(Openings(config), account, number)


def _show_time(openings: Openings, account: str, number: Number) -> None:
    """Say when it would leave, where that is not now."""
    now = time.time_ns() // 1_000_000
    due = openings.next(account, number, now).due
    if due > now:
        there = datetime.fromtimestamp(due / 1_000, calendar(number).zone)
        click.echo(f"leaves    {there:%Y-%m-%d %H:%M} ({there.tzinfo}): outside the account's hours until then")


def _show(number: Number, verdict: Forward) -> None:
    alphabet = alphabet_of(verdict.parts[0].data_coding)
    texts = [decode_text(split_udh(each.octets)[1] if each.udhi else each.octets, alphabet) for each in verdict.parts]
    room = capacity(alphabet, 6 if len(texts) > 1 else 0) - measure(texts[-1], alphabet)
    click.echo("".join(texts))
    click.echo()
    click.echo(f"to        {number.key} ({number.territory})")
    click.echo(f"alphabet  {'GSM-7' if alphabet is Alphabet.GSM7 else 'UCS-2'}")
    click.echo(f"segments  {len(texts)}, room for {room} more in the last one")
    click.echo(f"mention   {verdict.reason.replace('_', ' ')}")

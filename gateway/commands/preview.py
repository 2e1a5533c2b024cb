"""`stopgate preview`: what a message becomes, without sending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway import ruleset
from gateway.commands.common import config_option, configuration
from gateway.commands.records import number_argument
from gateway.rules.policy import Forward, Submission, decide
from gateway.smpp import status
from gateway.smpp.text import encode_gsm7, encode_ucs2

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@click.option("--account", required=True, metavar="NAME", help="Who would send it.")
@click.option("--to", required=True, metavar="NUMBER", help="To whom, in any spelling.")
@click.option(
    "--encoding", type=click.Choice(["auto", "gsm", "ucs2"]), default="auto", help="How it would be submitted."
)
@click.argument("text")
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
    rules = ruleset.profile(config.accounts[account], config.opt_out)._replace(default_alphabet=ruleset.alphabet("gsm"))
    verdict = decide(rules, ruleset.mentions(config.opt_out), Submission(number, octets, coding, 0), False, 1)
    if not isinstance(verdict, Forward):
        raise click.ClickException(f"it would be refused: {status.describe(getattr(verdict, 'status', 0))}")
    click.echo(verdict)

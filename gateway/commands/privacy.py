"""`stopgate privacy`: what is kept about one phone number, handed over or erased, for whom it belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gateway.commands.common import Words, config_option, configuration
from gateway.commands.progress import in_plain_words
from gateway.commands.records import format_option, in_store, number_argument, show
from gateway.rules.visible import spelled_out
from gateway.store import subjects
from gateway.store.url import read_store

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS = ["table", "erased", "kept", "why"]


@click.group()
def privacy() -> None:
    """Answer whoever asks what is kept about a number, or wants it erased."""


@privacy.command()
@config_option
@click.argument("number", type=Words())
def export(config_path: Path, number: str) -> None:
    """Print everything that is kept about NUMBER, as JSON: by table, times in milliseconds since 1970."""
    config, line = configuration(config_path), number_argument(number)
    with in_plain_words(), read_store(config.store) as snapshot:
        found = subjects.about(snapshot, line.key)
    click.echo(spelled_out(json.dumps({"number": line.key, "tables": found}, indent=2, ensure_ascii=False)))


@privacy.command()
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@click.argument("number", type=Words())
def erase(config_path: Path, form: str, number: str, *, yes: bool) -> None:
    """Erase what is kept about NUMBER, but for what has to stay, and say what that is.

    An opt-out that is in force stays, with its evidence: the law asks for both. So does the ledger. Backups and the log
    are not reached.
    """
    config, line = configuration(config_path), number_argument(number)
    if not yes:
        click.confirm(f"Erase what is kept about {line.key} for good?", abort=True, err=True)
    with in_plain_words(), read_store(config.store) as snapshot:
        ended = subjects.messages(snapshot, line.key)
    erased = in_store(config, lambda tx: subjects.erase(tx, line.key, ended))
    with in_plain_words(), read_store(config.store) as snapshot:
        erased += subjects.left(snapshot, line.key)
    found = [each for each in erased if each.gone or each.kept]
    show(form, _COLUMNS, [(each.table, each.gone, each.kept, each.why if each.kept else "") for each in found])
    if any(each.table == "blacklist" for each in found):
        click.echo(f"the opt-out of {line.key} is in force and stays, as the law requires", err=True)

"""`stopgate backup` and `stopgate restore`: the store in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.commands import progress
from gateway.commands.common import config_option, configuration
from gateway.store import backups
from gateway.store.url import is_file

if TYPE_CHECKING:
    from gateway.store.backups import Proof

_FORGETS = "it sends again what was waiting when it was made, and knows no later opt-out"


@click.command()
@config_option
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
def backup(config_path: Path, target: Path) -> None:
    """Write what the database holds at this moment to FILE, also while gateways work on it; status 0 once it is proven.

    FILE must not exist, and is of mode 0600: it holds phone numbers and texts.
    """
    config = configuration(config_path)
    with progress.in_plain_words(), progress.bar() as bar:
        proof = backups.save(config.store, target, bar)
    size = target.stat().st_size
    click.echo(f"{target}: {size:,} octets; {_found(proof)}")


@click.command()
@config_option
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
def restore(config_path: Path, source: Path) -> None:
    """Put the backup FILE in the place of the configured database, which must not exist (a server's: be empty)."""
    config = configuration(config_path)
    with progress.in_plain_words(), progress.bar() as bar:
        proof = backups.restore(config.store, source, bar)
    click.echo(f"restored; {_found(proof)}")
    click.echo(f"a gateway that starts on it is as old as the backup: {_FORGETS}", err=True)
    if is_file(config.store):
        click.echo("let the database belong to the gateway's user, if that is not you", err=True)


def _found(proof: Proof | None) -> str:
    if proof is None:
        return "written by pg_dump"
    if proof.end is None:
        return f"schema {proof.schema}, which is not this program's: the ledger was not verified"
    return f"schema {proof.schema}, {proof.end.position} events in the ledger, last hash {proof.end.hash}"

"""`stopgate api-key`: keys for the HTTP interface, made, changed over and revoked while a gateway runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.commands.common import Words, config_option, configuration
from gateway.commands.records import account_option, format_option, in_store, known_account, show_all
from gateway.commands.setup import typed_secret
from gateway.commands.words import age, counted, instant
from gateway.config.values import seconds
from gateway.store import apikeys
from gateway.store.ids import unwire, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.commands.records import Line
    from gateway.store.base import Snapshot, Tx

_COLUMNS = ["id", "account", "begins", "created", "expires"]
_SHORTEST = 16  # characters
owner_option = click.option("--account", required=True, metavar="NAME", type=Words(), help="Whose key it is.")


class Duration(click.ParamType[int]):
    """A duration with its unit, in milliseconds."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the duration, or fail with what is wrong with it."""
        try:
            return int(seconds(value) * 1_000)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group("api-key")
def api_key() -> None:
    """Make and revoke keys for the HTTP interface. Only their hashes are kept."""


@api_key.command()
@config_option
@owner_option
def new(config_path: Path, account: str) -> None:
    """Make a key beside those that there are, and print it, once."""
    config = configuration(config_path)
    known_account(config, account)
    key = apikeys.new_key()
    made = in_store(config, lambda tx: apikeys.make(tx, account, key))
    click.echo(key)
    click.echo(
        f"key {wire(made.id)} of account {account}; it works within two seconds, and is not shown again", err=True
    )


@api_key.command()
@config_option
@owner_option
@click.option(
    "--keep", metavar="DURATION", type=Duration(), default="24h", help="For how long the others still count: 24h."
)
def rotate(config_path: Path, account: str, keep: int) -> None:
    """Make a key, print it, and let the account's other keys end after a while; not the one in the configuration."""
    config = configuration(config_path)
    known_account(config, account)
    key = apikeys.new_key()

    def work(tx: Tx) -> int:
        ending = apikeys.expire(tx, account, tx.now + keep)
        apikeys.make(tx, account, key)
        return ending

    ending = in_store(config, work)
    click.echo(key)
    click.echo(f"{counted(ending, 'older key')}: until {age(keep)} from now", err=True)
    if config.accounts[account].api_key is not None:
        click.echo(f"accounts.{account}.api_key in the configuration counts until you take it out", err=True)


@api_key.command("list")
@config_option
@account_option
@format_option
def list_keys(config_path: Path, account: str | None, form: str) -> None:
    """Print how each key begins, whose it is, and when it ends."""

    def query(snapshot: Snapshot) -> Iterator[Line]:
        for key in apikeys.every(snapshot, account):
            yield wire(key.id), key.account, key.hint, instant(key.created), instant(key.expires) if key.expires else ""

    config = configuration(config_path)
    known_account(config, account)
    show_all(form, _COLUMNS, config, query)


@api_key.command()
@config_option
@click.argument("identifier", metavar="ID", type=Words())
def revoke(config_path: Path, identifier: str) -> None:
    """End the key with this ID, as `list` shows it, within two seconds."""
    found = unwire(identifier)
    if found is None or not in_store(configuration(config_path), lambda tx: apikeys.revoke(tx, found)):
        raise click.ClickException(f"there is no key {identifier}; see `stopgate api-key list`")
    click.echo(f"key {identifier} is revoked")


@api_key.command("hash")
def hash_key() -> None:
    """Read a key of yours and print its hash, for `api_key:` in the configuration."""
    key = typed_secret("Key")
    if len(key) < _SHORTEST:
        raise click.ClickException(f"the key is shorter than {_SHORTEST} characters; give one on standard input")
    click.echo(apikeys.hash_of(key))

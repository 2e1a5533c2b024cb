"""`stopgate operators` and `stopgate accounts`: the peers of a running gateway as they are, and orders about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.commands.common import Words, config_option, configuration
from gateway.commands.records import format_option, show
from gateway.commands.words import counted
from gateway.control import ControlError, ask

if TYPE_CHECKING:
    from pathlib import Path

_OPERATORS = ["name", "state", "address", "binds", "of", "ready", "in_flight", "unsettled", "window", "rate", "pause"]
_ACCOUNTS = ["name", "state", "kind", "binds", "of", "ready", "in_flight", "unsettled", "window", "rate", "pause"]
_BINDS = ["name", "state", "in_flight", "owed", "seconds"]
name_argument = click.argument("name", type=Words())


def asked(config_path: Path, command: str, **more: Any) -> Any:  # noqa: ANN401 (what JSON can say)
    """Have the gateway of a configuration do something, or end the command with why it cannot."""
    socket = configuration(config_path).control_socket
    if socket is None:
        raise click.ClickException("`control` names no socket, which it has to with PostgreSQL: /run/stopgate/control")
    try:
        return ask(socket, command, **more)
    except ControlError as error:
        raise click.ClickException(str(error)) from error


def _show(form: str, columns: list[str], found: list[dict[str, Any]]) -> None:
    show(form, columns, [tuple(each[column] for column in columns) for each in found])


@click.group()
def operators() -> None:
    """Show how the operators are doing, and suspend, unbind or resume one; until the gateway ends."""


@operators.command("list")
@config_option
@format_option
def list_operators(config_path: Path, form: str) -> None:
    """Print each operator: binds, rows in memory, on their way and not settled, the rate, seconds left of a pause."""
    _show(form, _OPERATORS, asked(config_path, "operators"))


@operators.command("binds")
@config_option
@format_option
def operator_binds(config_path: Path, form: str) -> None:
    """Print each connection to an operator: requests unanswered by it and by us, seconds that the bind has lasted."""
    _show(form, _BINDS, asked(config_path, "operator_binds"))


@operators.command("suspend")
@config_option
@name_argument
def suspend_operator(config_path: Path, name: str) -> None:
    """Send nothing more to operator NAME; binds stay, so that receipts and texts come in."""
    asked(config_path, "suspend_operator", name=name)
    click.echo(f"{name} is suspended: what waits for it goes to the next operator of its route, or waits")


@operators.command()
@config_option
@name_argument
def unbind(config_path: Path, name: str) -> None:
    """Wait for the answers of operator NAME, unbind from it, and stay away."""
    asked(config_path, "unbind_operator", name=name)
    click.echo(f"{name} is unbound; no receipt and no STOP comes from there until it is resumed")


@operators.command("resume")
@config_option
@name_argument
def resume_operator(config_path: Path, name: str) -> None:
    """Bind and send to operator NAME again."""
    asked(config_path, "resume_operator", name=name)
    click.echo(f"{name} is used again")


@click.group()
def accounts() -> None:
    """Show how the accounts are doing; unbind an app, or keep an account out until the gateway ends."""


@accounts.command("list")
@config_option
@format_option
def list_accounts(config_path: Path, form: str) -> None:
    """Print each account: binds, receipts and texts in memory, on their way and not settled, its rate."""
    _show(form, _ACCOUNTS, asked(config_path, "accounts"))


@accounts.command("binds")
@config_option
@format_option
def account_binds(config_path: Path, form: str) -> None:
    """Print each bound app: where from, requests unanswered by it and by us, seconds that the bind has lasted."""
    _show(form, ["name", "address", *_BINDS[1:]], asked(config_path, "account_binds"))


@accounts.command()
@config_option
@click.option("--address", metavar="IP", type=Words(), help="Only the apps from this address.")
@name_argument
def kick(config_path: Path, address: str | None, name: str) -> None:
    """Answer what the apps of account NAME have submitted, and unbind them; they may bind again."""
    count = asked(config_path, "kick", name=name, address=address)
    click.echo(f"{counted(count, 'app')} of {name} unbound")


@accounts.command("suspend")
@config_option
@name_argument
def suspend_account(config_path: Path, name: str) -> None:
    """Unbind the apps of account NAME, and refuse their binds with ESME_RBINDFAIL."""
    asked(config_path, "suspend_account", name=name)
    click.echo(f"{name} is suspended: its receipts and texts wait, what it submitted is sent")


@accounts.command("resume")
@config_option
@name_argument
def resume_account(config_path: Path, name: str) -> None:
    """Let the apps of account NAME bind again."""
    asked(config_path, "resume_account", name=name)
    click.echo(f"{name} may bind again")

"""Commands that need no running gateway: `check` and `hash-password`."""

import sys
from pathlib import Path

import click
from argon2 import PasswordHasher

from gateway.commands.common import config_option, usable_configuration
from gateway.commands.words import counted
from gateway.config.models import Config


@click.command()
@config_option
def check(config_path: Path) -> None:
    """Check a configuration: status 0 and a summary, or status 2 and every problem with its line."""
    click.echo(f"{config_path}: {summary(usable_configuration(config_path))}")


def summary(config: Config) -> str:
    """One line: what a gateway with this configuration would run."""
    binds = sum(operator.binds for operator in config.operators.values())
    doors = [*config.smpp.listen, *(config.smpp.tls.listen if config.smpp.tls else [])]
    parts = [
        f"node {config.node}",
        counted(len(config.accounts), "account"),
        f"{counted(len(config.operators), 'operator')} ({counted(binds, 'bind')})",
        counted(len(config.routes), "route"),
        f"SMPP on {' and '.join(_spell(door) for door in doors)}",
        f"store {config.store.partition(':')[0]}",
    ]
    return ", ".join(parts)


def _spell(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _first_line() -> str:
    try:
        octets = sys.stdin.buffer.readline() if sys.stdin is not None else b""
        return octets.decode().rstrip("\r\n")
    except OSError as error:
        raise click.ClickException(f"standard input cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise click.ClickException("the password is not text in UTF-8") from error


def typed_secret(called: str) -> str:
    """Return what somebody types unseen, twice, or what the first line of standard input says."""
    if sys.stdin is not None and sys.stdin.isatty():
        return str(click.prompt(called, hide_input=True, confirmation_prompt=True, err=True))
    return _first_line()


@click.command("hash-password")
def hash_password() -> None:
    """Read a password and print its argon2id hash, for `password:` and `web_password:`."""
    password = typed_secret("Password")
    if not password:
        raise click.ClickException("the password is empty; give one on standard input")
    click.echo(PasswordHasher().hash(password))

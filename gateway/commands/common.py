"""Commands that need no running gateway, and what all commands share: the configuration option and its errors."""

import os
from pathlib import Path
from typing import IO, Any

import click

from gateway import tls
from gateway.config.file import Problem, read
from gateway.config.models import Config, ConfigError, load

config_option = click.option(
    "--config",
    "config_path",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The gateway's configuration.",
)


class Words(click.ParamType[str]):
    """Text in UTF-8, whatever the locale takes the octets of the command line for."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or fail with what is wrong with it."""
        try:
            return os.fsencode(value).decode()
        except UnicodeError:
            self.fail("is not text in UTF-8", param, ctx)


def reason(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Refuse a reason that says nothing; a callback for options."""
    if not value.strip():
        raise click.BadParameter("must say why; it is kept as evidence")
    return value


class BadConfig(click.ClickException):
    """Prints every problem on standard error and ends with status 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the problems as they are, one a line, for editors to jump to."""
        click.echo(self.message, file=file, err=file is None)


def configuration(path: Path) -> Config:
    """Load the configuration or end the command with its problems."""
    try:
        return load(path)
    except ConfigError as error:
        raise BadConfig(str(error)) from error


def usable_configuration(path: Path) -> Config:
    """Load the configuration, try the files that it names, and end the command with the problems of either."""
    config = configuration(path)
    if found := list(tls.problems(config)):
        document = read(path, os.environ)
        problems = [Problem(document.value_mark(key), key, message) for key, message in found]
        raise BadConfig(str(ConfigError(path, problems)))
    return config

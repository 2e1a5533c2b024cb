"""Commands that need no running gateway, and what all commands share: the configuration option and its errors."""

import os
from pathlib import Path
from typing import IO, Any

import click

from gateway import tls
from gateway.config import Config, ConfigError, load
from gateway.configfile import Problem, read

config_option = click.option(
    "--config",
    "config_path",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The gateway's configuration.",
)


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

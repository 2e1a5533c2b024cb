"""The command line's frame: which commands there are and where each lives.

A command's module is imported when the command is called, so that none pays for the others at start-up.
"""

from importlib import import_module
from typing import cast

import click

COMMANDS = {
    "run": "gateway.commands.run:run",
    "check": "gateway.commands.setup:check",
    "demo": "gateway.demo.command:demo",
    "preview": "gateway.commands.preview:preview",
    "blacklist": "gateway.commands.records:blacklist",
    "ledger": "gateway.commands.stores:ledger",
    "store": "gateway.commands.stores:store",
    "simulate": "gateway.simulate.commands:simulate",
    "hash-password": "gateway.commands.setup:hash_password",
}


class LateGroup(click.Group):
    """A group that finds its commands in `COMMANDS`, name to `module:attribute`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))


@click.command(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stopgate")
def main() -> None:
    """Run an SMPP gateway that puts the opt-out mention into marketing SMS and hears every STOP."""

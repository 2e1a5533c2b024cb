"""The command line's frame: which commands there are and where each lives.

A command's module is imported when the command is called, so that none pays for the others at start-up. While that
lasts an interrupt ends the process as SIGTERM would, without a word; after that the command is there to end in its own
way.
"""

import errno
import os
import signal
import sys
from importlib import import_module
from typing import cast

import click

_CANNOT_PRINT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_STDOUT = 1
COMMANDS = {
    "run": "gateway.commands.run:run",
    "check": "gateway.commands.setup:check",
    "demo": "gateway.demo.command:demo",
    "preview": "gateway.commands.preview:preview",
    "blacklist": "gateway.commands.opted_out:blacklist",
    "ledger": "gateway.commands.ledgers:ledger",
    "operators": "gateway.commands.live:operators",
    "accounts": "gateway.commands.live:accounts",
    "spool": "gateway.commands.spool:spool",
    "doctor": "gateway.commands.doctor:doctor",
    "privacy": "gateway.commands.privacy:privacy",
    "backup": "gateway.commands.backups:backup",
    "restore": "gateway.commands.backups:restore",
    "store": "gateway.commands.stores:store",
    "simulate": "gateway.simulate.commands:simulate",
    "api-key": "gateway.commands.apikeys:api_key",
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
        command = cast("click.Command", getattr(import_module(module), attribute))
        if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command


@click.command(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stopgate")
def main() -> None:
    """Run an SMPP gateway that puts the opt-out mention into marketing SMS and hears every STOP."""


def run() -> None:
    """Be the process: print in any locale, what its alphabet lacks escaped, and say so where nothing can be printed."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # they are at the start
    try:
        try:
            main()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in _CANNOT_PRINT:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)  # or what is left would fail at the exit, too
        if error.errno != errno.EPIPE:
            click.echo(f"stopgate: standard output cannot be written: {error.strerror}", err=True)
        sys.exit(1)

"""`stopgate doctor`: what could keep the gateway from working, and what to do about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import trio

from gateway.commands.common import config_option, usable_configuration
from gateway.commands.progress import in_plain_words
from gateway.commands.records import format_option, show
from gateway.doctor import BAD, examine

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@format_option
def doctor(config_path: Path, form: str) -> None:
    """Look at configuration, database, disk, ports, certificates, clock and operators, and say what to do.

    Status 0 if nothing is bad, 1 otherwise, 2 if the configuration cannot be used. Nothing is changed.
    """
    config = usable_configuration(config_path)
    with in_plain_words():
        findings = trio.run(examine, config, config_path)
    show(form, ["what", "state", "found", "remedy"], findings)
    if any(each.state == BAD for each in findings):
        sys.exit(1)

"""How the demo's story is told: in words for people, coloured on a terminal, or as one JSON object per line."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Protocol

import click
from rich.console import Console
from rich.text import Text

from gateway.demo.story import MENTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.demo.story import Figures, Step

_MENTIONS = "|".join(re.escape(text) for text in (MENTIONS.short_code_text, MENTIONS.web_text))
_LABEL_WIDTH = 16


class Teller(Protocol):
    """Tells each step once it is known how it went; ``converses``: to somebody who may also want to type."""

    converses: bool

    def came_true(self, step: Step, figures: Figures) -> None:
        """Tell a step that came true, with what was seen."""

    def failed(self, step: Step, why: str, log: Sequence[str]) -> None:
        """Tell a step that did not, why, and the last lines of the gateway's log."""

    def invite(self, ways_in: dict[str, str]) -> None:
        """Tell how to connect to what is running now."""


class JsonTeller:
    """For machines: one object per step, with ``step``, ``ok`` and either the figures or ``why`` and ``log``."""

    converses = False

    def came_true(self, step: Step, figures: Figures) -> None:
        """Print the step and its figures."""
        _print_json({"step": step.name, "ok": True, "promise": step.promise, "figures": figures})

    def failed(self, step: Step, why: str, log: Sequence[str]) -> None:
        """Print the step, why, and the log."""
        _print_json({"step": step.name, "ok": False, "promise": step.promise, "why": why, "log": list(log)})

    def invite(self, ways_in: dict[str, str]) -> None:
        """Print the ways in under ``running``."""
        _print_json({"running": ways_in})


def _print_json(what: dict[str, object]) -> None:
    click.echo(json.dumps(what, ensure_ascii=False))


class PlainTeller:
    """For people: a sentence for each step and below it what was seen, the mention highlighted."""

    converses = True

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False)

    def came_true(self, step: Step, figures: Figures) -> None:
        """Print the promise, ticked, and the figures."""
        self._print(Text.assemble(("✓ ", "bold green"), (step.promise, "bold")))
        self._print_rows({name.replace("_", " "): str(value) for name, value in figures.items()})

    def failed(self, step: Step, why: str, log: Sequence[str]) -> None:
        """Print the promise, crossed out, why, and the log."""
        self._print(Text.assemble(("✗ ", "bold red"), (step.promise, "bold"), (f" But {why}.", "red")))
        self._print(Text("The gateway's last log lines:" if log else "The gateway has logged nothing."))
        for line in log:
            self._print(Text(f"    {line}", "dim"))

    def invite(self, ways_in: dict[str, str]) -> None:
        """Print the ways in, and how to leave."""
        self._print(Text("All of it came true, and everything is still running:", "bold"))
        self._print_rows(ways_in)
        self._print(Text("Ctrl-C ends it and removes what it left.", "bold"))

    def _print_rows(self, rows: dict[str, str]) -> None:
        width = max(_LABEL_WIDTH, *(len(name) for name in rows))
        for name, value in rows.items():
            shown = Text(value)
            shown.highlight_regex(_MENTIONS, "bold yellow")
            self._print(Text.assemble((f"    {name:<{width}}  ", "dim"), shown))
        self._print(Text())

    def _print(self, line: Text) -> None:
        with self._console.capture() as capture:
            self._console.print(line, soft_wrap=True)
        click.echo(capture.get(), nl=False)

"""`stopgate blacklist why` and `try`: what was decided about a number, and what would be decided about a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.commands.common import Words, config_option, configuration
from gateway.commands.records import format_option, number_argument, show, show_all
from gateway.commands.words import instant, said
from gateway.rules import keyword
from gateway.rules.inbound import Octets, decide, words
from gateway.rules.ladder import Reading, Rule
from gateway.ruleset import codes
from gateway.smpp.text import USUAL
from gateway.store import blacklist, evidence, reviews

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.commands.records import Line
    from gateway.config.models import Config
    from gateway.rules.keyword import Decision
    from gateway.store.base import Snapshot
    from gateway.store.evidence import Evidence

_WHY = (
    *("time", "short_code", "source", "operator", "text", "normalised", "rule", "language", "effect", "accounts"),
    *("in_force", "note", "vocabulary", "evidence"),
)
_TRY = ["text", "normalised", "rule", "language", "reading", "effect", "vocabulary"]
_EFFECTS = {
    Reading.OPT_OUT: "opted out of marketing, confirmed, and billed once",
    Reading.OPT_IN: "the opt-out is lifted, and answered",
    Reading.CONTACT: "answered with the publisher",
    Reading.HELP: "answered with what can be texted",
    Reading.UNCLEAR: "marketing waits until somebody decides; in the end it counts as an opt-out",
    Reading.NONE: "recorded, and nothing else",
}
_EVERYTHING = "opted out of everything, notifications too, confirmed, and billed once"


@click.command()
@config_option
@format_option
@click.argument("number", type=Words())
def why(config_path: Path, form: str, number: str) -> None:
    """Print all that is kept about NUMBER: what it texted, what was decided by which rule, and what is in force."""
    config = configuration(config_path)
    line = number_argument(number).key

    def query(snapshot: Snapshot) -> Iterator[Line]:
        in_force = _in_force(snapshot, line)
        told = list(evidence.about(snapshot, line))
        lists = in_force.keys() - {each.id for each in told}  # an imported list has one piece of evidence for all
        told += [each for each in (evidence.one(snapshot, row) for row in lists) if each]
        for each in sorted(told, key=lambda each: (each.at, each.id)):
            yield _explained(config, each, ", ".join(in_force.get(each.id, ())))

    show_all(form, _WHY, config, query)


def _in_force(snapshot: Snapshot, number: str) -> dict[int, list[str]]:
    """Say what rests on each piece of evidence, by its id."""
    found: dict[int, list[str]] = {}
    for entry in blacklist.entries_of(snapshot, number):
        what = "opted out of everything" if entry.everything else "opted out"
        found.setdefault(entry.evidence, []).append(f"{entry.account}: {what}")
    for case in reviews.cases_of(snapshot, number):
        found.setdefault(case.evidence, []).append(f"{case.account}: held back until {instant(case.until)}")
    return found


def _explained(config: Config, each: Evidence, in_force: str) -> Line:
    text = said(config, each.operator, Octets(each.octets, each.data_coding, each.esm_class))
    decided = each.normalised, each.rule, each.language, each.effect, each.accounts, in_force
    return instant(each.at), each.code, each.source, each.operator, text, *decided, each.note, each.vocabulary, each.id


@click.command("try")
@config_option
@format_option
@click.option("--octets", metavar="HEX", multiple=True, help="A text as an operator would send it; may be repeated.")
@click.option("--data-coding", type=click.IntRange(0, 255), default=0, help="What data_coding says about the octets.")
@click.argument("texts", metavar="[TEXT]...", nargs=-1, type=Words())
def try_texts(config_path: Path, form: str, octets: tuple[str, ...], data_coding: int, texts: tuple[str, ...]) -> None:
    """Say how TEXT would be read and what would follow; nothing is kept."""
    config = configuration(config_path)
    if not texts and not octets:
        raise click.UsageError("give a text, or --octets")
    ours = codes(config)
    tried = [_tried(text, keyword.read(text, ours)) for text in texts]
    for each in octets:
        read = Octets(_octets(each), data_coding)
        says = words(read, USUAL)
        tried.append(_tried(says, decide(read, says, ours)))
    show(form, _TRY, tried)


def _octets(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise click.UsageError(
            f"--octets {digits}: must be hexadecimal digits, two an octet, such as 53544f50"
        ) from error


def _tried(text: str, decision: Decision) -> Line:
    effect = _EVERYTHING if decision.rule is Rule.EVERYTHING else _EFFECTS[decision.reading]
    understood = decision.normalised, str(decision.rule), decision.language, str(decision.reading)
    return text, *understood, effect, decision.vocabulary

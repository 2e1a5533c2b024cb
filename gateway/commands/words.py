"""Counts, instants and spans of time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.rules.inbound import Octets, words
from gateway.ruleset import meanings
from gateway.smpp.text import USUAL

if TYPE_CHECKING:
    from gateway.config.models import Config

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def counted(number: int, noun: str) -> str:
    """Write how many there are of what has a regular plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def instant(milliseconds: int) -> str:
    """Write an instant, in milliseconds since 1970, in UTC to the second."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="seconds")


def age(milliseconds: int) -> str:
    """Write a span of time in its two largest units, such as ``2 h 5 min``; what lies ahead is ``0 s``."""
    seconds, parts = max(0, milliseconds) // 1_000, []
    for size, unit in _SPANS:
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2]) or "0 s"


def said(config: Config, operator: str, text: Octets) -> str:
    """Return what a text says that came from an operator, which may be configured no more."""
    known = config.operators.get(operator)
    return words(text, meanings(known) if known else USUAL)

# ruff: noqa: INP001 (a script beside the pages that it writes, not a package)
"""Writes docs/configuration.md: every setting, from the models that read it and the commented example that shows it.

Which settings there are, and which of them must be given, is what the models say; what each means is what stands beside
it in `config/gateway.yaml`. A setting that is in one and not in the other is an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

from pydantic import BaseModel

from gateway.config.models import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

PAGE = Path(__file__).with_name("configuration.md")
EXAMPLE = Path(__file__).parents[1] / "config" / "gateway.yaml"
NAMED = ("accounts", "operators")  # their keys are names of the reader's own
_LINE = re.compile(r"( *)(- )?(?:([a-z_0-9]+):)?(?: +((?:\"[^\"]*\"|[^#])*?))?\s*(?:#\s?(.*))?")


class Shown(NamedTuple):
    """One setting as the example shows it: its value, and the words beside it."""

    value: str
    words: list[str]


def reference() -> str:
    """Write the whole page, ending in one line feed.

    Raises:
        ValueError: the example and the models disagree about which settings there are.
    """
    introductions, shown = _read(EXAMPLE.read_text(encoding="utf-8").splitlines())
    leaves = dict(_leaves(Config, shown))
    if missing := sorted(leaves.keys() - shown.keys()):
        raise ValueError(f"{EXAMPLE.name} does not show {', '.join(missing)}")
    sections: dict[str, list[str]] = {}
    for path, field in leaves.items():
        sections.setdefault(_section(path), []).append(_row(path, field, shown[path]))
    parts = [INTRODUCTION]
    for section, rows in sections.items():
        title = section or "The process"
        parts += [f"## {title}", *introductions.get(section.partition(".")[0], [])[: "." not in section]]
        parts.append("\n".join([_HEAD, *rows]))
    return "\n\n".join([*parts, ROUTES]) + "\n"


def _section(path: str) -> str:
    top, _, rest = path.partition(".")
    return top if rest else ""


def _row(path: str, field: FieldInfo, shown: Shown) -> str:
    words = " ".join(shown.words)
    default = "required" if field.is_required() else f"`{shown.value}`" if shown.value else "as in the example"
    if given := re.search(r"\bdefault: ([^;.]+(?:'s \w+)?)[.;]?\s*", words):
        default = given[1].strip()
        words = words.replace(given[0], "")
    words = re.sub(r"^(?:example|required)\b[;,]?\s*|[;,]\s*example,?\s*$", "", words).strip(" ;,")
    return f"| `{path}` | {default} | {_escaped(words)} |"


def _escaped(words: str) -> str:
    return words.replace("|", r"\|").replace("*", r"\*").replace("<", "&lt;")


def _leaves(model: type[BaseModel], shown: dict[str, Shown], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting below a model, by its path; one that is shown as a word of its own counts as one."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = next(_models(field.annotation), None)
        if inner is not None and path in shown and not shown[path].value and name != "routes":
            yield from _leaves(inner, shown, f"{path}.*." if path in NAMED else f"{path}.")
        elif name != "name" and path != "routes":  # a name is the key; routes are explained as a whole
            yield path, field


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _read(lines: list[str]) -> tuple[dict[str, list[str]], dict[str, Shown]]:
    """Take the example apart: what stands above each top section, and every setting with the words beside it."""
    introductions: dict[str, list[str]] = {}
    shown: dict[str, Shown] = {}
    path: list[str] = []
    above: list[str] = []
    latest: Shown | None = None
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        indent, item, key, value, words = match.groups()
        if key is None or item:
            if words is not None and not indent and not item:
                above.append(words)
            elif words and latest is not None:
                latest.words.append(words)
            elif not line:
                above = []
            continue
        depth = len(indent) // 2
        path = [*path[:depth], "*" if depth == 1 and path[0] in NAMED else key]
        latest = shown.setdefault(".".join(path), Shown((value or "").strip(), [words] if words else []))
        if not depth:
            introductions[key] = [" ".join(above)] if above else []
            above = []
    return introductions, shown


INTRODUCTION = """# Configuration

One YAML file. `stopgate check --config FILE` reports everything that is wrong with it at once, each as
`FILE:LINE:COLUMN: key.path: what is wrong`; unknown and duplicate keys are errors. `${NAME}` takes an environment
variable or a [credential](operations.md#install). Durations carry a unit: `200ms`, `30s`, `5m`, `2h`, `365d`. Put
numbers that are names (short codes, prefixes, passwords) in quotes.

SIGHUP reads the file again, see [operations](operations.md#start-and-stop). This page is written by
`python docs/reference.py` from the models and from `config/gateway.yaml`, which shows the same as a file."""

ROUTES = """## routes

A list of `{prefixes: ["33"], operators: [orange, backup]}`: the longest prefix of a number wins, `""` is every number;
its operators are asked in order, the next one where one is down. `accounts.*.routes` go before those of all."""

_HEAD = "| setting | default | meaning |\n|---|---|---|"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")

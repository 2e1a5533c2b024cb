"""Texts as subscribers send them, by what must become of them (`said.toml`)."""

import tomllib
from pathlib import Path

_TABLES = tomllib.loads(Path(__file__).with_name("said.toml").read_text(encoding="utf-8"))


def texts(table):
    """Return the texts of a table, taken apart."""
    found = [text.strip() for line in table.splitlines() for text in line.split("|")]
    return [text.replace("\\n", "\n") for text in found if text]


OPT_OUT, UNCLEAR, NONE, OTHER = (
    {category: texts(table) for category, table in _TABLES[name].items()}
    for name in ("opt_out", "unclear", "none", "other")
)

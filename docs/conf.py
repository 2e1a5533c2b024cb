# ruff: noqa: INP001 (Sphinx reads it; it is no part of a package)
"""How `make docs` turns these pages into a site: Markdown as it stands, every warning an error."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
project = "stopgate"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "stopgate"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
# The sources are the whole checkout, so that links lead where they lead in the repository.
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "docs/*.md"]
pygments_style = "sphinx"
# Diagrams stay text, as in a terminal: no script is loaded from elsewhere.
suppress_warnings = ["misc.highlighting_failure"]

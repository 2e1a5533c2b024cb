"""Draws what a soak has sampled: memory, descriptors and the spool over the hour, with what befell the gateway.

bench/soak/plot.py FOLDER > docs/soak.svg
"""

from __future__ import annotations

import csv
import sys
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Sample = dict[str, str]
WIDTH, LEFT, RIGHT, TOP, HEIGHT, GAP = 900, 64, 30, 34, 110, 34
STYLE = (
    "text{font:12px sans-serif;fill:#333}.l{fill:none;stroke:#1659a6;stroke-width:1.4}.a{stroke:#999;stroke-width:1}"
    ".f{fill:#f3e3c4}.k{stroke:#c0392b;stroke-width:1;stroke-dasharray:3 3}.g{stroke:#e4e4e4}"
)


class Panel(NamedTuple):
    """One curve: what it shows, its value in a sample, and where its axis ends at least."""

    title: str
    value: Callable[[Sample], float]
    most: float


PANELS = (
    Panel("resident memory, MiB", lambda each: int(each["rss_kib"]) / 1024, 200),
    Panel("open file descriptors", lambda each: int(each["descriptors"]), 50),
    Panel("rows in the spool", lambda each: int(each["spool"]), 100),
)


class Drawing:
    """The samples of one soak, and the scale of time."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples
        self.end = float(samples[-1]["seconds"])

    def x(self, sample: Sample) -> float:
        """Return where a sample stands."""
        return LEFT + float(sample["seconds"]) / self.end * (WIDTH - LEFT - RIGHT)

    def draw(self) -> Iterator[str]:
        """Yield the lines of the picture."""
        total = TOP + len(PANELS) * (HEIGHT + GAP)
        yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" width="{WIDTH}" height="{total}">'
        yield f'<style>{STYLE}</style><rect width="{WIDTH}" height="{total}" fill="#fff"/>'
        yield f'<text x="{LEFT}" y="16">shaded: a fault between gateway and operator · red: kill -9 and start</text>'
        for place, panel in enumerate(PANELS):
            yield from self.panel(panel, TOP + place * (HEIGHT + GAP))
        yield "</svg>"

    def panel(self, panel: Panel, top: float) -> Iterator[str]:
        """Yield one panel."""
        highest = max(panel.most, *(panel.value(each) for each in self.samples))
        bottom = top + HEIGHT
        yield from self.faults(top)
        for share in (0.0, 0.5, 1.0):
            y = bottom - share * HEIGHT
            yield f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.0f}" y2="{y:.0f}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{share * highest:,.0f}</text>'
        for _, run in groupby(self.samples, key=lambda each: each["pid"]):
            points = (f"{self.x(each):.1f},{bottom - panel.value(each) / highest * HEIGHT:.1f}" for each in run)
            yield f'<polyline class="l" points="{" ".join(points)}"/>'
        for earlier, later in pairwise(self.samples):
            if earlier["pid"] != later["pid"]:
                yield f'<line class="k" x1="{self.x(later):.1f}" x2="{self.x(later):.1f}" y1="{top}" y2="{bottom}"/>'
        for minute in range(0, int(self.end // 60) + 1, 10):
            x = LEFT + minute * 60 / self.end * (WIDTH - LEFT - RIGHT)
            yield f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{minute} min</text>'
        yield f'<text x="{LEFT + 4}" y="{top + 13}" font-weight="bold">{panel.title}</text>'

    def faults(self, top: float) -> Iterator[str]:
        """Yield the times in which the weather was not fair."""
        for weather, spell in groupby(self.samples, key=lambda each: each["weather"]):
            if weather != "fair":
                first, *rest = map(self.x, spell)
                wide = max(3.0, (rest or [first])[-1] - first)
                yield f'<rect class="f" x="{first:.1f}" y="{top}" width="{wide:.1f}" height="{HEIGHT}"><title>'
                yield f"{weather}</title></rect>"


def figures(samples: list[Sample]) -> dict[str, Any]:
    """Return what the longest run of one process shows: its memory and descriptors at quarters of its life."""
    runs = [list(run) for _, run in groupby(samples, key=lambda each: each["pid"])]
    longest = max(runs, key=len)
    quarters = [longest[len(longest) * quarter // 4 - (quarter == 4)] for quarter in range(5)]
    return {
        "minutes": round((float(longest[-1]["seconds"]) - float(longest[0]["seconds"])) / 60, 1),
        "MiB": [round(int(each["rss_kib"]) / 1024, 1) for each in quarters],
        "descriptors": [int(each["descriptors"]) for each in quarters],
    }


def main() -> None:
    """Draw to standard output, and say the figures on standard error."""
    samples = list(csv.DictReader(Path(sys.argv[1], "samples.csv").read_text(encoding="ascii").splitlines()))
    print("\n".join(Drawing(samples).draw()))
    print(figures(samples), file=sys.stderr)


if __name__ == "__main__":
    main()

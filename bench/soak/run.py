"""One hour of the real daemon at half of the rate that it can carry, while everything around it goes wrong.

smppload is every app and both operators; between the gateway and one of them lies a network that is made to fail in
another way every half minute (tests/faults/weather.py). Apps vanish, subscribers text STOP, the process is killed and
started again, reloaded each minute. The kills come at the beginning and at the end, so that in between one process
lives long enough for a leak to show. Samples go to a CSV file, of which plot.py draws docs/soak.svg; the books of
all peers go to a JSON file.

    bench/soak/run.py FOLDER             BENCH_SECONDS (3600), BENCH_RATE (default: half of what a short run reaches)
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.soak.site import PARTS, STOPS, Site
from bench.throughput import NO_TOOL, smppload
from tests.faults.weather import Between, Weather

SECONDS = float(os.environ.get("BENCH_SECONDS", "3600"))
SAMPLE = 5.0  # seconds
SPELL, FAIR = 20.0, 25.0  # seconds that a fault lasts, and that none does
KILLS = (0.03, 0.06, 0.09, 0.12, 0.88, 0.91, 0.94, 0.97)  # moments, as shares of the whole
RELOAD = 60.0  # seconds
DRAIN = 300.0  # seconds for the last receipts
TRIAL = 20.0  # seconds in which the highest rate is looked for
FAULTS = [each for each in Weather if each is not Weather.FAIR]


class Soak:
    """The hour.

    Args:
        site: the gateway and its peers.
        rate: messages a second.

    Attributes:
        happened: how often what was done.
    """

    def __init__(self, site: Site, rate: int) -> None:
        self.site = site
        self.rate = rate
        self.began = time.monotonic()
        self.happened: dict[str, int] = {}
        self.fickle = 0  # runs of the app that vanishes
        self.loading = True

    def note(self, what: str) -> None:
        """Count something that was done."""
        self.happened[what] = self.happened.get(what, 0) + 1

    def at(self, share: float) -> float:
        """Return the seconds until a moment of the hour."""
        return max(0.0, self.began + share * SECONDS - time.monotonic())

    async def run(self) -> dict[str, Any]:
        """Let it all happen; returns the books."""
        async with trio.open_nursery() as nursery:
            between = Between(("127.0.0.1", self.site.ports["shaky"]), every=200)
            await nursery.start(between.run, self.site.ports["between"])
            self.site.start()
            for task in (self._kill, self._reload, self._vanish):
                nursery.start_soon(task)
            for task in (self._sample, self._change_weather):
                nursery.start_soon(task, between)
            books = await self._load()
            self.loading = False
            books["fickle"] = await self.site.load("fickle", 1, 5, 60)  # fetches the receipts of those that vanished
            await trio.sleep(SAMPLE)
            books["left"] = self.site.left()
            nursery.cancel_scope.cancel()
        happened = {**self.happened, "pdus struck": between.faults, "connections of shaky": between.connections}
        return {**books, **self.site.end(), "happened": happened}

    async def _change_weather(self, between: Between) -> None:
        """One fault after another, with fair weather in between, until the load ends."""
        turn = 0
        while self.at(1.0):
            await trio.sleep(FAIR)
            between.turn(FAULTS[turn % len(FAULTS)])
            self.note(between.weather.name.lower())
            await trio.sleep(SPELL)
            between.turn(Weather.FAIR)
            turn += 1

    async def _kill(self) -> None:
        for share in KILLS:
            await trio.sleep(self.at(share))
            self.site.kill()
            self.note("kill -9")
            await trio.sleep(random.uniform(0.0, 2.0))
            self.site.launch()

    async def _reload(self) -> None:
        while self.loading:
            await trio.sleep(RELOAD * random.uniform(0.8, 1.2))
            self.site.reload()
            self.note("SIGHUP")

    async def _vanish(self) -> None:
        """An app that is killed in the middle of its work, again and again."""
        while self.at(0.99):
            self.fickle += 1
            with trio.move_on_after(random.uniform(3.0, 20.0)):
                await self.site.load("fickle", max(1, self.rate // 20), 60, 1, run=self.fickle)
            self.note("app killed")
            await trio.sleep(random.uniform(1.0, 20.0))

    async def _load(self) -> dict[str, Any]:
        """Run the app that is measured, and one that cuts its messages itself, not all of which it finishes."""
        books: dict[str, Any] = {}

        async def load(account: str, rate: int) -> None:
            books[account] = await self.site.load(account, rate, SECONDS, DRAIN)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load, "app", self.rate)
            nursery.start_soon(load, "parts", PARTS)
        return books

    async def _sample(self, between: Between) -> None:
        with (self.site.folder / "samples.csv").open("w", encoding="ascii", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["seconds", "pid", "rss_kib", "descriptors", "cpu_seconds", "spool", "weather"])
            while True:
                size = self.site.size()
                if size is not None:
                    now = f"{time.monotonic() - self.began:.1f}"
                    rows.writerow([now, *size, self.site.spooled(), between.weather.name.lower()])
                    file.flush()
                await trio.sleep(SAMPLE)


def highest(tool: str, folder: Path) -> int:
    """Return how many messages a second go through and are reported on, in fair weather, as fast as it goes."""

    async def go() -> dict[str, Any]:
        site = Site(tool, folder)
        async with trio.open_nursery() as nursery:
            between = Between(("127.0.0.1", site.ports["shaky"]))
            await nursery.start(between.run, site.ports["between"])
            site.start()
            esme = await site.load("app", 0, TRIAL, 30)
            nursery.cancel_scope.cancel()
        site.end()
        return esme

    return int(trio.run(go)["complete_per_s"])


def main() -> None:
    """Find the rate, soak, and print what became of it."""
    tool = smppload()
    if tool is None:
        print(NO_TOOL)
        return
    folder = Path(sys.argv[1] if sys.argv[1:] else "soak").resolve()
    (folder / "trial").mkdir(parents=True)
    rate = int(os.environ.get("BENCH_RATE", "0")) or highest(tool, folder / "trial") // 2
    print(f"at {rate} messages a second for {SECONDS:.0f} s, {STOPS} STOPs a second", flush=True)
    books = trio.run(Soak(Site(tool, folder), rate).run)
    (folder / "books.json").write_text(json.dumps({"rate": rate, "seconds": SECONDS, **books}, indent=1))
    print(json.dumps({"rate": rate, **books}, indent=1))


if __name__ == "__main__":
    main()

"""A blacklist of ten million numbers: how it is taken in, what a look at it costs, and whom an import holds up.

The list is in no order, in four spellings. It is imported as an administrator would, by the command, measured from
outside. Then a store with that list is asked about batches of numbers, within transactions as admission does; and a
gateway's commits are timed while another list is imported into the same file. BENCH_NUMBERS makes it shorter. With
BENCH_POSTGRESQL=1 all of it goes to a PostgreSQL server of its own instead, if one can be started.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway.store import blacklist, contacts
from gateway.store.url import open_store
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.store.base import Store, Tx

NUMBERS = int(os.environ.get("BENCH_NUMBERS", "10000000"))
SPACE = 200_000_000  # French mobiles
STEP = 123_456_789  # has no factor in common with it
SECOND_LIST = 100_000
BATCH, BATCHES = 128, 2_000
SPELLINGS = ("0{0}", "+33{0}", "33{0}", "0033 {0}")
CONFIG = """
node: bench
store: {url}
accounts: {{app: {{password: secret}}}}
operators: {{bench: {{host: 127.0.0.1, system_id: gw, password: secret}}}}
routes: [{{prefixes: [""], operators: [bench]}}]
"""


def write_list(path: Path, count: int, start: int) -> None:
    """Write a list of so many different numbers, in no order; it takes no memory, for children inherit its size."""
    with path.open("w", encoding="ascii") as file:
        file.write("number\n")
        for at in range(start, start + count):
            file.write(SPELLINGS[at % 4].format(600_000_000 + at * STEP % SPACE) + "\n")


def take_in(config: Path, path: Path) -> subprocess.Popen[bytes]:
    """Start an import."""
    words = ("-m", "gateway", "blacklist", "import", "--config", str(config), "--reason", "bench", str(path))
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure_import(config: Path, path: Path) -> None:
    """Import a list and print what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    code = take_in(config, path).wait()
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"import: {NUMBERS:,} numbers in {took:.0f} s, {cpu:.0f} s of it computing, "
        f"{after.ru_maxrss / 1024:.0f} MB of memory at the most, status {code}"
    )


def look(tx: Tx, batches: list[list[str]]) -> tuple[float, float, int]:
    """Look batches up; returns the seconds that passed, those of our own processor time, and how many were found."""
    began, cpu = time.perf_counter(), time.thread_time()
    found = sum(len(blacklist.lookup(tx, batch)) for batch in batches)
    return time.perf_counter() - began, time.thread_time() - cpu, found


async def measure_lookups(store: Store) -> None:
    """Print what a look at one number costs in a batch, of numbers of which one in twenty has opted out."""
    dice = random.Random(9)
    batches = [[f"33{600_000_000 + dice.randrange(SPACE)}" for _ in range(BATCH)] for _ in range(BATCHES)]
    for turn in ("first", "second", "third"):
        took, cpu, found = await store.transact(partial(look, batches=batches))
        each = 1e6 / BATCH / BATCHES
        share = found / BATCH / BATCHES
        print(f"lookup, {turn} time: {took * each:.2f} µs a number ({cpu * each:.2f} computing), {share:.1%} found")


async def measure_commits(store: Store, until: Callable[[], bool]) -> list[float]:
    """Time small commits, one after the other, until something has happened."""
    times, dice = [], random.Random(4)
    while not until():
        numbers = [f"33{600_000_000 + dice.randrange(SPACE)}" for _ in range(20)]

        def work(tx: Tx, numbers: list[str] = numbers) -> None:
            blacklist.lookup(tx, numbers)
            contacts.touch(tx, [(number, "36034", "app") for number in numbers])

        began = time.perf_counter()
        await store.transact(work)
        times.append(time.perf_counter() - began)
        await trio.sleep(0.005)
    return sorted(times)


async def measure_store(url: str, config: Path, path: Path) -> None:
    """Measure what a gateway on this store would feel."""
    with closing(open_store(url, "gw")) as store:
        async with trio.open_nursery() as nursery:
            await store.join()
            nursery.start_soon(store.run)
            await measure_lookups(store)
            alone = await measure_commits(store, partial(passed, time.monotonic() + 5))
            importing = take_in(config, path)
            beside = await measure_commits(store, lambda: importing.poll() is not None)
            for what, times in (("alone", alone), (f"beside an import of {SECOND_LIST:,}", beside)):
                middle, most, longest = (1_000 * times[int(len(times) * part)] for part in (0.5, 0.99, 0.9999))
                print(f"commits {what}: {middle:.1f} ms, 99 % within {most:.1f} ms, longest {longest:.0f} ms")
            nursery.cancel_scope.cancel()


def passed(instant: float) -> bool:
    """Say whether an instant has passed."""
    return time.monotonic() > instant


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """Offer an empty store."""
    if not os.environ.get("BENCH_POSTGRESQL"):
        yield f"sqlite:///{folder}/gateway.db"
        return
    with postgres.server() as server:
        yield server.url(server.create())


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with database(folder) as url:
                config, lists = folder / "gateway.yaml", (folder / "list.csv", folder / "more.csv")
                config.write_text(CONFIG.format(url=url), encoding="utf-8")
                open_store(url, "gw").close()
                write_list(lists[0], NUMBERS, 0)
                write_list(lists[1], SECOND_LIST, NUMBERS)
                measure_import(config, lists[0])
                if "sqlite" in url:
                    print(f"file: {(folder / 'gateway.db').stat().st_size / 1e6:.0f} MB")
                trio.run(measure_store, url, config, lists[1])
        except postgres.MissingError as missing:
            print(f"no PostgreSQL server can be started ({missing}); nothing measured")


if __name__ == "__main__":
    main()

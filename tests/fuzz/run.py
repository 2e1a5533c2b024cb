"""A long run of the fuzz targets: `python -m tests.fuzz.run --inputs 5000000 decoder`, or `session`, or `budget`.

Prints what it has done once a minute and at the end. The first input that breaks a promise ends it, with status 1,
its octets and the seed. With atheris installed (`pip install atheris`, where there is a wheel), `--guided` has it
choose the inputs by the branches that they reach instead; the targets and their promises are the same.
"""

import argparse
import faulthandler
import random
import resource
import sys
import time
from pathlib import Path

from tests.fuzz import budget, mutate, play, targets

CORPUS = Path(__file__).parents[2].parent / "shared" / "data" / "pdus.tsv"
TARGETS = {"decoder": targets.decoder, "session": play.session, "budget": budget.budget}
INPUTS = {
    "decoder": mutate.stream,
    "session": lambda dice, _frames: mutate.script(dice),
    "budget": lambda dice, _frames: dice.randbytes(8),
}
HANG = 60  # seconds without progress that count as a hang: the process then says where it stood, and ends
BATCH = 200


def seeds(corpus):
    """Return the frames to begin with: our own, and those of the corpus where it is at hand."""
    lines = corpus.read_text(encoding="utf-8").splitlines()[1:] if corpus.exists() else []
    return targets.seed_frames() + [bytes.fromhex(line.split("\t")[2]) for line in lines]


def memory():
    """Return the most memory that this process has taken, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def say(line):
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def blindly(told):
    """Run inputs that the dice choose."""
    name, inputs, seed = told.target, told.inputs, told.seed
    dice, frames, target = random.Random(seed), seeds(told.corpus), TARGETS[name]
    began = said = time.perf_counter()
    slowest, done = 0.0, 0
    while done < inputs:
        faulthandler.dump_traceback_later(HANG, exit=True)
        for _ in range(min(BATCH, inputs - done)):
            data = INPUTS[name](dice, frames)
            start = time.thread_time()
            try:
                target(data)
            except BaseException:
                say(f"{name} seed {seed} broke at input {done}: {data.hex()}")
                raise
            slowest = max(slowest, time.thread_time() - start)
            done += 1
        now = time.perf_counter()
        if now - said > HANG or done >= inputs:
            said = now
            say(
                f"{name} seed {seed}: {done:,} inputs in {now - began:.0f} s, "
                f"slowest {slowest * 1e3:.1f} ms, {memory()} MiB"
            )
    faulthandler.cancel_dump_traceback_later()


def guided(told):
    """Run inputs that atheris chooses, starting from ours."""
    import atheris  # noqa: PLC0415 (not for everybody)

    told.guided.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(seeds(told.corpus)):
        (told.guided / f"seed{number}").write_bytes(b"\0" + frame)
    atheris.instrument_all()
    limits = [f"-runs={told.inputs}", "-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, str(told.guided)], TARGETS[told.target])
    atheris.Fuzz()


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="PDUs of other projects, to begin with")
    parser.add_argument("--guided", type=Path, metavar="FOLDER", help="let atheris choose; its finds go into FOLDER")
    told = parser.parse_args()
    if told.guided:
        guided(told)
    else:
        blindly(told)


if __name__ == "__main__":
    main()

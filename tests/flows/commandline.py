"""The command line beside a gateway at work: processes of their own, as an administrator starts them."""

import json
import subprocess
from typing import NamedTuple

import trio

from tests.faults.process import STOPGATE


class Said(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def data(self):
        """What it printed, where that was JSON."""
        return json.loads(self.out)


class CommandLine:
    """Runs commands on the configuration of a world's gateway, written into ``folder``."""

    def __init__(self, world, folder):
        self._world = world
        self._path = folder / "gateway.yaml"

    async def __call__(self, *words):
        """Run `stopgate` with these words and the option --config."""
        self._path.write_text(json.dumps(self._world.settings))  # JSON is YAML
        command = [*STOPGATE, *map(str, words), "--config", str(self._path)]
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, stdin=subprocess.DEVNULL
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    async def ok(self, *words):
        """Run a command that must succeed."""
        said = await self(*words)
        assert said.status == 0, said
        return said

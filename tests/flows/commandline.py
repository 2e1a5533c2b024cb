"""The command line beside a gateway at work."""

import json
from typing import NamedTuple

import trio
from click.testing import CliRunner

from gateway import cli


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
    """Runs commands on the configuration of a world's gateway, written into ``folder``.

    They run in a thread beside the gateway's, which is like a process of their own and starts sooner.
    """

    def __init__(self, world, folder):
        self._world = world
        self._path = folder / "gateway.yaml"

    async def __call__(self, *words):
        """Run `stopgate` with these words and the option --config."""
        self._path.write_text(json.dumps(self._world.settings))  # JSON is YAML
        command = [*map(str, words), "--config", str(self._path)]
        done = await trio.to_thread.run_sync(CliRunner().invoke, cli.main, command)
        return Said(done.exit_code, done.stdout, done.stderr)

    async def ok(self, *words):
        """Run a command that must succeed."""
        said = await self(*words)
        assert said.status == 0, said
        return said

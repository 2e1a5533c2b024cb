"""The gateway of the demo: a process of its own in a folder of its own, seen from outside as an administrator sees it.

What is known of it comes from its log, its command line and its metrics page, never from its memory.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import trio

from gateway.simulate.peer import Changes

_TAIL = 15  # lines of the log that explain a failure
_STOP_TIME = 15.0  # seconds for a clean stop
_METRICS_TIME = 5.0
_LOCAL = "127.0.0.1"


class GatewayError(Exception):
    """The gateway did not do what it was started for; says what it did instead."""


class Setting(NamedTuple):
    """What the demo's configuration says; (host, port) where an address is meant."""

    account: str
    password: str
    operator: tuple[str, int]
    operator_system_id: str
    operator_password: str
    listen: str = f"{_LOCAL}:0"


def free_port() -> int:
    """Return a port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((_LOCAL, 0))
        port: int = probe.getsockname()[1]
        return port


class GatewayProcess:
    """One run of the gateway.

    Args:
        folder: where its configuration and its database go.
        setting: what the configuration says.

    Attributes:
        address: where apps bind, once it has started.
        metrics_url: its metrics page.
        status: its exit status, once it has ended.
    """

    def __init__(self, folder: Path, setting: Setting) -> None:
        self.path = folder / "gateway.yaml"
        self.address = (_LOCAL, 0)
        self.status: int | None = None
        self._metrics = (_LOCAL, free_port())
        self._events: list[dict[str, Any]] = []
        self._lines: deque[str] = deque(maxlen=_TAIL)
        self._changes = Changes()
        self._process: trio.Process | None = None
        self.path.write_text(_configuration(folder, setting, self._metrics), encoding="utf-8")
        self.path.chmod(0o600)

    @property
    def metrics_url(self) -> str:
        """Where the metrics page is."""
        host, port = self._metrics
        return f"http://{host}:{port}/metrics"

    @property
    def log_tail(self) -> list[str]:
        """The last lines that it logged."""
        return list(self._lines)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log's events of that name, oldest first."""
        return [event for event in self._events if event.get("event") == name]

    async def run(self) -> None:
        """Run it and read its log until it ends; when cancelled, have it stop cleanly first."""
        command = [*_stopgate("run"), "--config", str(self.path)]
        # In a session of its own a Ctrl-C at the terminal reaches the demo alone, which then stops it, once.
        self._process = await trio.lowlevel.open_process(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            await self._read_log(self._process)
        finally:
            with trio.CancelScope(shield=True):
                await self._end(self._process)

    async def _read_log(self, process: trio.Process) -> None:
        assert process.stdout is not None  # noqa: S101 (it is a pipe, and mypy cannot know)
        rest = b""
        async for data in process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(line.decode("utf-8", "replace"))
            self._changes.tell()

    def _take(self, line: str) -> None:
        self._lines.append(line)
        try:
            event = json.loads(line)
        except ValueError:
            return  # a traceback, say: the tail shows it
        if isinstance(event, dict):
            self._events.append(event)

    async def _end(self, process: trio.Process) -> None:
        if process.poll() is None:
            process.terminate()
        with trio.move_on_after(_STOP_TIME) as waiting:
            self.status = await process.wait()
        if waiting.cancelled_caught:
            process.kill()
            self.status = await process.wait()
        self._changes.tell()

    async def event(self, name: str) -> dict[str, Any]:
        """Wait for the first event of that name in the log.

        Raises:
            GatewayError: the gateway has ended without it.
        """
        await self._changes.wait_for(lambda: self.events(name) or self.status is not None)
        if not self.events(name):
            raise GatewayError(f"the gateway ended with status {self.status} instead")
        return self.events(name)[0]

    async def started(self) -> None:
        """Wait until it takes binds.

        Raises:
            GatewayError: it ended instead.
        """
        host, port = (await self.event("started"))["listen"][0]
        self.address = (host, port)

    async def stop(self) -> int:
        """Ask it to stop, as systemd would, and return its exit status."""
        if self._process is not None and self.status is None:
            self._process.send_signal(signal.SIGTERM)
        await self._changes.wait_for(lambda: self.status is not None)
        return self.status or 0

    # What an administrator would ask it

    async def table(self, *command: str) -> list[dict[str, Any]]:
        """Run a command of the CLI on the same database, such as ``"ledger", "list"``, and return its rows.

        Raises:
            GatewayError: the command failed; says what it said.
        """
        line = [*_stopgate(*command), "--config", str(self.path), "--format", "json"]
        done = await trio.run_process(line, capture_stdout=True, capture_stderr=True, check=False)
        if done.returncode:
            raise GatewayError(f"`stopgate {' '.join(command)}` failed: {done.stderr.decode().strip()}")
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    async def metric(self, name: str, label: str) -> float:
        """Return the sum of a metric's samples that carry ``label``, spelled as on the page: ``effect="repeated"``.

        Raises:
            GatewayError: the page cannot be had.
        """
        total = 0.0
        for line in (await self._metrics_page()).splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.startswith(f"{name}{{") and label in sample:
                total += float(value)
        return total

    async def _metrics_page(self) -> str:
        request = f"GET /metrics HTTP/1.1\r\nHost: {_LOCAL}\r\nConnection: close\r\n\r\n"
        page = b""
        try:
            with trio.fail_after(_METRICS_TIME):
                async with await trio.open_tcp_stream(*self._metrics) as stream:
                    await stream.send_all(request.encode())
                    async for data in stream:
                        page += data
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            raise GatewayError(f"{self.metrics_url} cannot be read: {error or 'timed out'}") from error
        return page.decode()


def _stopgate(*command: str) -> list[str]:
    return [sys.executable, "-m", "gateway", *command]


def _configuration(folder: Path, setting: Setting, metrics: tuple[str, int]) -> str:
    operator_host, operator_port = setting.operator
    return f"""\
node: demo
store: sqlite:///{folder / "gateway.db"}
smpp: {{listen: ["{setting.listen}"]}}
web: {{listen: null}}
metrics: {{listen: "{metrics[0]}:{metrics[1]}"}}
accounts:
  {setting.account}: {{password: {setting.password}, kind: marketing, publisher: Demo}}
operators:
  simulated:
    host: {operator_host}
    port: {operator_port}
    system_id: {setting.operator_system_id}
    password: {setting.operator_password}
    reconnect: {{initial: 200ms, maximum: 1s}}
routes:
  - {{prefixes: [""], operators: [simulated]}}
"""

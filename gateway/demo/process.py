"""The gateway of the demo: a process of its own in a folder of its own, seen from outside as an administrator sees it.

What is known of it comes from its log, its command line and its metrics page, never from its memory.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import trio

from gateway.demo.loopback import LOCAL, free_port
from gateway.simulate.peer import Changes

if TYPE_CHECKING:
    from pathlib import Path

_TAIL = 15  # lines of the log that explain a failure
_STOP_TIME = 15.0  # seconds for a clean stop
_HTTP_TIME = 30.0


class GatewayError(Exception):
    """The gateway did not do what it was started for; says what it did instead."""


class Setting(NamedTuple):
    """What the demo's configuration says; ``operator`` is where the operator listens, as (host, port)."""

    operator: tuple[str, int]
    listen: str = f"{LOCAL}:0"
    account: str = "demo"
    password: str = "demo"  # noqa: S105 (it is meant to be known)
    operator_system_id: str = "gw"
    operator_password: str = "secret"  # noqa: S105 (likewise)


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
        self.address = (LOCAL, 0)
        self.status: int | None = None
        self._metrics, self._web = (LOCAL, free_port()), (LOCAL, free_port())
        self._events: list[dict[str, Any]] = []
        self._lines: deque[str] = deque(maxlen=_TAIL)
        self._changes = Changes()
        self._process: trio.Process | None = None
        self.path.write_text(_configuration(folder, setting, self._metrics, self._web), encoding="utf-8")
        self.path.chmod(0o600)

    @property
    def metrics_url(self) -> str:
        """Where the metrics page is."""
        host, port = self._metrics
        return f"http://{host}:{port}/metrics"

    @property
    def web_url(self) -> str:
        """Where the client area is; the opt-out page is below it."""
        host, port = self._web
        return f"http://{host}:{port}"

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
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe, which mypy cannot know)
        async with self._process.stdout as output:  # open until the end: the last words go somewhere
            try:
                await self._read_log(output)
            finally:
                with trio.CancelScope(shield=True):
                    await self._end(self._process)

    async def _read_log(self, output: trio.abc.ReceiveStream) -> None:
        rest = b""
        async for data in output:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(line.decode("utf-8", "replace"))
            self._changes.tell()
        if rest:
            self._take(rest.decode("utf-8", "replace"))

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
            last_words = self._lines[-1] if self._lines else "without a word"
            raise GatewayError(f"the gateway ended with status {self.status}: {last_words}")
        return self.events(name)[0]

    async def started(self) -> None:
        """Wait until it takes binds.

        Raises:
            GatewayError: it ended instead.
        """
        host, port = (await self.event("started"))["listen"][0]
        self.address = (host, port)

    async def stop(self) -> None:
        """Ask it to stop, as systemd would; it has ended, with ``status``, when this returns."""
        if self._process is not None:
            self._process.terminate()
        await self._changes.wait_for(lambda: self.status is not None)

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
        _, page = await self._fetch(self._metrics, "/metrics")
        return page

    # What a subscriber would see of it

    async def fill_in(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form of its web pages, as a browser that is on them; returns the status and the page.

        Raises:
            GatewayError: there is no answer.
        """
        return await self._fetch(self._web, path, urlencode(fields))

    async def _fetch(self, address: tuple[str, int], path: str, form: str | None = None) -> tuple[int, str]:
        try:
            return await trio.to_thread.run_sync(_fetch, address, path, form, abandon_on_cancel=True)
        except OSError as error:
            raise GatewayError(f"{path} cannot be had from {address}: {error}") from error


def _fetch(address: tuple[str, int], path: str, form: str | None) -> tuple[int, str]:
    """Fetch a page, whatever proxies the environment names."""
    connection = http.client.HTTPConnection(*address, timeout=_HTTP_TIME)
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    try:
        connection.request("GET" if form is None else "POST", path, form, {} if form is None else headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def _stopgate(*command: str) -> list[str]:
    return [sys.executable, "-m", "gateway", *command]


def _configuration(folder: Path, setting: Setting, metrics: tuple[str, int], web: tuple[str, int]) -> str:
    store = json.dumps(f"sqlite:///{folder / 'gateway.db'}")  # JSON is YAML, and quotes what needs it
    return f"""\
node: demo
store: {store}
smpp: {{listen: ["{setting.listen}"]}}
web: {{listen: "{web[0]}:{web[1]}"}}
metrics: {{listen: "{metrics[0]}:{metrics[1]}"}}
accounts:
  {setting.account}:
    password: {setting.password}
    web_password: {setting.password}
    publisher: Demo
operators:
  simulated:
    host: {setting.operator[0]}
    port: {setting.operator[1]}
    system_id: {setting.operator_system_id}
    password: {setting.operator_password}
    reconnect: {{initial: 200ms, maximum: 1s}}
routes:
  - {{prefixes: [""], operators: [simulated]}}
"""

"""The control socket: a door for the administrator on this machine, one request and one answer on each connection.

A request is a line of JSON, ``{"command": NAME, …}``, the answer another, ``{"result": …}`` or ``{"error": SENTENCE}``.
Who may open the socket's file may command: its mode is 0600. The file stands beside the database where nothing else is
configured, and no path is too long for it, although the system's limit is 107 octets.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
import trio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_log = structlog.get_logger()
_LONGEST = 65_536  # octets of a request
_REQUEST_TIME = 5.0  # seconds that a client may take to say what it wants
_PATIENCE = 30.0  # seconds that a client waits for the answer
_NOBODY = (errno.ECONNREFUSED, errno.ENOENT)


class ControlError(Exception):
    """What was asked cannot be done; the text is a sentence for people."""


Action = Callable[
    ..., Awaitable[Any]
]  # takes what was asked by name, returns what JSON can say, or raises ControlError


async def serve(
    path: Path, actions: Mapping[str, Action], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer on the socket at ``path`` until cancelled; started once it is open.

    What a gateway that is gone has left there is replaced.

    Raises:
        OSError: the socket cannot be had; the message names it.
    """
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(_open(path)))

    async def answer(stream: trio.SocketStream) -> None:
        await _answer(stream, actions)

    try:
        task_status.started()
        await trio.serve_listeners(answer, [listener])
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 (a folder of ours; nothing is waited for on the way out)


def _open(path: Path) -> socket.socket:
    door = socket.socket(socket.AF_UNIX)
    try:
        _make_way(path)
        before = os.umask(0o177)
        try:
            with _short(path) as name:
                door.bind(name)
        finally:
            os.umask(before)
        door.listen()
    except OSError as error:
        door.close()
        raise OSError(error.errno, f"control: cannot listen on {path}: {error.strerror}") from error
    return door


def _make_way(path: Path) -> None:
    """Remove a socket on which nobody answers any more.

    Raises:
        OSError: somebody does, or it is something else.
    """
    try:
        _connect(path, timeout=1.0).close()
    except OSError as error:
        if error.errno not in _NOBODY:
            raise
        if path.is_socket():
            path.unlink()
        return
    raise OSError(errno.EADDRINUSE, "another gateway answers there")


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Name a path by way of a descriptor of its folder."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _connect(path: Path, timeout: float) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    try:
        client.settimeout(timeout)
        with _short(path) as name:
            client.connect(name)
    except OSError:
        client.close()
        raise
    return client


async def _answer(stream: trio.SocketStream, actions: Mapping[str, Action]) -> None:
    """Serve one client; whatever it does concerns nobody else."""
    try:
        async with stream:
            with trio.fail_after(_REQUEST_TIME):
                line = await _read(stream)
            answer = await _act(line, actions)
            with trio.fail_after(_REQUEST_TIME):
                await stream.send_all(json.dumps(answer).encode() + b"\n")
    except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        _log.debug("control_client_gone", reason=repr(error))


async def _read(stream: trio.SocketStream) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < _LONGEST:
        more = await stream.receive_some(_LONGEST)
        if not more:
            break
        line += more
    return line


async def _act(line: bytes, actions: Mapping[str, Action]) -> dict[str, Any]:
    try:
        command, asked = _parsed(line, actions)
        result = await actions[command](**asked)
    except ControlError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 (a defect in one command must not end the gateway)
        _log.exception("control_failed")
        return {"error": f"a defect of ours: {type(error).__name__}; see the gateway's log"}
    _log.info("control", command=command, **asked)
    return {"result": result}


def _parsed(line: bytes, actions: Mapping[str, Action]) -> tuple[str, dict[str, Any]]:
    try:
        asked = json.loads(line)
        command = str(asked.pop("command"))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ControlError('a request is one line of JSON: {"command": …}') from error
    if command not in actions:
        raise ControlError(f"this gateway knows no command {command!r}; it may be of another release")
    return command, asked


def ask(path: Path, command: str, **asked: Any) -> Any:  # noqa: ANN401 (what JSON can say)
    """Have the gateway behind the socket at ``path`` do something; returns its result.

    Raises:
        ControlError: there is no gateway, or it cannot; a sentence that says what to do.
    """
    try:
        with _connect(path, _PATIENCE) as client, client.makefile("rb") as lines:
            client.sendall(json.dumps({"command": command, **asked}).encode() + b"\n")
            answer = json.loads(lines.readline())
    except TimeoutError as error:
        raise ControlError(f"{path}: the gateway does not answer; see its log") from error
    except OSError as error:
        raise ControlError(_sentence(path, error)) from error
    except ValueError as error:
        raise ControlError(f"{path}: the gateway ended before it answered; see its log") from error
    if "error" in answer:
        raise ControlError(answer["error"])
    return answer["result"]


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in _NOBODY:
        return f"{path}: no gateway answers there; start it, or name its socket in `control`"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path}: {error.strerror}; run the command as root or as the gateway's user"
    return f"{path}: {error.strerror}"

"""What could keep a gateway from working, looked at one by one: each finding says what is so, and what to do about it.

Nothing is changed, and nobody is bound to: an operator is connected to and, where it speaks TLS, shaken hands with.
What a running gateway is doing is asked of it through its control socket.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import trio

from gateway import tls
from gateway.binds.binding import cause
from gateway.certificates import expiry
from gateway.control import ControlError, ask
from gateway.store.base import StoreError
from gateway.store.migrate import newest, schema_of
from gateway.store.url import is_file, is_missing, read_store, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.config.models import Config, Operator

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SOON = timedelta(days=21)
_ROOM, _LITTLE_ROOM = 1 << 30, 1 << 28  # octets of a disk
_PATIENCE = 5.0  # seconds for an operator, as the finding says
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX = 1_024  # octets, more than its structure takes


class Finding(NamedTuple):
    """One thing looked at: good, doubtful or bad; what is so; what to do, empty where nothing."""

    what: str
    state: str
    found: str
    remedy: str = ""


def _good(what: str, found: str) -> Finding:
    return Finding(what, GOOD, found)


async def examine(config: Config, path: Path) -> list[Finding]:
    """Look at everything that a configuration, read from ``path``, concerns."""
    running, asked = await trio.to_thread.run_sync(_running, config)
    findings = [*_configuration(path), *await trio.to_thread.run_sync(lambda: list(_store(config))), *asked, *_clock()]
    findings += _certificates(config)
    if not running:
        findings += _ports(config)
    reached: dict[str, Finding] = {}
    async with trio.open_nursery() as nursery:
        for operator in config.operators.values():
            nursery.start_soon(_operator, operator, reached)
        nursery.start_soon(_public_name, config, reached)
    return [*findings, *(reached[name] for name in sorted(reached))]


def _configuration(path: Path) -> Iterator[Finding]:
    what = f"configuration {path}"
    if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Finding(what, BAD, "others may write it", f"chmod go-w {path}")
    elif path.stat().st_mode & stat.S_IROTH:
        yield Finding(what, DOUBTFUL, "everybody may read it", f"chmod o-r {path}, or keep passwords in ${{NAME}}")
    else:
        yield _good(what, "is sound, and for its owner")


# The database


def _store(config: Config) -> Iterator[Finding]:
    if is_file(config.store):
        yield from _files(sqlite_path(config.store))
    if is_missing(config.store):
        yield Finding("database", DOUBTFUL, "is not there yet", "the first start makes it; otherwise check `store`")
        return
    try:
        with read_store(config.store) as snapshot:
            schema = schema_of(snapshot)
    except StoreError as error:
        yield Finding("database", BAD, str(error), "see what it says")
        return
    if schema > newest():
        yield Finding(
            "database", BAD, f"has schema {schema}, this program knows {newest()}", "install a newer stopgate"
        )
    elif schema < newest():
        yield Finding("database", GOOD, f"has schema {schema}; the next start brings it to {newest()}")
    else:
        yield _good("database", f"can be read, schema {schema}")


def _files(path: Path) -> Iterator[Finding]:
    folder = path.parent
    if not folder.is_dir():
        yield Finding(f"folder {folder}", BAD, "is not there", "create it, owned by the gateway's user")
        return
    if not os.access(folder, os.W_OK):
        yield Finding(
            f"folder {folder}", DOUBTFUL, "cannot be written by who runs this", "run it as the gateway's user"
        )
    free = shutil.disk_usage(folder).free
    state = GOOD if free >= _ROOM else DOUBTFUL if free >= _LITTLE_ROOM else BAD
    yield Finding("disk", state, f"{free >> 20:,} MiB free at {folder}", "" if state == GOOD else "make room")
    for file in sorted(folder.glob(f"{path.name}*")):
        if stat.S_IMODE(file.stat().st_mode) & _OTHERS:
            yield Finding(f"file {file}", BAD, "others may read it; it holds phone numbers", f"chmod 600 {file}")


# A gateway that runs


def _running(config: Config) -> tuple[bool, list[Finding]]:
    if config.control_socket is None:
        return False, [Finding("gateway", DOUBTFUL, "cannot be asked", "name a socket in `control`")]
    try:
        operators = ask(config.control_socket, "operators")
    except ControlError as error:
        return False, [Finding("gateway", DOUBTFUL, str(error), "if it should run: systemctl status stopgate")]
    down = [f"{each['name']} is {each['state']}" for each in operators if each["state"] != "bound"]
    if down:
        return True, [Finding("gateway", DOUBTFUL, f"runs; {', '.join(down)}", "stopgate operators list; see the log")]
    return True, [_good("gateway", f"runs, bound to {len(operators)} operators")]


def _ports(config: Config) -> Iterator[Finding]:
    """Try whether the addresses to listen on can be had, where no gateway has them already."""
    wanted = {"smpp.listen": config.smpp.listen, "smpp.tls.listen": config.smpp.tls.listen if config.smpp.tls else []}
    wanted |= {"web.listen": [config.web.listen] if config.web.listen else []}
    wanted |= {"metrics.listen": [config.metrics.listen] if config.metrics.listen else []}
    for name, operator in config.operators.items():
        wanted[f"operators.{name}.outbind"] = operator.outbind.listen if operator.outbind else []
    for key, addresses in wanted.items():
        for host, port in addresses:
            yield _port(f"{key} {host}:{port}", host, port)


def _port(what: str, host: str, port: int) -> Finding:
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with closing(socket.socket(family, kind)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        return Finding(what, BAD, f"cannot be had: {error.strerror}", "end who has it (ss -ltnp), or name another")
    return _good(what, "is free")


# The machine


def _clock() -> Iterator[Finding]:
    """Ask the kernel whether somebody keeps its clock."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX))
    if state == _UNSYNCHRONISED:
        remedy = "start a time service, such as systemd-timesyncd: hours and receipts go by the clock"
        yield Finding("clock", DOUBTFUL, "is not synchronised", remedy)
    elif state >= 0:
        yield _good("clock", "is synchronised")


def _certificates(config: Config) -> Iterator[Finding]:
    files = {"smpp.tls.certificate": config.smpp.tls.certificate} if config.smpp.tls else {}
    for name, operator in config.operators.items():
        if operator.tls is not None and operator.tls.certificate is not None:
            files[f"operators.{name}.tls.certificate"] = operator.tls.certificate
    for key, file in files.items():
        yield _until(key, expiry(file), "renew it, then: systemctl reload stopgate")


def _until(what: str, end: datetime, remedy: str) -> Finding:
    left = end - datetime.now(UTC)
    if left < timedelta(0):
        return Finding(what, BAD, f"has expired on {end:%Y-%m-%d}", remedy)
    state = DOUBTFUL if left < _SOON else GOOD
    return Finding(what, state, f"is good until {end:%Y-%m-%d}", remedy if state == DOUBTFUL else "")


# The others


async def _operator(operator: Operator, reached: dict[str, Finding]) -> None:
    what = f"operator {operator.name} {operator.host}:{operator.port}"
    try:
        with trio.fail_after(_PATIENCE):
            reached[operator.name] = await _connect(what, operator)
    except socket.gaierror as error:
        reached[operator.name] = Finding(what, BAD, f"the name is unknown: {error.strerror}", "check host and resolver")
    except trio.TooSlowError:
        reached[operator.name] = Finding(
            what, BAD, f"no answer within {_PATIENCE:.0f} s", "ask for a way through the firewalls"
        )
    except tls.TlsError as error:
        reached[operator.name] = Finding(what, BAD, f"no TLS: {error}", "check tls, ca and host with the operator")
    except OSError as error:
        reached[operator.name] = Finding(what, BAD, f"no connection: {cause(error)}", "check host, port and firewalls")


async def _connect(what: str, operator: Operator) -> Finding:
    stream: trio.abc.Stream = await trio.open_tcp_stream(operator.host, operator.port)
    try:
        if operator.tls is None:
            return _good(what, "can be connected to")
        stream = await tls.shake_hands(stream, tls.client_context(operator.tls), operator.host)
        shown = stream.getpeercert()["notAfter"]  # type: ignore[attr-defined]  # a TLS stream, whose certificate was checked
        end = datetime.strptime(shown, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)
        return _until(f"{what}, its certificate", end, "tell the operator")
    finally:
        await trio.aclose_forcefully(stream)


async def _public_name(config: Config, reached: dict[str, Finding]) -> None:
    if config.web.listen is None:
        return
    host = urlsplit(config.web.public_url).hostname or ""
    what = f"web.public_url {host}"
    try:
        with trio.fail_after(_PATIENCE):
            await trio.socket.getaddrinfo(host, None)
    except (OSError, trio.TooSlowError):
        reached["~"] = Finding(
            what, DOUBTFUL, "the name is unknown here", "the mention points to it: check it from outside"
        )
    else:
        reached["~"] = _good(what, "is known")

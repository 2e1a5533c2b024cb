"""The log: one line per event on standard output, JSON for machines or columns for people.

Every module takes its logger with `get()`; what libraries say through the standard library's logging comes out in the
same form. An event costs 10 to 20 µs, so nothing on the path of each message logs above debug, billable events apart.
Texts never come here; numbers come through `mask`. Warnings that come again and again are summed up. A line that nobody
takes is dropped and counted: whatever becomes of the log, messages are carried on.
"""

import io
import json
import logging
import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Protocol, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor

from gateway.observe.logrepeats import Repeats
from gateway.rules.visible import in_a_line, spelled_out

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger()
_ALWAYS_HIDDEN = 3
_SHOWN_AT_MOST = 4
_LIBRARIES_FROM = logging.WARNING
_METHODS = ("debug", "info", "warning", "error", "critical", "exception", "log", "is_enabled_for")  # of those who log
_PATIENCE = 100  # milliseconds that a reader who has kept up so far may take to make room


class LogConfig(Protocol):
    """What `setup` needs to know; `gateway.config.models.Log` is one."""

    @property
    def level(self) -> str:
        """`debug`, `info`, `warning` or `error`."""

    @property
    def format(self) -> str:
        """`json` or `console`."""


class Output:
    """Writes lines to `descriptor`, None for nowhere; the loggers of structlog are one of these, whichever the level.

    A line that cannot be written is dropped: the reader has gone, its disk is full, or it takes nothing any more, which
    holds nobody up for longer than `_PATIENCE`, and only once. When lines come through again, `log_dropped` says how
    many did not.

    Attributes:
        dropped: told of every line that was dropped, from whichever thread.
    """

    def __init__(self, descriptor: int | None) -> None:
        self.dropped: Callable[[], None] = lambda: None
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._room = select.poll()
        self._lost = 0  # lines since one was last written
        self._torn = False  # whether the last line on the way out is a piece of one
        if descriptor is not None:
            self._room.register(descriptor, select.POLLOUT)

    def msg(self, line: bytes) -> None:
        """Write one line, given without its end."""
        with self._lock:
            written = self._descriptor is not None and self._write(self._descriptor, line)
            lost, self._lost = (self._lost, 0) if written else (0, self._lost + 1)
        if not written:
            self.dropped()
        elif lost:
            _log.warning("log_dropped", lines=lost)

    debug = info = warning = error = critical = exception = log = msg

    def _write(self, descriptor: int, line: bytes) -> bool:
        rest = (b"\n" if self._torn else b"") + line + b"\n"
        try:
            while rest and self._room.poll(0 if self._lost else _PATIENCE):
                rest = rest[os.write(descriptor, rest[: select.PIPE_BUF]) :]  # so much at least there is room for
                self._torn = bool(rest)
        except OSError:
            return False
        return not rest


def setup(config: LogConfig) -> Output:
    """Send every event from `config.level` on to standard output, once, at the start of the process."""
    output = Output(None if sys.stdout is None else sys.stdout.fileno())
    structlog.configure(
        processors=[
            Repeats(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(config.format),
        ],
        wrapper_class=_Logger,
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Bridge()], force=True)
    set_level(config.level)
    return output


class _Logger(structlog.make_filtering_bound_logger(logging.NOTSET)):  # type: ignore[misc]  # made, like all of its kind
    """What every module keeps; how it logs each level may be exchanged."""


def set_level(name: str) -> None:
    """Log from this level on, from now on, whoever has a logger already: `debug`, `info`, `warning` or `error`."""
    level = logging.getLevelNamesMapping()[name.upper()]
    chosen = structlog.make_filtering_bound_logger(level)
    for method in _METHODS:
        setattr(_Logger, method, getattr(chosen, method))
    logging.getLogger().setLevel(max(level, _LIBRARIES_FROM))


def get() -> FilteringBoundLogger:
    """Logger for a module to keep; it is set up when it first speaks."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def pass_on(line: bytes) -> None:
    """Write a line that another process of ours has logged, among our own."""
    structlog.get_config()["logger_factory"]().msg(line)


def mask(number: str, *, clear: bool) -> str:
    """Hide the middle of a number, at least three digits of it: `33612345678` becomes `3361•••5678`.

    `clear` (the configuration's `numbers: clear`) leaves it as it is.
    """
    if clear:
        return number
    shown = max(0, min(_SHOWN_AT_MOST, (len(number) - _ALWAYS_HIDDEN) // 2))
    return number[:shown] + "•" * (len(number) - 2 * shown) + number[len(number) - shown :]


def _renderers(form: str) -> list[Processor]:
    if form == "console":
        people = sys.stdout is not None and sys.stdout.isatty()
        return [_legible, _octets(structlog.dev.ConsoleRenderer(colors=people, exception_formatter=_traceback))]
    return [structlog.processors.format_exc_info, _octets(structlog.processors.JSONRenderer(serializer=_json))]


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


def _json(event: EventDict, **_: object) -> str:
    return spelled_out(_ENCODER.encode(event))  # means the same in JSON


def _legible(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Let nothing that a peer calls itself command a terminal, or look like a line of its own."""
    return {key: in_a_line(value) if isinstance(value, str) else value for key, value in event.items()}


def _traceback(into: TextIO, error: ExcInfo) -> None:
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, error)  # the prettier ones print local variables: passwords, texts
    into.write(spelled_out(plain.getvalue()))


def _octets(render: Processor) -> Processor:
    """Encode whatever the locale; half a surrogate pair in an event must not end the process."""

    def rendered(logger: object, method: str, event: EventDict) -> bytes:
        return str(render(logger, method, event)).encode("utf-8", "backslashreplace")

    return rendered


class _Bridge(logging.Handler):
    """Carries the standard library's records over."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), library=record.name, exc_info=record.exc_info or None
        )

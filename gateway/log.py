"""The log: one line per event on standard output, JSON for machines or columns for people.

Every module takes its logger with `get()`; what libraries say through the standard library's logging comes out in the
same form. An event costs 10 to 20 µs, so nothing on the path of each message logs above debug, billable events apart.
Texts never come here; numbers come through `mask`.
"""

import json
import logging
import sys
from typing import Protocol

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

_ALWAYS_HIDDEN = 3
_SHOWN_AT_MOST = 4
_LIBRARIES_FROM = logging.WARNING
_plain = structlog.dev.plain_traceback  # the prettier ones print local variables: passwords, texts


class LogConfig(Protocol):
    """What `setup` needs to know; `gateway.config.Log` is one."""

    @property
    def level(self) -> str:
        """`debug`, `info`, `warning` or `error`."""

    @property
    def format(self) -> str:
        """`json` or `console`."""


def setup(config: LogConfig) -> None:
    """Send every event from `config.level` on to standard output, once, at the start of the process."""
    level = logging.getLevelNamesMapping()[config.level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(config.format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Bridge()], level=max(level, _LIBRARIES_FROM), force=True)


def get() -> FilteringBoundLogger:
    """Logger for a module to keep; it is set up when it first speaks."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


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
        return [_octets(structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=_plain))]
    return [structlog.processors.format_exc_info, _octets(structlog.processors.JSONRenderer(serializer=_json))]


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


def _json(event: EventDict, **_: object) -> str:
    return _ENCODER.encode(event)


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

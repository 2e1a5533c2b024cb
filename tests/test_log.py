"""What a line of the log looks like, and what never stands in it."""

import json
import logging
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import log
from gateway.config import Log


@pytest.fixture(autouse=True)
def _restore():
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def said(capsysbinary):
    """Return what the log said on standard output, one event a line."""
    return lambda: [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]


def test_json_line(said):
    """An event is one JSON object with its time in UTC, its level and its name."""
    log.setup(Log())
    log.get().info("bound", operator="orange", window=50)
    [event] = said()
    assert datetime.fromisoformat(event.pop("timestamp")).tzinfo == UTC
    assert event == {"event": "bound", "level": "info", "operator": "orange", "window": 50}


def test_level_is_kept(said):
    """Events below the level are not said."""
    log.setup(Log(level="warning"))
    log.get().info("not this")
    log.get().warning("but this")
    assert [event["event"] for event in said()] == ["but this"]


def test_console_line(capsysbinary):
    """The console form is for people: no JSON, no colours where nobody looks."""
    log.setup(Log(format="console"))
    log.get().info("bound", operator="orange")
    line = capsysbinary.readouterr().out
    assert b"bound" in line
    assert b"operator=orange" in line
    assert b"\x1b" not in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_exception_tells_no_secrets(capsysbinary, form):
    """A traceback is logged without the values of local variables."""
    log.setup(Log(format=form))
    password = "hunter" + str(2)
    try:
        {}[len(password)]
    except KeyError:
        log.get().exception("failed")
    out = capsysbinary.readouterr().out
    assert b"KeyError" in out
    assert b"hunter2" not in out


def test_half_a_character_is_logged(capsysbinary):
    """A lone surrogate in a value is escaped, it does not raise."""
    log.setup(Log())
    log.get().info("odd", value="\ud83d")
    assert json.loads(capsysbinary.readouterr().out)["value"] == "\ud83d"


def test_libraries_speak_in_the_same_form(said):
    """What a library logs comes out as an event that names the library."""
    log.setup(Log())
    logging.getLogger("trio.serve_listeners").error("out of file descriptors: %d", 24)
    [event] = said()
    assert (event["event"], event["level"], event["library"]) == (
        "out of file descriptors: 24",
        "error",
        "trio.serve_listeners",
    )


@pytest.mark.parametrize(
    ("number", "masked"),
    [("33612345678", "3361•••5678"), ("508412345", "508•••345"), ("36034", "3•••4"), ("118", "•••"), ("", "")],
)
def test_mask(number, masked):
    """The middle of a number is hidden, three digits at least, unless numbers are to be clear."""
    assert log.mask(number, clear=False) == masked
    assert log.mask(number, clear=True) == number


@given(st.text(alphabet="0123456789", max_size=20))
def test_mask_keeps_length_and_hides_enough(number):
    """A masked number has its length, and at least three digits of it cannot be read."""
    masked = log.mask(number, clear=False)
    assert len(masked) == len(number)
    assert masked.count("•") >= min(3, len(number))

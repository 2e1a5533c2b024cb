"""What a line of the log looks like, and what never stands in it."""

import fcntl
import json
import logging
import os
import select
import sys
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.models import Log
from gateway.observe import log


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
def said(capfdbinary):
    """Return what the log said on standard output, one event a line."""
    return lambda: [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


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


@pytest.mark.parametrize("form", ["json", "console"])
def test_nothing_commands_a_terminal(capfdbinary, form):
    """Whatever a peer calls itself, the log neither repaints a terminal nor gets a line of its own from it."""
    log.setup(Log(format=form))
    log.get().warning("bind_refused", system_id="\x1b[2J\x9b2Jx\u202e\nbind_accepted")
    out = capfdbinary.readouterr().out.decode()
    assert "\\u001b[2J\\u009b2Jx\\u202e" in out
    assert out.count("\n") == 1
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_no_traceback_commands_a_terminal(capfdbinary):
    """Nor does what an exception says."""
    log.setup(Log(format="console"))
    log.get().error("defect", exc_info=ValueError("\x1b[2J"))
    out = capfdbinary.readouterr().out
    assert b"ValueError: \\u001b[2J" in out
    assert b"\x1b" not in out


def test_console_line(capfdbinary):
    """The console form is for people: no JSON, no colours where nobody looks."""
    log.setup(Log(format="console"))
    log.get().info("bound", operator="orange")
    line = capfdbinary.readouterr().out
    assert b"bound" in line
    assert b"operator=orange" in line
    assert b"\x1b" not in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_exception_tells_no_secrets(capfdbinary, form):
    """A traceback is logged without the values of local variables."""
    log.setup(Log(format=form))
    password = "hunter" + str(2)
    try:
        {}[len(password)]
    except KeyError:
        log.get().exception("failed")
    out = capfdbinary.readouterr().out
    assert b"KeyError" in out
    assert b"hunter2" not in out


def test_half_a_character_is_logged(capfdbinary):
    """A lone surrogate in a value is escaped, it does not raise."""
    log.setup(Log())
    log.get().info("odd", value="\ud83d")
    assert json.loads(capfdbinary.readouterr().out)["value"] == "\ud83d"


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


def test_dropped_lines_are_told(said):
    """When a log that could not be written can be again, it says how many lines are missing, and goes on."""
    reading, writing = os.pipe()
    stdout = sys.stdout.fileno()
    before = os.dup(stdout)
    os.dup2(writing, stdout)
    os.close(reading)
    output = log.setup(Log())
    dropped = []
    output.dropped = lambda: dropped.append(1)
    log.get().info("nobody")
    log.get().info("hears this")
    os.dup2(before, stdout)
    log.get().info("but this")
    assert len(dropped) == 2
    assert [(event["event"], event.get("lines")) for event in said()] == [("but this", None), ("log_dropped", 2)]
    for descriptor in (writing, before):
        os.close(descriptor)


def test_a_torn_line_ends(tmp_path):
    """A line of which only a piece could be written does not swallow the next one, and holds nobody up."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)
    output = log.Output(writing)
    output.msg(b"x" * 2 * select.PIPE_BUF)
    assert os.read(reading, select.PIPE_BUF) == b"x" * select.PIPE_BUF
    output.msg(b"next")
    assert os.read(reading, select.PIPE_BUF).startswith(b"\nnext\n")
    for descriptor in (reading, writing):
        os.close(descriptor)


def test_no_output_at_all(monkeypatch):
    """A process without a standard output logs into nothing."""
    monkeypatch.setattr(sys, "stdout", None)
    output = log.setup(Log(format="console"))
    dropped = []
    output.dropped = lambda: dropped.append(1)
    log.get().info("unheard")
    assert dropped == [1]

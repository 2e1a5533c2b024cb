"""Warnings that repeat: a few are said, the rest is summed up."""

import pytest
import structlog
from structlog.testing import LogCapture

from gateway.observe.logrepeats import SAID, SPAN, Repeats


class Clock:
    """A clock that a test sets."""

    now = 1_000.0

    def __call__(self):
        """Return the present."""
        return self.now


@pytest.fixture
def clock():
    """Offer a clock."""
    return Clock()


@pytest.fixture
def said(clock):
    """Offer what is said, by loggers that sum repetitions up."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[Repeats(clock), capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


log = structlog.get_logger()


def test_a_few_are_said(said, clock):
    """Of many warnings of one kind a few are said; when the span is over, a line says how many more there were."""
    for _ in range(100):
        log.warning("operator_unreachable", operator="orange", reason="refused")
    assert len(said) == SAID
    clock.now += SPAN
    log.info("anything")
    assert said[SAID] == {
        "event": "repeated",
        "log_level": "warning",
        "of": "operator_unreachable",
        "operator": "orange",
        "reason": "refused",
        "count": 100 - SAID,
        "seconds": 60,
    }
    assert said[SAID + 1]["event"] == "anything"


def test_the_next_span_begins_anew(said, clock):
    """In the next span as many are said again, and nothing is summed up that was said."""
    for _ in range(2):
        for _ in range(SAID):
            log.warning("lane_slowed", lane="operator/orange")
        clock.now += SPAN
    log.info("anything")
    assert [each["event"] for each in said] == ["lane_slowed"] * 2 * SAID + ["anything"]


def test_others_are_not_counted(said):
    """What is about somebody else, or is no warning, is said every time."""
    for number in range(50):
        log.warning("app_refused", account=f"shop{number}")
        log.info("billable", account="shop")
        log.debug("smpp_odd")
    assert len(said) == 150


def test_spans_that_overlap(said, clock):
    """Each kind has a span of its own."""
    for _ in range(SAID + 1):
        log.error("first")
    clock.now += SPAN / 2
    for _ in range(SAID + 2):
        log.error("second")
    clock.now += SPAN / 2
    log.info("anything")
    clock.now += SPAN / 2
    log.info("anything")
    sums = [(each["of"], each["count"]) for each in said if each["event"] == "repeated"]
    assert sums == [("first", 1), ("second", 2)]

"""What browser tests need: a browser, a gateway to look at, and visitors."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError

from tests.web.browser import Browser
from tests.web.stage import Stage

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parents[1] / "interop" / "node" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = "STOPGATE_SCREENSHOTS"


def missing(what, get):
    """Skip a test, or fail it where nobody may skip: in CI."""
    words = f"{what} is not installed; as root on Debian: {get}"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add to a failed browser test what was to be seen then, and what the gateway has said."""
    report = yield
    browser, stage = (item.funcargs.get(name) for name in ("browser", "stage"))
    if report.failed and browser and stage:
        with suppress(PlaywrightError):  # the browser may be what has failed
            report.sections.append(("pages", browser.sight()))
        report.sections.append(("gateway", stage.gateway.said()))
    return report


@pytest.fixture(scope="session")
def chromium():
    """Say where a browser is."""
    found = os.environ.get("STOPGATE_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    return found or missing("chromium", "make peers")


@pytest.fixture(scope="session")
def axe():
    """Return axe-core, which finds what keeps people out."""
    if not AXE.is_file():
        missing("axe-core", "make peers")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Give a gateway with its operator."""
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.end()


@pytest.fixture(scope="module")
def browser(chromium, stage):
    """Give a browser that looks at that gateway."""
    with Browser(chromium, stage.url) as browser:
        yield browser


@pytest.fixture
def visit(browser):
    """Open pages as visitors of their own; no page may complain, be it of scripts or of what it must not load."""
    yield browser.visit
    complaints = browser.leave()
    assert complaints == []


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """Say where screenshots go: to the documentation where `STOPGATE_SCREENSHOTS` names its folder."""
    folder = Path(os.environ.get(SHOTS) or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder

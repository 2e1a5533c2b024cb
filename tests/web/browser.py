"""Debian's chromium, driven by playwright's synchronous interface, in words that tests use."""

import time

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.web.stage import PASSWORD

LOGIN = "__Host-login"
LANGUAGES = {"en": "en-GB", "fr": "fr-FR", "de": "de-DE"}
PATIENCE = 90_000  # milliseconds: others may want all processors, and pages come last
_REFUSED = "Failed to load resource"  # what a browser says of each answer that is an error; those are asked for


class Browser:
    """A browser for one gateway."""

    def __init__(self, program, url):
        self.url = url
        self._program = program
        self._contexts = []
        self._cookies = {}  # of whoever has logged in once
        self.complaints = []

    def __enter__(self):
        expect.set_options(timeout=PATIENCE)
        self._playwright = sync_playwright().start()
        options = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]
        self._chromium = self._playwright.chromium.launch(executable_path=self._program, args=options)
        return self

    def __exit__(self, *_error):
        self._chromium.close()
        self._playwright.stop()

    def visit(self, path="/", *, who=None, language="en", **options):
        """Open a page in a new context, logged in as somebody."""
        options = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce", **options}
        context = self._chromium.new_context(base_url=self.url, locale=LANGUAGES[language], **options)
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message) or dialog.dismiss())
        if who in self._cookies:
            context.add_cookies(self._cookies[who])
        elif who is not None:
            page.goto("/login")
            log_in(page, who)
            self._cookies[who] = [each for each in context.cookies() if each["name"] == LOGIN]
        page.goto(path)
        return page

    def _hear(self, message):
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.complaints.append(message.text)

    def sight(self):
        """Return what is to be seen on all open pages, for whoever wonders why a test has failed."""
        pages = [page for context in self._contexts for page in context.pages]
        return "\n".join(f"{page.url}\n{page.locator('body').inner_text(timeout=1_000)}" for page in pages)

    def leave(self):
        """Close all pages; returns what they complained about."""
        while self._contexts:
            self._contexts.pop().close()
        complaints, self.complaints = self.complaints, []
        return complaints


def log_in(page, who, password=PASSWORD):
    """Fill in the log-in form and send it; returns the answer."""
    page.fill("#name", who)
    page.fill("#password", password)
    with page.expect_navigation() as answer:
        page.press("#password", "Enter")
    return answer.value


def until_delivered(page, number, words):
    """Look at the messages until the newest one to a number has arrived."""
    end = time.monotonic() + PATIENCE / 1_000
    while time.monotonic() < end:
        page.goto(f"/messages?q={number}")
        if words in page.locator("tbody tr").first.inner_text():
            return
        page.wait_for_timeout(50)
    pytest.fail(page.locator("main").inner_text())

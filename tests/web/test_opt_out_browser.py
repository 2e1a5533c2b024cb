"""The opt-out page in a real browser: in three languages, with and without scripts, and when it is slowed down."""

import pytest
from playwright.sync_api import expect

from gateway.web.opt_out import LIMITS
from tests.web.browser import PATIENCE

WORDS = {
    "en": ("Continue", "Yes, stop the advertising", "Done"),
    "fr": ("Continuer", "Oui, arrêter la publicité", "C\N{RIGHT SINGLE QUOTATION MARK}est fait"),
    "de": ("Weiter", "Ja, keine Werbung mehr", "Erledigt"),
}
each_language = pytest.mark.parametrize("language", WORDS)
each_way = pytest.mark.parametrize("scripts", [True, False], ids=["javascript", "plain"])


def from_household(place):
    """Say where a visitor comes from, as a proxy of ours does; each test has its own quota."""
    return {"X-Forwarded-For": f"203.0.113.{place}"}


@each_language
@each_way
def test_number_look_done(visit, language, scripts):
    """A number, a look at it, done; by keyboard alone, without scripts as well."""
    go_on, yes, done = WORDS[language]
    headers = from_household(10 + 2 * list(WORDS).index(language) + scripts)
    page = visit("/opt-out", language=language, java_script_enabled=scripts, extra_http_headers=headers)
    assert page.locator("html").get_attribute("lang") == language
    page.select_option("#country", "FR")
    page.focus("#number")
    page.keyboard.type(f"06 98 76 5{list(WORDS).index(language)} {int(scripts)}0")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == go_on
    page.keyboard.press("Enter")
    page.get_by_role("button", name=yes).press("Enter")
    page.wait_for_url("**/opt-out/done")
    expect(page.locator("h1")).to_have_text(done)
    page.reload()  # sends nothing again
    expect(page.locator("h1")).to_have_text(done)


def test_language_is_switched(visit):
    """The switch changes the language, and it stays while the visitor goes on."""
    page = visit("/opt-out", language="en", extra_http_headers=from_household(30))
    page.get_by_role("link", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.fill("#number", "0151 12345678")
    page.select_option("#country", "DE")
    page.get_by_role("button", name="Weiter").click()
    expect(page.locator("h1")).to_have_text("Ist das die Nummer?")
    assert page.locator(".number").inner_text() == "+49 1511 2345678"
    page.get_by_role("button", name="Ändern").click()
    expect(page.locator("#number")).to_have_value("+49 1511 2345678")


def test_what_is_typed_is_only_text(visit):
    """Markup that is typed in is shown as it is and runs nowhere; the field says what is wrong with it."""
    page = visit("/opt-out", extra_http_headers=from_household(31))
    evil = '"><img src=x onerror=alert(1)>'
    page.fill("#number", evil)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#number")).to_have_value(evil)
    expect(page.locator("#number")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_be_visible()


def slowed_down(visit, place, **options):
    """Return the page of somebody who has opted out too many numbers."""
    page = visit("/opt-out", extra_http_headers=from_household(place), **options)
    for number in range(LIMITS["household"].free + 1):
        page.goto("/opt-out")
        page.select_option("#country", "FR")
        page.fill("#number", f"06 {place} 00 00 0{number}")
        page.get_by_role("button", name="Continue").click()
        yes = page.get_by_role("button", name="Yes")
        yes.wait_for()
        with page.expect_navigation():  # or the next round would take this one back
            yes.click()
    return page


def test_browser_works_where_it_is_too_often(visit):
    """Who asks too often goes on without doing anything: the browser does some work, and the page goes on by itself."""
    page = slowed_down(visit, 41)
    page.wait_for_url("**/opt-out/done", timeout=10 * PATIENCE)  # the work is over by chance, sooner or later
    expect(page.locator("h1")).to_have_text("Done")


def test_without_scripts_it_takes_a_wait(visit):
    """Without scripts the page says how long to wait, and keeps the visitor's ticket who does not."""
    page = slowed_down(visit, 42, java_script_enabled=False)
    expect(page.locator("h1")).to_have_text("One moment")
    ticket = page.locator("[name=ticket]").get_attribute("value")
    with page.expect_navigation():
        page.get_by_role("button", name="Continue").click()
    assert page.locator("[name=ticket]").get_attribute("value") == ticket
    assert "Wait" in page.get_by_role("status").inner_text()


def test_form_goes_home_only(visit):
    """The page's form cannot be bent to send what is typed to another site."""
    page = visit("/opt-out", extra_http_headers=from_household(50))
    address = page.url.replace("127.0.0.1", "localhost")  # another site to the browser
    page.goto(address)
    action = page.url.replace("localhost", "127.0.0.1")
    page.evaluate(f"document.forms[0].action = {action!r}")
    page.evaluate("document.forms[0].elements.number.value = '0612345678'")
    with page.expect_event("console") as said:
        page.evaluate("document.forms[0].submit()")
    assert "form-action" in said.value.text
    visit.__self__.complaints.clear()

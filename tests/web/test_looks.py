"""How pages look: on narrow and wide screens, in light and dark, to screen readers; and what they weigh."""

from urllib.parse import quote

import pytest

from tests.web.browser import until_delivered
from tests.web.stage import WIDE

PAGES = {
    "login": ("/login", None),
    "compose": ("/compose", "shop"),
    "blacklist": ("/blacklist", "shop"),
    "import": ("/blacklist/import", "shop"),
    "review": ("/review", "shop"),
    "messages": ("/messages", "shop"),
    "ledger": ("/ledger", "shop"),
    "settings": ("/settings", "bank"),
    "admin": ("/admin", "ada"),
    "opt-out": ("/opt-out", None),
    "opt-out-look": ("/opt-out", None),
    "opt-out-done": ("/opt-out/done", None),
    "no-page": ("/nothing", None),
    "interface": ("/api/v1/docs", None),
}
OFFER = (
    "Léa, -20 % sur toute la collection d\N{RIGHT SINGLE QUOTATION MARK}été samedi ! "
    "Venez vite, la boutique vous attend au 12 rue des Lilas."
)
LONGEST = "+883510012345678"  # fifteen digits, as many as E.164 knows
MOST_OCTETS = 100_000
IN_EVERY_LIGHT = {"compose", "messages"}
OF_TELEPHONES = {"opt-out", "opt-out-look", "opt-out-done"}
SHAPES = {"wide": (1280, 860), "narrow": (390, 844)}
each_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def shown(stage, browser):
    """Give the pages something to show."""
    page = browser.visit("/compose", who="shop")
    for number, text in (
        ("06 12 34 56 78", OFFER),
        ("+49 1511 2345678", "Nur heute: 20 % auf alles."),
        (LONGEST, "20% off today."),
        ("0700000000", "x"),
    ):
        page.goto("/compose")
        page.fill("#sender", "SHOP")
        page.fill("#to", number)
        page.fill("#text", text)
        page.get_by_role("button", name="Send this one test").click()
        page.wait_for_url("**/messages?done=sent*")
        until_delivered(page, quote(number), "delivered")
    stage.text("33612345678", "STOP")
    stage.text(LONGEST.removeprefix("+"), "STOP")
    stage.text("33700000000", "Stop ou encore ?")
    browser.leave()
    return stage


def open_page(visit, name, **options):
    """Open one of the pages, as it looks in use."""
    path, who = PAGES[name]
    page = visit(path, who=who, **options)
    if name == "compose" and options.get("java_script_enabled", True):
        page.fill("#sender", "SHOP")
        page.fill("#to", "06 12 34 56 79")
        page.fill("#text", OFFER)
        page.wait_for_selector(".sight.recipient mark.mention")
    if name == "opt-out-look":
        page.fill("#number", "+49 1511 2345678")
        with page.expect_navigation():
            page.press("#number", "Enter")
        page.wait_for_selector(".number")
    return page


@each_page
def test_nobody_is_kept_out(visit, shown, axe, name):
    """axe-core finds nothing serious, in light and in dark."""
    page = open_page(visit, name)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate(f"{axe}; axe.run()")["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []


@each_page
def test_pages_are_light(visit, shown, name):
    """A page and all that it loads weigh less than 100 kB without a cache."""
    path, who = PAGES[name]
    page, responses = visit("/static/none", who=who), []
    page.wait_for_load_state("networkidle")  # what the first page loads is not counted
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 (it takes functions only)
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(path)
    page.wait_for_load_state("networkidle")  # which alone may come before the browser has begun to load anything
    assert len(responses) >= 3
    assert sum(len(response.body()) for response in responses) < MOST_OCTETS


@each_page
@pytest.mark.parametrize("language", ["en", "fr"])
def test_nothing_is_out_of_sight(visit, shown, name, language):
    """On 320 pixels (WCAG 2.1, 1.4.10) no page and no table has to be scrolled sideways, in either language."""
    page = open_page(visit, name, language=language, viewport={"width": 320, "height": 740})
    assert _too_wide(page) == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_one_long_word_fits(visit, stage, tmp_path, width):
    """What others have written as one long word is broken where it must be, and nothing has to be scrolled for it."""
    stage.run("ledger", "grant", "--account", WIDE, "--credits", "5", "--reason", "9" * 300)
    numbers = tmp_path / f"{'x' * 90}.csv"
    numbers.write_text(f"number\n{'y' * 300}\n")
    page = visit("/blacklist/import", who=WIDE, viewport={"width": width, "height": 740})
    page.set_input_files("#file", numbers)
    page.fill("#reason", "x" * 500)
    with page.expect_navigation():  # this page says of the list before that it is done
        page.get_by_role("button", name="Import").click()
    page.get_by_text("Done.").wait_for()
    wide = [*_too_wide(page)]
    for path in ("/ledger", "/settings", "/compose", "/messages"):
        page.goto(path)
        wide += _too_wide(page)
    page = visit("/admin", who="ada", viewport={"width": width, "height": 740})
    assert [*wide, *_too_wide(page)] == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_reason_has_room(visit, shown, width):
    """The field for a reason is wide enough to write one, wherever the form is, and nothing has to be scrolled."""
    page = visit("/blacklist", who="shop", viewport={"width": width, "height": 740})
    page.locator("tbody summary").first.click()
    assert page.locator("tbody").get_by_label("Reason").first.bounding_box()["width"] >= 140
    assert _too_wide(page) == []


def _too_wide(page):
    """Return what has to be scrolled sideways, be it the page or a table of it."""
    wide = (
        "[document.documentElement, ...document.querySelectorAll('.table')].filter(e => e.scrollWidth > e.clientWidth)"
    )
    return page.evaluate(f"{wide}.map(each => each.innerText)")


@each_page
def test_every_screen(visit, shown, shots, name):
    """Each page is drawn for the documentation."""
    page = open_page(visit, name)
    page.evaluate("document.fonts.ready")
    for shape, (width, height) in SHAPES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            if (scheme == "light" and (shape == "wide" or name in OF_TELEPHONES)) or name in IN_EVERY_LIGHT:
                file = shots / f"{name}-{shape}-{scheme}.png"
                page.screenshot(path=file, full_page=name != "interface", animations="disabled", caret="hide")
                assert file.stat().st_size > 5_000

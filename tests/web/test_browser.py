"""The client area in a real browser: each flow, in two languages, without JavaScript where it must work without.

A flow that must work without JavaScript is gone through in English with it, and in French without.
"""

import csv
import re

import pytest
from playwright.sync_api import expect

from gateway.web.languages import language as catalogue
from tests.web.browser import log_in, until_delivered

FRENCH, GERMAN = "33612345678", "4915112345678"
OFFER, PLAIN = (
    f"Léa, -20 % sur toute la collection d{mark}été samedi ! Venez vite, la boutique vous attend au 12 rue des Lilas."
    for mark in ("\N{RIGHT SINGLE QUOTATION MARK}", "'")
)

WORDS = {
    "en": {"send": "Send this one test", "abroad": "Abroad", "plain": "Write it without accents", "done": "delivered"},
    "fr": {"send": "Envoyer ce test", "abroad": "Étranger", "plain": "Écrire sans accents", "done": "remis"},
}
each_language = pytest.mark.parametrize("language", WORDS)
each_way = pytest.mark.parametrize(
    ("language", "scripts"), [("en", True), ("fr", False)], ids=["english-javascript", "french-plain"]
)


def said_in(language):
    """Return what says words of the pages in a language."""
    return catalogue(language).translations.gettext


def send_test(page, number, text, say):
    """Send a test from the composer."""
    page.goto("/compose")
    page.fill("#to", number)
    page.fill("#text", text)
    page.get_by_role("button", name=say("Send this one test")).click()
    page.wait_for_url("**/messages?done=sent*")


@each_language
def test_compose_with_a_live_preview(visit, stage, language):
    """The preview follows the typing: mention, segments, what forces UCS-2; one test of it is sent and arrives."""
    words = WORDS[language]
    page = visit("/compose", who="shop", language=language)
    page.fill("#to", "06 12 34 56 78")
    page.type("#text", OFFER[:30])
    page.fill("#text", OFFER)
    page.wait_for_selector(".sight.recipient mark.foreign")  # of the whole text; its beginning may be shown before
    sight = page.locator(".sight.recipient")
    assert sight.locator("mark.mention").inner_text() == "STOP 36034"
    assert [each.inner_text() for each in sight.locator("mark.foreign").all()] == ["\N{RIGHT SINGLE QUOTATION MARK}"]
    assert "UCS-2" in sight.inner_text()
    assert sight.is_visible()
    page.get_by_text(words["abroad"], exact=True).first.click()
    assert page.locator(".sight.foreign mark.mention").inner_text() == "no-sms.eu"
    assert not sight.is_visible()
    with page.expect_navigation():
        page.get_by_role("button", name=words["plain"]).click()
    expect(page.locator("#text")).to_have_value(PLAIN)
    assert "GSM-7" in sight.inner_text()
    page.get_by_role("button", name=words["send"]).click()
    page.wait_for_url("**/messages?done=sent*")
    stage.operator.until(f"{PLAIN} STOP 36034")
    until_delivered(page, FRENCH, words["done"])


def test_compose_without_javascript(visit, stage):
    """Without JavaScript a button shows the preview, and the test is sent all the same."""
    page = visit("/compose", who="shop", java_script_enabled=False)
    page.fill("#text", "Guten Tag")
    page.fill("#to", f"+{GERMAN}")
    page.get_by_role("button", name="Show the preview").click()
    expect(page.locator(".sight.recipient mark.mention")).to_be_visible()
    expect(page.locator(".sight.recipient mark.mention")).to_have_text("no-sms.eu")
    page.get_by_text("France", exact=True).first.click()
    expect(page.locator(".sight.french mark.mention")).to_be_visible()
    expect(page.locator(".sight.french mark.mention")).to_have_text("STOP 36034")
    expect(page.locator("#text")).to_have_value("Guten Tag")
    page.get_by_role("button", name="Send this one test").click()
    page.wait_for_url("**/messages?done=sent*")
    stage.operator.until("Guten Tag no-sms.eu")
    until_delivered(page, GERMAN, "delivered")


@each_way
def test_enter_sends_nothing(visit, language, scripts):
    """The Enter key in a field shows the preview, and costs nothing."""
    page = visit("/compose", who="rival", language=language, java_script_enabled=scripts)
    page.fill("#text", "Hello")
    page.fill("#to", "+33647000000")
    with page.expect_navigation():
        page.press("#to", "Enter")
    assert page.locator(".sight.recipient mark.mention").inner_text() == "STOP 36034"
    page.goto("/messages?q=+33647000000")
    assert page.locator("tbody tr").count() == 0


@each_way
def test_double_click_sends_one(visit, language, scripts):
    """A double click on the button that sends a test sends one, and is answered as one."""
    say, number = said_in(language), "+4915112000003" if scripts else "+4915112000004"
    page = visit("/compose", who="rival", language=language, java_script_enabled=scripts)
    page.fill("#text", "Guten Tag")
    page.fill("#to", number)
    page.get_by_role("button", name=say("Send this one test")).dblclick()
    page.wait_for_url("**/messages?done=sent*")
    page.goto(f"/messages?q={number.replace('+', '00')}")
    assert page.locator("tbody tr").count() == 1


CLICKS = """button => {
  const sends = [];
  addEventListener("submit", event => sends.push(!event.defaultPrevented));
  for (let click = 0; click < 3; click++) button.click();
  return sends;
}"""


def test_button_that_is_clicked_again_asks_once(visit):
    """While a form is being answered its button does nothing; after a look back it can be sent again."""
    page, asked = visit("/blacklist", who="rival"), []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_text("Add a number").click()
    page.fill("#number", "0643000000")
    page.fill("#reason", "asked by e-mail")
    add = page.get_by_role("button", name="Add", exact=True)
    assert add.evaluate(CLICKS) == [True, False, False]
    expect(page.get_by_role("status")).to_have_text("Added. Marketing to this number is refused from now on.")
    assert [url.rpartition("/")[2] for url in asked].count("add") == 1
    page.go_back()
    page.fill("#q", "0643000000")
    with page.expect_navigation():
        page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_preview_is_the_recipients(visit):
    """The number typed in is whom the preview is for, once it is one; without it the preview is that of France."""
    page = visit("/compose", who="shop")
    page.fill("#text", "Guten Tag")
    page.locator(".sight.french mark.mention").wait_for()
    page.fill("#to", f"+{GERMAN}")
    page.locator(".sight.recipient mark.mention").wait_for()
    assert not page.locator(".sight.french").is_visible()
    page.fill("#to", "+49")
    page.locator(".sight.french mark.mention").wait_for()


def test_preview_is_heard(visit):
    """Who does not see the preview is told what it comes to, for the recipient that is shown, and not all of it."""
    page = visit("/compose", who="shop")
    page.fill("#text", "Guten Tag")
    heard = page.locator("[aria-live]")
    expect(heard).to_have_text("1 segment, GSM-7, 140 characters left, STOP 36034")
    page.get_by_text("Abroad", exact=True).first.click()
    expect(heard).to_have_text("1 segment, GSM-7, 141 characters left, no-sms.eu")


def test_preview_that_is_old_looks_so(visit):
    """While the gateway cannot be asked the preview does not pass for that of the text, and follows again by itself."""
    page = visit("/compose", who="shop")
    page.fill("#text", "Guten Tag")
    bubble = page.locator(".sight.french .bubble")
    expect(bubble).to_have_text("Guten Tag STOP 36034")
    page.context.set_offline(True)
    page.fill("#text", "Guten Abend")
    expect(page.locator("#preview.old")).to_be_visible()
    page.context.set_offline(False)
    expect(bubble).to_have_text("Guten Abend STOP 36034")
    expect(page.locator("#preview.old")).to_have_count(0)


def test_preview_after_a_look_back(visit):
    """A text that the browser puts back into its field after a look back is shown in the preview as well."""
    page = visit("/compose", who="bank")
    send_test(page, "+4915112000005", "Guten Tag", said_in("en"))
    page.go_back()
    page.wait_for_url("**/compose")
    text = page.locator("#text").input_value()
    expect(page.locator(".sight.french .bubble")).to_contain_text(text or "Type a text")


def test_draft_is_not_lost(visit):
    """A draft is there again after another page and after a log-in that has ended, until its account logs out."""
    page = visit("/compose", who="rival")
    page.fill("#to", "06 12 34 56 78")
    page.fill("#text", "Half a thought")
    page.get_by_role("link", name="Blacklist").click()
    page.wait_for_url("**/blacklist")
    page.get_by_role("link", name="Composer").click()
    page.wait_for_url("**/compose")
    expect(page.locator("#text")).to_have_value("Half a thought")
    expect(page.locator(".sight.recipient .bubble")).to_contain_text("Half a thought")
    page.context.clear_cookies(name="__Host-login")
    page.type("#text", "!")
    page.wait_for_url("**/login?next=/compose")
    log_in(page, "rival")
    expect(page.locator("#text")).to_have_value(re.compile("Half a thought"))
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    log_in(page, "rival")
    page.wait_for_url("**/compose")
    expect(page.locator("#text")).to_have_value("")


def test_draft_is_nobody_elses(visit):
    """Of a draft whose log-in has ended nothing is left in the browser once another account has logged in."""
    page = visit("/compose", who="rival")
    page.fill("#text", "Half a thought")
    expect(page.locator(".sight.french .bubble")).to_contain_text("Half a thought")
    page.context.clear_cookies(name="__Host-login")
    page.goto("/compose")
    assert "Half a thought" in page.evaluate("Object.values(sessionStorage).join()")
    log_in(page, "shop")
    expect(page.locator("#text")).to_have_value("")
    assert page.evaluate("Object.values(sessionStorage).join()") == ""


def test_next_draft_outlives_a_look_back(visit):
    """Whoever looks at the page again that says what was sent does not lose what they have written since."""
    page = visit("/compose", who="shop")
    send_test(page, "0641000000", "The first one", str)
    sent = page.url
    page.goto("/compose")
    expect(page.locator("#text")).to_have_value("")
    page.fill("#text", "The second one")
    page.goto(sent)
    page.goto("/compose")
    expect(page.locator("#text")).to_have_value("The second one")


def test_language_is_switched_where_a_form_was_wrong(visit):
    """The page that says what is wrong with a form can be read in another language, and its address be opened."""
    page = visit("/compose", who="rival")
    page.fill("#text", "Hello")
    page.get_by_role("button", name="Send this one test").click()
    expect(page.get_by_role("alert")).to_contain_text("The recipient is not a phone number.")
    page.get_by_role("link", name="Français").click()
    expect(page.locator("h1")).to_have_text("Composeur")
    expect(page.locator("#text")).to_have_value("Hello")


def test_language_keeps_the_search(visit):
    """What was searched for stays where the language is switched, and where the log-in comes in between."""
    page = visit("/blacklist?q=0612345678")
    log_in(page, "rival")
    page.wait_for_url("**/blacklist?q=0612345678")
    page.get_by_role("link", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.locator("#q")).to_have_value("0612345678")


@each_way
def test_blacklist(visit, stage, language, scripts):
    """STOP appears at once; it is searched for, removed with a reason, added again by hand, and exported."""
    say = said_in(language)
    page = visit("/compose", who="shop", language=language, java_script_enabled=scripts)
    send_test(page, "0640000000", "Hello", say)
    stage.operator.until("Hello STOP 36034")
    stage.text("33640000000", "STOP")
    page.get_by_role("link", name=say("Blacklist")).click()
    page.wait_for_url("**/blacklist")
    page.fill("#q", "06 40 00 00 00")
    page.get_by_role("button", name=say("Search")).click()
    page.wait_for_url("**/blacklist?q=*")
    row = page.locator("tbody tr")
    assert "+33 6 40 00 00 00" in row.inner_text()
    row.locator("summary").click()
    row.get_by_label(say("Reason")).fill("subscribed again, in writing")
    row.get_by_role("button", name=say("Remove")).click()
    expect(page.get_by_role("status")).to_have_text(say("Removed. The reason is kept as evidence."))
    page.get_by_text(say("Add a number")).click()
    page.fill("#number", "0640000000")
    page.fill("#reason", "<img src=x onerror=alert(9)>")
    page.get_by_role("button", name=say("Add"), exact=True).click()
    expect(page.get_by_role("status")).to_have_text(say("Added. Marketing to this number is refused from now on."))
    with page.expect_download() as download:
        page.get_by_role("link", name=say("Export")).click()
    assert "33640000000," in download.value.path().read_text()
    page.goto("/blacklist?q=0640000000")
    page.locator("tbody summary").click()
    page.locator("tbody").get_by_label(say("Reason")).fill("for the next test")
    page.locator("tbody").get_by_role("button", name=say("Remove")).click()
    expect(page.get_by_role("status")).to_have_text(say("Removed. The reason is kept as evidence."))


@each_way
def test_import(visit, stage, tmp_path, language, scripts):
    """A list is uploaded and its progress followed, with and without JavaScript."""
    say = said_in(language)
    first = 33650000000 if scripts else 33651000000
    numbers = tmp_path / "old supplier.csv"
    numbers.write_text("number\n" + "\n".join(map(str, range(first, first + 3_000))) + "\nnonsense\n")
    page = visit("/blacklist/import", who="shop", language=language, java_script_enabled=scripts)
    page.set_input_files("#file", numbers)
    page.fill("#reason", "list of our old supplier")
    with page.expect_navigation():
        page.get_by_role("button", name=say("Import")).click()
    while not scripts and say("Done.") not in page.locator("main").inner_text():
        with page.expect_navigation():
            page.get_by_text(say("Look again")).click()
    expect(page.get_by_text(say("Done."))).to_be_visible()
    assert page.locator(".figure dd").first.inner_text() == catalogue(language).number(3_000)
    assert "nonsense" in page.locator("#import").inner_text()
    assert say("only digits, spaces and punctuation make up a phone number") in page.locator("#import").inner_text()
    page.goto("/blacklist?q=0033%20" + str(first + 2_999)[2:])
    assert say("imported") in page.locator("tbody tr").inner_text()


@each_way
def test_ledger(visit, stage, language, scripts):
    """An opt-out that was confirmed is billed: it stands among the events, in its month, in the balance and the CSV."""
    say, number = said_in(language), "33644000000" if scripts else "33645000000"
    page = visit("/ledger", who="rival", language=language, java_script_enabled=scripts)
    balance = page.locator(".figure dd").first
    before = int(balance.inner_text().split()[0])
    send_test(page, f"+{number}", "Hello", say)
    stage.operator.until("Hello STOP 36034")
    stage.text(number, "STOP")
    page.get_by_role("link", name=say("Ledger")).click()
    page.wait_for_url("**/ledger")
    assert int(balance.inner_text().split()[0]) == before - 1
    months, events = page.locator("table").all()
    assert say("opt-out confirmed") in months.locator("tbody tr").first.inner_text()
    newest = events.locator("tbody tr").first.inner_text()
    assert f"+33 6 {number[3:5]} 00 00 00" in newest
    assert say("by SMS") in newest
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = [row for row in csv.DictReader(download.value.path().read_text().splitlines()) if row["number"] == number]
    assert [(row["kind"], row["credits"], row["source"]) for row in rows] == [("opt_out_confirmation", "1", "sms")]


@each_way
def test_messages(visit, stage, language, scripts):
    """Messages are found by any spelling of their recipient, each with the state that its receipt tells."""
    say, number = said_in(language), "+4915112000001" if scripts else "+4915112000002"
    page = visit("/compose", who="shop", language=language, java_script_enabled=scripts)
    send_test(page, number, "Guten Tag", say)
    assert re.search("[0-9a-f]{16}", page.get_by_role("status").inner_text())
    until_delivered(page, number, say("delivered"))
    page.fill("#q", f"00 {number[1:3]} ({number[3:7]}) {number[7:]}")
    with page.expect_navigation():
        page.get_by_role("button", name=say("Search")).click()
    assert page.locator("tbody tr").count() == 1
    page.fill("#q", "nobody")
    page.get_by_role("button", name=say("Search")).click()
    expect(page.get_by_role("alert")).to_have_text(say("That is not a phone number."))


def test_one_account_sees_nothing_of_another(visit, stage):
    """What one account has written, to whom, and who has opted out of it, is on no page and in no list of another."""
    page = visit("/compose", who="shop")
    send_test(page, "+33646000000", "A word of the shop", said_in("en"))
    stage.operator.until("A word of the shop STOP 36034")
    stage.text("33646000000", "STOP")
    found = page.locator("tbody code").first.inner_text()
    rival = visit("/compose", who="rival").context.request
    for path in (
        "/messages",
        "/messages?q=0646000000",
        f"/messages?before={found}",
        "/review",
        "/ledger",
        "/blacklist",
    ):
        for text in (rival.get(path).text(), rival.get(f"{path}?lang=fr").text()):
            assert "A word of the" not in text
            assert "46 00 00 00" not in text.replace('value="0646000000"', "")
    for path in ("/ledger.csv", "/blacklist.csv"):
        assert "33646000000" not in rival.get(path).text()


def test_import_is_followed_on(visit, tmp_path):
    """What an import comes to is shown also where the gateway has not answered once meanwhile."""
    numbers = tmp_path / "list.csv"
    numbers.write_text("number\n" + "\n".join(map(str, range(33660000000, 33660030000))) + "\n")
    page = visit("/blacklist/import", who="shop")
    page.set_input_files("#file", numbers)
    page.fill("#reason", "list of our old supplier")
    missed = []

    def miss_one(route):
        if route.request.resource_type == "fetch" and not missed:
            missed.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/blacklist/import", miss_one)
    with page.expect_navigation():  # this page says of the list before that it is done
        page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("Done.")).to_be_visible()


@each_language
def test_review(visit, stage, language):
    """A text that may be an opt-out is shown, harmless, and decided."""
    number = {"en": "33641000000", "fr": "33642000000"}[language]
    page = visit("/compose", who="shop", language=language)
    page.fill("#to", f"+{number}")
    page.fill("#text", "Hello")
    page.get_by_role("button", name=WORDS[language]["send"]).click()
    page.wait_for_url("**/messages?done=sent*")
    stage.operator.until("Hello STOP 36034")
    stage.text(number, "Stop ou <script>alert(5)</script> \u202eencore ?")
    page.goto("/review")
    case = page.locator("article").first
    assert "<script>alert(5)</script>" in case.locator("blockquote").inner_text()
    case.get_by_role("textbox").press("Enter")  # decides nothing
    expect(case.locator("blockquote .control")).to_have_text("U+202E")
    case.get_by_role("button", name={"en": "Opt-out", "fr": "Désinscription"}[language], exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text({"en": "Opted out", "fr": "Désinscrit"}[language])
    page.goto(f"/blacklist?q={number}")
    assert page.locator("tbody tr").count() == 1


@each_way
def test_notifications_without_the_mention(visit, stage, language, scripts):
    """A notification account leaves the mention out of one message by a box, and of all by a switch."""
    say = said_in(language)
    page = visit("/compose", who="bank", language=language, java_script_enabled=scripts)
    page.fill("#text", "Code 1234")
    page.fill("#to", FRENCH)
    page.get_by_text(say("Leave the mention out of this message")).click()
    page.get_by_role("button", name=say("Send this one test")).click()
    page.wait_for_url("**/messages?done=sent*")
    assert stage.operator.until("Code 1234").endswith("Code 1234\n")
    page.goto("/settings")
    page.get_by_text(say("Without the mention"), exact=True).click()
    page.get_by_role("button", name=say("Save")).click()
    expect(page.get_by_role("status")).to_have_text(say("Saved. It counts from the next message on."))
    send_test(page, FRENCH, "Code 5678", say)
    assert stage.operator.until("Code 5678").endswith("Code 5678\n")
    page.goto("/settings")
    page.get_by_text(say("With the mention"), exact=True).click()
    page.get_by_role("button", name=say("Save")).click()
    expect(page.get_by_role("status")).to_have_text(say("Saved. It counts from the next message on."))


def test_marketing_sees_no_switch(visit):
    """A marketing account has neither the box nor the switch."""
    page = visit("/compose", who="shop")
    assert page.locator("[name=bare]").count() == 0
    page.goto("/settings")
    assert page.locator("[name=mention]").count() == 0
    expect(page.locator("main")).to_contain_text("every message carries the opt-out mention")


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_text_and_sender_are_only_text(visit):
    """Markup in texts, senders and searches is shown as it was typed, and does nothing."""
    page = visit("/compose", who="shop")
    page.fill("#sender", "<b>x</b>")
    page.fill("#to", FRENCH)
    page.fill("#text", HOSTILE)
    page.locator(".sight.recipient .bubble").filter(has_text="onerror").wait_for()
    assert page.locator(".handset img, .handset script, .from b b").count() == 0
    assert HOSTILE in page.locator(".sight.recipient .bubble").inner_text()
    page.get_by_role("button", name="Send this one test").click()
    page.wait_for_url("**/messages?done=sent*")
    row = page.locator("tbody tr").first
    assert "<b>x</b>" in row.inner_text()
    assert row.locator("img").count() == 0
    page.goto("/messages?q=%22%3E%3Cimg+src%3Dx+onerror%3Dalert(3)%3E")
    assert page.locator("main img").count() == 0
    page.goto("/login?next=%22%3E%3Cscript%3Ealert(4)%3C/script%3E")


READS_ON = """place => {
  const lefts = [0, 1].map(at => {
    const range = document.createRange();
    range.setStart(place, at);
    range.setEnd(place, at + 1);
    return range.getBoundingClientRect().left;
  });
  return lefts[0] < lefts[1];
}"""


def reads_on(locator, child=0):
    """Say whether a text stands on the screen from left to right, by its first two characters."""
    return locator.evaluate(f"element => ({READS_ON})(element.childNodes[{child}])")


@pytest.mark.parametrize("mark", ["\u202e", "\u202b", "\u2067", "\x9b"])
def test_no_text_turns_round_what_stands_behind_it(visit, stage, mark):
    """An override that nobody closes is shown as a character, and what stands behind it reads on as ever."""
    shown = f"U+{ord(mark):04X}"
    page = visit("/compose", who="shop")
    page.fill("#to", FRENCH)
    page.fill("#text", f"Soldes {mark}aujourd'hui, demain")
    sight = page.locator(".sight:visible")
    expect(sight.locator(".bubble .control")).to_have_text(shown)
    expect(page.locator(".chips .control")).to_have_text(shown)
    assert reads_on(sight.locator("mark.mention"))
    assert sight.get_by_text("telephones show the mention backwards").count() == (mark == "\u202e")
    page.get_by_role("button", name="Send this one test").click()
    page.wait_for_url("**/messages?done=sent*")
    excerpt = page.locator("tbody tr").first.locator("td.full bdi").first
    expect(excerpt).to_have_text("Soldes .aujourd'hui,")
    assert reads_on(excerpt)


def test_letters_from_right_to_left(visit):
    """A text in Arabic is laid out as telephones do it, and the mention in it is none the worse for that."""
    page = visit("/compose", who="shop")
    page.fill("#text", "مرحبا بكم")
    sight = page.locator(".sight:visible")
    expect(sight.locator(".bubble")).to_contain_text("مرحبا بكم")
    assert sight.locator(".bubble").evaluate("element => element.matches(':dir(rtl)')")
    assert sight.locator(".control").count() == 0
    assert reads_on(sight.locator("mark.mention"))


@each_way
def test_log_in_by_keyboard_only(visit, language, scripts):
    """Everything to log in and out is reached with the keyboard, and the content can be skipped to."""
    page = visit("/compose", language=language, java_script_enabled=scripts)
    assert page.url.endswith("/login?next=/compose")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("shop")
    page.keyboard.press("Tab")
    page.keyboard.type("web-secret")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("button", name=said_in(language)("Log out")).press("Enter")
    page.wait_for_url("**/login")


def test_another_site_cannot_send_forms(visit, stage):
    """A page of another origin that sends a form with the visitor's cookies changes nothing."""
    page = visit("/settings", who="bank")
    page.goto("about:blank")
    page.set_content(
        f'<form method="post" action="{stage.url}/settings/alerts">'
        '<input name="mention" value="off"><button>go</button></form>'
    )
    page.click("button")
    expect(page.locator("body")).to_contain_text("Not allowed")
    page.goto(f"{stage.url}/settings")
    assert page.locator("[name=mention][value=on]").is_checked()


def test_cookie_is_out_of_scripts_reach(visit):
    """Scripts do not see the log-in's cookie."""
    page = visit("/compose", who="shop")
    assert page.evaluate("document.cookie") == ""
    [cookie] = [each for each in page.context.cookies() if each["name"] == "__Host-login"]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")


@each_language
def test_wrong_password(visit, language):
    """A wrong password is told in the visitor's language, and the form can be filled in again."""
    page = visit("/login", language=language)
    log_in(page, "shop", "wrong")
    alert = page.get_by_role("alert").inner_text()
    assert alert == {"en": "Name or password is not right.", "fr": "Nom ou mot de passe incorrect."}[language]
    log_in(page, "shop")
    page.wait_for_url("**/compose")


@each_language
def test_guessing_is_slowed(visit, language):
    """After ten attempts whoever guesses is told to wait, be the password right by then or not."""
    place = {"X-Forwarded-For": f"203.0.113.{60 + list(WORDS).index(language)}"}
    page, who = visit("/login", language=language, extra_http_headers=place), {"en": "shop", "fr": "rival"}[language]
    waits = [log_in(page, who, "wrong").header_value("retry-after")]
    while int(waits[-1] or 0) < 15:  # every half a minute one comes back: a slow browser may have some to use up yet
        waits.append(log_in(page, who, "wrong").header_value("retry-after"))
    assert waits[:10] == [None] * 10
    log_in(page, who)
    words = said_in(language)("Too many attempts. Wait a few minutes and try again.")
    expect(page.get_by_role("alert")).to_have_text(words)
    page.goto("/compose")
    assert "/login" in page.url


def test_language_is_switched(visit):
    """The switch counts from then on, whatever the browser asks for."""
    page = visit("/compose", who="shop")
    page.get_by_role("link", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.goto("/settings")
    expect(page.locator("h1")).to_have_text("Réglages")


def test_administrator(visit):
    """An administrator sees the binds and the accounts, and steps into one."""
    page = visit("/admin", who="ada")
    expect(page.locator("main")).to_contain_text("orange")
    assert page.get_by_text("BOUND_TRX").count() == 1
    page.get_by_role("button", name="See its pages rival").click()
    page.wait_for_url("**/messages")
    expect(page.locator("main")).to_contain_text("as administrator ada")

"""The lists of the client area within a whole gateway: the blacklist, its imports, texts to review, the ledger."""

import html
import re
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote, urlencode

import pytest
import trio

from gateway.smpp import status
from gateway.store import balances, blacklist, ledger, reviews
from gateway.web.area.tables import plain
from gateway.web.backend import Kept
from gateway.web.languages import language
from tests.flows.area import Site, open_site
from tests.flows.world import FRENCH


@pytest.mark.parametrize("place", ["x", f"{'9' * 30}.33612345678.shop", "-1.33612345678.shop", "1.\0.shop"])
async def test_place_that_no_page_has_ended_at(world, place):
    """A page of the blacklist that goes on from nowhere is 404."""
    visitor = await (await open_site(world)).visitor("shop")
    assert (await visitor.get(f"/blacklist?{urlencode({'after': place})}")).status == 404


async def test_stop_appears_on_the_blacklist(world):
    """Whoever texts STOP to an account's message is on its blacklist at once, found by any spelling of the number."""
    site = await open_site(world)
    app = await world.app("shop")
    await app.submit(FRENCH, b"Hello")
    await world.orange.deliver(FRENCH, b"STOP")
    await world.eventually(lambda: world.rows("SELECT count(*) FROM blacklist") == [(1,)])
    visitor = await site.visitor("shop")
    [(since,)] = world.rows("SELECT since FROM blacklist")
    for query in ("", "06 12 34 56 78", "+33 (0)6.12.34.56.78", "0033612345678", "33612"):
        page = (await visitor.get(f"/blacklist?{urlencode({'q': query})}")).text
        assert "+33 6 12 34 56 78" in page, query
        assert "by SMS" in page
        assert language("en").when(since) in page
    assert "Not on the list" in (await visitor.get("/blacklist?q=0699999999")).text
    assert "That is not a phone number." in (await visitor.get("/blacklist?q=Lea")).text


async def test_blacklist_is_changed_with_a_reason(world):
    """A number is added and removed by the account with a reason, which is evidence; without one nothing happens."""
    site = await open_site(world)
    visitor, app = await site.visitor("shop"), await world.app("shop")
    await visitor.get("/blacklist")
    assert (await visitor.post("/blacklist/add", number="06 12 34 56 78")).status == 422
    assert (await visitor.post("/blacklist/add", number="nonsense", reason="asked")).status == 422
    answer = await visitor.post("/blacklist/add", number="06 12 34 56 78", reason="asked by phone")
    assert answer.headers["location"].startswith("/blacklist?done=added")
    assert (await app.submit(FRENCH, b"Hello")).status == status.OPTED_OUT
    assert (await visitor.post("/blacklist/remove", number="+33612345678")).status == 422
    await visitor.post("/blacklist/remove", number="+33612345678", reason="a mistake")
    assert (await app.submit(FRENCH, b"Hello")).status == status.ESME_ROK
    found = world.rows("SELECT source, effect, note FROM evidence ORDER BY id")
    assert found == [("web", "opted_out", "asked by phone"), ("web", "lifted", "a mistake")]


async def test_blacklist_as_csv(world, monkeypatch):
    """The blacklist is exported whole, newest first, for a spreadsheet that takes nothing in it for a formula."""
    monkeypatch.setattr("gateway.web.area.blacklist.PIECE", 2)
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/blacklist")
    for number in range(5):
        await visitor.post("/blacklist/add", number=f"06000000{number:02}", reason="asked")
    answer = await visitor.get("/blacklist.csv")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="blacklist.csv"' in answer.headers["content-disposition"]
    assert lines[0] == "number,since,source,short_code,everything"
    assert [line.split(",")[0] for line in lines[1:]] == [f"336000000{number:02}" for number in reversed(range(5))]
    assert plain('=HYPERLINK("x")') == '\'=HYPERLINK("x")'


@pytest.mark.parametrize(("decision", "effect", "refused"), [("out", "opted_out", True), ("keep", "released", False)])
async def test_review(world, decision, effect, refused):
    """A text that may be an opt-out is shown as it was written, decided once, and the decision takes effect."""
    site = await open_site(world)
    visitor, app = await site.visitor("shop"), await world.app("shop")
    await app.submit(FRENCH, b"Hello")
    await world.orange.deliver(FRENCH, b"Stop ou <b>encore</b> ?")
    await world.eventually(lambda: world.rows("SELECT count(*) FROM review") == [(1,)])
    page = (await visitor.get("/review")).text
    assert "Stop ou &lt;b&gt;encore&lt;/b&gt; ?" in page
    rival = await site.visitor("rival")
    assert "Nothing to decide" in (await rival.get("/review")).text
    ruling = {"number": "+33612345678", "code": "36034", "reason": "read it"}
    answer = await rival.post("/review", decision="out", **ruling)
    assert answer.headers["location"] == "/review?done=gone"
    assert (await visitor.post("/review", **ruling)).status == 400
    answer = await visitor.post("/review", decision=decision, **ruling)
    assert answer.headers["location"] == f"/review?done={'out' if refused else 'kept'}"
    assert "Nothing to decide" in (await visitor.get("/review")).text
    answer = await app.submit(FRENCH, b"Again")
    assert answer.status == (status.OPTED_OUT if refused else status.ESME_ROK)
    assert (await visitor.post("/review", decision="out", **ruling)).headers["location"] == "/review?done=gone"
    assert world.rows("SELECT count(*) FROM ledger") == [(int(refused),)]
    assert effect in {row[0] for row in world.rows("SELECT effect FROM evidence")}


async def test_many_texts_to_review(world):
    """Of many texts each is on one of the pages, the most urgent first."""
    site = await open_site(world)
    visitor, app = await site.visitor("shop"), await world.app("shop")
    await app.submit(FRENCH, b"Hello")
    await world.orange.deliver(FRENCH, b"Stop ou encore ?")
    await world.eventually(lambda: world.rows("SELECT count(*) FROM review") == [(1,)])
    [case] = await world.gateway.store.transact(lambda tx: reviews.of(tx, [FRENCH]))
    others = [case._replace(number=f"33640000{each:03}", until=case.until - each) for each in range(1, 150)]
    await world.gateway.store.transact(lambda tx: reviews.add(tx, others))
    url, found = "/review", []
    while url:
        page = (await visitor.get(url)).text
        found += re.findall(r'name="number" value="\+(\d+)"', page)
        more = re.search('href="(/review[?]after=[^"]+)"', page)
        url = more and html.unescape(more[1])
    assert found == [each.number for each in reversed(others)] + [FRENCH]
    assert (await visitor.get("/review?after=nowhere")).status == 404
    decided = await visitor.get(f"/review?after={case.until}.{FRENCH}.{case.code}.{case.account}")
    assert (decided.status, decided.headers["location"]) == (303, "/review")  # where there may be some


async def test_ledger_of_years(world):
    """Each month is summed up whole, the last twelve at once and those before where they are asked for."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    kinds = {ledger.CONFIRMATION: 1, ledger.UNDELIVERED: 0, ledger.SUBMISSIONS: 1_234, ledger.GRANT: -5_000}
    months = [datetime(2023 + each // 12, each % 12 + 1, 3, tzinfo=UTC) for each in range(40)]
    events = [
        ledger.Event(f"{number}{kind}", int(at.timestamp() * 1_000), "shop", kind, paid, "", "", "cli", "", 0)
        for number, at in enumerate(months)
        for kind, paid in kinds.items()
    ]
    await world.gateway.store.transact(lambda tx: ledger.append(tx, events))
    page = (await visitor.get("/ledger?lang=fr")).text
    recent, earlier = page.partition("<details>")[::2]
    assert recent.count('<th scope="row" class="nowrap">') == 12 * len(kinds)
    assert earlier.partition("</details>")[0].count('<th scope="row" class="nowrap">') == 28 * len(kinds)
    assert "avril 2026" in recent
    assert "janvier 2023" in earlier


async def test_words_of_a_balance(world):
    """A balance is told in the number and the plural of the page's language, also below zero."""
    site = await open_site(world)
    visitor, left = await site.visitor("shop"), 0
    for balance, code, words in (
        (0, "en", ">0 <small>credits<"),
        (0, "fr", ">0 <small>crédit<"),
        (1, "en", ">1 <small>credit<"),
        (-1, "en", ">-1 <small>credit<"),
        (-1, "fr", ">-1 <small>crédit<"),
        (-2, "en", ">-2 <small>credits<"),
        (-12_345_678, "en", ">-12,345,678 <small>credits<"),
        (-12_345_678, "fr", ">-12\N{NARROW NO-BREAK SPACE}345\N{NARROW NO-BREAK SPACE}678 <small>crédits<"),
    ):
        await world.gateway.store.transact(partial(balances.charge, amounts={"shop": left - balance}))
        left = balance
        assert words in (await visitor.get(f"/ledger?lang={code}")).text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("06 12 34 56 78", "+33 6 12 34 56 78 may be sent your marketing."),
        (
            "612345678",
            "+61 2345678 may be sent your marketing.",
        ),  # which may not be what was meant: a French one needs its 0
        ("06 12", "No number on the list begins so."),
    ],
)
async def test_what_is_not_on_the_list(world, query, words):
    """Only of a whole number it is said that it may be sent marketing, and of which, as it was understood."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    assert words in (await visitor.get(f"/blacklist?q={quote(query)}")).text


async def test_length_of_a_long_list(world):
    """How many there are is written as numbers are in the page's language."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    entries = [blacklist.Entry(str(each), "shop", 1, "sms", "36034", 0, 0) for each in range(33610000000, 33610001234)]
    await world.gateway.store.transact(lambda tx: blacklist.add(tx, entries))
    assert "1,234 numbers" in (await visitor.get("/blacklist?lang=en")).text
    assert "1\N{NARROW NO-BREAK SPACE}234 numéros" in (await visitor.get("/blacklist?lang=fr")).text


async def test_text_to_nobody_is_read_by_administrators(world):
    """A text from a number that nobody wrote to is shown to who decides it; accounts see that their marketing waits."""
    site = await open_site(world)
    await world.orange.deliver(FRENCH, b"Stop ou encore ?")
    await world.eventually(lambda: world.rows("SELECT account FROM review") == [("*",)])
    page = (await (await site.visitor("shop")).get("/review")).text
    assert "It concerns all senders" in page
    assert "encore" not in page
    administrator = await site.visitor("ada")
    await administrator.get("/admin")
    await administrator.post("/admin/look", account="shop")
    assert "Stop ou encore ?" in (await administrator.get("/review")).text


async def test_import(world):
    """A list is taken in while nobody waits; what it came to is told, with the rows that cannot be used."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/blacklist")
    await visitor.post("/blacklist/add", number="0600000000", reason="asked")
    rows = ["number", "06 00 00 00 00", "+33600000001", "0033600000002", "nonsense <b>"]
    answer = await visitor.upload("/blacklist/import", "list.csv", "\n".join(rows).encode(), reason="old supplier")
    assert answer.headers["location"] == "/blacklist/import"
    await world.eventually(lambda: world.rows("SELECT count(*) FROM blacklist") == [(3,)])
    while "data-running" in (page := (await visitor.get("/blacklist/import")).text):
        await trio.lowlevel.checkpoint()
    assert "Done." in page
    assert "nonsense &lt;b&gt;" in page
    assert world.rows("SELECT DISTINCT account FROM blacklist") == [("shop",)]
    [(note,)] = world.rows("SELECT note FROM evidence WHERE effect = 'imported'")
    assert note.startswith("shop: old supplier; 2 numbers")


async def test_import_is_known_everywhere(world):
    """An import is told of by every process of pages: while it goes on, and what it has come to."""
    visitor = await (await open_site(world)).visitor("shop")
    other = await Site(world).visitor("shop")
    await visitor.get("/blacklist")
    async with world.gateway.store.quiet:
        await visitor.upload("/blacklist/import", "old.csv", b"number\n0600000000", reason="r")
        page = (await other.get("/blacklist/import")).text
        assert "old.csv" in page
        assert "data-running" in page
        assert (await other.upload("/blacklist/import", "new.csv", b"number\n0600000001", reason="r")).status == 409
        page = (await visitor.get("/blacklist/import")).text
        assert "data-running" in page
        assert re.search("<progress.*number so far|<progress.*numbers so far", page, re.DOTALL)
    while "data-running" in (page := (await other.get("/blacklist/import")).text):
        await trio.lowlevel.checkpoint()
    assert "Done." in page
    assert "Done." in (await visitor.get("/blacklist/import")).text


async def test_import_that_is_interrupted(world):
    """An import whose process of pages has ended is told of by the next one, until a list was taken in whole."""
    site = await open_site(world)
    visitor, words = await site.visitor("shop"), "The import was interrupted. What was added stays"
    process = await trio.lowlevel.open_process(["true"])
    await process.wait()
    await world.gateway.backend.keep_import("shop", Kept("old.csv", process.pid))
    page = (await visitor.get("/blacklist/import")).text
    assert words in page
    assert "old.csv" in page
    assert "data-running" not in page
    await visitor.get("/blacklist")
    await visitor.upload("/blacklist/import", "old.csv", b"number\n0600000000", reason="r")
    while "data-running" in (page := (await visitor.get("/blacklist/import")).text):
        await trio.lowlevel.checkpoint()
    assert words not in page
    assert "Done." in page


async def test_two_imports_at_once(world):
    """Of two lists that come at the same time one is taken, and the other is told so."""
    site = await open_site(world)
    visitor, answers = await site.visitor("shop"), []
    await visitor.get("/blacklist")

    async def upload():
        answers.append(await visitor.upload("/blacklist/import", "list.csv", b"number\n0600000000", reason="r"))

    async with world.gateway.store.quiet, trio.open_nursery() as nursery:  # the first one goes on until then
        nursery.start_soon(upload)
        nursery.start_soon(upload)
    assert sorted(answer.status for answer in answers) == [303, 409]


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [(b"", "why", "not empty"), (b"number\n0600000000", "", "Say why"), (b"a,b\nc,d", "why", "could not be taken in")],
)
async def test_import_that_cannot_be(world, content, reason, words):
    """A list that is empty, has no column of numbers, or comes without a reason is refused, with the reason."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/blacklist")
    answer = await visitor.upload("/blacklist/import", "list.csv", content, reason=reason)
    page = answer.text
    while answer.status == 303 and words not in page:
        page = (await visitor.get("/blacklist/import")).text
        await trio.lowlevel.checkpoint()
    assert words in page
    assert world.rows("SELECT count(*) FROM blacklist") == [(0,)]


async def test_import_names_no_other_account(world):
    """A list cannot put numbers on anybody else's blacklist, nor on everybody's."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/blacklist")
    content = b"number,account\n0600000001,rival\n0600000002,*\n0600000003,shop"
    await visitor.upload("/blacklist/import", "list.csv", content, reason="why")
    added = await world.eventually(lambda: world.rows("SELECT number, account FROM blacklist"))
    assert added == [("33600000003", "shop")]

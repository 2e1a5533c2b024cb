"""The client area within a whole gateway: who gets in, whose pages they see, and what a form may do."""

import html
import re
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote, urlencode

import pytest
import trio
from argon2 import PasswordHasher

from gateway.smpp import status
from gateway.smpp.text import Alphabet
from gateway.store import balances, blacklist, ledger, reviews
from gateway.web.area.tables import plain
from gateway.web.languages import language
from tests.flows.area import ACCOUNTS, Site, open_site
from tests.flows.world import FRENCH

CODE = "Your code is 1234"


async def test_log_in_and_out(world):
    """Who logs in sees their own account; who logs out sees nothing more, also with the same cookie."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    assert "<strong>shop</strong>" in (await visitor.get("/settings")).text
    cookies = dict(visitor.cookies)
    await visitor.post("/logout")
    visitor.cookies = cookies
    answer = await visitor.get("/settings")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=/settings")


async def test_cookie_is_out_of_reach(world):
    """The cookie goes through TLS only, to this host, not to scripts, and not along with others' forms."""
    site = await open_site(world)
    answer = await (await site.visitor()).log_in("shop")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-login=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    token = cookie.partition("=")[2].partition(";")[0]
    assert token not in str(world.rows("SELECT * FROM login"))


async def test_log_out_everywhere(world):
    """Logging out everywhere ends the log-ins in other browsers, too, and nobody else's."""
    site = await open_site(world)
    one, other, rival = [await site.visitor(name) for name in ("shop", "shop", "rival")]
    await one.post("/logout", everywhere="1")
    assert (await other.get("/settings")).status == 303
    assert (await rival.get("/settings")).status == 200


@pytest.mark.parametrize(
    ("name", "password"), [("shop", "wrong"), ("shop", ""), ("nobody", "web-secret"), ("", ""), ("' OR 1=1 --", "x")]
)
async def test_wrong_password(world, name, password):
    """A wrong name and a wrong password are answered alike."""
    site = await open_site(world)
    answer = await (await site.visitor()).log_in(name, password)
    assert answer.status == 403
    assert "Name or password is not right." in answer.text
    assert world.rows("SELECT count(*) FROM login") == [(0,)]


@pytest.mark.parametrize("name", ["shop", "nobody"])
async def test_refusal_takes_a_hash(world, monkeypatch, name):
    """A wrong password costs the check of a hash, and so its time, whether there is such a name and a hash or not."""
    checked, verify = [], PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *given: checked.append(given[2]) or verify(*given))
    visitor = await (await open_site(world)).visitor()
    assert (await visitor.post("/login", name=name, password="wrong")).status == 403
    assert checked == ["wrong"]


async def test_account_without_web_password(world):
    """An account without web_password cannot log in, not even with the password of its binds."""
    site = await open_site(world, accounts={"shop": {"web_password": None}})
    assert (await (await site.visitor()).log_in("shop", "secret")).status == 403


@pytest.fixture
def _quick_hash(monkeypatch):
    """Let names that there are not cost next to nothing."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("nobody's")
    monkeypatch.setattr("gateway.web.area.entry._NOBODYS", quick)


@pytest.mark.usefixtures("_quick_hash")
async def test_guessing_is_slowed(world):
    """After ten wrong ones nobody from that origin gets in for a while, not even with the right one."""
    site = await open_site(world)
    visitor = await site.visitor()
    answers = [(await visitor.log_in("shop", f"wrong {each}")).status for each in range(10)]
    assert answers == [403] * 10
    refused = await visitor.log_in("shop")
    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    elsewhere = await site.visitor()
    answer = await elsewhere.post("/login", {"x_forwarded_for": "203.0.113.5"}, name="shop", password="web-secret")
    assert answer.status == 303


@pytest.mark.usefixtures("_quick_hash")
async def test_guessing_beside_an_owner(world):
    """Who shares an origin with an owner, and logs in there to be forgiven wrong passwords, guesses no more for it."""
    visitor = await (await open_site(world)).visitor()

    async def enter(name, password):
        return (await visitor.post("/login", name=name, password=password)).status

    assert await enter("shop", "web-secret") == 303
    for _ in range(4):
        assert [await enter("shop", "wrong") for _ in range(5)] == [403] * 5
        assert await enter("rival", "web-secret") == 303
    assert await enter("shop", "wrong") == 429


@pytest.mark.usefixtures("_quick_hash")
async def test_guessing_from_many_places(world):
    """Many origins together may not guess one account's password for long; its owner's own still gets in."""
    site = await open_site(world)
    visitor = await site.visitor()

    async def guess(number, password):
        headers = {"x_forwarded_for": f"203.0.113.{number}"}
        return (await visitor.post("/login", headers, name="shop", password=password)).status

    assert await guess(250, "web-secret") == 303
    assert [await guess(number, "wrong") for number in range(20)] == [403] * 20
    assert await guess(21, "web-secret") == 429
    assert await guess(250, "web-secret") == 303


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", "//["],
)
async def test_log_in_leads_nowhere_else(world, path):
    """Whatever address is asked for after the log-in, it is one of ours."""
    site = await open_site(world)
    visitor = await site.visitor()
    assert (await visitor.get(f"/login?{urlencode({'next': path})}")).status == 200
    answer = await visitor.post("/login", name="shop", password="web-secret", next=path)
    assert answer.headers["location"] == "/compose"


@pytest.mark.parametrize(
    "headers", [{"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site", "origin": "https://evil.example"}]
)
async def test_form_of_another_site(world, headers):
    """A form that another site sends changes nothing, whatever cookie the browser adds to it."""
    site = await open_site(world)
    visitor = await site.visitor("bank")
    assert (await visitor.post("/settings/alerts", headers, mention="off")).status == 403
    assert (await visitor.post("/compose/send", headers, to=FRENCH, text=CODE)).status == 403
    assert (await visitor.post("/login", headers, name="shop", password="web-secret")).status == 403
    assert world.rows("SELECT count(*) FROM setting") == [(0,)]
    assert world.rows("SELECT count(*) FROM message") == [(0,)]


async def test_form_without_its_token(world):
    """A form without the token of this log-in changes nothing, nor does one with another's."""
    site = await open_site(world)
    visitor, rival = await site.visitor("bank"), await site.visitor("rival")
    for wrong in ("", "x", rival.token):
        assert (await visitor.post("/settings/alerts", csrf=wrong, mention="off")).status == 403
    assert world.rows("SELECT count(*) FROM setting") == [(0,)]


async def test_send_a_test(world):
    """A message from the composer takes the way of every submission, and is found among the messages."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/compose")
    answer = await visitor.post("/compose/send", sender="SHOP", to="06 12 34 56 78", text="Hello")
    assert answer.status == 303
    assert await world.orange.texts(1) == [("SHOP", FRENCH, "Hello STOP 36034", Alphabet.GSM7, 1)]
    page = await visitor.get(answer.headers["location"])
    assert "+33 6 12 34 56 78" in page.text
    assert "it is on disk" in page.text


async def test_same_form_twice(world):
    """A form that is sent twice, as by a double click, is one message with one answer; the next form is another."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    draft = {"sender": "SHOP", "to": FRENCH, "text": "Hello"}

    async def send(answers, once):
        answers.append((await visitor.post("/compose/send", once=once, **draft)).headers["location"])

    async def form():
        return re.search('name="once" value="([^"]+)"', (await visitor.get("/compose")).text)[1]

    answers, once = [], await form()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, answers, once)
        nursery.start_soon(send, answers, once)
    draft["text"] = "Hello again"  # what has changed since is another message
    await send(answers, once)
    await send(answers, await form())
    assert answers[0] == answers[1]
    assert len(set(answers)) == 3
    assert [text.text for text in await world.orange.texts(3)] == ["Hello STOP 36034", *2 * ["Hello again STOP 36034"]]
    assert world.rows("SELECT count(*) FROM message") == [(3,)]


async def test_no_room_for_a_test(world):
    """A test that has no room is not lost: the page keeps the draft, and says after how long to try again."""
    site = await open_site(world, accounts={**ACCOUNTS, "shop": {**ACCOUNTS["shop"], "rate": 1}})
    visitor = await site.visitor("shop")
    await visitor.get("/compose")
    for text in ("One", "Two"):
        answer = await visitor.post("/compose/send", to=FRENCH, text=text)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert ">Two</textarea>" in answer.text


@pytest.mark.parametrize(
    ("path", "page"),
    [("/compose/send", "/compose"), ("/blacklist/add", "/blacklist"), ("/review", "/review"), ("/logout", "/compose")],
)
async def test_form_after_the_log_in_has_ended(world, path, page):
    """Whoever fills in a form until the log-in has ended is led to it, and on to the form; nothing has happened."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    visitor.cookies.clear()
    answer = await visitor.post(path, number=FRENCH, reason="x", to=FRENCH, text="Hello")
    assert (answer.status, answer.headers["location"]) == (303, f"/login?next={page}")
    assert (await visitor.post(path, {"sec_fetch_site": "cross-site"})).status == 403
    assert world.rows("SELECT count(*) FROM message") == world.rows("SELECT count(*) FROM blacklist") == [(0,)]


async def test_long_test(world):
    """A long text goes out whole."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/compose")
    await visitor.post("/compose/send", sender="SHOP", to=FRENCH, text="Hello " * 60)
    [text] = await world.orange.texts(1)
    assert text.text == "Hello " * 60 + "STOP 36034"


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        ({"to": "12", "text": "x"}, "not a phone number"),
        ({"to": FRENCH, "text": "  "}, "no text"),
        ({"to": FRENCH, "text": "x", "sender": "far too long for one"}, "up to 11"),
        ({"to": FRENCH, "text": "x" * 3_000}, "longer than the segments"),
    ],
)
async def test_what_cannot_be_sent(world, draft, words):
    """What is no message is told, and what was typed stays."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/compose")
    answer = await visitor.post("/compose/send", **draft)
    assert answer.status == 422
    assert words in answer.text
    assert f'value="{draft["to"]}"' in answer.text


async def test_number_of_no_country(world):
    """What a text costs for a number of no country, such as +883, is told without the code that stands for that."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/compose")
    page = (await visitor.post("/compose", to="+883510012345678", text="Hello")).text
    assert 'class="sight recipient"' in page
    assert "ZZ" not in page


async def test_length_of_a_draft(world):
    """A draft may have the length that its field allows, however many lines it has: a line's end is one character."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await visitor.get("/compose")
    assert (await visitor.post("/compose", text="a\r\n" * 2_000)).status == 200
    assert (await visitor.post("/compose", text="a" * 4_001)).status == 413


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/compose/send?lang=fr", "/compose?lang=fr"),
        ("/compose/preview", "/compose"),
        ("/blacklist/add", "/blacklist"),
        ("/settings/alerts", "/settings"),
        ("/logout", "/compose"),
    ],
)
async def test_address_of_a_form(world, path, page):
    """Whoever opens the address that a form is sent to is led to the page that has the form, and nothing changes."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    answer = await visitor.get(path)
    assert (answer.status, answer.headers["location"]) == (303, page)
    assert (await visitor.get("/settings")).status == 200  # still logged in


async def test_log_in_leads_on_after_a_wrong_password(world):
    """Whoever mistypes the password gets to the page that was asked for all the same, with what was searched there."""
    site = await open_site(world)
    visitor = await site.visitor()
    onward = "/blacklist?q=0612345678"
    assert (await visitor.get(onward)).headers["location"] == f"/login?next={quote(onward)}"
    answer = await visitor.post("/login", name="shop", password="wrong", next=onward)
    assert f'name="next" value="{onward}"' in answer.text
    answer = await visitor.post("/login", name="shop", password="web-secret", next=onward)
    assert answer.headers["location"] == onward


async def test_preview_is_truthful(world):
    """The preview says what a recipient who has opted out would get: nothing."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    await world.orange.deliver(FRENCH, b"STOP")
    await world.eventually(lambda: world.rows("SELECT count(*) FROM blacklist") == [(1,)])
    await visitor.get("/compose")
    answer = await visitor.post("/compose/preview", text="Hello", to=FRENCH)
    assert "Refused: the recipient has opted out." in answer.text
    recipient, france, abroad = answer.text.split('<div class="sight ')[1:]
    assert "Nothing would be sent." in recipient
    assert "Hello" not in recipient
    assert "Nothing would be sent." not in france + abroad
    assert "nothing is sent" in answer.text.split('class="costs"')[1]
    answer = await visitor.post("/compose/send", text="Hello", to=FRENCH, sender="SHOP")
    assert "The recipient has opted out." in answer.text


async def test_test_that_is_refused_by_a_receipt(world):
    """Where an account wants receipts for what is refused, its test is one too: the pages say so, and why."""
    await world.start(
        web={"listen": "127.0.0.1:0"},
        accounts={"shop": {"web_password": "web-secret", "on_opted_out": "receipt", "forward_mo": False}},
    )
    visitor = await Site(world).visitor("shop")
    await world.orange.deliver(FRENCH, b"STOP")
    await world.eventually(lambda: world.rows("SELECT count(*) FROM blacklist") == [(1,)])
    await visitor.get("/compose")
    answer = await visitor.post("/compose/send", text="Hello", to=FRENCH, sender="SHOP")
    assert answer.headers["location"].startswith("/messages?done=refused&id=")
    page = (await visitor.get(answer.headers["location"])).text
    assert "refused at once" in page
    assert "The recipient has opted out." in page


async def test_marketing_cannot_leave_the_mention_out(world):
    """For a marketing account there is no box and no switch, and crafted requests for either change nothing."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    for page in ("/compose", "/settings"):
        text = (await visitor.get(page)).text
        assert 'name="bare"' not in text
        assert 'name="mention"' not in text
    answer = await visitor.post("/compose/send", sender="SHOP", to=FRENCH, text="Hello", bare="1")
    assert (answer.status, "Marketing always carries the mention." in answer.text) == (422, True)
    assert (await visitor.post("/settings/alerts", mention="off")).status == 403
    assert world.rows("SELECT count(*) FROM setting") == [(0,)]
    assert world.rows("SELECT count(*) FROM message") == [(0,)]


async def test_row_of_a_marketing_account_counts_for_nothing(world):
    """Even where the database holds a switch of a marketing account, its messages carry the mention."""
    await open_site(world)
    await world.gateway.store.transact(
        lambda tx: tx.insert("setting (account, name, value)", [("shop", "mention", "off")])
    )
    app = await world.app("shop")
    await app.submit(FRENCH, b"Hello")
    assert [each.text for each in await world.orange.texts(1)] == ["Hello STOP 36034"]


async def test_switch_counts_before_the_account(world):
    """What a notification account switches counts from its next message on, over SMPP, too, both ways."""
    site = await open_site(world)
    visitor, app = await site.visitor("bank"), await world.app("bank")
    await app.submit(FRENCH, b"one")
    for number, mention in enumerate(("off", "on", "off")):
        assert (await visitor.post("/settings/alerts", mention=mention)).status == 303
        await app.submit(FRENCH, b"%d" % number)
    texts = [each.text for each in await world.orange.texts(4)]
    assert texts == ["one STOP 36034", "0", "1 STOP 36034", "2"]


async def test_tlv_counts_before_the_switch(world):
    """A submission's own TLV counts before the switch, which counts before the account's setting."""
    site = await open_site(world)
    visitor, app = await site.visitor("bank"), await world.app("bank")
    await visitor.post("/settings/alerts", mention="off")
    await app.submit(FRENCH, b"asks", tlvs=bytes.fromhex("1534000101"))
    await visitor.post("/settings/alerts", mention="on")
    await app.submit(FRENCH, b"declines", tlvs=bytes.fromhex("1534000100"))
    assert [each.text for each in await world.orange.texts(2)] == ["asks STOP 36034", "declines"]


async def test_box_leaves_the_mention_out_once(world):
    """The ticked box leaves the mention out of this message, and of no other."""
    site = await open_site(world)
    visitor = await site.visitor("bank")
    assert 'name="bare"' in (await visitor.get("/compose")).text
    for ticked in ({"bare": "1"}, {}):
        await visitor.post("/compose/send", sender="BANK", to=FRENCH, text=CODE, **ticked)
    assert [each.text for each in await world.orange.texts(2)] == [CODE, f"{CODE} STOP 36034"]


async def test_accounts_see_their_own_only(world):
    """No page of one account shows what another has sent, whatever is asked for."""
    site = await open_site(world)
    app = await world.app("shop")
    await app.submit(FRENCH, b"Confidential")
    rival = await site.visitor("rival")
    await world.orange.deliver(FRENCH, b"STOP")
    await world.eventually(lambda: world.rows("SELECT count(*) FROM blacklist") == [(1,)])
    pages = ["/messages", "/messages?account=shop", "/ledger", "/ledger.csv", "/blacklist", "/blacklist.csv", "/review"]
    for page in (*pages, f"/messages?q={FRENCH}", f"/blacklist?q={FRENCH}"):
        answer = await rival.get(page)
        assert answer.status == 200
        assert "Confidential" not in answer.text
        assert "+33 6 12" not in answer.text.replace("+33 6 12 34 56 78 may be sent", "")  # what was asked for
        assert "33612345678," not in answer.text
    await rival.post("/blacklist/remove", number=FRENCH, reason="ours")
    assert world.rows("SELECT account FROM blacklist") == [("shop",)]
    assert (await rival.get("/admin")).status == 404
    await rival.get("/settings")
    assert (await rival.post("/admin/look", account="shop")).status == 404


@pytest.mark.parametrize(
    "path", ["/compose", "/blacklist", "/blacklist.csv", "/messages", "/ledger.csv", "/review", "/admin"]
)
async def test_nobody_sees_anything(world, path):
    """Who is not logged in is sent to the log-in, from every page."""
    site = await open_site(world)
    visitor = await site.visitor()
    assert (await visitor.get(path)).headers["location"] == f"/login?next={path}"
    visitor.cookies["__Host-login"] = "A" * 43
    assert (await visitor.get(path)).status == 303


async def test_administrator_sees_all(world):
    """An administrator sees operators, accounts and binds as they are, and any account's pages."""
    site = await open_site(world)
    app = await world.app("shop")
    await app.submit(FRENCH, b"Hello")
    visitor = await site.visitor("ada")
    assert (await visitor.get("/messages")).headers["location"] == "/admin"
    page = (await visitor.get("/admin")).text
    assert all(words in page for words in ("orange", "shop", "rival", "BOUND_TRX", "127.0.0.1"))
    assert (await visitor.post("/admin/look", account="nobody")).status == 404
    await visitor.post("/admin/look", account="shop")
    page = (await visitor.get("/messages")).text
    assert "as administrator ada" in page
    assert "+33 6 12 34 56 78" in page


async def test_administrator_is_named(world):
    """What an administrator sends or adds as an account is recorded under the administrator's name."""
    site = await open_site(world)
    visitor = await site.visitor("ada")
    await visitor.get("/admin")
    await visitor.post("/admin/look", account="shop")
    await visitor.get("/compose")
    await visitor.post("/compose/send", to=FRENCH, text="Hello")
    [sent] = world.events("test_sent")
    assert (sent["account"], sent["by"]) == ("shop", "ada")
    assert world.rows("SELECT account FROM message WHERE account <> ''") == [("shop",)]
    await visitor.post("/blacklist/add", number=FRENCH, reason="by letter")
    assert world.rows("SELECT note FROM evidence") == [("ada: by letter",)]


async def test_changed_password_ends_log_ins(world):
    """A login ends where the password in the configuration is another one now."""
    site = await open_site(world)
    visitor = await site.visitor("shop")
    change = "UPDATE login SET proof = 'of another' WHERE who IN ({rows})"
    await world.gateway.store.transact(lambda tx: tx.each(change, [("shop",)]))
    visitor.app = Site(world).app  # one that has not looked yet
    assert (await visitor.get("/settings")).status == 303


async def test_database_is_no_hold_for_guesses(world):
    """What is kept of a password at log-in cannot be told from what is kept of another: it takes the cookie."""
    site = await open_site(world)
    for name in ("shop", "shop", "rival"):
        await site.visitor(name)
    assert world.rows("SELECT count(DISTINCT proof) FROM login") == [(3,)]


async def test_store_that_fails(world):
    """While nothing can be kept a form is answered with 503 and nothing is claimed; pages can still be read."""
    world.orange.answer = lambda _pdu: None  # so that nothing leaves the spool, and makes room
    site = await open_site(world)
    visitor, answers = await site.visitor("shop"), []
    await visitor.get("/blacklist")
    with world.full():
        while not answers or answers[-1].status == 303:
            fields = {"number": f"+336{len(answers):08}", "reason": "a" * 500}
            answers.append(await visitor.post("/blacklist/add", **fields))
        assert (await visitor.get("/blacklist")).status == 200
        sent = await visitor.post("/compose/send", to=FRENCH, sender="SHOP", text="a" * 900)
    assert (answers[-1].status, answers[-1].headers["retry-after"]) == (503, "5")
    assert world.rows("SELECT count(*) FROM blacklist") == [(len(answers) - 1,)]
    assert sent.status == 503 or sent.headers["location"].startswith("/messages?done=sent")
    assert world.rows("SELECT count(*) FROM message") == [(int(sent.status == 303),)]


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


async def test_import_that_is_interrupted(world):
    """An import whose process of pages has ended is told of by the next one, until a list was taken in whole."""
    visitor = await (await open_site(world)).visitor("shop")
    other = await Site(world).visitor("shop")
    words = "The import was interrupted. What was added stays"
    assert words not in (await other.get("/blacklist/import")).text
    await visitor.get("/blacklist")
    async with world.gateway.store.quiet:
        await visitor.upload("/blacklist/import", "old.csv", b"number\n0600000000", reason="r")
        while words not in (page := (await other.get("/blacklist/import")).text):
            await trio.lowlevel.checkpoint()
        assert "old.csv" in page
        page = (await visitor.get("/blacklist/import")).text
        assert "data-running" in page
        assert re.search("<progress.*number so far|<progress.*numbers so far", page, re.DOTALL)
    while words in (await other.get("/blacklist/import")).text:
        await trio.lowlevel.checkpoint()
    assert "Done." in (await visitor.get("/blacklist/import")).text


async def test_two_imports_at_once(world):
    """Of two lists that come at the same time one is taken, and the other is told so."""
    site = await open_site(world)
    visitor, answers = await site.visitor("shop"), []
    await visitor.get("/blacklist")

    rows = b"number\n" + b"".join(b"+336%08d\n" % each for each in range(10_000))

    async def upload():
        answers.append(await visitor.upload("/blacklist/import", "list.csv", rows, reason="r"))

    async with trio.open_nursery() as nursery:
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

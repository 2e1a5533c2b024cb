"""The client area within a whole gateway: who gets in, whose pages they see, and what a form may do."""

import re
from urllib.parse import quote, urlencode

import pytest
import trio
from argon2 import PasswordHasher

from gateway.smpp.text import Alphabet
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
    visitor, answers = await site.visitor("shop"), {}
    await visitor.get("/compose")

    async def send(text):
        answers[text] = await visitor.post("/compose/send", to=FRENCH, text=text)

    async with trio.open_nursery() as nursery, world.gateway.store.quiet:  # so that one commit sees both
        for count, text in enumerate(("One", "Two"), 1):
            nursery.start_soon(send, text)
            await world.eventually(lambda count=count: len(world.gateway._submit.batch.waiting) == count)
    assert answers["One"].status == 303
    assert (answers["Two"].status, answers["Two"].headers["retry-after"]) == (429, "1")
    assert ">Two</textarea>" in answers["Two"].text


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

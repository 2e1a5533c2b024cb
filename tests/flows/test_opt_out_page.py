"""The public opt-out page: without scripts, in three languages, and with the same effect as a STOP."""

import json

import pytest
import trio
import trio.testing

from gateway.rules.number import canonical
from gateway.web.api.told import OptOutEvent
from gateway.web.opt_out import LIMITS, PATH
from gateway.web.tickets import BITS, Claim, proven
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH
from tests.web.receiver import Receiver
from tests.web.visitor import Visitor

WEB = {"listen": "127.0.0.1:0", "public_url": "http://no-sms.test"}
HEADINGS = {
    "fr": ("Ne plus recevoir de publicité par SMS", "Est-ce bien ce numéro ?", "C\u2019est fait"),
    "en": ("No more advertising by SMS", "Is this the number?", "Done"),
    "de": ("Keine Werbung mehr per SMS", "Ist das die Nummer?", "Erledigt"),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("gateway.web.opt_out._ANSWER", 0.01)


@pytest.fixture
async def visitor(world):
    """Give a visitor of the page, at a gateway that is bound to its operator."""
    await world.start(web=WEB)
    return Visitor(world.web_address)


async def opt_out(visitor, number, country="FR", **headers):
    """Fill the form in and say yes; returns the last page."""
    asked = await visitor.send(PATH, {"number": number, "country": country}, **headers)
    return await visitor.send(PATH, asked.hidden, **headers)


def blacklisted(world):
    """Return who has opted out of what, and by which way."""
    return world.rows("SELECT number, account, source FROM blacklist ORDER BY number, account")


@pytest.mark.parametrize("language", HEADINGS)
async def test_number_look_done(world, visitor, language):
    """A number in any spelling, a look at it, done: in the visitor's language, without a script."""
    first, second, third = HEADINGS[language]
    begin = await visitor.open(PATH, accept_language=language)
    assert (begin.status, begin.heading) == (200, first)
    assert "<script" not in begin.source
    asked = await visitor.send(PATH, {"number": "06.12 34-56 78", "country": "FR"}, accept_language=language)
    assert (asked.heading, asked.hidden["number"]) == (second, "+" + FRENCH)
    assert "+33 6 12 34 56 78" in asked.source
    assert blacklisted(world) == []
    done = await visitor.send(PATH, asked.hidden, accept_language=language)
    assert (done.status, done.heading) == (200, third)
    assert blacklisted(world) == [(FRENCH, "*", "web")]


async def test_same_as_a_stop(world):
    """Who sent marketing to the number is refused from then on, billed once, and told; its owner gets the SMS."""
    receiver = Receiver()
    await world.nursery.start(receiver.run)
    hook = {"url": receiver.url, "secret": "whsec_" + "c2VjcmV0" * 4, "private": True}
    await world.start(web=WEB, accounts={"shop": {"webhook": hook}})
    app = await world.app()
    await app.accepted(FRENCH)  # with the short code as its mention
    await app.accepted(GERMAN)  # with the page as its mention
    await world.orange.texts(2)
    visitor = Visitor(world.web_address)
    await opt_out(visitor, "0612345678")
    await opt_out(visitor, "01511 2345678", "DE")
    await opt_out(visitor, "+33 6 12 34 56 78", "DE")  # once more
    assert blacklisted(world) == [(FRENCH, "shop", "web"), (GERMAN, "shop", "web")]
    texts = await world.orange.texts(4)
    assert [(text.source, text.destination) for text in texts[2:]] == [("36034", FRENCH), ("36034", GERMAN)]
    events = world.rows("SELECT account, kind, credits, number, source FROM ledger ORDER BY position")
    assert events == [
        ("shop", "opt_out_confirmation", 1, FRENCH, "web"),
        ("shop", "opt_out_confirmation", 1, GERMAN, "web"),
    ]
    assert [entry["source"] for entry in world.events("billable")] == ["web", "web"]
    refused = await app.submit(GERMAN)
    assert refused.status == 0x410
    told = [json.loads(each.body) for each in await receiver.received(2)]
    assert [OptOutEvent.model_validate(each).account for each in told] == ["shop", "shop"]
    assert sorted((each["type"], each["data"]["number"], each["data"]["source"]) for each in told) == [
        ("opt_out", FRENCH, "web"),
        ("opt_out", GERMAN, "web"),
    ]


async def test_visitor_who_is_gone_before_the_commit(world):
    """Whatever ends the request meanwhile: an opt-out that is committed is confirmed at once, and billed in the log."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH)
    await world.settled()
    with world.locked():
        async with trio.open_nursery() as request:
            request.start_soon(world.gateway.backend.opt_out, canonical(FRENCH))
            await trio.testing.wait_all_tasks_blocked()
            request.cancel_scope.cancel()
    texts = await world.orange.texts(2)
    assert (texts[1].source, texts[1].destination) == ("36034", FRENCH)
    assert [entry["source"] for entry in world.events("billable")] == ["web"]


async def test_same_answer_for_strangers(world, visitor):
    """A number that nobody has sent to opts out of everything, without SMS and bill, and is shown no difference.

    What it is shown is true of both.
    """
    app = await world.app()
    await app.accepted(FRENCH)
    await world.settled()
    known, unknown = await opt_out(visitor, FRENCH), await opt_out(visitor, OTHER_FRENCH)
    assert known.source == unknown.source
    assert known.headers.keys() == unknown.headers.keys()
    assert "Whoever has sent it advertising through us may not do so any more." in known.source  # whoever has not, may
    assert blacklisted(world) == [(FRENCH, "shop", "web"), (OTHER_FRENCH, "*", "web")]
    await world.settled()
    assert [text.destination for text in await world.orange.texts(2)] == [FRENCH, FRENCH]
    assert world.rows("SELECT number FROM ledger") == [(FRENCH,)]


async def test_number_is_changed(world, visitor):
    """Whoever sees that a digit is wrong gets the form again with what was typed, and nothing has happened."""
    asked = await visitor.send(PATH, {"number": "0151 12345678", "country": "DE"})
    again = await visitor.send(PATH, {**asked.hidden, "change": "1"})
    assert (again.status, again.heading) == (200, HEADINGS["en"][0])
    assert 'value="+49 1511 2345678"' in again.source
    assert '<option value="DE" selected>' in again.source
    assert blacklisted(world) == []


async def test_what_is_no_number(world, visitor):
    """What is no number is shown again as it was typed, and nothing else; with the country that was chosen."""
    page = await visitor.send(PATH, {"number": '"><script>alert(1)</script>', "country": "DE"})
    assert page.status == 422
    assert "<script>" not in page.source
    assert 'aria-invalid="true"' in page.source
    assert '<option value="DE" selected>' in page.source
    assert blacklisted(world) == []


async def test_country_is_the_visitors(visitor):
    """The country that the browser's language names is chosen already, and countries go by the visitor's language."""
    page = await visitor.open(PATH, accept_language="fr-BE,fr;q=0.9")
    assert '<option value="BE" selected>Belgique (+32)</option>' in page.source
    page = await visitor.open(PATH + "?lang=de", accept_language="fr")
    assert '<option value="DE" selected>Deutschland (+49)</option>' in page.source


async def test_forms_of_others(world, visitor):
    """A form that another site has sent changes nothing."""
    form = {"number": FRENCH, "country": "FR", "step": "confirmed"}
    assert (await visitor.send(PATH, form, sec_fetch_site="cross-site")).status == 403
    assert blacklisted(world) == []


async def test_front_page_of_the_public_host(visitor):
    """The host that the mention names leads straight to the page."""
    assert (await visitor.open("/", host="no-sms.test", accept_language="en")).heading == HEADINGS["en"][0]


async def test_too_often_takes_longer(world, visitor, monkeypatch):
    """Who asks too often is slowed down: work or a wait lets one more number through, once, and for no other number."""
    for module in ("opt_out", "tickets"):
        monkeypatch.setattr(f"gateway.web.{module}.WAIT", 600.0)  # a wait that is not over meanwhile
    for place in range(LIMITS["household"].free):
        assert (await opt_out(visitor, f"061234560{place}")).status == 200
    slow = await opt_out(visitor, FRENCH)
    assert (slow.status, slow.headers["retry-after"]) == (429, "600")
    assert len(blacklisted(world)) == LIMITS["household"].free
    again = await visitor.send(PATH, slow.hidden)
    assert (again.status, again.hidden["ticket"]) == (429, slow.hidden["ticket"])
    ticket = slow.hidden["ticket"]
    proof = next(str(number) for number in range(1 << (BITS + 6)) if proven(Claim(ticket, str(number))))
    for_other = await visitor.send(PATH, {**slow.hidden, "number": OTHER_FRENCH, "proof": proof})
    assert for_other.status == 429
    assert (await visitor.send(PATH, {**slow.hidden, "proof": proof})).status == 200
    assert (await visitor.send(PATH, {**slow.hidden, "proof": proof})).status == 429
    assert len(blacklisted(world)) == LIMITS["household"].free + 1


async def test_limits_are_by_number_too(visitor):
    """One number cannot be asked for from everywhere; where a request comes from, a proxy of ours says."""
    pages = [await opt_out(visitor, FRENCH, x_forwarded_for=f"203.0.{place}.9") for place in range(5)]
    assert [page.status for page in pages] == [200] * LIMITS["number"].free + [429]
    assert (await opt_out(visitor, OTHER_FRENCH, x_forwarded_for="203.0.4.9")).status == 200


async def test_store_that_fails(world, visitor):
    """While nothing can be kept nobody is told that it was."""
    pages = []
    with world.full():
        while not pages or pages[-1].status == 200:
            pages.append(await opt_out(visitor, f"06{len(pages):08}", x_forwarded_for=f"203.0.{len(pages)}.9"))
    assert (pages[-1].status, pages[-1].headers["retry-after"]) == (503, "5")
    assert len(blacklisted(world)) == len(pages) - 1

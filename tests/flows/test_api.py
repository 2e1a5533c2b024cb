"""The HTTP interface of a whole gateway: the same rules and the same spool as over SMPP, and every error a problem."""

import json
from datetime import UTC, datetime

import pytest
import trio
from trio.testing import MockClock

from gateway.smpp.text import Alphabet
from gateway.store import ledger, settings
from gateway.store.ids import wire
from gateway.web.api.gate import SECONDS
from gateway.web.api.told import ReceiptEvent
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH
from tests.web.client import KEY, OTHER_KEY, Client
from tests.web.receiver import Receiver

SECRET = "whsec_" + "c2VjcmV0" * 4
AWAY = {"host": "127.0.0.1", "port": 9, "system_id": "gw", "password": "secret"}
ACCOUNTS = {"shop": {"api_key": KEY, "api_rate": None}, "bank": {"api_key": OTHER_KEY, "api_rate": None}}
WEB = {"listen": "127.0.0.1:0"}


@pytest.fixture
async def client(world):
    """Give the client of `shop`, at a gateway that is bound to its operator."""
    await world.start(web=WEB, accounts=ACCOUNTS)
    return Client(world.web_address)


def other(world, key=OTHER_KEY):
    """Give another client of the same gateway."""
    return Client(world.web_address, key)


async def test_message_is_a_submission(world, client):
    """A message handed in goes out with its mention, and can be looked up where the answer says, with its end."""
    reply = await client.send("06 12 34 56 78", "Hello", **{"from": "SHOP", "reference": 7})
    assert reply.status == 201
    assert reply.json | {"id": ""} == {
        "id": "",
        "to": FRENCH,
        "state": "enroute",
        "reason": "appended",
        "segments": 1,
    }
    assert reply.headers["location"] == f"/api/v1/messages/{reply.json['id']}"
    assert await world.orange.texts(1) == [("SHOP", FRENCH, "Hello STOP 36034", Alphabet.GSM7, 1)]
    await world.settled()
    await world.eventually(lambda: world.rows("SELECT state FROM message") == [(2,)])
    found = (await client.get(f"/messages/{reply.json['id']}")).json
    assert (found["state"], found["error"], found["from"], found["reference"]) == ("delivered", "000", "SHOP", 7)
    assert found["channel"] == "http"
    assert found["submitted_at"] <= found["done_at"]


@pytest.fixture
def clock():
    """Give a clock for the event loop that goes like any other, and can be put forward."""
    return MockClock(rate=1.0)


async def test_answer_that_takes_too_long(clock, world, client):
    """Nobody is told that nothing was accepted where it may still be: the same request under its key finds out."""
    answers = []

    async def send():
        answers.append(await client.send(FRENCH, "Hello", key="order-1"))

    async with trio.open_nursery() as nursery, world.gateway.store.quiet:
        nursery.start_soon(send)
        await world.eventually(lambda: world.gateway._submit.batch.waiting)
        clock.jump(SECONDS)
        [late] = await world.eventually(lambda: answers)
    assert (late.status, late.problem, late.headers["retry-after"]) == (504, "late", "5")
    [(kept,)] = await world.eventually(lambda: world.rows("SELECT id FROM message"))
    again = await client.send(FRENCH, "Hello", key="order-1")
    assert (again.status, again.json["id"], again.headers["idempotency-replayed"]) == (201, wire(kept), "true")
    assert len(await world.orange.texts(1)) == 1


async def test_two_keys_are_none(world, client):
    """Of two Idempotency-Keys nobody knows which one counts: nothing is accepted."""
    body = json.dumps({"to": FRENCH, "text": "Hello"}).encode()
    head = [f"Authorization: Bearer {KEY}", "Idempotency-Key: one", "Idempotency-Key: other", "Connection: close"]
    head = [*head, "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    async with await trio.open_tcp_stream(*world.web_address) as stream:
        await stream.send_all("\r\n".join(["POST /api/v1/messages HTTP/1.1", *head, "", ""]).encode() + body)
        answer = b"".join([part async for part in stream])
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"/api/v1/docs#malformed" in answer
    assert world.rows("SELECT count(*) FROM message") == [(0,)]


async def test_body_that_does_not_arrive(world, client, monkeypatch):
    """Whoever does not send what was announced is told that it was they who took long: nothing was accepted."""
    await client.get("/usage")  # whose the key is is looked up once
    monkeypatch.setattr("gateway.web.api.gate.ARRIVES", 0.1)
    head = f"POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 100\r\n\r\n{{"
    async with await trio.open_tcp_stream(*world.web_address) as stream:
        await stream.send_all(head.encode())
        answer = b"".join([part async for part in stream])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert b"/api/v1/docs#slow" in answer


async def test_long_and_foreign_texts(world, client):
    """A text of any length and script arrives whole, whatever it takes on the radio."""
    text = "Привет, мир! 👨‍👩‍👧 " * 15
    reply = await client.send(GERMAN, text)
    assert reply.json["segments"] == 6
    [arrived] = await world.orange.texts(1)
    assert (arrived.text, arrived.alphabet) == (text + "no-sms.eu", Alphabet.UCS2)


async def test_rules_are_the_same(world, client):
    """What the rules refuse is a problem of its own kind, with the status that an app would get."""
    cases = [
        ({"to": "12345"}, "invalid-number"),
        ({"to": FRENCH, "mention": False}, "mention-required"),
        ({"to": FRENCH, "text": "a" * 2_000}, "too-long"),
        ({"to": FRENCH, "text": "a" * 915}, "mention-does-not-fit"),
    ]
    for body, kind in cases:
        reply = await client.post("/messages", {"text": "Hello", **body})
        assert (reply.status, reply.problem) == (422, kind), reply.text
    await client.post("/blacklist", {"number": FRENCH, "reason": "asked on the phone"})
    reply = await client.send(FRENCH)
    assert (reply.status, reply.problem, reply.json["command_status"]) == (422, "opted-out", "0x410")
    assert world.rows("SELECT count(*) FROM message") == [(0,)]


async def test_notification_without_mention(world, client):
    """A notification account may leave the mention out, or put it in; priority and validity travel as over SMPP."""
    bank = other(world)
    assert (await bank.send(FRENCH, "Code 1234", priority=3, valid_for=60)).json["reason"] == "not_wanted"
    assert (await bank.send(OTHER_FRENCH, "Code 1234", mention=True)).json["reason"] == "appended"
    assert {text.text for text in await world.orange.texts(2)} == {"Code 1234", "Code 1234 STOP 36034"}
    await world.gateway.store.transact(lambda tx: settings.set_mention(tx, "bank", on=True))  # in the client area
    assert (await bank.send(FRENCH, "Code 5678")).json["reason"] == "appended"
    preview = (await bank.post("/preview", {"to": FRENCH, "text": "Code 5678"})).json
    assert preview["text"] == "Code 5678 STOP 36034"


async def test_scheduled(world, client):
    """A message with a time waits for it; one too far ahead is refused."""
    reply = await client.send(FRENCH, send_at="2099-01-01T00:00:00Z")
    assert reply.problem == "invalid"
    assert reply.json["errors"][0]["pointer"] == "/send_at"
    instant = world.gateway.store.clock() // 1_000 + 3_600
    when = datetime.fromtimestamp(instant, UTC).isoformat()
    assert (await client.send(FRENCH, send_at=when)).status == 201
    assert world.rows("SELECT due / 1000 FROM spool") == [(instant,)]


async def test_idempotency(world, client):
    """A request that comes again under its key is one message with one answer, also after a restart."""
    first = await client.send(FRENCH, key="order-1")
    again = await client.send(FRENCH, key="order-1")
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    different = await client.send(FRENCH, "Other", key="order-1")
    assert (different.status, different.problem) == (422, "key-reused")
    theirs = await other(world).send(FRENCH, key="order-1")
    assert theirs.status == 201
    assert theirs.json["id"] != first.json["id"]
    world.ask_to_stop()
    await world.stopped()
    await world.start_gateway({"orange": world.orange}, web=WEB, accounts=ACCOUNTS)
    later = await Client(world.web_address).send(FRENCH, key="order-1")
    assert later.json == first.json
    assert world.rows("SELECT count(*) FROM message WHERE account = 'shop'") == [(1,)]


async def test_idempotency_in_one_commit(world, client):
    """Requests under one key that come at once make one message."""
    replies = []

    async def send():
        replies.append(await client.send(FRENCH, key="order-2"))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(send)
    assert {reply.json["id"] for reply in replies} == {replies[0].json["id"]}
    assert world.rows("SELECT count(*) FROM message") == [(1,)]


async def test_refusals_are_kept_and_throttling_is_not(world):
    """Under a key a refusal stays one, whatever changes; what had no room may come again and is taken."""
    shop = {"api_key": KEY, "api_rate": None, "rate": 1}
    await world.start(web=WEB, accounts={"shop": shop})
    client = Client(world.web_address)
    await client.post("/blacklist", {"number": FRENCH, "reason": "asked"})
    assert (await client.send(FRENCH, key="a")).problem == "opted-out"
    await client.delete(f"/blacklist/{FRENCH}?reason=a+mistake")
    assert (await client.send(FRENCH, key="a")).problem == "opted-out"
    replies = []

    async def send(key):
        replies.append(await client.send(GERMAN, "a" * 400, key=key))

    async with trio.open_nursery() as nursery, world.gateway.store.quiet:  # so that one commit sees both
        for count, key in enumerate("bc", 1):
            nursery.start_soon(send, key)
            await world.eventually(lambda count=count: len(world.gateway._submit.batch.waiting) == count)
    taken, throttled = sorted(replies)
    assert taken.status == 201
    assert (throttled.status, throttled.problem) == (429, "rate-exceeded")
    assert int(throttled.headers["retry-after"]) >= 1
    assert world.rows("SELECT key FROM idempotency ORDER BY key") == [("a",), ("b",)]


async def test_store_that_fails(world, client):
    """While nothing can be kept nothing is accepted: 503, which may be tried again under its key."""
    world.orange.answer = lambda _pdu: None  # so that nothing leaves the spool, and makes room
    with world.full():
        for place in range(200):
            reply = await client.send(FRENCH, "a" * 900, key=f"k{place}")
            if reply.status != 201:
                break
    assert (reply.status, reply.problem, reply.headers["retry-after"]) == (503, "unavailable", "5")
    assert (await client.send(FRENCH, "a" * 900, key=f"k{place}")).status == 201


async def test_preview(world, client):
    """A preview is what would be sent, to the letter, and nothing is."""
    reply = await client.post("/preview", {"to": GERMAN, "text": "Bonjour 😀"})
    found = reply.json
    assert (found["text"], found["segments"], found["after"]["alphabet"]) == (
        "Bonjour 😀 no-sms.eu",
        ["Bonjour 😀 no-sms.eu"],
        "UCS2",
    )
    assert found["mention"] == {"words": "no-sms.eu", "start": 10}
    assert found["foreign"] == [{"character": "😀", "places": [8], "spelling": None}]
    assert (found["refusal"], found["territory"]) == (None, "DE")
    assert world.rows("SELECT count(*) FROM message") == [(0,)]
    await client.post("/blacklist", {"number": GERMAN, "reason": "asked"})
    refused = (await client.post("/preview", {"to": GERMAN, "text": "Hallo"})).json
    assert refused["refusal"] == {"command_status": "0x410", "reason": "opted_out"}
    assert refused["text"] == "Hallo no-sms.eu"  # without the refusal, as the description says


async def test_preview_knows_what_sending_knows(world):
    """A preview heeds what the account has switched for itself, and which operator of the route has a link."""
    world.operator = {"long_messages": "udh16"}
    routes = [{"prefixes": [""], "operators": ["away", "orange"]}]
    await world.start(web=WEB, accounts=ACCOUNTS, operators={"away": AWAY}, routes=routes)
    bank = other(world)
    draft = {"to": FRENCH, "text": "x" * 306}
    assert len((await bank.post("/preview", draft)).json["segments"]) == 3
    await world.gateway.store.transact(lambda tx: settings.set_mention(tx, "bank", on=True))
    assert (await bank.post("/preview", draft)).json["mention"]["words"] == "STOP 36034"


async def test_ledger_says_what_credits_are_for(world, client):
    """What an account was granted stands in its ledger, with the reason."""
    await world.gateway.store.transact(lambda tx: ledger.grant(tx, "shop", 500, ("invoice 118", "cli")))
    [event] = (await client.get("/ledger")).json["items"]
    assert (event["kind"], event["credits"], event["note"]) == ("grant", -500, "invoice 118")


async def test_blacklist(world, client):
    """An account lists, adds and removes opt-outs of its own marketing; each change is evidence with its reason."""
    added = await client.post("/blacklist", {"number": "06 12 34 56 78", "reason": "a letter"})
    assert (added.status, added.json["number"], added.json["source"]) == (201, FRENCH, "api")
    assert (await client.post("/blacklist", {"number": FRENCH, "reason": "again"})).status == 200
    for number in (OTHER_FRENCH, GERMAN):
        await client.post("/blacklist", {"number": number, "reason": "asked"})
    first = await client.get("/blacklist?limit=2")
    second = await client.get(f"/blacklist?limit=2&cursor={first.json['next_cursor']}")
    assert first.headers["link"] == f'</api/v1/blacklist?limit=2&cursor={first.json["next_cursor"]}>; rel="next"'
    assert "link" not in second.headers
    assert second.json["next_cursor"] is None
    numbers = [each["number"] for each in first.json["items"] + second.json["items"]]
    assert sorted(numbers) == sorted([FRENCH, OTHER_FRENCH, GERMAN])
    one = await client.get("/blacklist?number=%2B33612345678")
    assert [each["number"] for each in one.json["items"]] == [FRENCH]
    assert (await client.delete(f"/blacklist/{FRENCH}?reason=a+mistake")).status == 204
    assert (await client.delete(f"/blacklist/{FRENCH}?reason=a+mistake")).problem == "not-found"
    notes = world.rows("SELECT source, effect, note FROM evidence WHERE number = '33612345678' ORDER BY id")
    assert notes == [("api", "opted_out", "a letter"), ("api", "repeated", "again"), ("api", "lifted", "a mistake")]


async def test_accounts_see_their_own(world, client):
    """No account sees messages, opt-outs or bills of another, nor lifts what is not its own."""
    sent = (await client.send(FRENCH)).json["id"]
    await client.post("/blacklist", {"number": GERMAN, "reason": "asked"})
    bank = other(world)
    assert (await bank.get(f"/messages/{sent}")).problem == "not-found"
    assert (await bank.get("/blacklist")).json["items"] == []
    assert (await bank.delete(f"/blacklist/{GERMAN}?reason=mine")).problem == "not-found"
    assert (await client.get("/blacklist")).json["items"] != []


async def test_stop_is_billed_and_seen(world, client):
    """A STOP shows in the blacklist and the ledger of who sent, is summed up, and cannot be lifted for everybody."""
    await client.send(FRENCH)
    await world.orange.texts(1)
    await world.orange.deliver(FRENCH, b"STOP")
    events = (await client.get("/ledger")).json["items"]
    assert [(each["kind"], each["credits"], each["number"], each["source"]) for each in events] == [
        ("opt_out_confirmation", 1, FRENCH, "sms")
    ]
    usage = (await client.get("/usage")).json
    assert [(each["month"], each["events"], each["credits"]) for each in usage["months"]] == [
        (events[0]["time"][:7], 1, 1)
    ]
    assert (await client.get("/usage?until=2020-01-01T00:00:00Z")).json["months"] == []
    await world.orange.deliver(GERMAN, b"STOP")  # from nobody knows whom: of everybody
    scopes = {each["number"]: each["scope"] for each in (await client.get("/blacklist")).json["items"]}
    assert scopes == {FRENCH: "account", GERMAN: "everybody"}
    assert (await client.delete(f"/blacklist/{GERMAN}?reason=mine")).problem == "not-yours"
    assert (await client.send(GERMAN)).problem == "opted-out"


async def test_nul_is_a_character(world, client):
    """A text, a reason and a search with the character NUL in them are no trouble to either database."""
    assert (await client.send(FRENCH, "a\0b")).status == 201
    await world.orange.texts(1)
    assert (await client.post("/blacklist", {"number": FRENCH, "reason": "a\0b"})).status == 201
    assert (await client.delete(f"/blacklist/{FRENCH}?reason=a%00b")).status == 204
    assert (await client.get("/blacklist?number=%00")).status in {200, 422}
    assert (await client.get("/messages/%00")).status == 404


async def test_texts_are_decided(world, client):
    """An account reads the texts because of which its marketing waits, and decides about them, and no others."""
    for number in (FRENCH, OTHER_FRENCH):
        await client.send(number)
    await world.orange.texts(2)
    for number in (FRENCH, OTHER_FRENCH, GERMAN):
        await world.orange.deliver(number, b"stop ou encore ?")
    cases = {each["number"]: each for each in (await client.get("/reviews")).json["items"]}
    first = (await client.get("/reviews?limit=2")).json
    second = await client.get(f"/reviews?limit=2&cursor={first['next_cursor']}")
    assert [each["number"] for each in first["items"] + second.json["items"]] == list(cases)
    assert second.json["next_cursor"] is None
    assert (cases[FRENCH]["text"], cases[FRENCH]["scope"]) == ("stop ou encore ?", "account")
    assert (cases[GERMAN]["text"], cases[GERMAN]["scope"]) == ("", "everybody")  # it was not written to the account
    assert (await client.send(FRENCH)).status == 201  # waits

    async def decide(number, *, opt_out):
        body = {"short_code": "36034", "opt_out": opt_out, "reason": "read it"}
        return await client.post(f"/reviews/{number}/decision", body)

    assert (await decide(FRENCH, opt_out=False)).status == 204
    assert (await decide(OTHER_FRENCH, opt_out=True)).status == 204
    assert (await decide(OTHER_FRENCH, opt_out=True)).problem == "not-found"
    assert (await decide(GERMAN, opt_out=True)).problem == "not-yours"
    texts = await world.orange.texts(4)  # what had waited, and the confirmation
    assert {(text.source, text.destination) for text in texts[2:]} == {("", FRENCH), ("36034", OTHER_FRENCH)}
    assert (await client.send(OTHER_FRENCH)).problem == "opted-out"


async def test_webhook_tells_of_receipts(world):
    """The end of a message that came over HTTP is posted to the account's webhook, and is in no app's lane."""
    receiver = Receiver()
    await world.nursery.start(receiver.run)
    hook = {"url": receiver.url, "secret": SECRET, "private": True}
    await world.start(web=WEB, accounts={"shop": {**ACCOUNTS["shop"], "webhook": hook}})
    sent = (await Client(world.web_address).send(FRENCH, reference=9)).json["id"]
    [posted] = await receiver.received(1)
    event = json.loads(posted.body)
    assert ReceiptEvent.model_validate(event).account == "shop"
    assert event["data"]["message_id"] == sent
    assert (event["data"]["state"], event["data"]["reference"]) == ("delivered", 9)
    await world.settled()


WRONG = (
    (("GET", "/nothing", None, {}), (404, "not-found")),
    (("GET", "/messages/12", None, {}), (404, "not-found")),
    (("GET", "/messages", None, {}), (405, "method-not-allowed")),
    (("PUT", "/blacklist", b"{}", {}), (405, "method-not-allowed")),
    (("POST", "/messages", b"{", {}), (400, "malformed")),
    (("POST", "/messages", b"\xff\xfe", {}), (400, "malformed")),
    (("POST", "/messages", b"{}", {"content_type": "text/plain"}), (415, "unsupported-media-type")),
    (("POST", "/messages", b"{}", {"content_encoding": "gzip"}), (415, "unsupported-media-type")),
    (("POST", "/messages", b"[1]", {}), (422, "invalid")),
    (("POST", "/messages", b" " * 70_000, {}), (413, "too-large")),
    (("POST", "/messages", {"to": FRENCH, "text": "a", "colour": "red"}, {}), (422, "invalid")),
    (("POST", "/messages", {"to": FRENCH, "text": "\ud800"}, {}), (422, "invalid")),
    (("POST", "/messages", {"to": FRENCH, "text": "a", "priority": "1"}, {}), (422, "invalid")),
    (("POST", "/messages", {"to": FRENCH, "text": "a"}, {"idempotency_key": "a b"}), (422, "invalid")),
    (("GET", "/ledger?cursor=bm9uc2Vuc2U", None, {}), (422, "invalid")),
    (("GET", "/blacklist?cursor=bm9uc2Vuc2U", None, {}), (422, "invalid")),
    (("GET", "/reviews?cursor=bm9uc2Vuc2U", None, {}), (422, "invalid")),
    (("GET", "/blacklist?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5LjEuc2hvcA", None, {}), (422, "invalid")),
    (("GET", "/blacklist?limit=1000", None, {}), (422, "invalid")),
    (("DELETE", f"/blacklist/{FRENCH}", None, {}), (422, "invalid")),
    (("GET", "/ledger", None, {"authorization": "Bearer wrong"}), (401, "unauthorized")),
    (("GET", "/nothing", None, {"authorization": ""}), (401, "unauthorized")),
    (("GET", "/ledger", None, {"authorization": f"Basic {KEY}"}), (401, "unauthorized")),
)


async def test_every_error_is_a_problem(client):
    """Whatever is wrong with a request is told in a problem document, with the status and the headers it belongs to."""
    for (method, path, body, headers), expected in WRONG:
        reply = await client.ask(method, path, body, **headers)
        assert (reply.status, reply.problem) == expected, (method, path, body, reply.text)
        assert reply.json["title"]
        assert reply.json["detail"]
        assert ("www-authenticate" in reply.headers) == (reply.status == 401)
        if (method, path) == ("PUT", "/blacklist"):
            assert reply.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        (b'{"to": "+33612345678", }', None, "the body is no JSON from character 23 on: "),
        ({"to": FRENCH, "text": "a", "send_at": "soon"}, "/send_at", "is no instant of RFC 3339"),
        ({"to": "+336123", "text": "a"}, "/to", "too short for its country"),
        ({"to": "Léa", "text": "a"}, "/to", "has more in it than digits, spaces and + ( ) . / -"),
        ({"to": FRENCH, "text": "a", "from": "Café"}, "/from", "is neither a number of up to 20 digits nor up to 11"),
    ],
)
async def test_words_for_what_is_wrong(client, body, pointer, words):
    """What is wrong with a request is told in words that its author understands, with the place where it is."""
    reply = await client.post("/messages", body)
    assert reply.json["detail"].removeprefix(f"{pointer}: ").startswith(words)
    assert [each["pointer"] for each in reply.json.get("errors", ())] == ([pointer] if pointer else [])


@pytest.mark.parametrize("path", ["/blacklist/", "/messages/0cab20f57fc00000/", "/usage/"])
async def test_host_of_the_client_leads_nowhere(client, path):
    """A path with a slash too many is not there: nothing leads a key to the host that a request names, or to http."""
    reply = await client.ask("GET", path, None, host="evil.example")
    assert (reply.status, reply.problem) == (404, "not-found")
    assert "location" not in reply.headers


async def test_head(client):
    """What can be read can be asked for without its body, too (RFC 9110, 9.3.2)."""
    reply, read = await client.ask("HEAD", "/usage"), await client.get("/usage")
    assert (reply.status, reply.text) == (200, "")
    assert reply.headers["content-length"] == read.headers["content-length"]


async def test_rate_of_requests(world):
    """Over its rate of requests an account is told to wait, and every answer says how much is left."""
    await world.start(web=WEB, accounts={"shop": {"api_key": KEY, "api_rate": 3}})
    client = Client(world.web_address)
    replies = [await client.get("/usage")]
    assert replies[0].headers["ratelimit-policy"] == '"requests";q=3;w=1'
    assert replies[0].headers["ratelimit"] == '"requests";r=2;t=0'

    async def ask():
        while all(reply.status == 200 for reply in replies):
            replies.append(await client.get("/usage"))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    refused = next(reply for reply in replies if reply.status != 200)
    assert (refused.status, refused.problem, refused.headers["retry-after"]) == (429, "too-many-requests", "1")


async def test_smpp_receipts_stay_with_smpp(world, client):
    """A message that came over SMPP is receipted there, and the interface shows it as well."""
    app = await world.app()
    identifier = await app.accepted(FRENCH)
    [receipt] = await app.receipts(1)
    assert receipt.message_id == identifier
    shown = (await client.get(f"/messages/{identifier}")).json
    assert (shown["channel"], shown["state"]) == ("smpp", "delivered")


async def test_suspended_account(world, client):
    """An account that is suspended is told so with 403, and nothing is accepted from it."""
    await world.gateway._operate.actions["suspend_account"]("shop")
    answer = await client.send(FRENCH)
    assert (answer.status, answer.json["type"]) == (403, "/api/v1/docs#suspended")
    assert world.rows("SELECT count(*) FROM message") == [(0,)]

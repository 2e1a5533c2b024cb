"""Webhooks: every event is posted, signed, until it is taken, in order for each number; nobody waits for another."""

import json
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
import trio
from pydantic import ValidationError
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from gateway.config.hooks import Webhook
from gateway.membership import BEAT
from gateway.observe.metrics import Metrics
from gateway.outbox import Outbox, Pauses
from gateway.poster import Answer, Poster, PostError, is_public
from gateway.rules.signature import sign
from gateway.store import outbox, spool
from gateway.store.spool import Spooled
from tests.certificates import Authority
from tests.flows.peers import PATIENCE
from tests.store.helpers import DATABASES, HOUR
from tests.web.receiver import Receiver

SECRET, OLD_SECRET = "whsec_" + "c2VjcmV0" * 4, "whsec_" + "b2xkLWtleS0" * 4 + "AAAA"
NUMBER, OTHER = "33612345678", "33712345678"
SHORT = Pauses((0.01, 0.02), (0.01, 0.02))


@pytest.fixture(params=DATABASES)
async def store(request):
    """Give a store that serves rounds, of each engine, and renews its lease."""
    with DATABASES[request.param](request) as database:
        async with database.serving() as store, trio.open_nursery() as looks:
            await store.join()
            looks.start_soon(renew, store)
            yield store
            looks.cancel_scope.cancel()
        database.close()


async def renew(store):
    """Do what a node's looks do: rounds renew its lease, and without one nothing is posted."""
    while True:
        await trio.sleep(BEAT)
        await store.transact(lambda _tx: None)


@pytest.fixture
async def receiver(nursery):
    """Give a receiver that takes everything."""
    receiver = Receiver()
    await nursery.start(receiver.run)
    return receiver


def hook(receiver, **settings):
    """Configure a webhook on a receiver."""
    return Webhook(url=receiver.url, **{"secret": SECRET, "private": True, **settings})


async def put(store, *numbers, account="shop"):
    """Put events about these numbers into the lane of an account, numbered from 0."""
    lane = outbox.webhook_lane(account)

    def work(tx):
        bodies = [json.dumps({"number": number, "place": place}).encode() for place, number in enumerate(numbers)]
        rows = [
            Spooled(tx.new_id(), lane, 0, number, outbox.EVENT, body, 0, tx.now + HOUR)
            for number, body in zip(numbers, bodies, strict=True)
        ]
        spool.add(tx, rows)

    await store.transact(work)


async def settled(store):
    """Wait until no event is left."""
    with trio.fail_after(PATIENCE):
        while await store.transact(spool.lengths):
            pass


def start(nursery, store, hook, account="shop"):
    """Run an outbox."""
    box = Outbox(account, hook, store, Metrics([account], []), SHORT)
    nursery.start_soon(box.run)
    return box


def places(posted, number=NUMBER):
    """Return the places of the events about a number, in the order in which they were posted."""
    events = [json.loads(each.body) for each in posted]
    return [event["place"] for event in events if event["number"] == number]


async def test_signed_as_others_expect(store, receiver, nursery):
    """A receiver that knows the secret, or the one before, can tell with a library of others that an event is ours."""
    await put(store, NUMBER)
    start(nursery, store, hook(receiver, previous_secret=OLD_SECRET))
    [posted] = await receiver.received(1)
    for secret in (SECRET, OLD_SECRET):
        assert Verifier(secret).verify(posted.body, posted.headers) == {"number": NUMBER, "place": 0}
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "AAAA" * 8).verify(posted.body, posted.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(posted.body + b" ", posted.headers)
    await settled(store)


async def test_again_until_taken(store, receiver, nursery):
    """An event that is not taken is posted again under the same id, and its number's next one after it."""
    answers = iter([500, 404, (429, {"retry-after": "0"}), 302])
    receiver.answer = lambda _posted: next(answers, 200)
    await put(store, NUMBER, NUMBER)
    start(nursery, store, hook(receiver))
    posted = await receiver.received(6)
    assert places(posted) == [0, 0, 0, 0, 0, 1]
    assert len({each.headers["webhook-id"] for each in posted[:5]}) == 1
    await settled(store)


async def test_redirection_is_not_followed(store, receiver, nursery):
    """A server that sends its events on to another place has not taken them, and nothing is posted to that place."""
    inner = Receiver()
    await nursery.start(inner.run)
    answers = iter([(307, {"location": inner.url}), (308, {"location": inner.url})])
    receiver.answer = lambda _posted: next(answers, 200)
    await put(store, NUMBER)
    start(nursery, store, hook(receiver))
    await receiver.received(3)
    await settled(store)
    assert inner.posted == []


async def test_number_that_is_refused_holds_up_no_other(store, receiver, nursery):
    """While one number's event is refused again and again, those of others are taken, each number's in order."""
    receiver.answer = lambda posted: 400 if places([posted]) else 200
    await put(store, NUMBER, *[OTHER] * 5, NUMBER)
    start(nursery, store, hook(receiver, at_once=2))
    await receiver.received(8)
    with trio.fail_after(PATIENCE):
        while len(places(receiver.posted, OTHER)) < 5:
            await receiver.received(len(receiver.posted) + 1)
    assert places(receiver.posted, OTHER) == [1, 2, 3, 4, 5]
    receiver.answer = lambda _posted: 200
    await settled(store)
    assert [each for each in places(receiver.posted) if each] == [6]


async def test_dead_webhook_holds_up_no_other(store, receiver, nursery):
    """An account whose server never answers delays nobody else's events."""
    stuck = Receiver()
    stuck.answer = lambda _posted: trio.Event()
    await nursery.start(stuck.run)
    await put(store, NUMBER)
    await put(store, *[NUMBER] * 5, account="bank")
    start(nursery, store, hook(stuck))
    await stuck.received(1)
    start(nursery, store, hook(receiver), "bank")
    assert places(await receiver.received(5)) == [0, 1, 2, 3, 4]


async def test_one_attempt_at_a_time_while_it_fails(store, receiver, nursery):
    """A server that fails is tried with one event at a time, and gets them all once it works."""
    works = trio.Event()
    receiver.answer = lambda _posted: 503 if len(receiver.posted) <= 4 else works
    numbers = [f"3361234{place:04}" for place in range(30)]
    await put(store, *numbers)
    start(nursery, store, hook(receiver, at_once=4))
    await receiver.received(5)
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert len(receiver.posted) == 5
    works.set()
    await settled(store)
    assert {json.loads(each.body)["number"] for each in receiver.posted} == set(numbers)


async def test_what_was_under_way_is_not_lost(store, receiver, nursery):
    """An event that was on its way when the process died is posted again, by the next one."""
    receiver.answer = lambda _posted: trio.Event()
    await put(store, NUMBER)
    with trio.CancelScope() as first:
        async with trio.open_nursery() as dying:
            start(dying, store, hook(receiver))
            await receiver.received(1)
            first.cancel()
    receiver.answer = lambda _posted: 200
    await store.join()  # gives back what the one before held
    start(nursery, store, hook(receiver))
    one, again = await receiver.received(2)
    assert one.headers["webhook-id"] == again.headers["webhook-id"]
    await settled(store)


async def test_two_nodes_share_a_webhook(request, receiver, nursery):
    """Two nodes of one database post each event once, and those of one number in order, whoever posts which."""
    with DATABASES["postgresql"](request) as database:
        async with database.serving("gw1") as one, database.serving("gw2") as other:
            for store in (one, other):
                await store.join()
            numbers = [NUMBER, OTHER, "33612340000"] * 20
            await put(one, *numbers)
            async with trio.open_nursery() as nodes:
                for store in (one, other):
                    start(nodes, store, hook(receiver, at_once=3))
                await settled(one)
                nodes.cancel_scope.cancel()
        database.close()
    assert len(receiver.posted) == len(numbers)
    for number in set(numbers):
        assert places(receiver.posted, number) == [place for place, each in enumerate(numbers) if each == number]


async def test_drain_waits_for_what_is_under_way(store, receiver, nursery):
    """On the way down nothing new is posted, and what is being answered is settled."""
    answered = trio.Event()
    receiver.answer = lambda _posted: answered
    await put(store, NUMBER, NUMBER)
    box = start(nursery, store, hook(receiver))
    await receiver.received(1)
    async with trio.open_nursery() as leaving:
        leaving.start_soon(box.drain, PATIENCE)
        await trio.testing.wait_all_tasks_blocked(0.01)
        answered.set()
    assert places(receiver.posted) == [0]
    assert dict(await store.transact(spool.lengths)) == {"webhook/shop": 1}


def test_signature_of_the_specification():
    """The signature is that of the example in the specification of Standard Webhooks."""
    headers = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),  # where clouds keep credentials
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:a00:1::1", False),  # 6to4 around 10.0.0.1
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),  # NAT64 in front of 10.0.0.1
        ("64:ff9b::5db8:d70e", True),
        ("::7f00:1", False),  # 127.0.0.1, as it was written once
        ("::ffff:0:127.0.0.1", False),
        ("fec0::1", False),
    ],
)
def test_public_addresses(address, public):
    """An address of our own networks is told from one of the internet, however it is wrapped."""
    assert ip_address(address.partition("%")[0])
    assert is_public(address) is public


async def test_private_addresses_are_refused(receiver):
    """Without `private` nothing is posted to an address that is not public, by whatever name."""
    for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
        poster = Poster(url, 1)
        with pytest.raises(PostError, match="no public address"):
            await poster.post({}, b"{}", PATIENCE)
        await poster.aclose()
    assert receiver.posted == []


@pytest.mark.parametrize(
    "url",
    [
        "https://shop..example/",
        f"https://{'a' * 64}.example/",
        "https://shop.example:99999/",
        "https://shop.example:0/",
        "https://shop.example:sms/",
        "https://[::1/",
        "https://[1:2:3]/",
        "https://été.example/",
        "https://shop.example/été",
        "https://name@shop.example/",
        "https://shop.example/#there",
        "https://" + "a." * 127 + "example/",
    ],
)
def test_webhook_that_cannot_be_posted_to(url):
    """An address that nothing can be posted to is refused with the configuration, not found out by the first event."""
    with pytest.raises(ValidationError, match="url"):
        Webhook(url=url, secret=SECRET)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example.:8443?a=b",
        "https://[2001:db8::1]:443/sms/%C3%A9?x=1&y",
        "https://xn--t-9fab.example/_(~)",
        "https://203.0.113.9/",
    ],
)
async def test_webhook_that_can_be_posted_to(url, monkeypatch):
    """An address that the configuration takes leads to an attempt, whose end is an answer or a reason."""
    monkeypatch.setattr(trio.socket, "getaddrinfo", _nowhere)
    poster = Poster(Webhook(url=url, secret=SECRET).url, 1)
    with pytest.raises(PostError, match="no public address"):
        await poster.post({}, b"{}", PATIENCE)
    await poster.aclose()


async def _nowhere(*_args, **_named):
    return [(None, None, None, "", ("127.0.0.1", 443))]


@contextmanager
def tls_server(folder, *hosts):
    """Offer the context of a server with a certificate for ``hosts``, and the file of who issued it."""
    authority = Authority(folder)
    yield authority.server(authority.issue("server", *hosts)), authority.file


async def serve_tls(context, task_status):
    """Answer every request over TLS with 204."""

    async def answer(stream):
        try:
            await stream.receive_some(65_536)
            await stream.send_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await stream.aclose()
        except trio.BrokenResourceError:  # the client did not like the certificate
            await trio.aclose_forcefully(stream)

    await trio.serve_ssl_over_tcp(answer, 0, context, host="127.0.0.1", task_status=task_status)


async def test_certificates_are_checked(tmp_path, nursery):
    """A server is posted to over TLS only where its certificate is for its name, from who is trusted."""
    with tls_server(tmp_path, "localhost") as (context, trusted):
        [listener] = await nursery.start(serve_tls, context)
        port = listener.transport_listener.socket.getsockname()[1]
        good = Poster(f"https://localhost:{port}/", 1, trusted, private=True)
        assert await good.post({"content-type": "application/json"}, b"{}", PATIENCE) == Answer(204)
        for url, ca in ((f"https://localhost:{port}/", None), (f"https://127.0.0.1:{port}/", trusted)):
            bad = Poster(url, 1, ca, private=True)
            with pytest.raises(PostError, match=r"(?i)certificate"):
                await bad.post({}, b"{}", PATIENCE)
            await bad.aclose()
        await good.aclose()


async def test_attempts_are_bounded(receiver):
    """A server that does not answer, or is not there, is given up on, with a reason."""
    receiver.answer = lambda _posted: trio.Event()
    poster = Poster(receiver.url, 1, private=True)
    with pytest.raises(PostError, match="no answer within"):
        await poster.post({}, b"{}", 0.05)
    await poster.aclose()
    nowhere = Poster("http://127.0.0.1:1/", 1, private=True)
    with pytest.raises(PostError, match="connect"):
        await nowhere.post({}, b"{}", PATIENCE)
    await nowhere.aclose()

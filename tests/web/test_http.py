"""The HTTP server holds, whatever a client sends; the private pages say what they should."""

import contextlib
import json
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
import trio
import trio.testing
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.config.smpp import Certificate
from gateway.tls import server_context
from gateway.web.bounds import Bounded, Limits
from gateway.web.http import _MOMENT, Server, open_web
from gateway.web.private import private_app
from tests.certificates import Authority
from tests.flows.peers import PATIENCE

UPGRADE = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
WEBSOCKET = b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"


async def echo(request):
    """Answer with the length of the body."""
    return PlainTextResponse(str(len(await request.body())))


async def fail(request):
    """Fail as an application with a defect does."""
    raise LookupError(request.url.path)


async def stall(request):
    """Never answer."""
    await trio.sleep_forever()


@asynccontextmanager
async def serving(app, **limits):
    """Serve `app` on a free port and return a way to send octets and read all that comes back."""
    async with trio.open_nursery() as nursery:
        server = Server(app, Limits(**limits))
        bound = await opened(nursery, server)

        async def exchange(*octets):
            stream = await trio.open_tcp_stream(*bound)
            async with stream:
                return await _talk(stream, octets)

        exchange.bound, exchange.server = bound, server
        yield exchange
        nursery.cancel_scope.cancel()


async def opened(nursery, server):
    """Let a server serve on a free port; returns where."""
    [port] = await open_web("web.listen", ("127.0.0.1", 0))
    await nursery.start(server.run, [port])
    return port.socket.getsockname()


async def _talk(stream, octets):
    answer = b""
    try:
        for part in octets:
            await stream.send_all(part)
        async for part in stream:
            answer += part
    except trio.BrokenResourceError:  # the server may hang up in the middle of rubbish
        return answer
    return answer


def get(path):
    """Octets of a request that asks for the connection to be closed."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def parts(answer):
    """Split an answer into status and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.fixture
def app():
    """Pages for trying things out."""
    routes = [Route("/echo", echo, methods=["POST"]), Route("/fail", fail), Route("/stall", stall)]
    return Starlette(routes=[*routes, *private_app(lambda: b"x 1\n", dict).routes])


async def served(exchange):
    """Ask until a page is there: where a moment is too long, a busy machine may be too slow for it."""
    with trio.fail_after(PATIENCE):
        while not (await exchange(get("/healthz"))).startswith(b"HTTP/1.1 200"):
            await trio.lowlevel.checkpoint()


async def test_metrics_page():
    """`/metrics` is the rendered text with the type that Prometheus expects."""
    async with serving(private_app(lambda: b"stopgate_x 1.0\n", dict)) as exchange:
        answer = await exchange(get("/metrics"))
    assert parts(answer) == (200, b"stopgate_x 1.0\n")
    assert b"content-type: text/plain; version=0.0.4" in answer


async def test_health_page(app):
    """`/healthz` answers as long as the process lives."""
    async with serving(app) as exchange:
        assert parts(await exchange(get("/healthz"))) == (200, b"alive\n")


async def test_ready_page_follows():
    """`/readyz` says which part is not ready and why, until nothing is missing."""
    missing = {"store": "migrating"}
    async with serving(private_app(bytes, lambda: missing)) as exchange:
        status, body = parts(await exchange(get("/readyz")))
        assert (status, json.loads(body)) == (503, {"store": "migrating"})
        missing.clear()
        assert parts(await exchange(get("/readyz"))) == (200, b"{}")


async def test_no_such_page(app):
    """Any other path is 404."""
    async with serving(app) as exchange:
        assert parts(await exchange(get("/nothing")))[0] == 404


RUBBISH = {
    "upgrade and one octet": UPGRADE + b"x",
    "upgrade and frames": UPGRADE.replace(b"\r\n\r\n", WEBSOCKET) + b"x",
    "upgrade and silence": UPGRADE.replace(b"\r\n\r\n", WEBSOCKET),
    "h2c": UPGRADE.replace(b"websocket", b"h2c") + b"rubbish",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "smpp": b"\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x01",
    "empty lines": b"\r\n" * 50,
    "no such version": b"GET / HTTP/9.9\r\n\r\n",
    "path beyond ascii": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "negative length": b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "bad chunk": b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "body that nobody reads": b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b"a" * 300,
    "endless head": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000,
    "silence": b"",
}


@pytest.mark.parametrize("octets", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_ends_its_connection_only(app, octets, caplog):
    """Whatever octets arrive, that connection ends and the next one is served; no traceback is logged."""
    async with serving(app, idle_seconds=0.05, request_seconds=0.05) as exchange:
        await exchange(octets)
        await served(exchange)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def test_slow_head_is_cut_off(app):
    """A client that does not finish its head is disconnected, others are served meanwhile."""
    async with serving(app, idle_seconds=0.05) as exchange:
        stream = await trio.open_tcp_stream(*exchange.bound)
        async with stream:
            await stream.send_all(b"GET /healthz HTT")
            await served(exchange)
            assert await stream.receive_some() == b""


@pytest.mark.parametrize(
    "request_octets", [get("/stall"), b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"]
)
async def test_slow_request_is_answered_for(app, request_octets):
    """A request that takes too long, on either side, is answered 503."""
    async with serving(app, request_seconds=0.05) as exchange:
        assert parts(await exchange(request_octets)) == (503, b"took too long\n")


async def test_when_to_come_again(app):
    """An answer that there was no time for says when to try again (RFC 9110, 15.6.4)."""
    async with serving(app, request_seconds=0.05) as exchange:
        assert b"\r\nretry-after: 5\r\n" in await exchange(get("/stall"))


async def test_two_lengths_are_none(app):
    """A body with a length and chunks, which others may read otherwise, ends its connection (RFC 9112, 6.1)."""
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app) as exchange:
        assert parts(await exchange(head + b"0\r\n\r\n"))[0] == 400
        assert b"alive" not in await exchange(head + b"0\r\n\r\n" + get("/healthz"))  # what comes behind is nobody's


async def test_client_that_does_not_read_holds_up_nothing():
    """A client that never reads a long answer is cut off, and the server can still be stopped."""
    app = private_app(lambda: b"x" * 50_000_000, dict)
    async with serving(app, send_seconds=0.05) as exchange:
        stream = await trio.open_tcp_stream(*exchange.bound)
        async with stream:
            await stream.send_all(get("/metrics"))
            await served(exchange)
    assert exchange.bound[1]


@pytest.mark.parametrize(("length", "status"), [(100, 200), (101, 413)])
async def test_body_limit(app, length, status):
    """A body up to the limit is taken, one octet more is 413."""
    body = b"a" * length
    chunked = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app, body=100) as exchange:
        answer = await exchange(chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (length, body))
        assert parts(answer)[0] == status


async def test_defect_is_500(app):
    """An application's error is a 500 and no more."""
    async with serving(app) as exchange:
        assert parts(await exchange(get("/fail")))[0] == 500
        assert parts(await exchange(get("/healthz")))[0] == 200


async def test_too_many_connections_are_refused(app):
    """Above the limit a connection is closed at once; a place that is given up is free again."""
    async with serving(app, connections=1, idle_seconds=60) as exchange:
        first = await trio.open_tcp_stream(*exchange.bound)
        async with first:
            await first.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await _read_to(first, b"alive\n")
            assert await exchange() == b""
        await served(exchange)


@pytest.mark.parametrize(("proxies", "answer"), [((), b""), ((ip_network("127.0.0.0/8"),), b"HTTP/1.1 200")])
async def test_one_household_does_not_take_all_places(app, proxies, answer):
    """One address has some of the connections and no more, so that others find a place; a proxy may have all."""
    async with serving(app, connections=10, each=1, proxies=proxies, idle_seconds=60) as exchange:
        async with await trio.open_tcp_stream(*exchange.bound) as first:
            await first.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await _read_to(first, b"alive\n")
            assert (await exchange(get("/healthz")))[:12] == answer
        await served(exchange)


async def _read_to(stream, end):
    answer = b""
    while not answer.endswith(end):
        part = await stream.receive_some()
        assert part, answer
        answer += part
    return answer


async def test_pings_keep_no_place(app):
    """A connection of HTTP/2 on which there are pings and no requests is closed, however often its client pings."""
    begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    ping = bytes((0, 0, 8, 6, 0, 0, 0, 0, 0)) + b"are you?"
    async with serving(app, idle_seconds=0.1, send_seconds=0.1) as exchange:
        with trio.fail_after(PATIENCE):
            async with await trio.open_tcp_stream(*exchange.bound) as stream:
                await stream.send_all(begin)
                with contextlib.suppress(trio.BrokenResourceError):
                    while await stream.receive_some():
                        await stream.send_all(ping)
        await served(exchange)


async def test_taken_port_is_told(app):
    """An address that is in use is an OSError to whoever starts the server, with the setting and the address."""
    async with serving(app) as exchange:
        taken = "metrics.listen: cannot listen on {}:{}: Address already in use".format(*exchange.bound)
        with pytest.raises(OSError, match=taken):
            await open_web("metrics.listen", exchange.bound)


async def test_unread_body_and_hang_up(app, caplog):
    """A client that hangs up while its refused request is answered leaves no traceback, however often it does."""
    request = b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc"
    async with serving(app) as exchange:
        for _ in range(60):
            stream = await trio.open_tcp_stream(*exchange.bound)
            await stream.send_all(request)
            await stream.receive_some(300)
            await stream.aclose()
        assert parts(await exchange(get("/healthz")))[0] == 200
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def test_drain_lets_answers_end():
    """On the way down the answer that is being made is sent whole, an idle connection ends, and the server returns."""
    asked, answering = trio.Event(), trio.Event()

    async def slow(request):
        asked.set()
        await answering.wait()
        return PlainTextResponse("whole")

    app = Starlette(routes=[Route("/slow", slow), *private_app(bytes, dict).routes])
    async with trio.open_nursery() as nursery:
        server = Server(app)
        bound = await opened(nursery, server)
        busy, idle = await trio.open_tcp_stream(*bound), await trio.open_tcp_stream(*bound)
        async with busy, idle:
            await idle.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await _read_to(idle, b"alive\n")
            await busy.send_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await asked.wait()
            nursery.start_soon(server.drain, 60)
            assert await idle.receive_some() == b""
            answering.set()
            assert (await _read_all(busy)).endswith(b"whole")


async def test_drain_answers_who_has_just_come_in(app, mock_clock):
    """On the way down whoever has come in and not asked yet is answered; who asks nothing is not waited for."""
    mock_clock.rate = 1.0
    async with trio.open_nursery() as nursery:
        server = Server(app)
        bound = await opened(nursery, server)
        async with await trio.open_tcp_stream(*bound) as asks, await trio.open_tcp_stream(*bound) as silent:
            while len(server._open) < 2:
                await trio.lowlevel.checkpoint()
            mock_clock.rate = 0.0  # so that the moment is over when the one who asks has been answered
            nursery.start_soon(server.drain, 60)
            await trio.testing.wait_all_tasks_blocked()
            await asks.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await _read_to(asks, b"alive\n")
            mock_clock.jump(_MOMENT)
            assert await silent.receive_some() == b""
    assert parts(answer) == (200, b"alive\n")


async def _read_all(stream):
    return b"".join([part async for part in stream])


async def test_tls(app, tmp_path):
    """With a certificate the server speaks TLS; who does not is hung up on, and others are served."""
    authority = Authority(tmp_path)
    certificate = Certificate(**dict(zip(("certificate", "key"), authority.issue("web", "localhost"), strict=True)))
    async with trio.open_nursery() as nursery:
        bound = await opened(nursery, Server(app, certified=server_context(certificate)))
        plain = await trio.open_tcp_stream(*bound)
        async with plain:
            await plain.send_all(get("/healthz"))
            with contextlib.suppress(trio.BrokenResourceError):
                assert b"alive" not in await _read_all(plain)
        socket, names = await trio.open_tcp_stream(*bound), {"server_hostname": "localhost"}
        async with trio.SSLStream(socket, authority.client(), https_compatible=True, **names) as stream:
            await stream.send_all(get("/healthz"))
            assert (await _read_all(stream)).endswith(b"alive\n")
        nursery.cancel_scope.cancel()


async def test_long_answer_has_time(autojump_clock):
    """An answer may take longer than a request, as long as it goes on; one that stands still is cut off."""

    async def slow(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for pause in (0.8, 0.8, 0.8, 1.2, 0.8):
            await trio.sleep(pause)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    sent = []

    async def send(message):
        sent.append(message["type"])

    await Bounded(slow, Limits(request_seconds=1))({"type": "http", "path": "/", "headers": []}, None, send)
    assert sent == ["http.response.start", *["http.response.body"] * 3]


@pytest.mark.parametrize(
    ("path", "length", "status"), [("/echo", 101, 413), ("/list", 101, 200), ("/list", 1_001, 413)]
)
async def test_upload_limit(length, path, status):
    """Only where lists are uploaded a body may be as long as a list."""
    app = Starlette(routes=[Route("/echo", echo, methods=["POST"]), Route("/list", echo, methods=["POST"])])
    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()
    async with serving(app, body=100, uploads=frozenset({"/list"}), upload=1_000) as exchange:
        assert parts(await exchange(request + b"a" * length))[0] == status

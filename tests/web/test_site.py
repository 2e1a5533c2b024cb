"""What all public pages share: headers, files, languages, who asks, whose forms are taken."""

from errno import ENOENT, ENOSPC
from ipaddress import ip_network

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.config.models import Config
from gateway.web.forms import from_ours, read_form
from gateway.web.headers import Headers
from gateway.web.languages import accepted, chosen
from gateway.web.pages import Files
from gateway.web.public import public_app
from gateway.web.site import Site
from gateway.web.visitors import Visitors
from tests.web.asgi import ask

PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")]


def request(query="", client="198.51.100.7", **headers):
    """Return a request with these headers."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "headers": pairs}
    return Request({**scope, "client": (client, 1)})


@pytest.fixture
def app():
    """Give the public application without anything behind it."""
    return public_app(Site(Config(), None, None))


async def test_no_such_page_is_a_page(app):
    """What is not there is a page in the visitor's language, with every header of security."""
    answer = await ask(app, "/nothing", accept_language="fr-FR,fr;q=0.9,en;q=0.5")
    assert answer.status == 404
    assert "existe pas" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["cache-control"] == "no-store"


async def test_page_that_takes_no_form(app):
    """A form sent to where none is taken is told so in the words of a page that is not there: nothing was logged."""
    answer = await ask(app, "/opt-out/done", {"number": "1"})
    assert answer.status == 405
    assert "There is no such page" in answer.text


async def test_methods_of_a_page(app):
    """Where a method is not taken `Allow` names all that are, also those of a form (RFC 9110, 15.5.6)."""
    assert (await ask(app, "/opt-out/done", {"number": "1"})).headers["allow"] == "GET, HEAD"
    for path in ("/login", "/opt-out", "/compose", "/blacklist/import"):
        answer = await ask(app, path, method="PUT")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_defect_is_a_page_with_every_header(app):
    """What goes wrong on our side is told on a page that is as well guarded as any other, and kept nowhere."""
    site = Site(Config(), None, None)
    answers = []
    with pytest.raises(AttributeError):  # there is nothing behind it; whoever serves it logs that
        await ask(public_app(site), "/opt-out", {"number": "0612345678", "step": "confirmed"}, answers=answers)
    (answer,) = answers
    assert answer.status == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/login", "/api/v1/usage", "/nothing"])
async def test_no_page_is_a_websocket(app, path):
    """A WebSocket is refused at every path, and no part of the pages has to know of such a thing."""
    sent = []

    async def connect():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    await app({"type": "websocket", "path": path, "headers": [], "query_string": b""}, connect, send)
    assert sent == ["websocket.close"]


@pytest.mark.parametrize("path", ["/opt-out/done/", "/login/", "/api/v1"])
async def test_host_of_the_client_leads_nowhere(app, path):
    """No answer leads a browser to the host that a request names, which may be anybody's."""
    answer = await ask(app, path, host="evil.example")
    assert answer.status == 404
    assert "location" not in answer.headers
    assert answer.headers["content-type"] == (
        "application/problem+json" if "/api" in path else "text/html; charset=utf-8"
    )


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/api/v1/blacklist/+33612345678", "/api/v1/blacklist/+336••••5678"),
        ("/api/v1/reviews/06 12 34 56 78/decision", "/api/v1/reviews/06 1••••••6 78/decision"),
        ("/api/v1/messages/0cad87c181000000", "/api/v1/messages/0cad87c181000000"),
        ("/blacklist.csv", "/blacklist.csv"),
    ],
)
def test_paths_in_the_log(path, logged):
    """A path is logged with phone numbers masked, unless the log's numbers are to be clear."""
    config = Config()
    assert Site(config, None, None).loggable(path) == logged
    clear = config.model_copy(update={"log": config.log.model_copy(update={"numbers": "clear"})})
    assert Site(clear, None, None).loggable(path) == path


@pytest.mark.parametrize("path", ["/opt-out", "/login"])
async def test_forms_of_strangers_are_small(app, path):
    """A form that anybody may send is refused above 8 KiB, before it is taken apart."""
    assert (await ask(app, path, b"&" * 8_193)).status == 413


async def test_full_disk_is_503(app, monkeypatch):
    """Where a form has no room on the disk the answer is 503, to be tried again; any other error is one of ours."""

    async def full(_form):
        raise OSError(number, "no room")

    monkeypatch.setattr(Request, "form", lambda self, **_limits: full(self))
    number = ENOSPC
    answer = await ask(app, "/opt-out", {"number": "x"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    number = ENOENT
    with pytest.raises(FileNotFoundError):
        await ask(app, "/opt-out", {"number": "x"})


async def test_files_are_kept_for_ever(app):
    """A file is served under the hash of its content, and may be kept for ever; another hash is 404."""
    url = Files().url("style.css")
    answer = await ask(app, url)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    assert (await ask(app, "/static/000000000000/style.css")).status == 404


async def test_headers_stay_out_of_the_way():
    """A header that an answer sets itself is left as it is."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"public")]})
        await send({"type": "http.response.body", "body": b""})

    answer = await ask(Headers(app, secure=False), "/")
    assert answer.headers["cache-control"] == "public"
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        ("de", ["de"]),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", ["fr", "fr", "en", "de", "*"]),
        ("en;q=0.2,de;q=0.9", ["de", "en"]),
        ("en ; q=0.2 , DE-at; Q=0.9", ["de", "en"]),
        ("de;q=0, fr", ["fr"]),
        ("de;q=nonsense", []),
        ("", [""]),
    ],
)
def test_accepted_languages(header, codes):
    """Accept-Language is read by its weights; what has none that is a number is not wanted."""
    assert accepted(header) == codes


def test_language_is_chosen():
    """A switch counts before the cookie, the cookie before the browser; English where nothing fits."""
    assert chosen(request("lang=fr", cookie="lang=de", accept_language="en")) == "fr"
    assert chosen(request("lang=xx", cookie="lang=de", accept_language="en")) == "de"
    assert chosen(request(accept_language="sv, de;q=0.5")) == "de"
    assert chosen(request(accept_language="de"), ("fr", "en")) == "en"


async def test_switch_is_remembered(app):
    """A language that was switched to is kept in a cookie that scripts and other sites cannot read."""
    answer = await ask(app, "/nothing?lang=fr")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("lang=fr; ")
    assert {"HttpOnly", "Secure", "SameSite=lax"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # no proxy of ours: what it says is its own
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "192.0.2.66, 203.0.113.9, 10.1.1.1", "203.0.113.9"),  # the first was written by the client
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "rubbish", "127.0.0.1"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_client_behind_proxies(peer, forwarded, address):
    """The client is the last address that is no proxy of ours; what it claims itself counts for nothing."""
    assert str(Visitors(PROXIES).address(request(client=peer, x_forwarded_for=forwarded))) == address


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-site", "origin": "https://shop.example"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"origin": "https://shop.example"}, True),
        ({"origin": "https://shop.example.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        ({"referer": "https://shop.example/opt-out?lang=fr"}, True),  # as telephones of 2017 say it, and nothing else
        ({"referer": "https://evil.example/shop.example"}, False),
        ({"referer": "https://shop.example@evil.example/"}, False),
        ({"origin": "null", "referer": "https://shop.example/opt-out"}, False),
        ({"sec_fetch_site": "cross-site", "referer": "https://shop.example/opt-out"}, False),
        ({}, False),
    ],
)
async def test_forms_of_ours_only(headers, ours):
    """A form is taken only where its browser says that a page of this host has sent it."""
    asked = request(host="shop.example", **headers)
    assert from_ours(asked) is ours
    if not ours:
        with pytest.raises(HTTPException) as refused:
            await read_form(asked)
        assert refused.value.status_code == 403

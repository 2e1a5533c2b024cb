"""config/nginx.conf as it stands before a gateway: names, TLS, log-ins, and limits that are not the interface's."""

import re
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpcore
import pytest
import trio

from gateway.demo.loopback import LOCAL, free_port
from tests.certificates import Authority
from tests.flows.databases import SqliteFile
from tests.flows.peers import PATIENCE
from tests.interop import tools
from tests.web.client import KEY

CONFIG = Path(__file__).parents[2] / "config" / "nginx.conf"
PUBLIC, CLIENTS = "no-sms.eu", "clients.example"
AROUND = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
{config}
}}
"""


@pytest.fixture
def database(tmp_path):
    """Give an empty database; one engine will do."""
    return SqliteFile(tmp_path / "gateway.db")


class Proxy:
    """The proxy, as a browser at another machine sees it."""

    def __init__(self, folder, gateway):
        self._folder, self._gateway = folder, "{}:{}".format(*gateway)
        self._authority = Authority(folder)
        self.clear, self.secure = free_port(), free_port()

    def config(self):
        """Return what `config/nginx.conf` says, with the names of this machine."""
        certificate, key = self._authority.issue("proxy", PUBLIC, CLIENTS)
        changes = [
            (r"\n *listen \[::\].*", ""),
            (r"listen 80;", f"listen 127.0.0.1:{self.clear};"),
            (r"listen 443 ssl;", f"listen 127.0.0.1:{self.secure} ssl;"),
            (r"/etc/ssl/certs/no-sms.eu.pem", str(certificate)),
            (r"/etc/ssl/private/no-sms.eu.key", str(key)),
            (r"http://127.0.0.1:8080", f"http://{self._gateway}"),
        ]
        text = CONFIG.read_text(encoding="utf-8")
        for pattern, new in changes:
            text, times = re.subn(pattern, new, text)
            assert times, pattern
        return AROUND.format(folder=self._folder, config=text)

    async def run(self, program, task_status):
        """Run it."""
        file = self._folder / "nginx.conf"
        file.write_text(self.config())
        await trio.run_process([program, "-p", self._folder, "-c", file], check=False, task_status=task_status)

    async def ask(self, host, path, form=None, **headers):
        """Ask for a page of one of its names, or send a form."""
        named = {"host": host, **headers}
        if form is not None:
            named |= {"origin": f"https://{host}", "content-type": "application/x-www-form-urlencoded"}
        async with httpcore.AsyncConnectionPool(ssl_context=self._authority.client()) as pool:
            return await pool.request(
                "GET" if form is None else "POST",
                f"https://127.0.0.1:{self.secure}{path}",
                headers=list(named.items()),
                content=form,
                extensions={"sni_hostname": host},
            )

    async def rush(self, host, path, count):
        """Ask for a page so many times within an instant, over connections that stand already; returns the statuses."""
        request = f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
        context = self._authority.client()
        with ExitStack() as stack:
            there = [socket.create_connection((LOCAL, self.secure), PATIENCE) for _ in range(count)]
            secured = [stack.enter_context(context.wrap_socket(each, server_hostname=host)) for each in there]
            for each in secured:
                each.sendall(request)
            return await trio.to_thread.run_sync(lambda: [int(each.recv(12).split()[1]) for each in secured])


@pytest.fixture
async def proxy(world, tmp_path):
    """Give the proxy, in front of a gateway."""
    program = tools.program("nginx")
    tools.need(have=program, what="nginx", get="apt-get install nginx")
    account = {"web_password": "web-secret", "api_key": KEY, "api_rate": None}
    await world.start(web={"listen": "127.0.0.1:0", "public_url": f"https://{PUBLIC}"}, accounts={"shop": account})
    proxy = Proxy(tmp_path, world.web_address)
    process = await world.nursery.start(partial(proxy.run, program))
    await world.eventually(partial(connectable, proxy.secure))
    yield proxy
    process.terminate()
    await process.wait()


def connectable(port):
    """Say whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def test_each_name_has_its_first_page(proxy):
    """The opt-out page is first at its own name, the client area at others, and both through TLS only."""
    page = await proxy.ask(PUBLIC, "/")
    assert b"No more advertising by SMS" in page.content
    assert dict(page.headers)[b"strict-transport-security"]
    assert dict((await proxy.ask(CLIENTS, "/")).headers)[b"location"] == b"/compose"
    async with httpcore.AsyncConnectionPool() as pool:
        answer = await pool.request("GET", f"http://127.0.0.1:{proxy.clear}/opt-out", headers={"host": PUBLIC})
    assert dict(answer.headers)[b"Location"] == b"https://no-sms.eu/opt-out"


async def test_forms_are_ours(proxy):
    """A form that a page behind the proxy has sent is taken as one of ours."""
    answer = await proxy.ask(CLIENTS, "/login", b"name=shop&password=web-secret")
    headers = dict(answer.headers)
    assert (answer.status, headers[b"location"]) == (303, b"/compose")
    cookie = headers[b"set-cookie"].split(b";")[0]
    assert (await proxy.ask(CLIENTS, "/messages", cookie=cookie)).status == 200


async def test_accounts_have_the_limits_of_the_interface(proxy):
    """Applications are limited by their account's rate, which tells them so, and by nothing in front of it."""
    statuses = []

    async def ask():
        statuses.append((await proxy.ask(CLIENTS, "/api/v1/usage", authorization=f"Bearer {KEY}")).status)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(ask)
    assert statuses == [200] * 100


async def test_pages_are_limited(proxy):
    """Whoever asks for pages without end is told to wait."""
    assert set(await proxy.rush(PUBLIC, "/robots.txt", 100)) == {404, 429}

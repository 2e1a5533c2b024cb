"""Pages within a whole gateway, in the process that serves them: it ends with it, and hands in what they send."""

import os
import resource
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpcore
import pytest
import trio
import trio.testing

from gateway.config.models import Config
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.text import Alphabet
from gateway.web.courtesy import Courtesy
from gateway.web.process import WebProcess
from tests.certificates import Authority
from tests.flows.area import ACCOUNTS
from tests.flows.peers import PATIENCE
from tests.flows.world import FRENCH
from tests.web.asgi import Visitor

FIELDS = {
    "service_type": "",
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "SHOP",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": FRENCH,
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 0,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
    "short_message": b"Hello",
}


NOTHING = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FRONT = NOTHING.replace(b"/nothing", b"/")
HURT = (0.0, 0.0)  # by everything
GREEDY = (  # shares one processor with another process, and wants all of it
    "import os, sys; from contextlib import suppress; processor, other = map(int, sys.argv[1:])\n"
    "for each in [0, *os.listdir(f'/proc/{other}/task')]:\n"
    "    with suppress(ProcessLookupError): os.sched_setaffinity(int(each), {processor})\n"  # it may just have ended
    "while True: pass"
)
HALF = (
    b"POST /opt-out HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\n"
)


async def fetch(address, octets=NOTHING):
    """Send octets to the web and return all that comes back."""
    stream = await trio.open_tcp_stream(*address)
    async with stream:
        await stream.send_all(octets)
        return b"".join([part async for part in stream])


async def visit_for_ever(address):
    """Ask for one page after another."""
    while True:
        await fetch(address, FRONT)


def far(address):
    """Return what answers as an application does, from an address."""

    async def application(scope, receive, send):
        url = "http://{}:{}".format(*address) + scope["path"]
        body = (await receive())["body"]
        async with httpcore.AsyncConnectionPool() as pool:
            answer = await pool.request(scope["method"], url, headers=scope["headers"], content=body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.content})

    return application


async def served(world, settings=None, **limits):
    """Start a gateway and a process that serves its pages."""
    await world.start(**(settings or {}))
    config = Config.model_validate({**world.settings, "web": {"listen": "127.0.0.1:0"}})
    process = WebProcess(config, config.web.listen, world.gateway.backend, **limits)
    process.address = await world.nursery.start(process.run)
    return process


@pytest.fixture
async def process(world):
    """Give the process that serves a gateway's pages."""
    return await served(world, silence=PATIENCE)


class Patient(Courtesy):
    """Takes everything for starving, once the test says so, and nothing before.

    Attributes:
        patient: whether it waits for that yet.
        answers: whether processes were to give way, as often as that was asked.
    """

    def __init__(self):
        super().__init__(*HURT)
        self.patient = True
        self.answers = []

    def asked(self, now):
        """Decide as ever, and take note of it."""
        self.answers.append(super().asked(now))
        return self.answers[-1]

    def looked(self, turns, now):
        """Look away before the test says otherwise."""
        return not self.patient and super().looked(turns, now)


@pytest.fixture
def courtesy(monkeypatch):
    """Give what decides when pages starve; they are asked to give way within a second, however long they may be silent.

    So little is left to them then that whatever they are to do may take long where others want all processors.
    """
    monkeypatch.setattr("gateway.web.process._BEATS", PATIENCE)
    monkeypatch.setattr("gateway.web.process._HANDED_OVER", PATIENCE)
    return Patient()


def policies(process):
    """Return by which policies the threads of a process that serves are given processors."""
    found = set()
    for thread in Path("/proc", str(process.pid), "task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            found.add(os.sched_getscheduler(int(thread.name)))
    return found


async def test_web_lives_and_ends_with_the_gateway(world):
    """The web answers while the gateway runs, survives a malformed upgrade, and is drained with everything else."""
    world.apart = True
    await world.start(web={"listen": "127.0.0.1:0"})
    hostile = await trio.open_tcp_stream(*world.web_address)
    await hostile.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nx")
    assert (await fetch(world.web_address)).startswith(b"HTTP/1.1 404")
    await hostile.aclose()
    world.ask_to_stop()
    await world.stopped()
    with pytest.raises(OSError, match=r"connect|refused"):
        await trio.open_tcp_stream(*world.web_address)
    assert not world.events("web_ended")


async def test_figures_say_whether_pages_are_served(world):
    """The metrics have a figure for pages where there are any, of its own: no part that concerns messages."""
    await world.start()
    assert "web" not in world.gateway._alive()
    world.ask_to_stop()
    await world.stopped()
    world.apart = True
    await world.start_gateway({"orange": world.orange}, web={"listen": "127.0.0.1:0"})
    await world.eventually(lambda: world.gateway._alive()["web"])
    assert world.gateway.not_ready() == {}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_process_that_ends_or_stands_still(world, number):
    """Whatever becomes of the process, another one serves: whoever has come meanwhile is answered by it."""
    process = await served(world, silence=5.0 if number == signal.SIGSTOP else PATIENCE)
    await world.eventually(lambda: process.serves)
    first = process.pid
    os.kill(first, number)
    await world.eventually(lambda: not process.serves)
    with trio.fail_after(4 * PATIENCE):
        assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")
    assert process.pid not in (0, first)
    [end] = await world.eventually(lambda: world.events("web_ended"))
    assert (end["status"], end["log_level"]) == (-signal.SIGKILL, "error" if number == signal.SIGKILL else "info")
    assert len(world.events("web_stuck")) == (number == signal.SIGSTOP)


async def test_pages_give_way(world):
    """Pages begin with a share of the processors, and soon run only while nobody else wants one."""
    process = await served(world, courtesy=Courtesy(PATIENCE))
    await fetch(process.address)
    await world.eventually(lambda: policies(process) == {os.SCHED_IDLE})
    assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")
    assert policies(process) == {os.SCHED_IDLE}


async def test_pages_that_starve(world, courtesy):
    """Pages that give way and come to nothing by it make room for others, which keep their share."""
    process = await served(world, silence=PATIENCE, courtesy=courtesy)
    await fetch(process.address)
    first = process.pid
    courtesy.patient = False
    await world.eventually(lambda: len(world.events("web_begun")) == 2)
    assert [event["pid"] for event in world.events("web_starved")] == [first]
    courtesy.answers.clear()
    await world.eventually(lambda: len(courtesy.answers) == 2)  # by then the first would have been acted on
    assert policies(process) == {os.SCHED_OTHER}
    assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")


async def test_pages_that_get_no_processor(world):
    """Pages whose processor somebody else wants all of make room for others within seconds."""
    process = await served(world)
    await fetch(process.address)
    [begun] = await world.eventually(lambda: world.events("web_begun"))
    first, processor = begun["pid"], min(os.sched_getaffinity(0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.run_process, [sys.executable, "-c", GREEDY, str(processor), str(first)])
        nursery.start_soon(visit_for_ever, process.address)
        [starved] = await world.eventually(lambda: world.events("web_starved"))
        assert starved["pid"] == first
        await world.eventually(lambda: process.pid not in (0, first) and process.serves)
        nursery.cancel_scope.cancel()
    assert world.events("web_stuck") == []
    assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")


async def test_starving_pages_serve_until_others_do(world, courtesy):
    """Whoever is on a page that starves is answered there; others serve by then, nobody waits, and it is no error."""
    process = await served(world, silence=PATIENCE, courtesy=courtesy)
    async with await trio.open_tcp_stream(*process.address) as asked:
        await asked.send_all(HALF)
        assert (await asked.receive_some()).startswith(b"HTTP/1.1 100")
        courtesy.patient = False
        [starved] = await world.eventually(lambda: world.events("web_starved"))
        assert process.serves
        _, then = await world.eventually(lambda: world.events("web_begun")[1:] and world.events("web_begun"))
        assert process.pid == then["pid"] != starved["pid"]
        assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")
        assert world.events("web_ended") == []
        await asked.send_all(b"number=1")
        assert (await asked.receive_some()).startswith(b"HTTP/1.1 422")
    [end] = await world.eventually(lambda: world.events("web_ended"))
    assert (end["log_level"], end["status"], end["again_in"]) == ("info", -signal.SIGKILL, 0)
    assert process.serves
    await process.drain(PATIENCE)


async def test_pages_that_starve_while_they_are_drained(world, courtesy):
    """Where the gateway stops no other process is started, and whoever is on a page of the old one is answered."""
    process = await served(world, silence=PATIENCE, courtesy=courtesy)
    async with await trio.open_tcp_stream(*process.address) as asked, trio.open_nursery() as nursery:
        await asked.send_all(HALF)
        assert (await asked.receive_some()).startswith(b"HTTP/1.1 100")
        nursery.start_soon(process.drain, PATIENCE)
        await trio.testing.wait_all_tasks_blocked()
        courtesy.patient = False
        await world.eventually(lambda: world.events("web_starved"))
        await trio.testing.wait_all_tasks_blocked()
        await asked.send_all(b"number=1")
        assert (await asked.receive_some()).startswith(b"HTTP/1.1 422")
    assert (world.events("web_failed"), len(world.events("web_begun"))) == ([], 1)


async def test_starving_pages_take_lists_in(world, courtesy):
    """A list that pages take in while they starve is taken in whole before they end, though others serve by then."""
    process = await served(world, {"accounts": ACCOUNTS}, silence=PATIENCE, courtesy=courtesy)
    visitor = Visitor(far(process.address))
    await visitor.log_in("shop")
    first = process.pid
    async with world.gateway.store.quiet:
        answer = await visitor.upload("/blacklist/import", "old.csv", b"number\n0600000000\n", reason="r")
        assert answer.status == 303
        kept = await world.gateway.backend.kept_import("shop")
        assert (kept.pid, kept.running) == (first, True)
        courtesy.patient = False
        await world.eventually(lambda: process.pid not in (0, first) and process.serves)
        await world.eventually(lambda: len(world.events("web_begun")) == 2)
        await trio.sleep(2.0)  # visitors are answered by then
        assert world.events("web_ended") == []
        os.kill(process.pid, signal.SIGKILL)
        await world.eventually(lambda: not process.serves)  # for the old one lets nobody in any more
        await world.eventually(lambda: process.serves)
    await world.eventually(lambda: len(world.events("web_ended")) == 2)
    assert (await world.gateway.backend.kept_import("shop")).report.added == 1


async def test_descriptors_run_out(world, process):
    """Where no other process can be started, messages are carried on, and pages are served as soon as one can."""
    await fetch(process.address)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        os.kill(process.pid, signal.SIGKILL)
        await world.eventually(lambda: world.events("web_failed"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    with trio.fail_after(4 * PATIENCE):
        assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")
    assert {event["reason"] for event in world.events("web_failed")} == {"[Errno 24] Too many open files"}


async def test_process_that_takes_nothing(world, process):
    """A process that stands still while it is told much keeps nobody from stopping, and does not outlive that."""
    await fetch(process.address)
    pid = process.pid
    os.kill(pid, signal.SIGSTOP)
    many = {f"shop{number}": {"password": "secret"} for number in range(5_000)}
    config = Config.model_validate({**world.settings, "accounts": many})
    with trio.fail_after(PATIENCE):
        process.follow(config)
        await trio.testing.wait_all_tasks_blocked()
        await process.drain(0.1)
    await world.eventually(lambda: not Path("/proc", str(pid)).exists())


async def test_process_that_does_not_follow(world, process):
    """A process that cannot go by another configuration makes room for one that does, and the gateway goes on."""
    await fetch(process.address)
    first = process.pid
    process.follow(Unusable())
    [event] = await world.eventually(lambda: world.events("web_follows_later"))
    assert (event["pid"], event["reason"].partition(":")[0]) == (first, "follow")
    process.follow(Config.model_validate(world.settings))
    with trio.fail_after(4 * PATIENCE):
        assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")
    assert process.pid not in (0, first)


class Unusable:
    """What is no configuration."""


async def test_nobody_comes_in_late(process):
    """From the first moment of a drain nobody is let in: whoever knows another gateway goes there at once."""
    async with await trio.open_tcp_stream(*process.address) as asked, trio.open_nursery() as nursery:
        await asked.send_all(HALF)
        assert (await asked.receive_some()).startswith(b"HTTP/1.1 100")
        nursery.start_soon(process.drain, PATIENCE)
        with trio.fail_after(PATIENCE):
            await refused(process.address)
            await asked.send_all(b"number=1")
            assert (await asked.receive_some()).startswith(b"HTTP/1.1 422")


async def refused(address):
    """Wait until an address cannot be connected to."""
    while True:
        try:
            await (await trio.open_tcp_stream(*address)).aclose()
        except OSError:
            return


async def test_signals_that_are_meant_for_the_gateway(process):
    """What a terminal or systemd sends to all processes ends the one that serves pages through the gateway alone."""
    await fetch(process.address)
    pid = process.pid
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        os.kill(pid, number)
    assert (await fetch(process.address)).startswith(b"HTTP/1.1 404")
    assert process.pid == pid
    await process.drain(PATIENCE)


async def test_process_follows(world, process):
    """Another configuration reaches the pages, and what they write reaches the gateway."""
    assert (await fetch(process.address, FRONT)).startswith(b"HTTP/1.1 303")
    shop = {"password": "secret", "web_password": "web-secret"}
    news = {**world.settings, "accounts": {"shop": shop}, "web": {"public_url": "https://x"}}
    process.follow(Config.model_validate(news))
    await world.eventually(lambda: world.events("web_follows"))
    assert (await fetch(process.address, FRONT)).startswith(b"HTTP/1.1 200")
    form = b"name=shop&password=web-secret"
    head = "POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n"
    head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
    assert b"set-cookie: __Host-login=" in await fetch(process.address, head.encode() + form)
    assert world.rows("SELECT who FROM login") == [("shop",)]


async def test_certificate_is_read_again(world, tmp_path):
    """What `web.tls` names is read again at a reload, for new connections; what cannot be used leaves the last one."""
    first, then = Authority(tmp_path, "first"), Authority(tmp_path, "then")
    used, others = first.issue("web", "localhost"), then.issue("renewed", "localhost")
    world.apart = True
    await world.start(web={"listen": "127.0.0.1:0", "tls": {"certificate": used[0], "key": used[1]}})
    await greet(world.web_address, first)
    for path, place in zip(others, used, strict=True):
        shutil.copy(path, place)
    assert await world.reload()
    await world.eventually(lambda: world.events("web_follows"))
    await greet(world.web_address, then)
    shutil.copy(used[1], used[0])
    assert await world.reload()
    await world.eventually(lambda: len(world.events("web_follows")) == 2)
    await greet(world.web_address, then)


async def test_reload_waits_for_no_page(world):
    """A reload is done, and has been said so, while the process of pages does nothing; that follows when it can."""
    world.apart = True
    await world.start(web={"listen": "127.0.0.1:0"})
    await fetch(world.web_address)
    process = world.gateway._web
    os.kill(process.pid, signal.SIGSTOP)
    with trio.fail_after(PATIENCE):
        assert await world.reload(accounts={"shop": {"rate": 1}})
        assert await world.reload(accounts={"shop": {"rate": 2}})
    assert len(world.events("reloaded")) == 2
    assert world.events("web_follows") == []
    os.kill(process.pid, signal.SIGCONT)
    await world.eventually(lambda: world.events("web_follows"))
    assert (await fetch(world.web_address, FRONT)).startswith(b"HTTP/1.1 303")
    assert world.events("web_follows_later") == []


async def greet(address, authority):
    """Ask for a page over TLS, from whoever shows a certificate of an authority's."""
    socket = await trio.open_tcp_stream(*address)
    context, names = authority.client(), {"server_hostname": "localhost", "https_compatible": True}
    async with trio.SSLStream(socket, context, **names) as stream:
        await stream.send_all(NOTHING)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")


async def test_port_that_is_taken(world, monkeypatch):
    """A gateway whose web has no port says so, by address and setting, and does not start."""
    monkeypatch.setattr("gateway.web.process._FREED", 0.0)
    await world.start()
    taken = "{}:{}".format(*world.address)
    config = Config.model_validate({**world.settings, "web": {"listen": taken}})
    with pytest.raises(OSError, match=rf"web\.listen: cannot listen on {taken}"):
        await WebProcess(config, config.web.listen, world.gateway.backend).run()


async def test_port_that_becomes_free(world):
    """A port that somebody else still has, such as pages of a gateway that was killed, is waited for."""
    await world.start()
    [other] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = other.socket.getsockname()
    config = Config.model_validate({**world.settings, "web": {"listen": "{}:{}".format(*address)}})
    process = WebProcess(config, config.web.listen, world.gateway.backend)

    async def leave():
        await world.eventually(lambda: world.events("web_waits"))
        await other.aclose()

    world.nursery.start_soon(leave)
    assert await world.nursery.start(process.run) == address
    assert (await fetch(address)).startswith(b"HTTP/1.1 404")
    [event] = world.events("web_waits")
    assert "Address already in use" in event["reason"]


async def test_submission_of_a_page(world):
    """What a page hands in takes the way of a submit_sm, with mention and spool; its answer comes after the commit."""
    await world.start()
    backend = world.gateway.backend
    answer = await backend.submit("shop", smpp.Pdu(smpp.SUBMIT_SM, 1, 0, FIELDS), backend.clock())
    assert answer.status == status.ESME_ROK
    assert world.rows(f"SELECT id FROM message WHERE account = 'shop' AND number = '{FRENCH}'") == [(answer.message,)]
    assert await world.orange.texts(1) == [("SHOP", FRENCH, "Hello STOP 36034", Alphabet.GSM7, 1)]


@pytest.mark.parametrize(
    ("account", "number", "code"),
    [("shop", "12", status.ESME_RINVDSTADR), ("gone", FRENCH, status.ESME_RSYSERR)],
    ids=["no number", "account that a reload has taken away"],
)
async def test_submission_is_refused_likewise(world, account, number, code):
    """What a submit_sm would be refused for a page is refused for, with the same status."""
    await world.start()
    backend = world.gateway.backend
    wrong = smpp.Pdu(smpp.SUBMIT_SM, 1, 0, {**FIELDS, "destination_addr": number})
    assert (await backend.submit(account, wrong, backend.clock())).status == code


async def test_suspended_account(world):
    """An account that an administrator has suspended hands nothing in over HTTP either, until it is resumed."""
    await world.start()
    backend, actions = world.gateway.backend, world.gateway._operate.actions
    request = smpp.Pdu(smpp.SUBMIT_SM, 1, 0, FIELDS)
    await actions["suspend_account"]("shop")
    assert (await backend.submit("shop", request, backend.clock())).status == status.ESME_RBINDFAIL
    await actions["resume_account"]("shop")
    assert (await backend.submit("shop", request, backend.clock())).status == status.ESME_ROK

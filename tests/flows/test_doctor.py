"""`stopgate doctor`: what could keep a gateway from working, found before it does."""

import socket
from datetime import UTC, datetime, timedelta

import apsw
import pytest
import trio

from gateway import doctor
from gateway.config.models import Config
from gateway.demo.loopback import free_port
from tests.certificates import Authority
from tests.flows.commandline import CommandLine
from tests.flows.peers import Operator


@pytest.fixture
def database(tmp_path):
    """Offer a database in a file: what concerns a server is tried elsewhere."""
    from tests.flows.databases import SqliteFile  # noqa: PLC0415 (beside the fixture that it replaces)

    return SqliteFile(tmp_path / "gateway.db")


@pytest.fixture
async def examined(world, tmp_path):
    """Return a function that runs the doctor, and then a finding by the beginning of what it is about."""
    stopgate = CommandLine(world, tmp_path)

    async def examined(**changes):
        world.settings = world.settings or world._config({"orange": world.orange})
        world.settings |= changes
        said = await stopgate("doctor", "--format", "json")
        findings = {each["what"]: each for each in said.data}
        return said.status, lambda what: next(each for name, each in findings.items() if name.startswith(what))

    return examined


async def test_all_is_well(world, examined):
    """Beside a gateway that runs, everything is good but what the test's machine may lack."""
    await world.start()
    status, finding = await examined()
    assert status == 0
    assert finding("gateway")["found"] == "runs, bound to 1 operators"
    assert finding("database")["state"] == "good"
    assert finding("operator orange")["found"] == "can be connected to"
    assert finding("clock")["state"] in ("good", "doubtful")


async def test_without_a_gateway(world, examined):
    """Before the first start the ports are tried, and it is said that there is no database yet."""
    await world.nursery.start(world.orange.run)
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        listeners = {"smpp": {"listen": [f"127.0.0.1:{used}"]}, "metrics": {"listen": f"127.0.0.1:{port}"}}
        status, finding = await examined(**listeners)
    assert status == 1
    assert finding("database")["found"] == "is not there yet"
    assert finding("gateway")["state"] == "doubtful"
    assert finding("smpp.listen")["found"] == "cannot be had: Address already in use"
    assert finding("metrics.listen")["found"] == "is free"


async def test_operators_out_of_reach(world, examined):
    """An operator that nobody can connect to is bad, and the sentence says why."""
    world.orange.port = free_port()
    world.operator = {"host": "127.0.0.1"}
    status, finding = await examined()
    assert status == 1
    found = finding("operator orange")["found"]
    assert found.startswith("no connection: ")
    assert found.endswith("Connection refused")


class NoNames(trio.abc.HostnameResolver):
    """A resolver that knows no name."""

    async def getaddrinfo(self, *_args):
        """Fail as the system's does."""
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, *_args):
        """Fail likewise."""
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_unknown_names(world):
    """A name that no resolver knows is bad for an operator, and doubtful for the opt-out page."""
    trio.socket.set_custom_hostname_resolver(NoNames())
    settings = {**world._config({"orange": world.orange}), "web": {"listen": "127.0.0.1:0"}}
    settings["operators"]["orange"] |= {"host": "smsc.example", "port": 2775}
    config, reached = Config.model_validate(settings), {}
    await doctor._operator(config.operators["orange"], reached)
    await doctor._public_name(config, reached)
    assert [(each.state, each.found) for each in reached.values()] == [
        ("bad", "the name is unknown: Name or service not known"),
        ("doubtful", "the name is unknown here"),
    ]


async def test_certificates(world, examined, tmp_path):
    """Certificates that have expired or soon will are told, ours as an operator's."""
    authority = Authority(tmp_path)
    soon, past = (datetime.now(UTC) + timedelta(days=days) for days in (5, -5))
    files = certificate(authority, tmp_path, "ours", past)
    operator = Operator(tls=authority.server(certificate(authority, tmp_path, "theirs", soon)))
    await world.nursery.start(operator.run)
    world.orange = operator
    world.operator = {"tls": {"ca": str(authority.file)}}
    tls = {"listen": ["127.0.0.1:0"], "certificate": str(files[0]), "key": str(files[1])}
    status, finding = await examined(smpp={"listen": ["127.0.0.1:0"], "tls": tls})
    assert status == 1
    ours, theirs = finding("smpp.tls.certificate"), finding("operator orange")
    assert (ours["state"], ours["found"]) == ("bad", f"has expired on {past:%Y-%m-%d}")
    assert (theirs["state"], theirs["found"]) == ("doubtful", f"is good until {soon:%Y-%m-%d}")


def certificate(authority, folder, name, end):
    """Write a certificate of 127.0.0.1 that ends at an instant; returns its files."""
    began = datetime(2020, 1, 1, tzinfo=UTC)
    pair = authority._ca.issue_cert("127.0.0.1", not_after=end, not_before=began)
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(pair.cert_chain_pems[0].bytes())
    pair.private_key_pem.write_to_path(str(files[1]))
    return files


async def test_files(world, examined, tmp_path):
    """Files that others may read, and a database of a newer program, are bad."""
    await world.start()
    world.ask_to_stop()
    await world.stopped()
    (tmp_path / "gateway.db").chmod(0o644)
    connection = apsw.Connection(str(tmp_path / "gateway.db"))
    connection.execute("INSERT INTO migration (number, name, at) VALUES (9000, 'later', 1)")
    connection.close()
    status, finding = await examined()
    assert status == 1
    assert finding(f"file {tmp_path}/gateway.db")["remedy"] == f"chmod 600 {tmp_path}/gateway.db"
    assert finding("database")["remedy"] == "install a newer stopgate"

"""`stopgate operators` and `stopgate accounts`, on a gateway at work."""

import pytest

from gateway.smpp import status
from tests.flows.commandline import CommandLine
from tests.flows.peers import App, Operator
from tests.flows.world import FRENCH, GERMAN


@pytest.fixture
def stopgate(world, tmp_path):
    """Give the command line of the world's gateway, which listens for it."""
    world.control = str(tmp_path / "control")
    return CommandLine(world, tmp_path)


async def test_operators(world, stopgate):
    """Each operator is shown with its binds and what is on its way there; each connection, too."""
    world.orange.answer = lambda _pdu: None
    await world.start(control=world.control)
    app = await world.app()
    await app.accepted(FRENCH)
    await world.orange.received(1)
    [line] = (await stopgate.ok("operators", "list", "--format", "json")).data
    assert (line["name"], line["state"], line["binds"], line["of"]) == ("orange", "bound", 1, 1)
    assert (line["ready"], line["in_flight"], line["unsettled"], line["rate"], line["pause"]) == (0, 1, 0, 100, 0)
    [bind] = (await stopgate.ok("operators", "binds", "--format", "json")).data
    assert (bind["name"], bind["state"], bind["in_flight"], bind["owed"]) == ("orange", "BOUND_TRX", 1, 0)


async def test_suspend_and_resume(world, stopgate):
    """A suspended operator is sent nothing, stays bound, and is heard; its messages go out when it is resumed."""
    await world.start(control=world.control)
    app = await world.app()
    await stopgate.ok("operators", "suspend", "orange")
    await app.accepted(FRENCH)
    assert (await world.orange.deliver(GERMAN, b"STOP")).status == status.ESME_ROK
    [line] = (await stopgate.ok("operators", "list", "--format", "json")).data
    assert (line["state"], line["binds"], line["ready"]) == ("suspended", 1, 0)
    assert world.orange.requests == []
    await stopgate.ok("operators", "resume", "orange")
    assert {text.destination for text in await world.orange.texts(2)} == {FRENCH, GERMAN}


async def test_suspended_operator_is_replaced(world, stopgate):
    """What waits for a suspended operator goes to the next of its route."""
    sfr = Operator()
    await world.start({"orange": world.orange, "sfr": sfr}, control=world.control)
    app = await world.app()
    await stopgate.ok("operators", "suspend", "orange")
    await app.accepted(FRENCH)
    assert [text.destination for text in await sfr.texts(1)] == [FRENCH]


async def test_unbind_and_resume(world, stopgate):
    """An operator is unbound from, stays so, and is bound to again."""
    await world.start(control=world.control)
    await stopgate.ok("operators", "unbind", "orange")
    await world.orange.wait_for(lambda: not world.orange.links)
    [line] = (await stopgate.ok("operators", "list", "--format", "json")).data
    assert (line["state"], line["binds"]) == ("unbound", 0)
    assert world.orange.links == []
    await stopgate.ok("operators", "resume", "orange")
    await world.orange.bound()


async def test_kick(world, stopgate):
    """An app is unbound once what it submitted is answered, and may bind again (idea 105)."""
    await world.start(control=world.control)
    app, other = await world.app(), await world.app("bank")
    said = await stopgate.ok("accounts", "binds", "--format", "json")
    assert {(each["name"], each["address"]) for each in said.data} == {("shop", "127.0.0.1"), ("bank", "127.0.0.1")}
    assert (await stopgate.ok("accounts", "kick", "shop", "--address", "10.0.0.1")).out == "0 apps of shop unbound\n"
    assert (await stopgate.ok("accounts", "kick", "shop")).out == "1 app of shop unbound\n"
    await app.gone()
    assert len(other.links) == 1
    await world.app()


async def test_suspend_account(world, stopgate):
    """The apps of a suspended account are unbound and kept out; what they submitted is sent (ideas 16, 105)."""
    await world.start(control=world.control, smpp={"limits": {"failures": 2}})  # a right password is no failure
    app = await world.app()
    await stopgate.ok("accounts", "suspend", "shop")
    await app.gone()
    for _ in range(3):
        assert await world.refused(App()) == status.ESME_RBINDFAIL
    assert await world.refused(App(password="wrong")) == status.ESME_RINVPASWD
    shown = {each["name"]: each for each in (await stopgate.ok("accounts", "list", "--format", "json")).data}
    assert (shown["shop"]["state"], shown["bank"]["state"]) == ("suspended", "not bound")
    await stopgate.ok("accounts", "resume", "shop")
    await world.app()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["operators", "suspend", "sfr"], "this node binds to no operator sfr; it binds to orange"),
        (["accounts", "kick", "nobody"], "there is no account nobody; the configuration has shop, bank"),
    ],
)
async def test_unknown_names(world, stopgate, words, sentence):
    """A name that is none is said so, with those that there are."""
    await world.start(control=world.control)
    said = await stopgate(*words)
    assert (said.status, said.err) == (1, f"Error: {sentence}\n")


async def test_without_a_gateway(world, stopgate):
    """Where no gateway runs, or none could be reached, a sentence says what to do."""
    world.settings = {"store": world.database.url, "control": world.control}
    said = await stopgate("operators", "list")
    assert said.status == 1
    assert "no gateway answers there; start it" in said.err


async def test_the_socket_stands_beside_a_file(world, stopgate):
    """Without a setting the socket is beside the database where that is a file; otherwise the setting is asked for."""
    await world.start()
    said = await stopgate("accounts", "list", "--format", "csv")
    if world.database.url.startswith("sqlite"):
        assert said.out.splitlines()[1].startswith("shop,not bound,marketing,0,4,")
    else:
        assert "`control` names no socket" in said.err

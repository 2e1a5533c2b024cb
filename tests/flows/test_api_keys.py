"""Keys for the HTTP interface, made and revoked beside a running gateway, and those of its configuration."""

import pytest
from click.testing import CliRunner

from gateway import cli
from gateway.store.apikeys import hash_of
from tests.flows.commandline import CommandLine
from tests.web.client import KEY, OTHER_KEY, Client

WEB = {"listen": "127.0.0.1:0"}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Let keys be looked up at once."""
    monkeypatch.setattr("gateway.web.api.keys._FRESH", 0.0)


@pytest.fixture
async def command(world, tmp_path):
    """Give the command line beside a gateway."""
    await world.start(web=WEB)
    return CommandLine(world, tmp_path)


async def works(world, key):
    """Say whether a key opens the interface."""
    status = (await Client(world.web_address, key).get("/usage")).status
    assert status in (200, 401)
    return status == 200


async def test_new_list_revoke(world, command):
    """A key works once it is made and no longer once it is revoked; only its hash and its beginning are kept."""
    made = await command.ok("api-key", "new", "--account", "shop")
    key = made.out.strip()
    assert await works(world, key)
    assert not await works(world, key + "x")
    [listed] = (await command.ok("api-key", "list", "--format", "json")).data
    assert (listed["account"], listed["begins"], listed["expires"]) == ("shop", key[:8], "")
    assert key not in str(world.rows("SELECT * FROM api_key"))
    await command.ok("api-key", "revoke", listed["id"])
    assert not await works(world, key)
    again = await command("api-key", "revoke", listed["id"])
    assert (again.status, "there is no key" in again.err) == (1, True)


async def test_rotation_overlaps(world, command):
    """Beside a new key the older ones count for as long as was said, and not longer."""
    first = (await command.ok("api-key", "new", "--account", "shop")).out.strip()
    second = await command.ok("api-key", "rotate", "--account", "shop", "--keep", "1h")
    assert "1 older key: until 1 h from now" in second.err
    assert [await works(world, key) for key in (first, second.out.strip())] == [True, True]
    third = await command.ok("api-key", "rotate", "--account", "shop", "--keep", "1ms")
    keys = (first, second.out.strip(), third.out.strip())
    assert [await works(world, key) for key in keys] == [False, False, True]


async def test_account_must_be_there(command):
    """A key is for an account of the configuration."""
    said = await command("api-key", "new", "--account", "nobody")
    assert (said.status, "there is no account nobody" in said.err) == (1, True)


@pytest.mark.parametrize("written", [KEY, hash_of(KEY)])
async def test_key_in_the_configuration(world, written):
    """A key may stand in the configuration, in clear or as the hash that `api-key hash` prints."""
    await world.start(web=WEB, accounts={"shop": {"api_key": written}})
    assert await works(world, KEY)
    assert await works(world, written) is (written == KEY)


async def test_key_follows_the_configuration(world):
    """A key that another configuration no longer has ends with the reload, and the one that it has instead begins."""
    await world.start(web=WEB, accounts={"shop": {"api_key": KEY}})
    assert await world.reload(accounts={"shop": {"api_key": OTHER_KEY}})
    assert [await works(world, key) for key in (KEY, OTHER_KEY)] == [False, True]


def test_hash():
    """`api-key hash` prints what may stand in the configuration; what is too short is refused."""
    run = CliRunner().invoke(cli.main, ["api-key", "hash"], input=KEY + "\n")
    assert (run.exit_code, run.output.strip()) == (0, hash_of(KEY))
    assert CliRunner().invoke(cli.main, ["api-key", "hash"], input="short\n").exit_code == 1

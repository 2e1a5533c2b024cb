"""What docs/api.md shows developers works as it stands: every curl, and the check of a signature."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trio

from tests.flows.databases import SqliteFile
from tests.web.client import KEY, Client
from tests.web.receiver import Receiver

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def database(tmp_path):
    """Give an empty database; one engine will do."""
    return SqliteFile(tmp_path / "gateway.db")


def blocks(language):
    """Return the blocks of a language in the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


async def test_every_example_works(world):
    """Each curl of the page, in its order, is answered with success, and the webhook's request is found to be ours."""
    if shutil.which("curl") is None:
        assert "CI" not in os.environ, "curl is missing"
        pytest.skip("curl is missing")
    receiver = Receiver()
    await world.nursery.start(receiver.run)
    hook = {"url": receiver.url, "secret": SECRET, "private": True}
    await world.start(web={"listen": "127.0.0.1:0"}, accounts={"shop": {"api_key": KEY, "webhook": hook}})
    address = world.web_address
    message = (await Client(address).send("+33712345678")).json["id"]
    variables = {"GATEWAY": "http://{}:{}".format(*address), "API_KEY": KEY, "MESSAGE": message}
    found = blocks("sh")
    assert sum(block.count("curl ") for block in found) >= 9
    for block in found:
        run = await trio.run_process(
            ["bash", "-euc", block],
            env={**os.environ, **variables},
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert run.returncode == 0, (block, run.stdout)
    [posted, *_] = await receiver.received(1)
    assert json.loads(posted.body)["type"] == "receipt"
    names = {}
    exec(blocks("python")[0], names)
    assert names["verified"](SECRET, posted.headers, posted.body)
    assert not names["verified"](SECRET, posted.headers, posted.body + b" ")

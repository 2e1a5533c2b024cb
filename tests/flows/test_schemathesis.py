"""The HTTP interface does what its description says: generated requests, right and wrong ones, find no deviation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.flows.databases import SqliteFile
from tests.web.client import KEY

CONFIG = """\
suppress-health-check = ["too_slow"]  # it means the description; a busy machine makes everything slow
# Numbers, keys and texts that only rules can judge are refused with 422, which no schema can say.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "404", "409", "422", "429", "5xx"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "409", "413", "415", "422", "429"]
"""
PROGRAM = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("STOPGATE_TEST_EXAMPLES", "4")  # of each operation; more of them by hand


@pytest.fixture
def database(tmp_path):
    """Give an empty database; one engine will do."""
    return SqliteFile(tmp_path / "gateway.db")


async def test_description_is_true(world, tmp_path):
    """No generated request is answered otherwise than described, none ends in a server error, none needs no key."""
    account = {"api_key": KEY, "api_rate": None, "kind": "notification"}
    await world.start(web={"listen": "127.0.0.1:0"}, accounts={"shop": account})
    (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    url = "http://{}:{}/api/v1/openapi.json".format(*world.web_address)
    command = [PROGRAM, "--config-file", "schemathesis.toml", "run", url, "-n", EXAMPLES, "--no-color", "--seed", "1"]
    command += ["--header", f"Authorization: Bearer {KEY}", "--max-failures", "5", "--generation-database", "none"]
    with trio.fail_after(300):
        run = await trio.run_process(command, cwd=tmp_path, capture_stdout=True, stderr=subprocess.STDOUT, check=False)
    assert run.returncode == 0, run.stdout.decode()

"""The description of the HTTP interface: OpenAPI 3.1, with an example of everything, and the page made of it."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from gateway.web.api.examples import BODIES
from tests.flows.databases import SqliteFile
from tests.web.client import KEY, Client

WEB, ACCOUNTS = {"listen": "127.0.0.1:0"}, {"shop": {"api_key": KEY, "api_rate": None}}


@pytest.fixture
def database(tmp_path):
    """Give an empty database; one engine will do."""
    return SqliteFile(tmp_path / "gateway.db")


async def test_description_and_its_page(world):
    """The description is OpenAPI 3.1, and its page shows every operation and problem; neither needs a key."""
    await world.start(web=WEB, accounts=ACCOUNTS)
    nobody = Client(world.web_address, "")
    document = (await nobody.get("/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    assert set(document["webhooks"]) == {"receipt", "opt_out", "opt_in"}
    page = (await nobody.get("/docs")).text
    assert "<script" not in page
    for path, operations in document["paths"].items():
        assert f"/api/v1{path}" in page
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page
    assert 'id="opted-out"' in page
    assert "/api/v1/blacklist/+33612345678?reason=" in page
    assert "{message_id}&#34;" not in page  # in a command that is to be tried out


async def test_page_suffices_alone(world):
    """Who reads the page and nothing else knows what is limited, what may be repeated, and how lists go on."""
    await world.start(web=WEB, accounts=ACCOUNTS)
    page = (await Client(world.web_address, "").get("/docs")).text
    told = (
        "RateLimit",
        "Retry-After",
        "64 KiB",
        "Idempotency-Replayed",
        "402, 429",
        "next_cursor",
        "webhook-signature",
    )
    assert [words for words in told if words not in page] == []
    assert re.findall(r"(?:from|up to) \d+\.\d", page) == []


def bodies(document):
    """Return the names of the schemas of everything that goes over the interface, and of its webhooks."""
    text = json.dumps([document["paths"], document["webhooks"]])
    return set(re.findall(r"#/components/schemas/(\w+)", text))


async def test_every_example_is_one(world):
    """Whatever goes over the interface has an example, which is as its schema says, and no schema is left over."""
    await world.start(web=WEB, accounts=ACCOUNTS)
    document = (await Client(world.web_address, "").get("/openapi.json")).json
    schemas = document["components"]["schemas"]
    for name in bodies(document):
        for example in schemas[name]["examples"]:
            Draft202012Validator({**document, "$ref": f"#/components/schemas/{name}"}).validate(example)
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for parameter in operation.get("parameters", ()):
            Draft202012Validator(parameter["schema"]).validate(parameter["example"])
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert used == set(schemas)


async def test_example_of_a_preview_is_true(world):
    """The example of a preview is what the example of a draft becomes."""
    await world.start(web=WEB, accounts=ACCOUNTS)
    client = Client(world.web_address)
    assert (await client.post("/preview", BODIES["Draft"][0])).json == BODIES["Previewed"][0]

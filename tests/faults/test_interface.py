"""kill -9 while messages come over HTTP: each is taken once, however often it is sent, and its end is posted."""

import json
import random

import httpcore
import pytest
import trio

from tests.faults.process import ACCOUNT, SIGKILL, SIGTERM, Gateway, free_port
from tests.flows.databases import SqliteFile
from tests.flows.peers import Operator
from tests.web.client import KEY, Client
from tests.web.receiver import Receiver

pytestmark = pytest.mark.faults

KILLS, MESSAGES, SENDERS = 3, 60, 4
SECRET = "whsec_" + "c2VjcmV0" * 4
PATIENCE = 60.0


async def send_all(client, numbers, ids):
    """Send a message to each number under a key of its own, again and again until it is answered."""
    for number in numbers:
        while number not in ids:
            try:
                reply = await client.send(number, key=f"key-{number}")
            except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
                await trio.sleep(0.02)  # it is dead, or comes up
                continue
            assert reply.status in (201, 503), reply.text
            if reply.status == 201:
                ids[number] = reply.json["id"]


async def told(receiver):
    """Return the ids of the messages whose end was posted."""
    return {json.loads(each.body)["data"]["message_id"] for each in receiver.posted}


async def test_kill_9(tmp_path, nursery):
    """What was answered with 201 is sent and reported on; a key makes one message; the end of each is posted."""
    dice, ids, web = random.Random(), {}, ("127.0.0.1", free_port())
    operator, receiver, gateway = Operator(), Receiver(), Gateway(tmp_path)
    await nursery.start(operator.run)
    await nursery.start(receiver.run)
    gateway.operator = ("127.0.0.1", operator.port)
    hook = {"url": receiver.url, "secret": SECRET, "private": True}
    account = {"api_key": KEY, "api_rate": None, "webhook": hook}
    gateway.configure(web={"listen": "{}:{}".format(*web)}, accounts={ACCOUNT: account})
    numbers = [f"3361234{place:04}" for place in range(MESSAGES)]
    with trio.fail_after(2 * PATIENCE):
        await gateway.start(nursery)
        async with trio.open_nursery() as senders:
            for place in range(SENDERS):
                senders.start_soon(send_all, Client(web), numbers[place::SENDERS], ids)
            for _ in range(KILLS):
                await trio.sleep(dice.uniform(0.05, 0.4))  # a random moment is what is tried here
                await gateway.end(SIGKILL)
                await gateway.start(nursery)
        while await told(receiver) != set(ids.values()):
            await receiver.received(len(receiver.posted) + 1)
    assert len(set(ids.values())) == MESSAGES
    repeats = [await Client(web).send(number, key=f"key-{number}") for number in numbers[:5]]
    assert [reply.json["id"] for reply in repeats] == [ids[number] for number in numbers[:5]]
    assert {pdu.fields["destination_addr"] for _, pdu in operator.taken} == set(numbers)
    assert await gateway.end(SIGTERM) == 0
    assert SqliteFile(tmp_path / "gateway.db").rows("SELECT count(*) FROM message") == [(MESSAGES,)]

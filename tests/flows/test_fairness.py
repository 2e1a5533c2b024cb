"""Who else is there does not matter: accounts are served in turn, urgent messages first, and everybody is served."""

import gc
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

import trio

from gateway.rules.size import Size
from gateway.smpp import pdu as smpp
from gateway.store import spool
from gateway.store.spool import Spooled
from gateway.store.url import open_store
from tests.flows.peers import Operator, submit_sm, tlv
from tests.flows.world import FRENCH, GERMAN

WINDOW = 5
FLOOD = 50_000


async def left_behind(world, count):
    """Leave rows of the account "shop" in the database, as a process does that held some when it was killed."""
    store = open_store(world.database.url, "gw1")
    body = submit_sm(FRENCH)

    def add(tx, held):
        rows = (tx.new_id() for _ in range(5_000))
        row = Spooled(0, "operator/orange", 0, FRENCH, smpp.SUBMIT_SM, body, 0, tx.now + 3_600_000, account="shop")
        spool.add(tx, [row._replace(id=each) for each in rows], held=held)

    await store.join()
    for number in range(count // 5_000):
        await store.once(lambda tx: add(tx, held=number == 0))  # noqa: B023 (run at once)
    if store.shared:  # a lease that lasts would keep the next process from starting under the name
        await store.once(lambda tx: tx.rows("UPDATE node SET lease = 0"))
    store.close()


def destinations(operator):
    """Return the numbers of the texts that an operator was sent, in order."""
    return [pdu.fields["destination_addr"] for pdu in operator.requests]


def held(world, account):
    """Return how many rows of an account the operator's lane has in memory."""
    return world.gateway.lanes["operator/orange"]._backlog.count((account, 0))


async def answered(world, count):
    """Let the operator take requests until it was sent ``count`` more."""
    expected = len(world.orange.requests) + count
    while len(world.orange.requests) < expected:
        before = len(world.orange.requests)
        world.orange.release()
        await world.orange.received(before + 1)


async def test_small_account_behind_a_flood_that_survived(world):
    """After a restart with 50,000 rows of one account, the first message of another is sent as soon as it is there."""
    await left_behind(world, FLOOD)
    world.operator |= {"window": WINDOW, "response_timeout": "10m"}
    world.orange.reports, world.orange.answer = None, lambda _pdu: None
    await world.start()
    await world.orange.received(WINDOW)
    bank = await world.app("bank")
    await bank.accepted(GERMAN)
    waiting = "SELECT account, count(*) FROM spool WHERE claimed IS NULL GROUP BY account"
    await world.eventually(lambda: [account for account, _ in world.rows(waiting)] == ["shop"])
    assert world.rows(waiting)[0][1] >= FLOOD - 5_000
    await answered(world, 2)
    assert destinations(world.orange).index(GERMAN) < WINDOW + 2


async def test_small_account_behind_a_flood_in_memory(world):
    """While one account has hundreds of messages waiting, another's are every other one that is sent, in order."""
    world.operator |= {"window": WINDOW, "response_timeout": "10m"}
    world.orange.reports, world.orange.answer = None, lambda _pdu: None
    await world.start()
    shop, bank = await world.app(), await world.app("bank")
    async with trio.open_nursery() as nursery:
        for _ in range(300):
            nursery.start_soon(shop.accepted, FRENCH)
    await world.orange.received(WINDOW)
    numbers = [f"4915112345{number:03}" for number in range(3)]
    for number in numbers:
        await bank.accepted(number)
    await world.eventually(lambda: held(world, "bank") == 3)
    await answered(world, 6)
    assert [each for each in destinations(world.orange) if each != FRENCH] == numbers


async def test_long_messages_wait_on_disk(world):
    """Of long messages a lane has few in memory, whatever its room for others; all go out in order and in turn."""
    world.operator |= {"window": 1, "rate": None, "response_timeout": "10m"}  # so many octets are hundreds of segments
    world.orange.reports, world.orange.answer = None, lambda _pdu: None
    await world.start()
    shop, bank = await world.app(), await world.app("bank")
    lane = world.gateway.lanes["operator/orange"]
    lane._claims._room, lane._claims._few = Size(5_000, 20_000), Size(50, 200)
    texts = [f"{number:03}" for number in range(40)]
    async with trio.open_nursery() as nursery:
        for text in texts:
            nursery.start_soon(partial(shop.accepted, FRENCH, text, tlvs=tlv(0x1501, bytes(2_000))))
            await trio.lowlevel.checkpoint()
    await world.eventually(lambda: len(lane) > 4)  # half of its room at least
    await bank.accepted(GERMAN)
    await world.eventually(lambda: held(world, "bank"))
    while len(world.orange.requests) < 41:
        assert lane._backlog.size.octets < 23_000
        await answered(world, 1)
    assert destinations(world.orange).index(GERMAN) < 3
    told = [pdu.fields["short_message"][:3].decode() for pdu in world.orange.requests]
    assert [each for each in told if each.isdigit()] == texts


async def test_priority(world):
    """A higher priority_flag overtakes what its account has waiting, and travels on; the lowest is not left behind."""
    world.operator |= {"window": 1, "response_timeout": "10m"}
    world.orange.reports, world.orange.answer = None, lambda _pdu: None
    await world.start()
    bank = await world.app("bank")
    for number in range(6):
        await bank.accepted(f"3361000000{number}")
    for number in range(6):
        await bank.accepted(f"3362000000{number}", priority_flag=3)
    await world.eventually(lambda: len(world.gateway.lanes["operator/orange"]) == 11)
    await answered(world, 11)
    flags = [pdu.fields["priority_flag"] for pdu in world.orange.requests]
    assert flags == [0, 3, 3, 3, 0, 3, 3, 3, 0, 0, 0, 0]
    assert destinations(world.orange)[1:4] == ["33620000000", "33620000001", "33620000002"]


async def test_everybody_is_served(world):
    """40 sessions of 10 accounts and four operators at once: every message arrives once and its app is told."""
    operators = {f"op{number}": Operator() for number in range(4)}
    account = {"password": "secret", "rate": None, "kind": "notification", "mention": False, "max_binds": 4}
    routes = [{"prefixes": [f"3361{number}"], "operators": [name]} for number, name in enumerate(operators)]
    await world.start(operators, accounts={f"a{number}": account for number in range(10)}, routes=routes)
    apps = [await world.app(f"a{number % 10}") for number in range(40)]
    async with trio.open_nursery() as nursery:
        for number in range(400):
            text = f"message {number:03}"
            nursery.start_soon(apps[number % 40].accepted, f"3361{number % 4}{number:06}", text)
    await world.settled()
    arrived = [(name, text.text) for name, each in operators.items() for text in await each.texts(100)]
    assert Counter(arrived) == Counter((f"op{number % 4}", f"message {number:03}") for number in range(400))
    await world.eventually(lambda: sum(len(app.requests) for app in apps) >= 400)
    await world.settled()
    receipts = Counter(pdu.fields["short_message"][:19] for app in apps for pdu in app.requests)
    assert (len(receipts), sum(receipts.values())) == (400, 400)


async def test_rebinds(world):
    """300 apps that bind, submit and leave or just vanish leave no session and no socket behind."""
    await world.start()
    gc.collect()  # what earlier tests have left is not to be closed meanwhile
    before = sockets()
    for number in range(300):
        app = await world.app("bank")
        await app.accepted(FRENCH, registered_delivery=0)
        if number % 2:
            await app.links[0].part(1)
        else:
            app.links[0].close("the test hangs up")
        await app.gone()
        await world.eventually(lambda: not world.gateway._listener._clients)
    await world.eventually(lambda: sockets() <= before + 1)  # PostgreSQL may not have been listened to before
    assert len(await world.orange.texts(300)) == 300


def sockets():
    """Count this process's open sockets."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own
            links.append(descriptor.readlink().name)
    return sum(link.startswith("socket:") for link in links)

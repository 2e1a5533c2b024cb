"""Two gateways on one PostgreSQL: what one accepts, hears or is limited by, the other knows."""

import math
import time
from contextlib import contextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gateway.lanes import dispatcher
from gateway.smpp import status
from gateway.store import nodes
from tests.flows.databases import PostgresSchema
from tests.flows.peers import PATIENCE, App, Operator
from tests.flows.test_watch import count_rows, figures
from tests.flows.world import FRENCH, GERMAN, World
from tests.postgres import ROLE

THROTTLED = status.ESME_RTHROTTLED


@pytest.fixture
def database(postgres_server):
    """Give an empty schema: SQLite serves one process."""
    space = postgres_server.create()
    yield PostgresSchema(postgres_server.url(space))
    postgres_server.drop(space)


@pytest.fixture
async def pair(nursery, database, log):
    """Give two worlds on one database, with one operator `orange` for both."""
    first, second = World(nursery, database, log), World(nursery, database, log)
    second.orange = first.orange
    return first, second


async def start(pair, bound=("gw1", "gw2"), **changes):
    """Start the operator and both gateways; only nodes in ``bound`` bind to the operator."""
    first, second = pair
    await first.nursery.start(first.orange.run)
    for world, name in ((first, "gw1"), (second, "gw2")):
        world.operator = {**world.operator, "nodes": list(bound)}
        await world.start_gateway({"orange": world.orange}, node=name, **changes)
        if name in bound:
            await world.usable("orange")
    for world in pair:
        await world.eventually(lambda world=world: world.gateway.lanes.reachable("operator/orange"))


async def test_leaves_through_the_other(pair):
    """A message accepted by a node without a link to its operator leaves through the one that has one."""
    await start(pair, bound=("gw2",))
    app = await pair[0].app()
    await app.accepted(FRENCH)
    [text] = await pair[0].orange.texts(1)
    assert text.text == "Bonjour STOP 36034"
    [receipt] = await app.receipts(1)
    assert receipt.stat == "DELIVRD"


async def test_comes_home_through_the_other(pair):
    """A receipt and an inbound text that arrive at one node reach an app that is bound to another."""
    await start(pair, bound=("gw1",))
    app = await pair[1].app()
    await app.accepted(FRENCH)
    await app.receipts(1)
    await pair[0].orange.deliver(FRENCH, b"STOP")
    copy = (await app.received(2))[1]
    assert copy.fields["short_message"] == b"STOP"


async def test_a_part_of_a_text_that_the_other_has_read(pair):
    """A part of a long text that one node has read is known when the operator hands it over again at another."""
    await start(pair)
    pieces = [bytes((5, 0, 3, 7, 2, place)) + words for place, words in ((1, b"ST"), (2, b"OP"))]
    first, second = pair[0].orange.links
    for link, piece in ((first, pieces[0]), (second, pieces[1]), (first, pieces[1]), (second, pieces[0])):
        answer = await pair[0].orange.deliver(FRENCH, piece, link=link, esm_class=0x40)
        assert answer.status == status.ESME_ROK
    assert pair[0].rows("SELECT effect FROM evidence WHERE source = 'sms'") == [("opted_out",)]
    assert pair[0].rows("SELECT count(*) FROM inbound") == [(0,)]


async def test_polling_suffices(pair, monkeypatch):
    """Without any notification messages change nodes all the same, a look later."""
    await start(pair, bound=("gw2",))
    for world in pair:
        monkeypatch.setattr(world.gateway.store, "heard", lambda _names: None)
    app = await pair[0].app()
    await app.accepted(FRENCH)
    await pair[0].orange.texts(1)
    await app.receipts(1)


async def test_a_stop_is_in_force_everywhere(pair):
    """A STOP that one node has answered is in force at the other, and a repeated one there is not billed again."""
    await start(pair)
    first, second = await pair[0].app(), await pair[1].app()
    await first.accepted(FRENCH)
    assert (await pair[0].orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    assert (await second.submit(FRENCH)).status == status.OPTED_OUT
    assert (await first.submit(FRENCH)).status == status.OPTED_OUT
    for link in pair[0].orange.links * 2:
        await pair[0].orange.deliver(FRENCH, b"STOP", link=link)
    assert pair[0].rows("SELECT count(*) FROM ledger") == [(1,)]


async def test_a_stop_that_nobody_tells_of(pair, monkeypatch):
    """A STOP reaches what another node has in memory without any notification, a look later."""
    monkeypatch.setattr(dispatcher, "_RESCUE", 3_600.0)  # or the other node might find what is to wait at this one
    for world in pair:
        world.operator = {"window": 1}
    await start(pair)
    for world in pair:
        monkeypatch.setattr(world.gateway.store, "heard", lambda _names: None)
    orange = pair[0].orange
    orange.answer = lambda _pdu: None
    app = await pair[1].app()
    await app.accepted(GERMAN)
    message_id = await app.accepted(FRENCH)
    await orange.received(1)
    orange.answer = lambda _pdu: status.ESME_ROK
    assert (await orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    rejected = lambda: [r for r in app.requests if b"stat:REJECTD" in r.fields["short_message"]]  # noqa: E731
    await pair[1].eventually(rejected)
    assert message_id.encode() in rejected()[0].fields["short_message"]


async def test_a_storm_of_binds(pair):
    """Binds of many accounts at both nodes at once, in whatever order, are all let in."""
    names = [f"app{number}" for number in range(20)]
    await start(pair, accounts={name: {"password": "secret", "rate": None} for name in names})
    apps = []

    async def bind(world, name):
        apps.append(await world.app(name))

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(bind, pair[0], name)
        for name in reversed(names):
            nursery.start_soon(bind, pair[1], name)
    assert len(apps) == 2 * len(names)
    await pair[0].gateway._membership.beat()
    uneven = "SELECT name FROM presence WHERE name LIKE 'bind/app%' GROUP BY name HAVING sum(links) <> 2"
    assert pair[0].rows(uneven) == []
    assert pair[0].rows("SELECT count(*) FROM presence WHERE name LIKE 'bind/app%'") == [(2 * len(names),)]


async def test_a_bind_while_a_node_looks(pair):
    """What a node knew of its binds when it began to look is not what counts when it has let another one in since."""
    await start(pair)
    store, member, other = pair[0].gateway.store, *(world.gateway._membership for world in pair)
    assert await member.may_bind("shop", 1, 2)
    async with trio.open_nursery() as nursery, store.quiet:  # so that one commit brings both
        nursery.start_soon(member.beat)
        await wait_all_tasks_blocked()
        nursery.start_soon(member.may_bind, "shop", 2, 2)
        await wait_all_tasks_blocked()
    assert not await other.may_bind("shop", 1, 2)


async def test_a_clock_that_is_wrong(pair, monkeypatch):
    """A node whose own clock is set, wrong by an hour, goes by the database's: nothing is early, nothing is late."""
    present = time.time_ns
    await start(pair, bound=("gw1",))
    app = await pair[0].app()
    for count, wrong in enumerate((3_600, -3_600), 1):
        monkeypatch.setattr(time, "time_ns", lambda wrong=wrong: present() + wrong * 10**9)
        await app.accepted(FRENCH, validity_period="000000001000000R")
        assert (await app.receipts(count))[-1].stat == "DELIVRD"
        await pair[0].gateway._timekeeping.look()
    assert not pair[0].events("clock_set")


async def test_a_clock_that_was_read_late(pair):
    """What a node has read of the database's clock before it stood still is not taken for a clock that was set."""
    await start(pair)
    await pair[0].gateway._timekeeping.look()
    store = pair[0].gateway.store
    store.told(store.clock() - 60_000)
    await pair[0].gateway._timekeeping.look()
    assert not pair[0].events("clock_set")


async def test_a_clock_that_is_wrong_counts_for_nothing(pair, monkeypatch):
    """What waits in the spool is counted by the database's clock, wherever that of a node is."""
    present = time.time_ns
    await start(pair, bound=("gw1",))
    app = await pair[0].app()
    await app.accepted(FRENCH, schedule_delivery_time="000000010000000R")
    monkeypatch.setattr(time, "time_ns", lambda: present() + 7_200 * 10**9)
    count_rows(pair[0])
    later = 'stopgate_spool_rows{name="orange",side="operator",state="later"} 1.0'
    due = later.replace("later", "due").replace("1.0", "0.0")
    await pair[0].eventually(lambda: later in figures(pair[0]))
    assert due in figures(pair[0])


async def test_a_stop_reaches_what_another_node_holds(pair, monkeypatch):
    """A STOP that one node hears cancels what another one has in memory for the number."""
    monkeypatch.setattr(dispatcher, "_RESCUE", 3_600.0)  # or the other node might find what is to wait at this one
    pair[1].operator = {"window": 1}
    await start(pair, accounts={"shop": {"forward_mo": False}})
    app, orange = await pair[1].app(), pair[1].orange
    orange.answer = lambda _pdu: None
    await app.accepted(GERMAN)
    await orange.received(1)
    message_id = await app.accepted(FRENCH)
    assert len(pair[1].gateway.lanes["operator/orange"]) == 1
    orange.answer = lambda _pdu: status.ESME_ROK
    assert (await orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK  # over the first link: the first node's
    assert [(each.message_id, each.stat) for each in await app.receipts(1)] == [(message_id, "REJECTD")]
    assert [text.source for text in await orange.texts(1)] == ["36034"]


async def test_binds_are_counted_together(pair):
    """The binds of an account at all nodes together are limited, and one that ends makes room at the other node."""
    await start(pair, accounts={"shop": {"max_binds": 2}})
    kept, _ = await pair[0].app(), await pair[1].app()
    assert await pair[1].refused(App()) == status.ESME_RALYBND
    assert await pair[0].refused(App()) == status.ESME_RALYBND
    kept.links[0].unbind()
    await kept.gone()
    await pair[0].eventually(lambda: pair[0].rows("SELECT sum(links) FROM presence WHERE name = 'bind/shop'") == [(1,)])
    await pair[1].app()


async def test_a_rate_is_shared(pair):
    """An account's rate holds over both nodes: their shares never add up to more."""
    for world in pair:
        world.operator = {"rate": 50}
    await start(pair, accounts={"shop": {"rate": 100}})
    first, second = await pair[0].app(), await pair[1].app()
    for _ in range(30):
        await first.submit(FRENCH)
        await second.submit(FRENCH)
    for _ in range(3):
        for world in pair:
            await world.gateway._membership.beat()
            sums = dict(world.rows("SELECT name, CAST(sum(amount) AS BIGINT) FROM share GROUP BY name"))
            assert sums["rate/shop"] <= 100_000
            assert sums["operator/orange"] <= 50_000
    shares = pair[0].rows("SELECT amount FROM share WHERE name = 'rate/shop' ORDER BY amount")
    assert [round(amount / 50_000) for (amount,) in shares] == [1, 1]


async def test_a_node_that_leaves(pair, monkeypatch):
    """What waits at a node that stops goes on at the other at once, without waiting for a lease to end."""
    monkeypatch.setattr(dispatcher, "_RESCUE", 3_600.0)  # or the other node might find what is to wait at this one
    orange = pair[0].orange
    orange.answer = lambda _pdu: None  # a slow operator: one message on the wire, the others wait
    for world in pair:
        world.operator = {"window": 1}
    await start(pair)
    app = await pair[0].app()
    for _ in range(3):
        await app.accepted(FRENCH)
    await orange.received(1)
    assert len(pair[0].gateway.lanes["operator/orange"]) == 2
    orange.answer = lambda _pdu: status.ESME_ROK
    orange.release()
    pair[0].ask_to_stop()
    await pair[0].stopped()
    assert len(await orange.texts(3)) == 3
    await pair[1].eventually(lambda: pair[1].rows("SELECT count(*) FROM message WHERE state = 2") == [(3,)])


async def test_a_node_that_is_taken_for_dead(pair):
    """A node that finds that others took it for dead joins anew, and its messages are neither lost nor stuck."""
    await start(pair)
    app = await pair[0].app()
    await app.accepted(FRENCH)
    await app.receipts(1)
    token = pair[0].gateway.store._holder

    def bury(tx):
        tx.rows("SELECT 1 FROM node WHERE name = 'gw1' FOR UPDATE")  # not while it is in the middle of a round
        return nodes.bury(tx, {token: nodes.signs(tx)[token]})

    assert [each.name for each in await pair[1].gateway.store.transact(bury)] == ["gw1"]
    await pair[0].eventually(lambda: pair[0].events("lease_lost"))
    await pair[0].eventually(lambda: pair[0].gateway.store._holder not in (0, token))
    await pair[0].eventually(lambda: pair[0].gateway.not_ready() == {})
    await app.accepted(FRENCH, "again")
    await app.receipts(2)


class SteppingSchema(PostgresSchema):
    """A schema in which the server's clock is off by as many seconds as it is told."""

    def __init__(self, server):
        self.space = server.create()
        super().__init__(server.url(f"{self.space}%2Cpg_catalog"))  # what we call so goes before what PostgreSQL does
        self._execute = server.execute
        self._execute(f"CREATE TABLE {self.space}.step AS SELECT 0 AS seconds")
        self._execute(
            f"CREATE FUNCTION {self.space}.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT "
            f"pg_catalog.clock_timestamp() + seconds * interval '1 second' FROM {self.space}.step $$"
        )

    def step(self, seconds):
        """Set the clock, to so many seconds ahead."""
        self._execute(f"UPDATE {self.space}.step SET seconds = {seconds}")


@pytest.fixture
def stepping(postgres_server):
    """Give an empty schema with a clock that can be set."""
    schema = SteppingSchema(postgres_server)
    yield schema
    postgres_server.drop(schema.space)


async def a_lease_passes(pair):
    """Let a lease pass by the nodes' own clocks, in which each of them has shown signs of life."""
    members = [world.gateway._membership for world in pair]
    for each in [*members, *members]:
        await each.beat()
    for each in members:
        seen = each._silence._seen
        each._silence._seen = {node: (mark, since - nodes.LEASE_MS / 1_000) for node, (mark, since) in seen.items()}
    for each in members:
        await each.beat()


async def test_steps_of_the_clock(nursery, stepping, log, monkeypatch):
    """Wherever the database's clock is set to, who is dead is taken for dead, who lives is not, and messages go on."""
    monkeypatch.setattr("gateway.membership.BEAT", math.inf)  # they look when they are told to
    stepping.step(3_600)
    pair = first, second = World(nursery, stepping, log), World(nursery, stepping, log)
    second.orange = first.orange
    await start(pair)
    await first.gateway.store.transact(lambda tx: nodes.join(tx, nodes.number_of(tx, "gone"), nodes.LEASE_MS))
    app = await first.app()
    for count, ahead in enumerate((-3_600, 3_600), 1):
        stepping.step(ahead)
        await a_lease_passes(pair)
        await app.accepted(FRENCH)
        await app.receipts(count)
        with trio.fail_after(PATIENCE):
            while not first.events("node_taken_for_dead"):  # whoever stood still for so long takes nobody for dead
                await a_lease_passes(pair)
    assert {each["node"] for each in first.events("node_taken_for_dead")} == {"gone"}
    assert not first.events("lease_lost")


async def test_nothing_is_sent_without_a_lease(pair):
    """A node whose lease is in doubt by its own clock sends nothing, is not ready, and goes on when it is renewed."""
    await start(pair, bound=("gw1",))
    world = pair[0]
    app = await world.app()
    await app.accepted(FRENCH)
    await app.receipts(1)
    lane = world.pause("operator/orange")
    await app.accepted(FRENCH, "later")
    with world.locked():
        world.gateway.store.lease_until = trio.current_time()
        assert "store" in world.gateway.not_ready()
        world.go_on(lane)
        assert (lane.load().in_flight, len(lane)) == (0, 1)
    await world.eventually(lambda: world.gateway.not_ready() == {})
    await app.receipts(2)


@contextmanager
def role_of_its_own(server):
    """Give a role on the server that can be kept out of it, and its sessions ended."""
    name = "far"
    server.execute(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{name}'")
    yield name
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'")
    server.execute(f"DROP ROLE {name}")


async def test_a_node_that_is_cut_off(pair, postgres_server):
    """A node without its database answers ESME_RSYSERR, is not ready and sends nothing; others go on; it comes back."""
    first, second = pair
    with role_of_its_own(postgres_server) as role:
        second.database = PostgresSchema(first.database.url.replace(ROLE, role, 1))
        await start(pair, bound=("gw2",))
        near, far = await first.app(), await second.app()
        await far.accepted(FRENCH)
        await far.receipts(1)
        postgres_server.execute(f"ALTER ROLE {role} NOLOGIN")
        postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
        await second.eventually(lambda: not second.gateway.store.healthy)
        assert (await far.submit(FRENCH, "lost")).status == status.ESME_RSYSERR
        assert "store" in second.gateway.not_ready()
        await near.accepted(FRENCH, "kept")
        await second.eventually(lambda: trio.current_time() > second.gateway.store.lease_until)
        assert len(second.orange._texts()) == 1
        postgres_server.execute(f"ALTER ROLE {role} LOGIN")
        assert [text.text for text in await second.orange.texts(2)][1] == "kept STOP 36034"
        await second.eventually(lambda: second.gateway.not_ready() == {})
        await far.accepted(FRENCH, "again")
        assert len(await second.orange.texts(3)) == len(second.orange.requests) == 3
        second.ask_to_stop()
        await second.stopped()


async def test_nothing_is_sent_by_old_news(pair):
    """A node that has not looked for opt-outs lately, for whatever reason, sends nothing until it has."""
    await start(pair, bound=("gw1",))
    world = pair[0]
    app = await world.app()
    await app.accepted(FRENCH)
    await app.receipts(1)
    lane = world.pause("operator/orange")
    await app.accepted(FRENCH, "later")
    with world.locked():
        world.gateway.store.heeded_until = trio.current_time()
        world.go_on(lane)
        assert (lane.load().in_flight, len(lane)) == (0, 1)
    await app.receipts(2)
    await world.eventually(lambda: world.gateway.store.heeded_until > trio.current_time())


async def test_a_lane_that_others_know_is_no_orphan(pair):
    """A node that does not know an operator leaves alone what waits for it, while another node knows it."""
    sfr = Operator()
    first, second = pair
    await first.nursery.start(sfr.run)
    await first.nursery.start(first.orange.run)
    routes = [{"prefixes": [""], "operators": ["sfr"]}]
    await first.start_gateway({"orange": first.orange, "sfr": sfr}, node="gw1", routes=routes)
    await second.start_gateway({"orange": first.orange}, node="gw2")
    for world, name in ((first, "sfr"), (second, "orange")):
        await world.usable(name)
    app = await first.app()
    await first.close("sfr", sfr)
    await app.accepted(FRENCH)
    for _ in range(2):
        await second.gateway._membership.beat()
        await second.gateway._upkeep.reroute()
    assert second.rows("SELECT lane FROM spool WHERE number <> ''") == [("operator/sfr",)]
    await first.nursery.start(sfr.run)
    assert len(await sfr.texts(1)) == 1


async def test_operators_are_reached_through_others(pair):
    """The next operator of a route takes over only when no node has a link to the first one."""
    sfr = Operator()
    first, second = pair
    await first.nursery.start(sfr.run)
    await first.nursery.start(first.orange.run)
    for world, name, bound in ((first, "gw1", "orange"), (second, "gw2", "sfr")):
        nodes_of = {"orange": {"nodes": ["gw1"]}, "sfr": {"nodes": ["gw2"]}}
        await world.start_gateway({"orange": world.orange, "sfr": sfr}, node=name, operators=nodes_of)
        await world.usable(bound)
    for world in pair:
        await world.eventually(
            lambda world=world: all(map(world.gateway.lanes.reachable, ("operator/orange", "operator/sfr")))
        )
    app = await second.app()
    await app.accepted(FRENCH, "one")
    await app.receipts(1)
    await first.settled()  # or what was on the wire would rightly be sent again
    await first.orange.close()
    await second.eventually(lambda: not second.gateway.lanes.reachable("operator/orange"))
    await app.accepted(FRENCH, "two")
    assert [text.text for text in await sfr.texts(1)] == ["two STOP 36034"]

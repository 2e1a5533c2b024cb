"""PostgreSQL's own: what it says when it cannot be had, lost connections, commits in doubt, and nodes that race."""

import threading
import time
from contextlib import asynccontextmanager, closing
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import blacklist, ledger, messages, nodes, postgres, postgres_link, spool
from gateway.store.base import FencedError, StoreError, TakenError
from gateway.store.blacklist import Entry
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.messages import DELIVERED, ENROUTE, UNDELIVERABLE, Outcome
from gateway.store.postgres import PostgresStore
from tests.postgres import ROLE
from tests.store.helpers import NUMBER, Flow, add, message, numbers, postgres_database, spooled
from tests.store.proxy import Fate, Proxy

LANE = spool.operator_lane("orange")
PASSWORD = "never-shown"
PATIENCE = 20


@pytest.fixture
def database(request):
    """Offer an empty database."""
    with postgres_database(request) as database:
        yield database
        database.close()


@pytest.fixture
def server(postgres_server):
    """Offer the server where it is ours, so that it may be reached over TCP and be told what to do."""
    if postgres_server.over_tcp is None:
        pytest.skip("the server is not ours to disturb")
    return postgres_server


@asynccontextmanager
async def member(url, node="gw1"):
    """Open a store, join, and serve its rounds meanwhile."""
    store = await trio.to_thread.run_sync(PostgresStore, url, node)
    try:
        await store.join()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            yield store
            nursery.cancel_scope.cancel()
    finally:
        store.close()


@asynccontextmanager
async def two_members(database):
    """Offer two nodes on one database."""
    async with member(database.url, "gw1") as one, member(database.url, "gw2") as two:
        yield one, two


@asynccontextmanager
async def behind_proxy(server, database, node="gw1"):
    """Offer a node whose connections go through a proxy, and the proxy."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy(server.over_tcp[1])
        await nursery.start(proxy.run)
        async with member(server.url(database.space, port=proxy.port), node) as store:
            yield store, proxy
        nursery.cancel_scope.cancel()


async def recovered(store):
    """Wait until the store is well again."""
    with trio.fail_after(PATIENCE):
        while not store.healthy:  # noqa: ASYNC110 (nobody announces it)
            await trio.sleep(0.01)


def look(database, sql):
    """Read the database from outside."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def spooled_numbers(database):
    """Return the numbers of all spooled rows, seen from outside."""
    return [number for (number,) in look(database, "SELECT number FROM spool ORDER BY number")]


# What it says


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("gw:{password}@nowhere.invalid/db", "the host is unknown; check its name"),
        ("gw:{password}@127.0.0.1:1/db", "nothing listens there; start PostgreSQL"),
        ("gw:{password}@/db?host=/nowhere", "nothing listens there; start PostgreSQL"),
        ("gw:{password}@127.0.0.1:wrong/db", "no connection can be made|cannot be read"),
        ("gw:{password}%zz@127.0.0.1/db", "the URL cannot be read"),
    ],
)
def test_unreachable(place, sentence):
    """A server that cannot be reached is refused in a sentence that says why, and never shows the password."""
    with pytest.raises(StoreError, match=sentence) as caught:
        PostgresStore("postgresql://" + place.format(password=PASSWORD))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("role", "password", "name", "sentence"),
    [
        (ROLE, PASSWORD, "postgres", "the password is wrong or missing"),
        ("stranger", PASSWORD, "postgres", "the password is wrong or missing"),
        (ROLE, None, "nowhere", "the database does not exist; create it"),
    ],
)
def test_not_let_in(server, role, password, name, sentence):
    """A server that does not let us in is refused likewise, with the place that was tried."""
    host, port, right = server.over_tcp
    with pytest.raises(StoreError, match=sentence) as caught:
        PostgresStore(f"postgresql://{role}:{password or right}@{host}:{port}/{name}")
    assert str(caught.value).startswith(f"postgresql://{role}@{host}:{port}/{name}: ")
    assert PASSWORD not in str(caught.value)
    assert right not in str(caught.value)


@pytest.fixture
def other_role(server):
    """Offer a role that may do nothing but log in, as user:password."""
    server.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    yield f"reader:{PASSWORD}"
    server.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_no_right(server, other_role, database):
    """A role that may not create tables is refused in a sentence."""
    host, port, _ = server.over_tcp
    scope = f"options=-csearch_path%3D{database.space}"
    server.execute(f"GRANT USAGE ON SCHEMA {database.space} TO reader")
    with pytest.raises(StoreError, match="the role lacks a right; it must own the tables") as caught:
        PostgresStore(f"postgresql://{other_role}@{host}:{port}/postgres?{scope}")
    assert PASSWORD not in str(caught.value)


def test_no_connection_left(server, other_role):
    """A server without a free connection is refused in a sentence."""
    host, port, _ = server.over_tcp
    server.execute("ALTER ROLE reader CONNECTION LIMIT 0")
    with pytest.raises(StoreError, match="the server has no connection left"):
        PostgresStore(f"postgresql://{other_role}@{host}:{port}/postgres")


def test_wrong_encoding(server):
    """A database that cannot hold every character is refused."""
    server.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    host, port, password = server.over_tcp
    try:
        with pytest.raises(StoreError, match="the database's encoding is SQL_ASCII; create one with ENCODING 'UTF8'"):
            PostgresStore(f"postgresql://{ROLE}:{password}@{host}:{port}/ascii")
    finally:
        server.execute("DROP DATABASE ascii")


def test_read_only(database):
    """A database that takes no changes, as on a standby, is refused."""
    with pytest.raises(StoreError, match="is read-only, such as a standby; name the primary"):
        PostgresStore(database.url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"))


def test_too_old(database, monkeypatch):
    """A server that is older than what we know is refused."""
    monkeypatch.setattr(postgres_link, "_OLDEST", 99)
    with pytest.raises(StoreError, match=r"the server is PostgreSQL \d+; 99 is the oldest that will do"):
        PostgresStore(database.url)


def test_unsafe_server(server, database, logged):
    """A server that does not sync its disk is used, and warned of, once."""
    for store in (database.open(), database.open()):
        store._link.connect().close()
    assert [each["event"] for each in logged] == ["store_unsafe", "store_unsafe"]


# Sessions and rounds


async def test_session(database):
    """Commits are durable, locks and idle transactions are bounded, and the session tells whose it is."""
    store = database.open("gw7")
    names = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    found = await store.once(
        lambda tx: [tx.rows(f"SHOW {name}", ()) or tx.rows(f"SELECT current_setting('{name}')") for name in names]
    )
    assert found == [[("on",)], [("2s",)], [("3s",)], [("stopgate/gw7",)]]


async def test_done_comes_after_the_commit(database):
    """When a flow is told, others can see its rows already; while its work runs they cannot."""
    seen = []
    async with member(database.url) as store:
        flow = Flow(lambda tx, items: (add(tx, *items), seen.append(spooled_numbers(database))))
        flow.batch.done = lambda _items, _result: seen.append(spooled_numbers(database))
        store.attach(flow.batch)
        flow.batch.put_all(["a", "b"])
        await store.transact(lambda _tx: None)
    assert seen == [[], ["a", "b"]]


async def test_hidden_error(database):
    """Work that hides the database's error and goes on is not committed in part, and takes nothing else with it."""

    def stubborn(tx, items):
        add(tx, *items)
        try:
            tx.rows("SELECT 1 / 0")
        except psycopg.Error:
            return

    async with member(database.url) as store:
        bad, good = Flow(stubborn, 10), Flow(lambda tx, items: add(tx, *items), 20)
        for flow in (bad, good):
            store.attach(flow.batch)
        bad.batch.put("bad")
        good.batch.put("good")
        await store.transact(lambda _tx: None)
        assert [items for items, _ in bad.failed] == [["bad"]]
        assert [items for items, _ in good.done] == [["good"]]
        assert store.healthy
    assert spooled_numbers(database) == ["good"]


async def test_error_in_a_set(database):
    """A statement that fails is laid to the item that sent it, not to the next."""
    async with member(database.url) as store:
        taken = await store.transact(spooled)
        await store.transact(lambda tx: spool.add(tx, [taken]))
        bad = Flow(lambda tx, _items: spool.add(tx, [taken]), 10)
        good = Flow(lambda tx, items: (tx.rows("SELECT 1"), add(tx, *items)), 20)
        for flow in (bad, good):
            store.attach(flow.batch)
            flow.batch.put("x")
        await store.transact(lambda _tx: None)
        assert (len(bad.done), len(bad.failed), len(good.done), len(good.failed)) == (0, 1, 1, 0)


async def test_nul(database):
    """The one character that a text here cannot hold is replaced, alone and in a set, rather than refusing for it."""
    store = database.open()
    row = await store.once(lambda tx: spooled(tx, number="a\0b"))
    await store.once(lambda tx: spool.add(tx, [row]))
    assert spooled_numbers(database) == ["a\ufffdb"]
    assert await store.once(lambda tx: tx.rows("SELECT lane FROM spool WHERE number = ?", ("a\0b",))) == [(LANE,)]


TEXTS = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.sampled_from(["NULL", "null", "", '"', "\\", "{}", ",", " x ", "'", "\n", "%s", "?", "{rows}", "\\x41"])
)
ROWS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.integers(-9, 9), TEXTS, TEXTS, st.none() | st.binary()),
    min_size=1,
)


@given(ROWS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_sets_arrive_as_they_were(database, rows):
    """Whatever a set holds, the database gets it unchanged, and a column of nothing stays nothing."""
    store = database.open()
    sql = "WITH given (a, b, c, d, e) AS ({rows}) SELECT * FROM given"
    found = await store.once(lambda tx: tx.each(sql, rows))
    assert found == rows
    store.close()


async def test_large_set(database):
    """A set of more rows than one statement takes arrives whole and in order."""
    store = database.open()
    rows = [(number,) for number in range(12_345)]
    assert await store.once(lambda tx: tx.each("SELECT * FROM ({rows}) AS given", rows)) == rows


async def test_ledger_cannot_be_emptied(database):
    """Neither can the ledger be emptied at once."""
    store = database.open()
    with pytest.raises(StoreError, match="the ledger is append-only"):
        await store.once(lambda tx: tx.rows("TRUNCATE ledger"))


def test_migrated_by_many_at_once(database):
    """Processes that find an empty database at the same moment all succeed, each with a number of its own."""
    with ThreadPoolExecutor(8) as pool:
        for store in pool.map(database.open, [f"gw{number}" for number in range(8)]):
            store.close()
    assert look(database, "SELECT count(*), count(DISTINCT number) FROM node") == [(8, 8)]
    assert look(database, "SELECT count(*) FROM migration") == [(1,)]


# Lost connections


async def test_session_ended(database, logged):
    """When the server ends our session a round fails whole; the store connects again by itself and says so once."""
    async with member(database.url) as store:
        backend = store._backend
        look(database, f"SELECT pg_terminate_backend({backend}, 5000)")
        with pytest.raises(StoreError, match="an administrator ended the connection|connection"):
            await store.transact(lambda tx: add(tx, "lost"))
        await recovered(store)
        await store.transact(lambda tx: add(tx, "kept"))
        assert store._backend != backend
    assert spooled_numbers(database) == ["kept"]
    events = [each["event"] for each in logged]
    assert [event for event in events if event.startswith("store_") and event != "store_unsafe"] == [
        "store_failed",
        "store_recovered",
    ]


@pytest.mark.parametrize(("fate", "committed"), [(Fate.CUT_AFTER, True), (Fate.CUT, False)])
async def test_commit_in_doubt(server, database, logged, fate, committed):
    """A commit whose answer was lost is answered for only when its outcome is known, and with the truth."""
    async with behind_proxy(server, database) as (store, proxy):
        flow = Flow(lambda tx, items: _write_and_arm(tx, items, proxy, fate))
        store.attach(flow.batch)
        flow.batch.put("a")
        with trio.fail_after(PATIENCE):
            while not flow.done + flow.failed:
                await trio.sleep(0.01)
        assert (len(flow.done), len(flow.failed)) == ((1, 0) if committed else (0, 1))
        await recovered(store)
    assert spooled_numbers(database) == (["a"] if committed else [])
    assert [each["committed"] for each in logged if each["event"] == "commit_found_out"] == [committed]


def _write_and_arm(tx, items, proxy, fate):
    """Write, and let the network fail at what is sent next: the commit."""
    add(tx, *items)
    tx.rows("SELECT 1")
    proxy.next = fate


async def test_no_commit_without_an_answer(server, database):
    """While a commit is in doubt and the server is away, others are refused, and the doubtful is not answered for."""
    async with behind_proxy(server, database) as (store, proxy):
        doubtful, later = (
            Flow(lambda tx, items: _write_and_arm(tx, items, proxy, Fate.CUT_AFTER)),
            Flow(lambda tx, items: add(tx, *items)),
        )
        for flow in (doubtful, later):
            store.attach(flow.batch)
        port, proxy._server_port = proxy._server_port, 1
        doubtful.batch.put("a")
        with trio.fail_after(PATIENCE):
            while store.healthy:  # noqa: ASYNC110 (nobody announces it)
                await trio.sleep(0.01)
        later.batch.put("b")
        with trio.fail_after(PATIENCE):
            while not later.failed:
                await trio.sleep(0.01)
        assert doubtful.done == doubtful.failed == []
        proxy._server_port = port
        await recovered(store)
        assert [items for items, _ in doubtful.done] == [["a"]]
    assert spooled_numbers(database) == ["a"]


@pytest.mark.faults
@pytest.mark.parametrize("at_commit", [False, True])
async def test_network_that_stops(server, database, monkeypatch, at_commit):
    """When nothing comes back a round ends all the same, and the database is usable as soon as it has noticed."""
    monkeypatch.setattr(postgres, "_PATIENCE", 0.5)
    async with behind_proxy(server, database) as (store, proxy):

        def work(tx, items):
            _write_and_arm(tx, items, proxy, Fate.FREEZE)
            if not at_commit:
                tx.rows("SELECT 1")

        flow = Flow(work)
        store.attach(flow.batch)
        flow.batch.put("a")
        with trio.fail_after(2):
            await proxy.frozen.wait()
        with trio.fail_after(PATIENCE):
            while not flow.failed:
                await trio.sleep(0.01)
        await recovered(store)
        await store.transact(lambda tx: add(tx, "b"))
        assert flow.done == []
    assert spooled_numbers(database) == ["b"]


@pytest.mark.faults
async def test_frozen_process(database):
    """A process that stands still within a round loses its transaction, and with it the locks, after three seconds."""
    async with member(database.url) as store:
        with pytest.raises(StoreError, match="this process had stood still for too long|connection"):
            await store.transact(lambda tx: (add(tx, "a"), tx.rows("SELECT 1"), time.sleep(3.5), tx.rows("SELECT 1")))
        await recovered(store)
        assert await store.transact(numbers) == []


# Members


async def test_lease(database):
    """Each round of a member renews its lease, by the database's clock, and says until when we may rely on it."""
    async with member(database.url) as store:
        started = trio.current_time()
        now = await store.transact(lambda tx: tx.now)
        assert started + nodes.HOLD <= store.lease_until <= trio.current_time() + nodes.HOLD
    [(lease,)] = look(database, "SELECT lease FROM node")
    assert 0 <= lease - now - nodes.LEASE_MS < 1_000


async def test_taken_for_dead(database):
    """A node that was taken for dead does nothing any more until it has joined again under a new token."""
    async with two_members(database) as (one, two):
        row = await one.transact(lambda tx: _hold(tx))
        before = await one.transact(lambda tx: tx.holder)
        assert [
            each.name for each in await two.transact(lambda tx: nodes.bury(tx, tx.now + 60_000)) if each.name == "gw1"
        ] == ["gw1"]
        for _ in range(2):
            with pytest.raises(FencedError, match="others took it for dead"):
                await one.transact(lambda tx: add(tx, "a"))
        assert not one.healthy
        await one.join()
        assert await one.transact(lambda tx: tx.holder) > before
        assert one.healthy
        assert await one.transact(lambda tx: [each.id for each in spool.claim(tx, LANE, 9)]) == [row.id]


def _hold(tx):
    row = spooled(tx)
    spool.add(tx, [row], held=True)
    return row


async def test_name_taken(database):
    """A node ends when another process has joined under its name."""
    one, two = PostgresStore(database.url, "gw1"), PostgresStore(database.url, "gw1")
    with closing(one), closing(two):
        await one.join()
        await two.join()
        with pytest.raises(TakenError, match="another process runs as this node; give each a name of its own"):
            await one.once(lambda _tx: None)
        assert await two.once(lambda tx: tx.holder) > 0


async def test_heard(database):
    """What one node tells at its commit the others hear, each name once; itself it does not hear."""
    heard = {"gw1": [], "gw2": []}
    async with two_members(database) as (one, two):
        one.heard, two.heard = heard["gw1"].append, heard["gw2"].append
        await _listening(database, 2)
        await one.transact(lambda tx: (tx.notify(["lane/b", "lane/a", "lane/a"]), tx.notify([])))
        with trio.fail_after(PATIENCE):
            while not heard["gw2"]:
                await trio.sleep(0.01)
        await two.transact(lambda tx: tx.notify(["lane/c"]))
        with trio.fail_after(PATIENCE):
            while not heard["gw1"]:
                await trio.sleep(0.01)
    assert heard == {"gw1": [{"lane/c"}], "gw2": [{"lane/a", "lane/b"}]}


async def test_listens_again(database, logged):
    """A listening session that is lost is made again, and logged once each way."""
    heard = []
    async with two_members(database) as (one, two):
        two.heard = heard.append
        await _listening(database, 2)
        look(database, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query = 'LISTEN stopgate'")
        await _listening(database, 2)
        await one.transact(lambda tx: tx.notify(["lane/a"]))
        with trio.fail_after(PATIENCE):
            while not heard:
                await trio.sleep(0.01)
    events = [each["event"] for each in logged if each["event"].startswith("listen_")]
    assert heard == [{"lane/a"}]
    assert sorted(events) == ["listen_failed"] * 2 + ["listen_recovered"] * 2


async def _listening(database, count):
    """Wait until as many sessions listen."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN stopgate' AND state = 'idle'"
    with trio.fail_after(PATIENCE):
        while await trio.to_thread.run_sync(look, database, sql) != [(count,)]:
            await trio.sleep(0.01)


# Races


async def both(one, two, work):
    """Run ``work`` on both nodes at the same moment; returns their results."""
    results = []
    barrier = threading.Barrier(2, timeout=PATIENCE)

    def together(tx):
        tx.rows("SELECT 1")
        if barrier is not None and not barrier.broken:
            barrier.wait()
        return work(tx)

    async def run(store):
        results.append(await store.transact(together))

    async with trio.open_nursery() as nursery:
        for store in (one, two):
            nursery.start_soon(run, store)
    return results


async def test_deadlock(database):
    """Transactions that lock each other out are run again until both have been done."""
    turns = threading.Barrier(2, timeout=PATIENCE)
    met = []

    def work(first, second):
        def crosswise(tx):
            tx.lock([first])
            tx.rows("SELECT 1")
            if len(met) < 2:
                met.append(first)
                turns.wait()
            tx.lock([second])
            add(tx, first)

        return crosswise

    async with two_members(database) as (one, two):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.transact, work("a", "b"))
            nursery.start_soon(two.transact, work("b", "a"))
    assert spooled_numbers(database) == ["a", "b"]


async def test_opt_out_on_two_nodes(database):
    """One STOP that reaches two nodes at once is new to one of them only, so it is billed once."""

    def stop(tx):
        new = blacklist.add(tx, [Entry(NUMBER, "shop", tx.now, "sms", "36034", False, 7)])
        for _ in new:
            ledger.append(
                tx, Event(f"{tx.new_id():016x}", tx.now, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", "", 7)
            )
        return len(new)

    async with two_members(database) as (one, two):
        assert sorted(await both(one, two, stop)) == [0, 1]
        assert len(await one.transact(ledger.events)) == 1


async def test_ledger_on_two_nodes(database):
    """Events of two nodes make one chain, without a gap and without a fork."""
    async with two_members(database) as (one, two):

        def bill(tx):
            ledger.append(
                tx, Event(f"{tx.new_id():016x}", tx.now, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", "", 7)
            )

        for _ in range(3):
            await both(one, two, bill)
        found = await one.transact(lambda tx: tx.rows("SELECT position, hash FROM ledger ORDER BY position"))
        events = await one.transact(ledger.events)
    previous, expected = "0" * 64, []
    for position, event in enumerate(events, 1):
        previous = ledger.chain(previous, event)
        expected.append((position, previous))
    assert found == expected
    assert len(found) == 6


async def test_segments_settled_on_two_nodes(database):
    """Two segments of one message whose outcomes reach two nodes at once finish it once, with the worse of both."""
    async with two_members(database) as (one, two):
        row = await one.transact(lambda tx: message(tx, segments=3))
        await one.transact(lambda tx: messages.add(tx, [row]))
        assert await both(one, two, lambda tx: messages.settle(tx, [Outcome(row.id, DELIVERED)])) == [[], []]
        assert await one.transact(lambda tx: tx.rows("SELECT open, state FROM message")) == [(1, ENROUTE)]
        finished = await both(one, two, lambda tx: messages.settle(tx, [Outcome(row.id, UNDELIVERABLE, "0fe")]))
        assert sorted(len(each) for each in finished) == [0, 1]
        assert await one.transact(lambda tx: tx.rows("SELECT state, error FROM message")) == [(UNDELIVERABLE, "0fe")]


async def test_claims_on_two_nodes(database):
    """Rows that two nodes claim at once go to one of them each, and neither waits for the other."""
    async with two_members(database) as (one, two):
        await one.transact(lambda tx: spool.add(tx, [spooled(tx) for _ in range(40)]))
        claimed = await both(one, two, lambda tx: [row.id for row in spool.claim(tx, LANE, 15)])
        assert [len(ids) for ids in claimed] == [15, 15]
        assert len({*claimed[0], *claimed[1]}) == 30
        rest = await both(one, two, lambda tx: [row.id for row in spool.claim(tx, LANE, 15)])
        assert sorted(len(ids) for ids in rest) in ([0, 10], [5, 5], [4, 6], [3, 7], [2, 8], [1, 9])


async def test_report_on_two_nodes(database):
    """Of two receipts for one segment that reach two nodes at once, one finds it."""
    async with two_members(database) as (one, two):
        await one.transact(lambda tx: messages.taken(tx, [("orange", "x1", 7)]))
        found = await both(one, two, lambda tx: messages.report(tx, [("orange", "x1")]))
    assert sorted(map(len, found)) == [0, 1]

"""PostgreSQL's own: what it says when it cannot be had, what a session is like, what sets hold."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import blacklist, postgres_link, spool
from gateway.store.base import StoreError
from gateway.store.blacklist import Entry
from gateway.store.migrate import migrations
from gateway.store.postgres import PostgresStore
from tests.postgres import ROLE
from tests.store.helpers import Flow, add, spooled
from tests.store.members import look, member, spooled_numbers

PASSWORD = "never-shown"
LANE = spool.operator_lane("orange")


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


def test_no_right(server, other_role, shared):
    """A role that may not create tables is refused in a sentence."""
    host, port, _ = server.over_tcp
    scope = f"options=-csearch_path%3D{shared.space}"
    server.execute(f"GRANT USAGE ON SCHEMA {shared.space} TO reader")
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


def test_read_only(shared):
    """A database that takes no changes, as on a standby, is refused."""
    with pytest.raises(StoreError, match="is read-only, such as a standby; name the primary"):
        PostgresStore(shared.url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"))


def test_too_old(shared, monkeypatch):
    """A server that is older than what we know is refused."""
    monkeypatch.setattr(postgres_link, "_OLDEST", 99)
    with pytest.raises(StoreError, match=r"the server is PostgreSQL \d+; 99 is the oldest that will do"):
        PostgresStore(shared.url)


def test_unsafe_server(server, shared, logged):
    """A server that does not sync its disk is used, and warned of, once."""
    for store in (shared.open(), shared.open()):
        store._link.connect().close()
    assert [each["event"] for each in logged] == ["store_unsafe", "store_unsafe"]


# Sessions and rounds


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_isolation_of_the_database(shared, level):
    """A database whose transactions are isolated more strictly does not keep us from seeing what a lock waited for."""
    stricter = f"-cdefault_transaction_isolation={level}".replace(" ", r"\ ")
    url = shared.url.replace("options=", f"options={quote(stricter)}%20")
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW transaction_isolation").fetchall() == [(level,)]
    async with member(url) as store:
        assert await store.transact(lambda tx: tx.rows("SHOW transaction_isolation")) == [("read committed",)]


async def test_session(shared, monkeypatch):
    """Commits are durable, locks and idle transactions are bounded, and the session tells whose it is."""
    monkeypatch.undo()
    store = shared.open("gw7")
    expected = {
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
        "lock_timeout": "2s",
        "statement_timeout": "4s",
        "idle_in_transaction_session_timeout": "3s",
        "plan_cache_mode": "force_custom_plan",
        "application_name": "stopgate/gw7",
    }
    found = await store.once(lambda tx: {name: tx.rows(f"SHOW {name}") for name in expected})
    assert found == {name: [(value,)] for name, value in expected.items()}


async def test_done_comes_after_the_commit(shared):
    """When a flow is told, others can see its rows already; while its work runs they cannot."""
    seen = []
    async with member(shared.url) as store:
        flow = Flow(lambda tx, items: (add(tx, *items), seen.append(spooled_numbers(shared))))
        flow.batch.done = lambda _items, _result: seen.append(spooled_numbers(shared))
        store.attach(flow.batch)
        flow.batch.put_all(["a", "b"])
        await store.transact(lambda _tx: None)
    assert seen == [[], ["a", "b"]]


async def test_hidden_error(shared):
    """Work that hides the database's error and goes on is not committed in part, and takes nothing else with it."""

    def stubborn(tx, items):
        add(tx, *items)
        try:
            tx.rows("SELECT 1 / 0")
        except psycopg.Error:
            return

    async with member(shared.url) as store:
        bad, good = Flow(stubborn, 10), Flow(lambda tx, items: add(tx, *items), 20)
        for flow in (bad, good):
            store.attach(flow.batch)
        bad.batch.put("bad")
        good.batch.put("good")
        await store.transact(lambda _tx: None)
        assert [items for items, _ in bad.failed] == [["bad"]]
        assert [items for items, _ in good.done] == [["good"]]
        assert store.healthy
    assert spooled_numbers(shared) == ["good"]


async def test_error_in_a_set(shared):
    """A statement that fails is laid to the item that sent it, not to the next."""
    async with member(shared.url) as store:
        taken = await store.transact(spooled)
        await store.transact(lambda tx: spool.add(tx, [taken]))
        bad = Flow(lambda tx, _items: spool.add(tx, [taken]), 10)
        good = Flow(lambda tx, items: (tx.rows("SELECT 1"), add(tx, *items)), 20)
        for flow in (bad, good):
            store.attach(flow.batch)
            flow.batch.put("x")
        await store.transact(lambda _tx: None)
        assert (len(bad.done), len(bad.failed), len(good.done), len(good.failed)) == (0, 1, 1, 0)


async def test_nul(shared):
    """The one character that a text here cannot hold is replaced, alone and in a set, rather than refusing for it."""
    store = shared.open()
    row = await store.once(lambda tx: spooled(tx, number="a\0b"))
    await store.once(lambda tx: spool.add(tx, [row]))
    assert spooled_numbers(shared) == ["a\ufffdb"]
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
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_sets_arrive_as_they_were(shared, rows):
    """Whatever a set holds, the database gets it unchanged, and a column of nothing stays nothing."""
    store = shared.open()
    sql = "WITH given (a, b, c, d, e) AS ({rows}) SELECT * FROM given"
    found = await store.once(lambda tx: tx.each(sql, rows))
    assert found == rows
    store.close()


async def test_large_set(shared):
    """A set of more rows than one statement takes arrives whole and in order."""
    store = shared.open()
    rows = [(number,) for number in range(12_345)]
    assert await store.once(lambda tx: tx.each("SELECT * FROM ({rows}) AS given", rows)) == rows


async def test_ledger_cannot_be_emptied(shared):
    """Neither can the ledger be emptied at once."""
    store = shared.open()
    with pytest.raises(StoreError, match="the ledger is append-only"):
        await store.once(lambda tx: tx.rows("TRUNCATE ledger"))


def test_migrated_by_many_at_once(shared):
    """Processes that find an empty database at the same moment all succeed, each with a number of its own."""
    with ThreadPoolExecutor(8) as pool:
        for store in pool.map(shared.open, [f"gw{number}" for number in range(8)]):
            store.close()
    assert look(shared, "SELECT count(*), count(DISTINCT number) FROM node") == [(8, 8)]
    assert look(shared, "SELECT count(*) FROM migration") == [(len(migrations("postgres")),)]


async def test_a_list_that_was_not_analysed(shared):
    """A blacklist that has just grown is looked up through its index, though the server knows nothing of it yet."""
    async with shared.serving() as store:
        entries = [Entry(f"336{number:08}", "*", 1, "import", "36034", False, 1) for number in range(20_000)]
        await store.transact(lambda tx: blacklist.add(tx, entries))
        places = ", ".join("(?)" for _ in range(128))
        lines = await store.transact(
            lambda tx: tx.rows(
                f"EXPLAIN WITH asked (asked) AS (VALUES {places}) "
                "SELECT number, account, everything FROM asked CROSS JOIN blacklist WHERE number = asked",
                [entry.number for entry in entries[:128]],
            )
        )
    plan = "\n".join(line for (line,) in lines)
    assert "Index Scan using blacklist_pkey" in plan
    assert "Seq Scan" not in plan

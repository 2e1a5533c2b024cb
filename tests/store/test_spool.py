"""The spool: rows wait in lanes, are held by one node at a time, and leave when they are settled."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.rules.size import Size
from gateway.store import spool
from tests.store.helpers import HOUR, held_by, spooled

AT_ONCE = {"at": 0}
LANE, OTHER = spool.operator_lane("orange"), spool.operator_lane("sfr")


async def put(store, *changes, claimed=None):
    """Spool a row for each set of changes, with due and expires relative to now; return the rows."""

    def work(tx):
        rows = []
        for each in changes:
            times = {name: tx.now + each[name] for name in ("due", "expires") if name in each}
            times |= {"due": each["at"]} if "at" in each else {}
            rows.append(spooled(tx, **{name: value for name, value in (each | times).items() if name != "at"}))
        if claimed:
            spool.add(held_by(tx, claimed), rows, held=True)
        else:
            spool.add(tx, rows)
        return rows

    return await store.transact(work)


def claim(holder=1, limit=100, lane=LANE, queue=("", 0), octets=1_000_000):
    """Return work that claims."""
    return lambda tx: spool.claim(held_by(tx, holder), lane, queue, Size(limit, octets))


def test_lanes_of_peers():
    """An operator and an account of the same name have lanes of their own."""
    assert spool.operator_lane("orange") != spool.account_lane("orange")


async def test_claim_in_order(store):
    """Rows that are due are claimed in the order in which they were accepted."""
    rows = await put(store, {"due": -1}, {}, {"due": -5}, {})
    assert await store.transact(claim()) == rows


async def test_claim_shares_the_room(store):
    """Where room is short, rows that waited for an instant get half of it, by due time, and the others the rest."""
    late, at_once, early, _ = await put(store, {"due": -1}, AT_ONCE, {"due": -9}, {"due": -5})
    assert await store.transact(claim(limit=2)) == [at_once, early]
    assert len(await store.transact(claim(limit=9))) == 2
    timed = await put(store, *[{"due": -1}] * 5)
    assert await store.transact(claim(limit=4)) == timed[:4]
    at_once = await put(store, *[AT_ONCE] * 5)
    assert await store.transact(claim(limit=5)) == [timed[4], *at_once[:4]]
    assert late


async def test_due_at_once_whatever_the_clock(store):
    """A row that is due at once is claimed, and called ready, on a clock that was set back to 1970."""
    [row] = await put(store, AT_ONCE)

    def long_ago(tx):
        tx.now = 5
        return spool.ready(tx, [LANE]), claim()(tx)

    assert await store.transact(long_ago) == ([LANE], [row])


async def test_urgent_first(store):
    """An urgent row is claimed before others when there is no room for all."""
    _, urgent = await put(store, AT_ONCE, {"at": spool.URGENT})
    assert await store.transact(claim(limit=1)) == [urgent]


async def test_claim_only_what_is_due(store):
    """A row that is due later stays where it is."""
    await put(store, {"due": HOUR})
    assert await store.transact(claim()) == []


async def test_claimed_once(store):
    """A claimed row is not handed out again, to nobody."""
    rows = await put(store, {})
    assert await store.transact(claim(1)) == rows
    assert await store.transact(claim(1)) == []
    assert await store.transact(claim(2)) == []


async def test_claims_of_one_round(store):
    """Two nodes that claim in the same transaction share the rows."""
    rows = await put(store, {}, {}, {})
    first, second = await store.transact(lambda tx: (claim(1, 2)(tx), claim(2, 2)(tx)))
    assert (first, second) == (rows[:2], rows[2:])


async def test_claim_within_the_limit(store):
    """No more rows are claimed than there is room for, and none where there is no room at all."""
    rows = await put(store, {}, {}, {})
    assert await store.transact(claim(limit=-1)) == []
    assert await store.transact(claim(limit=0)) == []
    assert await store.transact(claim(limit=2)) == rows[:2]


async def test_claim_within_the_octets(store):
    """A claim ends with the row that reaches its octets: one at least, however long, and none without any room."""
    rows = await put(store, *({"body": bytes(octets)} for octets in (400, 300, 300, 1, 65_000, 10)))
    assert await store.transact(claim(octets=0)) == []
    assert [await store.transact(claim(octets=700)) for _ in range(4)] == [rows[:2], rows[2:5], rows[5:], []]


async def test_long_rows_share_the_room(store):
    """Where octets are short, rows that waited for an instant and others get half of them each, however long."""
    long = {"body": bytes(9_000)}
    timed, at_once = await put(store, *[{"due": -1, **long}] * 3), await put(store, *[{**AT_ONCE, **long}] * 3)
    found = [await store.transact(claim(octets=1_000)) for _ in range(4)]
    assert found == [[timed[0], at_once[0]], [timed[1], at_once[1]], [timed[2], at_once[2]], []]


async def test_lanes_are_separate(store):
    """A claim takes rows of its own lane only."""
    [_, other] = await put(store, {}, {"lane": OTHER})
    assert await store.transact(claim(lane=OTHER)) == [other]
    assert len(await store.transact(claim())) == 1


async def test_queues(store):
    """Each account and priority of which a row waits in a lane is named, once, due or not."""
    shop, later = {"account": "shop"}, {"account": "bank", "due": HOUR}
    await put(store, {}, shop, shop, {**shop, "priority": 3}, {**later, "priority": 1}, {"lane": OTHER, "account": "x"})
    await put(store, {"account": "held"}, claimed=1)
    found = await store.transact(lambda tx: spool.queues(tx, LANE))
    assert sorted(found) == [("", 0), ("bank", 1), ("shop", 0), ("shop", 3)]
    assert await store.transact(lambda tx: spool.queues(tx, "operator/none")) == []


async def test_queues_are_separate(store):
    """A claim takes rows of its own queue only, and tells whose they are and how urgent."""
    _, urgent, other = await put(store, {"account": "shop"}, {"account": "shop", "priority": 3}, {"account": "bank"})
    assert await store.transact(claim(queue=("shop", 3))) == [urgent]
    assert await store.transact(claim(queue=("bank", 0))) == [other]
    assert await store.transact(claim()) == []


async def test_added_as_claimed(store):
    """A row that its node took straight into memory does not wait for anybody."""
    await put(store, {}, claimed=1)
    assert await store.transact(claim(2)) == []


async def test_remove(store):
    """Settled rows are gone for good, also for a node that starts anew."""
    taken, _ = rows = await put(store, {}, {}, claimed=1)
    await store.transact(lambda tx: spool.remove(held_by(tx, 1), [taken.id]))
    await store.transact(lambda tx: spool.release_held(tx, 1))
    assert await store.transact(claim()) == rows[1:]


async def test_remove_after_a_takeover(store):
    """A row that another node holds by now is left to it; one that waits again is taken out by whoever knows better."""
    [lost] = await put(store, {}, claimed=2)
    [waiting] = await put(store, {})
    [mine] = await put(store, {}, claimed=1)
    ids = [lost.id, waiting.id, mine.id, 12345]
    assert await store.transact(lambda tx: spool.remove(held_by(tx, 1), ids)) == {waiting.id, mine.id}
    assert await store.transact(lambda tx: spool.release_held(tx, 2)) == [LANE]
    assert await store.transact(claim()) == [lost]


async def test_ready(store):
    """Of the lanes asked for, those with a waiting row that is due are named."""
    await put(store, {}, {}, {"lane": OTHER, "due": HOUR}, {"lane": "account/shop"})
    await put(store, {"lane": "account/bank"}, claimed=1)
    lanes = [LANE, OTHER, "account/bank", "account/none"]
    assert await store.transact(lambda tx: spool.ready(tx, lanes)) == [LANE]


async def test_release(store):
    """A row that is given back waits until its new due time, in its new lane, and remembers its attempts."""
    first, second = await put(store, {}, {}, claimed=1)
    later = first.due + HOUR
    back = [first._replace(due=later, attempts=1, closes=later + 5, lane=OTHER), second._replace(attempts=3)]
    await store.transact(lambda tx: spool.release(held_by(tx, 1), back))
    assert await store.transact(claim()) == [second._replace(attempts=3)]
    waiting = "SELECT lane, due, attempts, closes FROM spool WHERE claimed IS NULL"
    assert await store.transact(lambda tx: tx.rows(waiting)) == [(OTHER, later, 1, later + 5)]


async def test_waiting_lanes(store):
    """Every lane in which something waits is named, once."""
    await put(store, {}, {}, {"lane": OTHER, "due": HOUR}, {"lane": "account/shop"})
    await put(store, {"lane": "account/bank"}, claimed=1)
    assert sorted(await store.transact(spool.waiting_lanes)) == ["account/shop", LANE, OTHER]


async def test_release_only_what_is_held(store):
    """Giving back a row that waits, has left, or is in another node's hands changes nothing."""
    [row] = await put(store, {})
    [other] = await put(store, {}, claimed=2)
    await store.transact(lambda tx: spool.release(held_by(tx, 1), [other._replace(attempts=9)]))
    await store.transact(lambda tx: spool.release(held_by(tx, 1), [row._replace(due=HOUR), row._replace(id=12345)]))
    assert await store.transact(claim()) == [row]


async def test_release_node(store):
    """A node that starts gives back what it held when it died, and nothing that another node holds."""
    mine, _ = *(await put(store, {}, claimed=1)), *(await put(store, {}, claimed=2))
    await store.transact(lambda tx: spool.release_held(tx, 1))
    assert await store.transact(claim()) == [mine]


async def test_move(store):
    """A waiting row moves to another lane; one that a node holds stays."""
    [waiting] = await put(store, {})
    [held] = await put(store, {}, claimed=1)
    await store.transact(lambda tx: spool.move(tx, [(waiting.id, OTHER), (held.id, OTHER)]))
    assert await store.transact(claim(lane=OTHER)) == [waiting._replace(lane=OTHER)]
    await store.transact(lambda tx: spool.release_held(tx, 1))
    assert held in await store.transact(claim())


async def test_expired(store):
    """Waiting rows whose time is over leave oldest first, within the limit, told without bodies; held ones stay."""
    second, first, third, _ = await put(store, {"expires": -5}, {"expires": -9}, {"expires": 0}, {"expires": HOUR})
    await put(store, {"expires": -9}, claimed=1)
    assert set(await store.transact(lambda tx: spool.expire(tx, 2))) == {first[:3], second[:3]}
    assert await store.transact(lambda tx: spool.expire(tx, 10)) == [third[:3]]


async def test_remove_message(store):
    """The waiting segments of a message that failed are taken out; others, and one that is held, stay."""
    [_, other] = await put(store, {"message": 7}, {"message": 8})
    [held] = await put(store, {"message": 7}, claimed=1)
    await store.transact(lambda tx: spool.remove_message(tx, [7, 9]))
    await store.transact(lambda tx: spool.release_held(tx, 1))
    assert await store.transact(claim()) == [other, held]


async def test_lengths(store):
    """Every lane that is not empty is counted, waiting and held rows alike."""
    assert await store.transact(spool.lengths) == []
    await put(store, {}, {}, {"lane": OTHER})
    await put(store, {}, claimed=1)
    assert sorted(await store.transact(spool.lengths)) == [(LANE, 3), (OTHER, 1)]


async def test_nothing_to_do(store):
    """Empty sets change nothing."""
    rows = await put(store, {})

    def nothing(tx):
        spool.add(tx, [])
        for function in (spool.remove, spool.release, spool.move, spool.remove_message):
            function(tx, [])

    await store.transact(nothing)
    assert await store.transact(claim()) == rows


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])  # examples tidy up
@given(st.lists(st.integers(-3, 0), max_size=9), st.integers(1, 4))
async def test_pages(store, dues, size):
    """Pages of waiting rows, and claims, go through all rows once, those that were due first before others."""
    await store.transact(lambda tx: tx.rows("DELETE FROM spool"))
    rows = await put(store, *({"due": due} for due in dues))
    expected = sorted((row.due, row.id) for row in rows)
    seen, page = [], None
    while page != []:
        after = seen[-1] if seen else (0, 0)
        page = await store.transact(lambda tx: spool.waiting(tx, LANE, after, size))  # noqa: B023 (run at once)
        seen += [(due, row) for due, row, *_ in page]
    assert seen == expected
    claimed = []
    while found := await store.transact(claim(limit=size)):
        claimed += sorted((row.due, row.id) for row in found)
    assert claimed == expected


async def test_held(store):
    """Of the rows asked for, those that this node holds are named."""
    mine, other = *(await put(store, {}, claimed=1)), *(await put(store, {}, claimed=2))
    [waiting] = await put(store, {})
    ids = [mine.id, other.id, waiting.id, 12345]
    assert await store.transact(lambda tx: spool.held(held_by(tx, 1), ids)) == {mine.id}
    assert await store.transact(lambda tx: spool.held(held_by(tx, 1), [])) == set()


async def test_let_go(store):
    """Rows to a number that were held back until one instant are due at once: an account's, or everybody's."""
    await put(store, {"at": HOUR, "account": "shop"}, {"at": HOUR, "account": "bank", "lane": OTHER})
    await put(store, {"at": 2 * HOUR, "account": "shop"}, {"at": HOUR, "number": "4915112345678"})
    number = "33612345678"
    assert await store.transact(lambda tx: spool.let_go(tx, number, "shop", HOUR)) == [LANE]
    assert await store.transact(lambda tx: spool.let_go(tx, number, None, HOUR)) == [OTHER]
    dues = await store.transact(lambda tx: tx.rows("SELECT due FROM spool ORDER BY id"))
    assert dues == [(0,), (0,), (2 * HOUR,), (HOUR,)]

"""The backlog of a lane: what goes out next, and what does not."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.lanes.backlog import Backlog
from gateway.smpp.pdu import SUBMIT_SM
from gateway.store.spool import URGENT, Spooled

NOW = 1_000


def row(identifier, number="33612345678", due=0, expires=NOW + 1, **changes):
    """Return a row."""
    return Spooled(identifier, "operator/orange", 0, number, SUBMIT_SM, b"", due, expires)._replace(**changes)


def backlog(*rows):
    """Return a backlog of these rows."""
    filled = Backlog()
    filled.add(rows)
    return filled


def ids(rows):
    """Return the ids of rows."""
    return [each.id for each in rows]


def test_order():
    """Rows go out as they came in; what came back goes first, in its own order, and urgent ones before all."""
    rows = backlog(row(1), row(2), row(3))
    first, second = rows.draw(2, NOW).rows
    rows.put_back(second)
    rows.put_back(first)
    rows.add([row(4), row(5, due=URGENT)])
    assert len(rows) == 5
    assert ids(rows.draw(9, NOW).rows) == [5, 1, 2, 3, 4]


def test_accounts_in_turn():
    """A small account's rows are every other one, though 50,000 of a big one's came before, in order."""
    rows = backlog(*(row(number, account="big") for number in range(50_000)))
    assert ids(rows.draw(2, NOW).rows) == [0, 1]
    rows.add(row(number, account="small") for number in range(60_000, 60_003))
    assert ids(rows.draw(7, NOW).rows) == [2, 60_000, 3, 60_001, 4, 60_002, 5]
    assert len(rows) == 49_994


def test_came_back_before_turns():
    """What came back, or is urgent, goes before any account's turn."""
    rows = backlog(row(1, account="big"), row(2, account="small"))
    rows.put_back(row(3, account="big"))
    rows.add([row(4, due=URGENT)])
    assert ids(rows.draw(9, NOW).rows) == [4, 3, 1, 2]


def test_priorities():
    """A higher priority goes first within its account only, and does not keep the lowest waiting for ever."""
    rows = backlog(*(row(number, account="big") for number in range(10)))
    rows.add(row(number, account="big", priority=3) for number in range(10, 20))
    rows.add([row(20, account="small")])
    assert ids(rows.draw(9, NOW).rows) == [10, 20, 11, 12, 0, 13, 14, 15, 1]


def test_counts():
    """How many rows of each queue are still to be drawn is known; those that came back do not count."""
    rows = backlog(row(1, account="big"), row(2, account="big"), row(3, account="big", priority=3))
    rows.put_back(row(4, account="small"))
    assert rows.queues() == {("big", 0), ("big", 3)}
    assert [rows.count(queue) for queue in (("big", 0), ("big", 3), ("big", 1), ("small", 0))] == [2, 1, 0, 0]
    rows.draw(2, NOW)
    assert rows.queues() == {("big", 0)}
    rows.take_all()
    assert (rows.queues(), len(rows)) == (set(), 0)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 9), st.sampled_from([0, URGENT]))),
    st.lists(st.integers(0, 3)),
)
def test_octets(rows, moves):
    """How many octets are here is known, whatever goes in, out, and back in."""
    made = [
        row(number, account=account, priority=priority, due=due, body=bytes(octets))
        for number, (account, priority, octets, due) in enumerate(rows)
    ]
    filled, here = backlog(*made), {each.id: each for each in made}
    for move in moves:
        drawn = filled.draw(move, NOW).rows if move else filled.take(lambda each: each.id % 3 == 0)
        for each in drawn[1:]:
            filled.put_back(each)
        for each in drawn[:1]:
            del here[each.id]
        if not move:
            here = {each.id: each for each in here.values() if each.id % 3 or each in drawn[1:]}
    assert filled.size == (len(here), sum(len(each.body) for each in here.values()))
    left = filled.take(lambda each: each.due == 0)
    assert filled.size.octets == sum(len(each.body) for each in here.values() if each.due)
    assert sorted(left) == sorted(each for each in here.values() if each.due == 0)


def test_size_of_a_queue():
    """How much of each queue is still to be drawn is known, in rows and in octets."""
    rows = backlog(row(1, account="a", body=b"12"), row(2, account="a", body=b"345"), row(3, account="a", priority=1))
    sizes = [rows.size_of(queue) for queue in (("a", 0), ("a", 1), ("b", 0))]
    assert sizes == [(2, 5), (1, 0), (0, 0)]


def test_taking_some_keeps_the_rest_in_turn():
    """When rows are taken out from within, the others still go out in turn, in order, by priority."""
    rows = backlog(*(row(number, account="big") for number in range(4)), row(4, account="small"))
    rows.add([row(5, account="big", priority=1), row(6, "4915112345678", account="big")])
    assert ids(rows.take_stopped({"4915112345678"})) == [6]
    assert ids(rows.take(lambda each: each.id == 1)) == [1]
    assert ids(rows.draw(9, NOW).rows) == [5, 4, 0, 2, 3]


def test_overdue_is_not_sent():
    """A row whose time is over is sorted out when its turn comes, and does not take another's place."""
    rows = backlog(row(1, expires=NOW), row(2), row(3, expires=NOW - 1), row(4))
    drawn = rows.draw(2, NOW)
    assert (ids(drawn.rows), ids(drawn.overdue), ids(drawn.stopped)) == ([2, 4], [1, 3], [])


def test_take_overdue():
    """Overdue rows can be taken out wherever they stand; the others keep their order."""
    rows = backlog(row(1), row(2, expires=NOW), row(3))
    rows.put_back(row(4, expires=NOW))
    assert ids(rows.take_overdue(NOW)) == [4, 2]
    assert ids(rows.take_all()) == [1, 3]
    assert len(rows) == 0


def test_stopped_numbers():
    """A row to a number that has opted out is sorted out until it was reviewed; the answer to the opt-out is not."""
    rows = backlog(row(1), row(2, "4915112345678"), row(3, due=URGENT))
    rows.stopped = {"33612345678"}
    drawn = rows.draw(9, NOW)
    assert (ids(drawn.rows), ids(drawn.stopped)) == ([3, 2], [1])
    rows.put_reviewed(drawn.stopped[0])
    drawn = rows.draw(9, NOW)
    assert (ids(drawn.rows), ids(drawn.stopped)) == ([1], [])
    rows.put_back(row(1))  # it was sent, and came back
    assert ids(rows.draw(9, NOW).stopped) == [1]


def test_take_stopped():
    """A new opt-out takes out every row to its number, reviewed or not, but no urgent one."""
    rows = backlog(row(1), row(2, "4915112345678"), row(3, due=URGENT))
    rows.put_reviewed(row(4))
    assert sorted(ids(rows.take_stopped({"33612345678"}))) == [1, 4]
    assert ids(rows.take_all()) == [3, 2]

"""The backlog of a lane: what goes out next, and what does not."""

from gateway.backlog import Backlog
from gateway.smpp.pdu import SUBMIT_SM
from gateway.store.spool import URGENT, Spooled

NOW = 1_000


def row(identifier, number="33612345678", due=0, expires=NOW + 1):
    """Return a row."""
    return Spooled(identifier, "operator/orange", 0, number, SUBMIT_SM, b"", due, expires)


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

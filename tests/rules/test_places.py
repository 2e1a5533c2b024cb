"""Places for connections: what is let in, what is not, and what is counted."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.places import Places

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_each_limit():
    """A connection is turned away by the limit that it meets, and by no other."""
    places = Places(total=4, unbound=3, strangers_each=2)
    assert [places.enter(HERE), places.enter(HERE), places.enter(HERE)] == [None, None, "unbound_address"]
    assert [places.enter(THERE), places.enter(THERE)] == [None, "unbound"]
    places.know(HERE)
    places.bind()
    assert places.enter(THERE) is None
    places.know(THERE)
    places.bind()
    assert places.enter(THERE) == "total"


def test_strangers_alone_are_counted_by_household():
    """Who has named an account takes no stranger's place of its household, and still one of the unbound."""
    places = Places(total=9, unbound=3, strangers_each=1)
    assert places.enter(HERE) is None
    assert places.enter(HERE) == "unbound_address"
    places.know(HERE)
    assert places.enter(HERE) is None
    assert [places.enter(THERE), places.enter("192.0.2.3")] == [None, "unbound"]


def test_a_place_is_given_back():
    """A connection that ends, bound or not, leaves room for the next one."""
    places = Places(total=1, unbound=1, strangers_each=1)
    for known, bound in ((False, False), (True, False), (True, True), (False, False)):
        assert places.enter(HERE) is None
        assert places.enter(HERE) == "total"
        if known:
            places.know(HERE)
        if bound:
            places.bind()
        places.leave(HERE, known=known, bound=bound)


@given(
    st.lists(
        st.tuples(st.sampled_from(["enter", "know", "bind", "leave"]), st.sampled_from([HERE, THERE])), max_size=80
    )
)
def test_counts_are_true(steps):
    """Whatever comes and goes, the counts are those of the connections that there are, and end at nothing."""
    places, here = Places(5, 4, 2), []
    for step, who in steps:
        if step == "enter" and places.enter(who) is None:
            here.append((who, "stranger"))
        elif step == "know" and (who, "stranger") in here:
            here[here.index((who, "stranger"))] = (who, "known")
            places.know(who)
        elif step == "bind" and (who, "known") in here:
            here[here.index((who, "known"))] = (who, "bound")
            places.bind()
        elif step == "leave" and here:
            leave(places, *here.pop())
        assert (places.taken, places.unbound) == (len(here), sum(what != "bound" for _, what in here))
        assert places.taken <= 5
        assert places.unbound <= 4
        assert here.count((HERE, "stranger")) <= 2
    for each in here:
        leave(places, *each)
    assert (places.taken, places.unbound, len(places._strangers)) == (0, 0, 0)


def leave(places, who, what):
    """Give a place back."""
    places.leave(who, known=what != "stranger", bound=what == "bound")

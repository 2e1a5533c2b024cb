"""Places for connections: what is let in, what is not, and what is counted."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.places import Places

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_each_limit():
    """A connection is turned away by the limit that it meets, and by no other."""
    places = Places(total=4, unbound=3, unbound_each=2)
    assert [places.enter(HERE), places.enter(HERE), places.enter(HERE)] == [None, None, "unbound_address"]
    assert [places.enter(THERE), places.enter(THERE)] == [None, "unbound"]
    places.bind(HERE)
    assert places.enter(THERE) is None
    places.bind(THERE)
    assert places.enter(THERE) == "total"


def test_a_place_is_given_back():
    """A connection that ends, bound or not, leaves room for the next one."""
    places = Places(total=1, unbound=1, unbound_each=1)
    for bound in (False, True, False):
        assert places.enter(HERE) is None
        assert places.enter(HERE) == "total"
        if bound:
            places.bind(HERE)
        places.leave(HERE, bound=bound)


@given(st.lists(st.tuples(st.sampled_from(["enter", "bind", "leave"]), st.sampled_from([HERE, THERE])), max_size=80))
def test_counts_are_true(steps):
    """Whatever comes and goes, the counts are those of the connections that there are, and end at nothing."""
    places, here = Places(5, 3, 2), []
    for step, who in steps:
        unbound = [each for each in here if each == (who, False)]
        if step == "enter" and places.enter(who) is None:
            here.append((who, False))
        elif step == "bind" and unbound:
            here[here.index((who, False))] = (who, True)
            places.bind(who)
        elif step == "leave" and here:
            name, bound = here.pop()
            places.leave(name, bound=bound)
        assert (places.taken, places.unbound) == (len(here), sum(not bound for _, bound in here))
        assert places.taken <= 5
        assert places.unbound <= 3
    for name, bound in here:
        places.leave(name, bound=bound)
    assert (places.taken, places.unbound, len(places._waiting)) == (0, 0, 0)

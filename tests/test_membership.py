"""Which nodes are silent, by the clock of whoever looks."""

from gateway.membership import _Silence
from gateway.store import nodes

LEASE = nodes.LEASE_MS / 1_000
DEAD, ALIVE = 1, 2


def look(silence, instants):
    """Look at these instants: one node has another sign of life each time, the other one none."""
    for count, now in enumerate(instants):
        silence.saw({DEAD: 7, ALIVE: count}, now)


def test_silent_for_a_lease():
    """Who shows the same sign of life for as long as a lease is silent; who shows another one is not."""
    silence = _Silence()
    look(silence, range(int(LEASE)))
    assert silence.too_long(LEASE - 0.1) == {}
    assert silence.too_long(LEASE) == {DEAD: 7}


def test_standing_still():
    """Whoever has not looked for as long as a lease takes nobody for dead: the others may have stood still as well."""
    silence = _Silence()
    look(silence, range(int(LEASE)))
    assert silence.too_long(60.0) == {}
    silence.saw({DEAD: 7, ALIVE: 5}, 60.0)
    assert silence.too_long(61.0) == {}


def test_out_of_touch():
    """After a look that failed everybody has a lease anew."""
    silence = _Silence()
    look(silence, range(int(LEASE)))
    silence.broken()
    assert silence.too_long(LEASE) == {}

"""How the tests are dealt to workers that run side by side, if there are any (``pytest -n 3``).

How many there are says the Makefile. Each worker plays whole files, as fixtures are shared within one, and in the
order in which they stand there. What would disturb others, or be disturbed, is dealt as one: a worker of its own plays
it from beginning to end while the others do the rest.
"""

from xdist.scheduler import LoadScopeScheduling

from gateway.demo import loopback

# Trials load a gateway as much as it bears, and judge it by what comes through; packages and machines are made once.
# They take longest, so they are begun first: in the end no worker should be left alone with much.
WHOLE = ("tests/faults/", "tests/packaging/")
EARLY = (*WHOLE, "tests/web/")


class Scheduling(LoadScopeScheduling):
    """Deals files, and as one each folder that is to stay whole, in the order in which they were collected."""

    def __init__(self, config, log):
        super().__init__(config, log)
        config.option.loadscopereorder = False  # it takes many tests for much work

    def _split_scope(self, nodeid):
        return next(filter(nodeid.startswith, WHOLE), nodeid.partition("::")[0])


def sort(items):
    """Put first what takes longest."""
    items.sort(key=lambda item: next((place for place, each in enumerate(EARLY) if item.nodeid.startswith(each)), 9))


def share_ports(number, count):
    """Keep to every ``count``-th port: a port that a test has chosen is free for some time before it is listened on."""
    loopback._given.update(port for port in range(1 << 16) if port % count != number)

"""The limits of the opt-out page: by household, by network, by number; at first slower, then not at all."""

import re

import pytest

from gateway.config.models import Config
from gateway.web.opt_out import LIMITS
from gateway.web.public import public_app
from gateway.web.site import Site
from gateway.web.tickets import WAIT
from tests.web.asgi import ask


class Ear:
    """Hears who opts out, at an instant of its own in milliseconds."""

    def __init__(self):
        self.heard = []
        self.now = 1_000_000

    def clock(self):
        """Return the instant."""
        return self.now

    async def transact(self, _work):
        """Return what tickets are sealed with."""
        return b"k" * 32

    async def opt_out(self, number):
        """Take an opt-out."""
        self.heard.append(number.key)


class Street:
    """People who opt out through the page, each at an address and for a number."""

    def __init__(self):
        self.ear = Ear()
        self._app = public_app(Site(Config(), None, self.ear))

    async def ask(self, address, number, **more):
        """Opt a number out from an address; returns the answer."""
        form = {"number": str(number), "country": "FR", "step": "confirmed", **more}
        return await ask(self._app, "/opt-out", form, x_forwarded_for=address)

    async def wait_for(self, address, number):
        """Opt a number out, and wait where the page asks for that; returns the last answer."""
        answer = await self.ask(address, number)
        ticket = re.search('name="ticket" value="([^"]+)"', answer.text)
        if ticket is None:
            return answer
        self.ear.now += int(WAIT * 1_000)
        return await self.ask(address, number, ticket=ticket[1])


@pytest.fixture
def street():
    """Give a street."""
    return Street()


def most(what):
    """Return how many opt-outs of something there are in an hour: those that are free, and those with a wait."""
    return LIMITS[what].free + LIMITS[what].most


def numbers(count):
    """Return so many numbers."""
    return [f"+336400{each:05}" for each in range(count)]


@pytest.mark.parametrize(
    ("neighbours", "stranger"),
    [("203.0.113.{}", "203.0.114.1"), ("2001:db8:7:{}::1", "2001:db8:8::1")],
    ids=["ipv4", "ipv6"],
)
async def test_network(street, neighbours, stranger, autojump_clock):
    """Many households of one network are slowed down together, IPv4 by /24 and IPv6 by /48; others are not."""
    *all_but_two, last, other = numbers(LIMITS["network"].free + 2)
    for place, number in enumerate(all_but_two, 1):
        assert (await street.ask(neighbours.format(place), number)).status == 303
    assert (await street.ask(neighbours.format(200), last)).status == 429
    assert (await street.ask(stranger, other)).status == 303
    assert street.ear.heard == [each.removeprefix("+") for each in (*all_but_two, other)]


async def test_household(street, autojump_clock):
    """Whoever has waited goes on, until a household has had enough for an hour; then nothing but patience helps."""
    *all_but_one, last = numbers(most("household") + 1)
    addresses = ["2001:db8::1", "2001:db8::ffff:2"]  # of one household
    for place, number in enumerate(all_but_one):
        assert (await street.wait_for(addresses[place % 2], number)).status == 303
    answer = await street.wait_for(addresses[0], last)
    assert (answer.status, "ticket" in answer.text) == (429, False)
    assert int(answer.headers["retry-after"]) > WAIT
    assert len(street.ear.heard) == most("household")


async def test_number(street, autojump_clock):
    """One number is opted out so many times in an hour, from wherever, and no more."""
    [number] = numbers(1)
    answers = [await street.wait_for(f"198.{place}.100.1", number) for place in range(most("number") + 1)]
    assert [each.status for each in answers] == [303] * most("number") + [429]

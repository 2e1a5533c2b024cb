"""Texts and parts that are heard in one batch, as where an operator hands over at once what it has kept."""

import pytest

from gateway.config.models import Config
from gateway.homeward import Address, Text
from gateway.optout.effect import OptOuts
from gateway.optout.heard import Heard
from gateway.optout.joining import Joining
from gateway.rules.inbound import Octets, decide, words
from gateway.rules.keyword import Decision
from gateway.rules.ladder import Reading, Rule
from gateway.rules.number import canonical
from gateway.smpp.text import USUAL
from gateway.smpp.udh import Concatenation
from gateway.store import blacklist
from tests.store.conftest import database, logged, store  # noqa: F401 (fixtures)

CODE = "36034"
NUMBER = canonical("33612345678")
OTHER = canonical("33612345679")
CONFIG = Config.model_validate(
    {
        "accounts": {"shop": {"password": "x"}},
        "operators": {"orange": {"host": "127.0.0.1", "system_id": "a", "password": "b"}},
        "routes": [{"prefixes": [""], "operators": ["orange"]}],
    }
)


def text(octets, number=NUMBER, place=None):
    """Return a text, or a part of one, as it is heard."""
    said = Octets(octets, 0, 0)
    decision = Decision(Reading.NONE, Rule.PART, "") if place else decide(said, words(said, USUAL), frozenset({CODE}))
    inbound = Text(Address(1, 1, number.key), Address(0, 1, CODE), 0x40 if place else 0, 0, octets)
    return Heard(number, CODE, "sms", decision, "orange", inbound, part=place)


def parts(says, number=NUMBER):
    """Return a text in two parts with headers, always under one reference."""
    half = len(says) // 2
    return [
        text(bytes((5, 0, 3, 7, 2, place)) + half_of_it, number, Concatenation(7, 2, place, wide=False))
        for place, half_of_it in enumerate((says[:half], says[half:]), 1)
    ]


@pytest.mark.parametrize(
    ("between", "whole"),
    [
        ([text(b"START")], ["opted_out", "lifted", "opted_out"]),
        (parts(b"START"), ["opted_out", "lifted", "opted_out"]),
        ([text(b"START", OTHER)], ["opted_out", "answered"]),
        ([text(b"Bonjour")], ["opted_out", "none"]),
        ([], ["opted_out"]),
    ],
    ids=["START", "START in parts", "START of somebody else", "another text", "nothing"],
)
async def test_the_same_stop_again(store, between, whole):  # noqa: F811
    """A STOP in parts that comes again counts again where its number has opted in meanwhile, however short that is."""
    joining = Joining(CONFIG, OptOuts(CONFIG))
    stop = parts(b"STOP")

    def hear(tx):
        tx.lock([NUMBER.key, OTHER.key])
        return joining.hear(tx, [*stop, *between, *stop])

    heeded = await store.transact(hear)
    assert [each.what for each in heeded.effects if each.heard.part is None] == whole
    assert await store.transact(lambda tx: [each.number for each in blacklist.of(tx, [NUMBER.key])]) == [NUMBER.key]
    assert await store.transact(lambda tx: [each.what for each in joining.hear(tx, stop).effects]) == ["again", "again"]

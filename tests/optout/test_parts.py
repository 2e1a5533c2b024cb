"""Parts of long texts in every order, once and again: each text is read once, and each part copied once."""

from collections import Counter
from itertools import product

import pytest

from gateway.optout.parts import Bundles
from gateway.store import inbound
from gateway.store.inbound import Key, Part
from tests.store.conftest import database, logged, store  # noqa: F401 (fixtures)

LATER = 2**60
TOTALS = {2: 5, 3: 4}  # of how many parts; how many parts come at most, the first of each included


def part(key, place, words="once"):
    """Return a part as an operator hands it over."""
    octets = f"{words} {place}".encode()
    return Part(key, place, LATER, "orange", 1, 1, key.number, 0, 1, 0x40, 0, octets)


def orders():
    """Yield places in every order in which all come, some of them again; with how many there are."""
    for total, most in TOTALS.items():
        for count in range(total, most + 1):
            for order in product(range(1, total + 1), repeat=count):
                if set(order) == set(range(1, total + 1)):
                    yield total, order


def handed(tx, parts):
    """Hand parts over in one transaction; returns the texts to be read, and the copies."""
    bundles = Bundles(tx, {each.key for each in parts})
    taken = [bundles.take(each) for each in parts]
    bundles.write()
    return [text for each in taken for text in each.texts], [copy for each in taken for copy in each.copies]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_every_order(store, together):  # noqa: F811
    """However parts come, and come again, their text is read once, whole and in order, and nothing is left."""
    keys = {Key(f"336{number:08}", "36034", 0, 7, total): order for number, (total, order) in enumerate(orders())}
    texts, copies = [], []
    longest = max(map(len, keys.values()))
    steps = [[part(key, order[step]) for key, order in keys.items() if step < len(order)] for step in range(longest)]
    for batch in [[each for step in steps for each in step]] if together else steps:
        read, copied = await store.transact(lambda tx, batch=batch: handed(tx, batch))
        texts, copies = texts + read, copies + copied
    assert sorted((text[0].key, [each.place for each in text]) for text in texts) == [
        (key, list(range(1, key.total + 1))) for key in sorted(keys)
    ]
    assert set(Counter((each.key, each.place) for each in copies).values()) == {1}
    assert len(copies) == sum(key.total for key in keys)
    assert await store.transact(lambda tx: Bundles(tx, keys).give_up()) == []


async def test_every_mixture_with_a_new_text(store):  # noqa: F811
    """A new text under the reference of one that was read is read once, whichever of its parts say the same."""
    keys = {
        Key(f"336{number:08}", "36034", 0, 7, 2): words
        for number, words in enumerate(product(("once", "new"), repeat=2))
    }
    old = [part(key, place) for key in keys for place in (1, 2)]
    new = [part(key, place, words[place - 1]) for key, words in keys.items() for place in (1, 2)]
    await store.transact(lambda tx: handed(tx, old))
    texts, copies = await store.transact(lambda tx: handed(tx, new))
    fresh = [key for key, words in keys.items() if "new" in words]
    assert [text[0].key for text in texts] == fresh
    assert [each for text in texts for each in text] == [each for each in new if each.key in fresh]
    assert sorted(copies) == sorted(each for each in new if each.key in fresh)
    assert await store.transact(lambda tx: inbound.find(tx, keys)) == {}


@pytest.mark.parametrize("repeated", range(1, 4))
async def test_a_repeated_part_before_a_new_text(store, repeated):  # noqa: F811
    """A part that is repeated just before a new text under its reference comes does not end up in that."""
    key = Key("33612345678", "36034", 0, 7, 3)
    old, new = ([part(key, place, words) for place in range(1, 4)] for words in ("once", "new"))
    await store.transact(lambda tx: handed(tx, old))
    taken = [await store.transact(lambda tx, each=each: handed(tx, [each])) for each in (old[repeated - 1], *new)]
    assert [text for texts, _ in taken for text in texts] == [new]
    assert [copy for _, copies in taken for copy in copies] == new


async def test_a_new_text_whose_end_was_read_and_comes_first(store):  # noqa: F811
    """A part that says what one that was read did, and comes before the rest of its text, is lost with neither."""
    key = Key("33612345678", "36034", 0, 7, 2)
    old, begins = [part(key, place) for place in (1, 2)], part(key, 1, "new")
    await store.transact(lambda tx: handed(tx, old))
    assert await store.transact(lambda tx: handed(tx, [old[1]])) == ([], [])
    assert await store.transact(lambda tx: handed(tx, [begins])) == ([], [begins])
    [(texts, copies)] = await store.transact(lambda tx: Bundles(tx, [key]).give_up())
    assert [[each.content for each in text] for text in texts] == [[begins.content, old[1].content]]
    assert [each.content for each in copies] == [old[1].content]

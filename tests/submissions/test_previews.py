"""Previews under a configuration."""

from __future__ import annotations

import pytest

from gateway.config.models import load
from gateway.rules.number import canonical
from gateway.rules.policy import Refuse
from gateway.smpp import status
from gateway.store import blacklist, reviews, settings
from gateway.store.blacklist import Entry
from gateway.store.reviews import Case
from gateway.store.sqlite import SqliteStore
from gateway.submissions.previews import Previews, Wish

SUNDAY = 1_795_921_200_000  # the 29th of November 2026, 03:00 UTC
FRANCE, REUNION = canonical("33612345678"), canonical("262692123456")
CASE = Case(FRANCE.key, "shop", "36034", 1, SUNDAY + 9, 1)
CONFIG = """
accounts:
  shop: {password: x}
  late: {password: x, hours: strict}
  never: {password: x, hours: strict, hours_policy: reject}
  bank: {password: x, kind: notification, mention: false}
operators:
  narrow: {host: 127.0.0.1, system_id: a, password: b}
  wide: {host: 127.0.0.1, port: 2776, system_id: a, password: b, long_messages: udh16}
routes:
  - {prefixes: ["336"], operators: [narrow, wide]}
  - {prefixes: ["262"], operators: [wide]}
"""


@pytest.fixture
def previews(tmp_path):
    """Previews under the configuration above."""
    path = tmp_path / "gateway.yaml"
    path.write_text(f"store: sqlite:///{tmp_path}/gateway.db\n{CONFIG}", encoding="utf-8")
    return Previews(load(path, {}))


def test_the_operator_counts(previews):
    """The segments are those of the operator that would get the message: the first usable one of its route."""
    wish = Wish("shop", FRANCE, "x" * 296)
    assert len(previews.preview(wish, SUNDAY).segments) == 2
    assert len(previews.preview(wish, SUNDAY, ["wide"]).segments) == 3
    assert len(previews.preview(Wish("shop", REUNION, "x" * 297), SUNDAY).segments) == 3


def test_no_route(previews):
    """A number that no route leads to is refused, beside what the text would have become."""
    found = previews.preview(Wish("shop", canonical("4915112345678"), "x"), SUNDAY)
    assert (found.refusal, found.text) == (Refuse(status.ESME_RINVDSTADR, "no_route"), "x no-sms.eu")


def test_hours(previews):
    """Outside its account's hours a message says when it would leave, or is refused where the account prefers that."""
    assert previews.preview(Wish("shop", FRANCE, "x"), SUNDAY).due == 0
    assert previews.preview(Wish("late", FRANCE, "x"), SUNDAY).due == SUNDAY + 28 * 3_600_000
    assert previews.preview(Wish("late", REUNION, "x"), SUNDAY).due == SUNDAY + 25 * 3_600_000
    found = previews.preview(Wish("never", FRANCE, "x"), SUNDAY)
    assert (found.refusal, found.text) == (Refuse(status.OUTSIDE_HOURS, "outside_hours"), "x STOP 36034")


def test_held_for_review(previews):
    """Marketing that waits for who reads a text of its number says until when, unless its hours open later."""
    assert previews.preview(Wish("shop", FRANCE, "x", held_until=SUNDAY + 5), SUNDAY).due == SUNDAY + 5
    assert previews.preview(Wish("shop", FRANCE, "x", held_until=SUNDAY), SUNDAY).due == 0
    assert previews.preview(Wish("late", FRANCE, "x", held_until=SUNDAY + 5), SUNDAY).due == SUNDAY + 28 * 3_600_000


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        ("shop", {"opted_out": True, "held_until": CASE.resumes}),
        ("bank", {"mention": True}),
    ],
)
async def test_informed(previews, tmp_path, name, wish):
    """What the store knows of a number and an account comes into the question."""

    def known(tx):
        blacklist.add(tx, [Entry(FRANCE.key, "shop", 1, "cli", "36034", False, 1)])
        reviews.add(tx, [CASE])
        settings.set_mention(tx, "bank", on=True)
        return previews.informed(tx, Wish(name, FRANCE, "x"))

    store = SqliteStore(tmp_path / "gateway.db")
    assert await store.once(known) == Wish(name, FRANCE, "x", **wish)
    store.close()


def test_switches(previews):
    """The account's own switch goes before its configuration, and the message's before both."""
    wish = Wish("bank", FRANCE, "x")
    cases = [(None, None, "x"), (True, None, "x STOP 36034"), (True, 0, "x"), (False, 1, "x STOP 36034")]
    for switch, tlv, text in cases:
        assert previews.preview(wish._replace(mention=switch, optout_mention=tlv), SUNDAY).text == text


def test_opted_out_and_strangers(previews):
    """That a number has opted out is said, and an account that does not exist is an error."""
    assert previews.preview(Wish("shop", FRANCE, "x", opted_out=True), SUNDAY).refusal == Refuse(0x410, "opted_out")
    with pytest.raises(KeyError):
        previews.preview(Wish("nobody", FRANCE, "x"), SUNDAY)

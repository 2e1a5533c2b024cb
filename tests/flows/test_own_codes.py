"""Short codes: several, retired ones, and those that belong to one account."""

import pytest

from gateway.config.models import CONTACT
from gateway.smpp import status
from tests.flows.peers import SHORT_CODE
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

OWN, RETIRED = "36111", "36222"
ACCOUNTS = {
    "shop": {"forward_mo": False},
    "club": {"password": "secret", "short_codes": [OWN, RETIRED], "publisher": "Club SA"},
}
OPTED_OUT, OK = status.OPTED_OUT, status.ESME_ROK


@pytest.fixture
async def apps(world):
    """Start everything; bind an app of an account with codes of its own, and of one without."""
    await world.start(accounts=ACCOUNTS)
    return await world.app(), await world.app("club")


async def text(world, words, to, source=FRENCH):
    """Text something to a code."""
    assert (await world.orange.deliver(source, words, to=to)).status == OK


async def answers(*apps, to=FRENCH):
    """Return what each app is answered that sends to a number."""
    return [(await app.submit(to)).status for app in apps]


async def test_mention(world, apps):
    """Marketing of the account names its own current code; a text that does already is not given a second one."""
    shop, club = apps
    await shop.accepted(FRENCH, "a")
    await club.accepted(FRENCH, "b")
    await club.accepted(FRENCH, f"c STOP {OWN}")
    await club.accepted(FRENCH, f"d STOP {SHORT_CODE}")
    await club.accepted(GERMAN, "e")
    assert sorted(each.text for each in await world.orange.texts(5)) == [
        f"a STOP {SHORT_CODE}",
        f"b STOP {OWN}",
        f"c STOP {OWN}",
        f"d STOP {SHORT_CODE} STOP {OWN}",
        "e no-sms.eu",
    ]


@pytest.mark.parametrize("code", [OWN, RETIRED])
async def test_stop_of_a_stranger(world, apps, code):
    """A STOP to the account's code, retired or not, is that account's also where it has sent nothing."""
    await text(world, b"STOP", code)
    assert await answers(*apps) == [OK, OPTED_OUT]
    [confirmation] = (await world.orange.texts(1))[:1]
    assert confirmation.source == code
    assert len(await apps[1].received(1)) == 1


async def test_stop_to_the_shared_code(world, apps):
    """A STOP to everybody's code is for who sent through it, and for no account that has its own."""
    shop, club = apps
    await shop.accepted(FRENCH)
    await club.accepted(FRENCH)
    await text(world, b"STOP", SHORT_CODE)
    assert await answers(*apps) == [OPTED_OUT, OK]


async def test_start_is_for_the_accounts_of_its_code(world, apps):
    """START lifts what the accounts of that code are refused, however it was opted out of, and no other's."""
    shop, club = apps
    await shop.accepted(FRENCH)
    await club.accepted(FRENCH)
    for code in (SHORT_CODE, OWN):
        await text(world, b"STOP", code)
    assert await answers(*apps) == [OPTED_OUT, OPTED_OUT]
    await text(world, b"START", RETIRED)
    assert await answers(*apps) == [OPTED_OUT, OK]
    await text(world, b"START", SHORT_CODE)
    assert await answers(*apps) == [OK, OK]


async def test_contact(world, apps):
    """CONTACT to an account's code names its publisher to whoever asks."""
    await text(world, b"CONTACT", OWN, OTHER_FRENCH)
    [answer] = await world.orange.texts(1)
    assert (answer.source, answer.text) == (OWN, CONTACT["fr"].format(publisher="Club SA"))


async def test_held_for_the_account(world, apps):
    """An unclear text to the account's code holds back its marketing only."""
    await text(world, b"stop ou encore", OWN)
    assert world.rows("SELECT account, code FROM review") == [("club", OWN)]


@pytest.mark.parametrize("scope", ["senders", "last", "platform"])
async def test_scopes(world, scope):
    """A STOP is for all who sent, the last one, or everybody."""
    await world.start(accounts={"early": {"password": "secret"}}, opt_out={"scope": scope})
    shop, early = await world.app(), await world.app("early")
    await early.accepted(FRENCH)
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE contact SET last_sent = last_sent - 1"))
    await shop.accepted(FRENCH)
    await text(world, b"STOP", SHORT_CODE)
    [entries] = [sorted(account for (account,) in world.rows("SELECT account FROM blacklist"))]
    assert entries == {"senders": ["early", "shop"], "last": ["shop"], "platform": ["*"]}[scope]


async def test_attribution_window(world):
    """Who sent before the window is no sender: then it counts for everybody, with a warning."""
    await world.start(opt_out={"attribution_window": "1d"})
    app = await world.app()
    await app.accepted(FRENCH)
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE contact SET last_sent = last_sent - 86400001"))
    await text(world, b"STOP", SHORT_CODE)
    assert world.rows("SELECT account FROM blacklist") == [("*",)]
    assert len(world.events("opt_out_without_sender")) == 1

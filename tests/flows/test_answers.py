"""What is texted to a code and answered besides STOP: START, CONTACT, HELP; and machines, which are not answered."""

import pytest

from gateway.config.models import CONTACT, HELP, START
from gateway.smpp import status
from tests.flows.peers import SHORT_CODE
from tests.flows.world import FRENCH, OTHER_FRENCH

OPTED_OUT, OK = status.OPTED_OUT, status.ESME_ROK


async def text(world, words, source=FRENCH, **fields):
    """Text something to the code."""
    assert (await world.orange.deliver(source, words, **fields)).status == OK


async def said(world, count):
    """Return what the operator was given to say from the code, once it has ``count`` texts."""
    return [each.text for each in await world.orange.texts(count) if each.source == SHORT_CODE]


def effects(world):
    """Return the effect of each piece of evidence."""
    return [effect for (effect,) in world.rows("SELECT effect FROM evidence WHERE source = 'sms' ORDER BY id")]


@pytest.fixture
async def app(world):
    """Start everything, with one marketing message sent to FRENCH."""
    await world.start(accounts={"shop": {"publisher": "Shop SARL, shop.example", "forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH, registered_delivery=0)
    await world.settled()
    return app


@pytest.mark.parametrize("stop", [b"STOP", b"STOP TOUT"])
@pytest.mark.parametrize("start", [b"START", b"Reprise svp", b"unstop"])
async def test_start(world, app, stop, start):
    """A START from the number lifts its opt-out, is answered and recorded, and a STOP after it is a new one."""
    await text(world, stop)
    assert (await app.submit(FRENCH)).status == OPTED_OUT
    await text(world, start)
    assert (await said(world, 3))[1:] == [START["fr"]]
    assert (await app.submit(FRENCH)).status == OK
    await text(world, stop)
    assert (await app.submit(FRENCH)).status == OPTED_OUT
    assert effects(world) == ["opted_out", "lifted", "opted_out"]
    assert len(world.rows("SELECT * FROM ledger")) == 2


async def test_start_of_who_has_not_stopped(world, app):
    """A START with nothing to lift is answered and changes nothing."""
    await text(world, b"START")
    assert (await said(world, 2)) == [START["fr"]]
    assert effects(world) == ["answered"]


async def test_start_lifts_for_one_number(world, app):
    """A START lifts nothing of other numbers."""
    await text(world, b"STOP")
    await text(world, b"START", OTHER_FRENCH)
    assert (await app.submit(FRENCH)).status == OPTED_OUT


async def test_contact(world, app):
    """CONTACT is answered with the publisher of whoever sent."""
    await text(world, b"contact svp")
    assert await said(world, 2) == [CONTACT["fr"].format(publisher="Shop SARL, shop.example")]
    assert effects(world) == ["answered"]
    assert world.rows("SELECT * FROM ledger") == []


async def test_contact_of_several(world):
    """Several senders are named, the most recent first, as many as one segment has room for."""
    names = {"one": "One SARL", "two": "x" * 80, "three": "Three SARL, three.example"}
    accounts = {name: {"password": "secret", "publisher": publisher} for name, publisher in names.items()}
    await world.start(accounts=accounts)
    for name in names:
        app = await world.app(name)
        await app.accepted(FRENCH)
        await world.settled()
    await text(world, b"CONTACT")
    [answer] = await said(world, 4)
    assert answer == CONTACT["fr"].format(publisher="Three SARL, three.example, One SARL")


async def test_contact_of_nobody(world):
    """Who was written to by nobody learns our own address."""
    await world.start()
    await text(world, b"CONTACT")
    assert await said(world, 1) == [CONTACT["fr"].format(publisher=world.gateway.config.web.public_url)]


@pytest.mark.parametrize(("language", "words"), [("fr", b"Aide"), ("en", b"help"), ("fr", b"HELP !")])
async def test_help(world, language, words):
    """HELP is answered in the language of the account, whatever the word was."""
    await world.start(accounts={"shop": {"language": language, "forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH)
    await text(world, words)
    assert await said(world, 2) == [HELP[language]]


async def test_answers_to_who_has_opted_out(world, app):
    """Answers reach a number that has opted out: it asked."""
    await text(world, b"STOP")
    await text(world, b"CONTACT")
    await text(world, b"AIDE")
    assert len(await said(world, 4)) == 3


@pytest.mark.parametrize("words", [b"STOP", b"START", b"CONTACT", b"AIDE"])
async def test_loop(world, app, words):
    """The third text of one kind within an hour is recorded and not answered: a machine may be answering us."""
    for _ in range(5):
        await text(world, words)
    await world.settled()
    answers = 1 if words == b"STOP" else 2
    assert len(await said(world, 1 + answers)) == answers
    assert len(world.orange.taken) == 1 + answers
    assert len(effects(world)) == 5
    assert len(world.events("inbound_loop")) == 3


async def test_loop_of_two_words(world, app):
    """STOP and START in turn: each counts, the third of either is neither answered nor billed."""
    for _ in range(4):
        await text(world, b"STOP")
        await text(world, b"START")
    await text(world, b"STOP")
    assert (await app.submit(FRENCH)).status == OPTED_OUT
    assert len(world.rows("SELECT * FROM ledger")) == 2
    await world.settled()
    assert len(world.orange.taken) == 5


async def test_loop_is_over(world, app):
    """After an hour texts are answered again."""
    for _ in range(3):
        await text(world, b"AIDE")
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE evidence SET at = at - 3600001"))
    await text(world, b"AIDE")
    assert len(await said(world, 4)) == 3


async def test_flood(world, app):
    """Whatever a number texts, after the twentieth time within an hour nothing is answered; a STOP counts."""
    for number in range(19):
        await text(world, b"bla %d" % number)
    await text(world, b"AIDE")
    await text(world, b"STOP")
    assert (await app.submit(FRENCH)).status == OPTED_OUT
    await world.settled()
    assert len(world.orange.taken) == 1
    assert (len(effects(world)), world.rows("SELECT * FROM ledger")) == (21, [])


async def test_reactions(world, app):
    """A reaction that quotes us neither opts out nor in, and is not answered."""
    await text(world, b"STOP")
    for words in ("Liked “START”", "A aimé « STOP 36034 »"):
        await text(world, words.encode("utf-16-be"), data_coding=8)
    assert effects(world) == ["opted_out", "none", "none"]
    assert (await app.submit(FRENCH)).status == OPTED_OUT

"""STOP: one text to the short code, and what must follow from it, all or nothing."""

import json

import pytest

from gateway.config.models import CONFIRMATION
from gateway.simulate.peer import message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.text import Alphabet
from gateway.store import messages
from tests.flows.peers import SHORT_CODE, Operator
from tests.flows.world import FRENCH, OTHER_FRENCH

REFUSED = status.OPTED_OUT


@pytest.fixture
async def app(world):
    """Start everything, with one marketing message sent to FRENCH."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, "Soldes", registered_delivery=0)
    await world.settled()
    return app


async def stop(world, octets=b"STOP", source=FRENCH, **fields):
    """Text STOP; the operator must be told that it was taken."""
    answer = await world.orange.deliver(source, octets, **fields)
    assert answer.status == status.ESME_ROK, status.name(answer.status)


def ledger(world):
    """Return account, number, short code and credits of every billable event."""
    return world.rows("SELECT account, number, code, credits FROM ledger ORDER BY position")


async def test_stop(world, app):
    """A STOP is confirmed from the short code, billed once, copied to the account, and refuses the next marketing."""
    await stop(world, b"Stop svp")
    [_, confirmation] = await world.orange.texts(2)
    assert (confirmation.source, confirmation.destination) == (SHORT_CODE, FRENCH)
    assert (confirmation.text, confirmation.segments) == (CONFIRMATION["fr"], 1)
    [copy] = await app.received(1)
    assert copy.fields["short_message"] == b"Stop svp"
    assert (copy.fields["source_addr"], copy.fields["destination_addr"]) == (FRENCH, SHORT_CODE)
    assert ledger(world) == [("shop", FRENCH, SHORT_CODE, 1)]
    assert (await app.submit(FRENCH)).status == REFUSED
    assert (await app.submit(OTHER_FRENCH)).status == status.ESME_ROK


async def test_billable_event(world, app):
    """The one billable event is logged with the number masked, and names the confirmation."""
    await stop(world)
    [event] = world.events("billable")
    [(identifier, message)] = world.rows("SELECT id, message FROM ledger")
    assert (event["id"], event["message_id"], event["account"], event["credits"]) == (identifier, message, "shop", 1)
    assert (event["kind"], event["code"], event["source"]) == ("opt_out_confirmation", SHORT_CODE, "sms")
    assert FRENCH not in json.dumps(world.log)


async def test_repeated_stop(world, app):
    """A STOP again is acknowledged, recorded and copied, but neither billed nor confirmed."""
    for _ in range(3):
        await stop(world)
    await app.received(3)
    await world.settled()
    assert ledger(world) == [("shop", FRENCH, SHORT_CODE, 1)]
    assert len(world.orange.taken) == 2
    effects = world.rows("SELECT effect FROM evidence WHERE rule <> 'receipt' ORDER BY id")
    assert effects == [("opted_out",), ("repeated",), ("repeated",)]


async def test_answered_after_the_commit(world, app):
    """The operator's STOP is not answered before it is on disk (idea 125)."""
    answers = []

    async def text():
        answers.append(await world.orange.deliver(FRENCH, b"STOP"))

    with world.locked():
        world.nursery.start_soon(text)
        await world.orange.wait_for(lambda: world.orange.links[0].session.in_flight)
        await world.eventually(lambda: world.gateway._peers.connectors["orange"]._links.copy().pop().session.owed)
        await app.heard()
        assert (answers, ledger(world)) == ([], [])
    await world.orange.wait_for(lambda: world.orange.links[0].session.in_flight == 0)
    await world.eventually(lambda: answers)
    assert (answers[0].status, len(ledger(world))) == (status.ESME_ROK, 1)


async def test_full_disk(world, app):
    """A STOP that cannot be written is refused for now, none of it is kept; next time it is taken (idea 125)."""
    with world.full():
        answer = await world.orange.deliver(FRENCH, b"STOP" + b" " * 60_000)
        assert answer.status == status.ESME_RX_T_APPN
        assert (ledger(world), world.rows("SELECT * FROM evidence")) == ([], [])
    await stop(world)
    assert len(ledger(world)) == 1


@pytest.mark.parametrize(
    ("octets", "data_coding"),
    [
        ("Stop".encode("utf-16-be"), 8),
        ("STOP".encode("utf-16-be"), 0),
        (b"STOP@@@@\0\0", 0),
        (b"STOP\0", 3),
        ("\ufeffSTOP\u200b".encode("utf-16-be"), 8),
        ("Arrêt".encode("latin-1"), 3),
        ("Arrêtez".encode(), 0),
    ],
    ids=["UCS-2", "UCS-2 called GSM", "padded", "closing NUL", "invisible marks", "Latin-1", "UTF-8 called GSM"],
)
async def test_spellings(world, app, octets, data_coding):
    """A STOP is heard through whatever the network did to it."""
    await stop(world, octets, data_coding=data_coding)
    assert len(ledger(world)) == 1
    assert (await app.submit(FRENCH)).status == REFUSED


@pytest.mark.parametrize("words", [b"Bonjour", b"Top", b"non-stop", b"Merci beaucoup", b"", b"\0\0"])
async def test_other_texts(world, app, words):
    """Whatever else is texted to the code is acknowledged and copied to the account, and opts nobody out."""
    await stop(world, words)
    [copy] = await app.received(1)
    assert copy.fields["short_message"] == words
    assert (ledger(world), world.rows("SELECT * FROM blacklist")) == ([], [])
    await app.accepted(FRENCH)


async def test_reaction_that_quotes_us(world, app):
    """A reaction that quotes our own text is not a STOP."""
    await stop(world, "A aimé « Soldes STOP 36034 »".encode("utf-16-be"), data_coding=8)
    assert ledger(world) == []


async def test_number_nobody_wrote_to(world):
    """A STOP from a number that nobody is known to have written to counts for everybody, and is warned about."""
    await world.start(accounts={"other": {"password": "secret"}})
    shop, other, bank = await world.app(), await world.app("other"), await world.app("bank")
    await stop(world)
    assert ledger(world) == [("", FRENCH, SHORT_CODE, 1)]
    assert len(world.events("opt_out_without_sender")) == 1
    assert [(await app.submit(FRENCH)).status for app in (shop, other)] == [REFUSED, REFUSED]
    await bank.accepted(FRENCH)


async def test_everybody_is_billed_once(world):
    """A STOP that counts for everybody is not billed again when later ones come, from whoever sent what meanwhile."""
    await world.start(accounts={"bank": {"mention": True}})
    bank = await world.app("bank")
    await stop(world)
    await bank.accepted(FRENCH)
    await stop(world)
    await stop(world, b"STOP TOUT")
    assert ledger(world) == [("", FRENCH, SHORT_CODE, 1)]
    assert (await bank.submit(FRENCH)).status == REFUSED
    effects = world.rows("SELECT effect FROM evidence WHERE rule <> 'receipt' ORDER BY id")
    assert effects == [("opted_out",), ("repeated",), ("repeated",)]


@pytest.mark.parametrize("default_alphabet", ["gsm", "latin1"])
@pytest.mark.parametrize("text", ["Cout : 0 €", "Vous ne recevrez plus rien de nous, pour 0 € par message. " * 2])
async def test_confirmation_in_any_alphabet(world, default_alphabet, text):
    """A confirmation that the operator's alphabet cannot spell goes out in UCS-2, in as many segments as it takes."""
    world.operator["default_alphabet"] = default_alphabet
    await world.start(opt_out={"confirmation": {"fr": text}})
    await stop(world)
    [confirmation] = await world.orange.texts(1)
    assert confirmation.text == text
    assert confirmation.alphabet == (Alphabet.GSM7 if default_alphabet == "gsm" else Alphabet.UCS2)
    assert len(ledger(world)) == 1
    await world.settled()
    await world.eventually(lambda: world.rows("SELECT DISTINCT state FROM message") == [(messages.DELIVERED,)])


@pytest.mark.parametrize("number", ["594694123456", "4915112345678"])
async def test_number_called_national(world, app, number):
    """A number abroad that the operator calls a national one is read as what it is, and its STOP is heard."""
    await stop(world, source=number, source_addr_ton=2)
    assert world.rows("SELECT number FROM blacklist") == [(number,)]
    assert world.events("inbound_number_unreadable") == []


async def test_several_senders(world):
    """A STOP is for every account that sent marketing to the number, billed to the last one, and for no other."""
    accounts = {name: {"password": "secret"} for name in ("early", "late", "never")}
    await world.start(accounts=accounts)
    apps = {name: await world.app(name) for name in accounts}
    await apps["late"].accepted(FRENCH)
    await apps["early"].accepted(FRENCH)
    [(before,)] = world.rows("SELECT last_sent FROM contact WHERE account = 'early'")
    await world.eventually(lambda: world.gateway.store.clock() > before)  # milliseconds, of which one holds several
    await apps["late"].accepted(FRENCH)
    await stop(world)
    assert [row[0] for row in ledger(world)] == ["late"]
    codes = {name: (await app.submit(FRENCH)).status for name, app in apps.items()}
    assert codes == {"early": REFUSED, "late": REFUSED, "never": status.ESME_ROK}


@pytest.mark.parametrize(("spelling", "ton"), [("+33612345678", 1), ("0612345678", 2), ("0033612345678", 0)])
async def test_number_spelled_otherwise(world, app, spelling, ton):
    """However the operator spells the number, it is the one that was written to."""
    await stop(world, source=spelling, source_addr_ton=ton)
    assert ledger(world) == [("shop", FRENCH, SHORT_CODE, 1)]
    assert (await app.submit(FRENCH)).status == REFUSED


async def test_number_too_long_for_its_field(world, app):
    """A number in brackets and dots, longer than an address may be, loses no STOP."""
    content = {"short_message": b"STOP", "source_addr_ton": 1}
    body = message_body(smpp.DELIVER_SM, ("PLACE", SHORT_CODE), content, None)
    body = body.replace(b"PLACE", b"+33 (0) 6.12.34.56.78")
    answer = await world.orange.ask(world.orange.links[0], smpp.DELIVER_SM, body)
    assert answer.status == status.ESME_ROK
    assert (await app.submit(FRENCH)).status == REFUSED


async def test_overseas_spellings(world):
    """A line of French Guiana is one line, written with 33 or 594: a STOP from either is for both."""
    await world.start(opt_out={"short_code_territories": ["FR", "GF"]})
    app = await world.app()
    await app.accepted("33694123456")
    await stop(world, source="594694123456")
    assert [(await app.submit(number)).status for number in ("33694123456", "594694123456")] == [REFUSED, REFUSED]


async def test_notification_after_stop(world, app):
    """Notifications reach a number that has opted out of marketing."""
    bank = await world.app("bank")
    await stop(world)
    await bank.accepted(FRENCH)


async def test_notification_after_stop_all(world):
    """After STOP TOUT notifications of the accounts concerned are refused as well."""
    await world.start(accounts={"bank": {"mention": True}})
    bank = await world.app("bank")
    await bank.accepted(FRENCH)
    await stop(world, b"STOP")
    await bank.accepted(FRENCH)
    await stop(world, b"STOP TOUT")
    assert (await bank.submit(FRENCH)).status == REFUSED


async def test_opted_out_with_receipt(world):
    """Where the account wants it so, marketing to an opted-out number is accepted and reported REJECTD, never sent."""
    await world.start(accounts={"shop": {"on_opted_out": "receipt", "forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH, registered_delivery=0)
    await world.orange.texts(1)  # for a STOP cancels what still waits
    await stop(world)
    await world.settled()
    message_id = await app.accepted(FRENCH)
    [report] = await app.receipts(1)
    assert (report.message_id, report.state) == (message_id, receipt.REJECTED)
    assert len(world.orange.taken) == 2


async def test_copy_only_where_wanted(world):
    """An account without forward_mo gets no copy."""
    await world.start(accounts={"shop": {"forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH, registered_delivery=0)
    await stop(world)
    await app.accepted(OTHER_FRENCH)
    assert [each.stat for each in await app.receipts(1)] == ["DELIVRD"]


async def test_confirmation_through_the_same_operator(world):
    """The confirmation goes out through the operator that the STOP came from, whatever the routes say."""
    sfr = Operator()
    routes = [{"prefixes": [""], "operators": ["orange"]}]
    await world.start({"orange": world.orange, "sfr": sfr}, routes=routes)
    app = await world.app()
    await app.accepted(FRENCH)
    assert (await sfr.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    assert [text.source for text in await sfr.texts(1)] == [SHORT_CODE]


async def test_retired_code(world):
    """A retired short code is still listened to, and confirms from itself."""
    await world.start(opt_out={"short_codes": ["36111", SHORT_CODE]})
    app = await world.app()
    await stop(world)
    assert [text.source for text in await world.orange.texts(1)] == [SHORT_CODE]
    assert (await app.submit(FRENCH)).status == REFUSED


@pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18, 0x43])
async def test_other_kinds_of_messages(world, app, esm_class):
    """Whatever kind of message an operator makes of it, a STOP that is no receipt is one."""
    octets = b"\x00STOP" if esm_class & 0x40 else b"STOP"
    await stop(world, octets, esm_class=esm_class)
    assert len(ledger(world)) == 1


@pytest.mark.parametrize("esm_class", [0x04, 0x20])
async def test_news_of_the_network(world, app, esm_class):
    """A receipt or an intermediate notification opts nobody out, whatever its text says."""
    await stop(world, b"STOP", esm_class=esm_class)
    assert ledger(world) == []


async def test_code_written_as_a_number(world, app):
    """A STOP to the code with a plus sign before it is one to the code."""
    await stop(world, to=f"+{SHORT_CODE}")
    assert ledger(world) == [("shop", FRENCH, SHORT_CODE, 1)]


async def test_text_to_another_number(world, app):
    """A STOP that is not sent to a code of ours is acknowledged and opts nobody out."""
    await stop(world, to="38000")
    assert ledger(world) == []
    await app.accepted(FRENCH)


async def pass_by(world, milliseconds):
    """Let so much time have passed since whatever is on record: in the database everything is older now."""
    await world.gateway.store.transact(
        lambda tx: (
            tx.rows("UPDATE confirmation SET at = at - ?", (milliseconds,)),
            tx.rows("UPDATE evidence SET at = at - ?", (milliseconds,)),
        )
    )


async def test_told_again_after_a_day(world, app):
    """Who texts STOP again is told again, at most once in 24 hours, and nobody pays for it."""
    await stop(world)
    await world.orange.texts(2)
    await pass_by(world, 24 * 3_600_000 - 60_000)
    await stop(world)
    await pass_by(world, 60_000)
    await stop(world, b"Stop svp")
    await stop(world, b"Arret")
    [*_, again] = await world.orange.texts(3)
    await world.settled()
    assert again.text == CONFIRMATION["fr"]
    assert len(world.orange.taken) == 3
    assert ledger(world) == [("shop", FRENCH, SHORT_CODE, 1)]
    assert world.rows("SELECT note FROM evidence WHERE rule <> 'receipt' ORDER BY id") == [
        ("",),
        ("no answer: confirmed within 24 hours",),
        ("",),
        ("no answer: confirmed within 24 hours",),
    ]


async def test_loop(world, app):
    """The third text of the same words within an hour comes from a machine, and gets no answer; another text does."""
    for _ in range(2):
        await stop(world, b"Stop stop")
    await pass_by(world, 59 * 60_000)
    await world.gateway.store.transact(lambda tx: tx.rows("DELETE FROM confirmation"))
    await stop(world, b"Stop stop")
    assert world.rows("SELECT note FROM evidence ORDER BY id DESC LIMIT 1") == [
        ("no answer: a machine has sent it, for there were too many texts within an hour",)
    ]
    await world.settled()
    assert len(world.orange.taken) == 2
    await stop(world)
    assert len(await world.orange.texts(3)) == 3
    assert ledger(world) == [("shop", FRENCH, SHORT_CODE, 1)]


@pytest.mark.parametrize("receipts", [True, False])
async def test_receipt_of_the_confirmation(world, receipts):
    """The confirmation's own receipt is asked for, whatever the operator's default, and kept with the evidence."""
    world.operator["receipts"] = receipts
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, registered_delivery=0)
    await world.orange.texts(1)  # for a STOP cancels what still waits
    await stop(world)
    await world.orange.texts(2)
    found = await world.eventually(
        lambda: world.rows("SELECT number, operator, effect, note FROM evidence WHERE rule = 'receipt'")
    )
    [(number, operator, effect, note)] = found
    [(message,)] = world.rows("SELECT message FROM ledger")
    assert (number, operator, effect) == (FRENCH, "orange", "confirmation_delivered")
    assert note == f"id:{message} stat:DELIVRD err:000"
    assert len(ledger(world)) == 1
    await world.settled()
    assert [pdu.fields["short_message"] for pdu in app.requests] == [b"STOP"]


async def test_confirmation_that_is_refused(world, app):
    """A confirmation that the operator refuses is said so in the evidence and in the ledger, which charges no more."""
    world.orange.answer = lambda _pdu: status.ESME_RINVDSTADR
    await stop(world)
    await world.eventually(lambda: len(ledger(world)) == 2)
    kinds = world.rows("SELECT kind, account, credits FROM ledger ORDER BY position")
    assert kinds == [("opt_out_confirmation", "shop", 1), ("opt_out_confirmation_undelivered", "shop", 0)]
    [(effect, note)] = world.rows("SELECT effect, note FROM evidence WHERE rule = 'receipt'")
    assert effect == "confirmation_undelivered"
    assert note.endswith("stat:REJECTD err:00B")

"""Long, odd and hostile texts to the short code."""

from itertools import permutations

import pytest
import trio

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.text import Alphabet, encode_text
from tests.flows.peers import SHORT_CODE, tlv
from tests.flows.world import FRENCH, OTHER_FRENCH

UDHI = 0x40
LONG = "Bonjour, " + "je vous prie de bien vouloir ne plus m'envoyer de sms. " * 6 + "Cordialement"


@pytest.fixture
async def app(world):
    """Start everything, with one marketing message sent to FRENCH."""
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, "Soldes", registered_delivery=0)
    await world.settled()
    return app


def parts(text, reference=7, alphabet=Alphabet.GSM7, size=153):
    """Cut a text into parts with headers."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        bytes((5, 0, 3, reference, len(pieces), place)) + encode_text(piece, alphabet)
        for place, piece in enumerate(pieces, 1)
    ]


async def text(world, octets, source=FRENCH, **fields):
    """Text something to the code; it must be taken."""
    assert (await world.orange.deliver(source, octets, **fields)).status == status.ESME_ROK


async def text_parts(world, pieces, **fields):
    """Text parts with headers."""
    for piece in pieces:
        await text(world, piece, esm_class=UDHI, **fields)


def ledger(world):
    """Return who was billed for whom."""
    return world.rows("SELECT account, number FROM ledger ORDER BY position")


def heard(world):
    """Return rule and effect of each text."""
    return world.rows("SELECT rule, effect FROM evidence WHERE source = 'sms' ORDER BY id")


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_parts_in_any_order(world, app, order):
    """Parts are answered one by one and read as one text, once, whatever their order."""
    pieces = parts(LONG)
    await text_parts(world, [pieces[each] for each in order])
    assert heard(world) == [("imperative phrase", "opted_out")]
    assert ledger(world) == [("shop", FRENCH)]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT
    assert world.rows("SELECT count(*) FROM inbound") == [(0,)]
    [(octets,)] = world.rows("SELECT octets FROM evidence WHERE source = 'sms'")
    assert octets == encode_text(LONG, Alphabet.GSM7)


async def test_copies_come_part_by_part(world, app):
    """The account gets each part as it came, and no copy of the whole."""
    pieces = parts(LONG)
    await text_parts(world, pieces)
    copies = await app.received(3)
    await world.settled()
    assert [copy.fields["short_message"] for copy in copies] == pieces
    assert {copy.fields["esm_class"] for copy in copies} == {UDHI}


async def test_nothing_before_it_is_complete(world, app):
    """While a part is missing nothing is decided."""
    await text_parts(world, parts(LONG)[:2])
    assert heard(world) == []
    assert (await app.submit(FRENCH)).status == status.ESME_ROK


async def test_parts_survive_a_restart(world, app):
    """Parts wait on disk."""
    pieces = parts(LONG)
    await text_parts(world, pieces[:2])
    world.ask_to_stop()
    await world.stopped()
    await world.start_gateway({"orange": world.orange})
    await world.usable("orange")
    await text_parts(world, pieces[2:])
    assert ledger(world) == [("shop", FRENCH)]


async def test_a_part_never_comes(world, app):
    """After a while what there is is read: half a request may be one."""
    await text_parts(world, parts(LONG)[:1])
    await world.gateway._upkeep.sweep()
    assert heard(world) == []
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE inbound SET until = until - 1000000000"))
    await world.gateway._upkeep.sweep()
    [(_, effect)] = heard(world)
    assert effect in {"opted_out", "held"}
    assert world.rows("SELECT count(*) FROM inbound") == [(0,)]


async def test_a_part_again(world, app):
    """A part that comes twice is one part."""
    first, *rest = parts(LONG)
    await text_parts(world, [first, first, *rest])
    assert heard(world) == [("imperative phrase", "opted_out")]


async def copied(world, app, count):
    """Return the octets of the copies that the account gets: so many and, once all has been handed over, no more."""
    await app.received(count)
    await world.settled()
    copies = app.requests
    return [copy.fields["short_message"] for copy in copies]


async def overdue(world):
    """Let the time of all parts that wait be over."""
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE inbound SET until = until - 1000000000"))
    await world.gateway._upkeep.sweep()
    assert world.rows("SELECT count(*) FROM inbound") == [(0,)]


async def test_a_part_again_is_copied_once(world, app):
    """A part that comes twice while its text waits goes to the account once."""
    first, *rest = parts(LONG)
    await text_parts(world, [first, first, *rest])
    assert await copied(world, app, 3) == [first, *rest]


@pytest.mark.parametrize("place", range(3))
async def test_a_part_again_after_its_text_was_read(world, app, place):
    """A part that comes again once its text has been read is answered and leads to nothing, not even later."""
    pieces = parts(LONG)
    await text_parts(world, [*pieces, pieces[place]])
    await overdue(world)
    assert heard(world) == [("imperative phrase", "opted_out")]
    assert await copied(world, app, 3) == pieces


async def test_a_part_again_after_half_a_text_was_read(world, app):
    """Nor does one of a text that was read without the rest."""
    piece = parts("STOP" + " " * 200)[0]
    await text_parts(world, [piece])
    await overdue(world)
    await text_parts(world, [piece])
    await overdue(world)
    assert [effect for _, effect in heard(world)] == ["opted_out"]
    assert await copied(world, app, 1) == [piece]


async def test_all_parts_again(world, app):
    """All parts of a text again, in whatever order, are the text that was read."""
    pieces = parts(LONG)
    await text_parts(world, [*pieces, *reversed(pieces)])
    assert heard(world) == [("imperative phrase", "opted_out")]
    assert await copied(world, app, 3) == pieces


async def test_a_part_again_after_a_restart(world, app):
    """What has been read is known on disk."""
    pieces = parts(LONG)
    await text_parts(world, pieces)
    await world.settled()
    world.ask_to_stop()
    await world.stopped()
    await world.start_gateway({"orange": world.orange})
    await world.usable("orange")
    await text_parts(world, pieces[1:])
    await overdue(world)
    assert heard(world) == [("imperative phrase", "opted_out")]


async def test_a_reference_again_with_a_part_that_was_read(world, app):
    """A new text that begins like one that was read, under its reference, is read, and the account gets all of it."""
    old, new = parts("Bonjour" + "." * 146 + "Merci"), parts("Bonjour" + "." * 146 + "STOP")
    await text_parts(world, old)
    await text_parts(world, new)
    assert [rule for rule, _ in heard(world)] == ["ordinary text", "keyword and pleasantries"]
    assert await copied(world, app, 4) == [*old, *new]


async def test_a_part_of_an_older_text_among_those_of_a_newer(world, app):
    """A part of a text that was read, repeated while a new one under its reference waits, does not end up in that."""
    old, new = parts("Bonjour" + "." * 146 + "Merci"), parts("STOP" + "." * 200)
    await text_parts(world, [*old, new[0], old[0], new[1]])
    assert [effect for _, effect in heard(world)] == ["none", "opted_out"]
    assert await copied(world, app, 4) == [*old, *new]


@pytest.mark.parametrize("place", range(2))
async def test_a_place_that_a_repeated_part_has(world, app, place):
    """A part that was read, and waits for nothing, gives its place to that of a new text."""
    old, new = parts("Bonjour" + "." * 146 + "Merci"), parts("STOP" + "." * 200)
    await text_parts(world, [*old, old[place], *new])
    assert [effect for _, effect in heard(world)] == ["none", "opted_out"]
    assert await copied(world, app, 4) == [*old, *new]


async def test_a_part_that_may_have_been_repeated(world, app):
    """Where nothing else comes in its place it is read with its text in the end, and the account gets it then."""
    old, new = (parts(word + "." * (153 - len(word)) + "merci") for word in ("Bonjour", "STOP"))
    await text_parts(world, [*old, *reversed(new)])
    assert [effect for _, effect in heard(world)] == ["none"]
    await overdue(world)
    assert [effect for _, effect in heard(world)] == ["none", "opted_out"]
    assert await copied(world, app, 4) == [*old, *new]


async def test_the_same_text_after_a_change_of_mind(world, app):
    """The same STOP under the same reference, after a START, opts out again."""
    pieces = parts(LONG)
    await text_parts(world, pieces)
    await text(world, b"START")
    assert (await app.submit(FRENCH)).status == status.ESME_ROK
    await text_parts(world, pieces)
    assert [effect for _, effect in heard(world)] == ["opted_out", "lifted", "opted_out"]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT


async def test_the_same_text_after_another_that_begins_like_it(world, app):
    """Also where the START is as long, has the same reference, and begins with the same part."""
    stop, start = (parts("Bonjour" + "." * 146 + word) for word in ("STOP", "START"))
    for pieces in (stop, start, stop):
        await text_parts(world, pieces)
    assert [effect for _, effect in heard(world)] == ["opted_out", "lifted", "opted_out"]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT


async def test_the_same_text_after_marketing_of_somebody_else(world, app):
    """The same STOP under the same reference is about whoever has sent marketing since."""
    pieces = parts(LONG)
    await text_parts(world, pieces)
    await world.reload(accounts={"club": {"password": "secret"}})
    club = await world.app("club")
    await club.accepted(FRENCH, "Concert", registered_delivery=0)
    await text_parts(world, pieces)
    assert [effect for _, effect in heard(world)] == ["opted_out", "opted_out"]
    assert [(await each.submit(FRENCH)).status for each in (app, club)] == [status.OPTED_OUT, status.OPTED_OUT]


async def test_what_was_read_is_forgotten(world, app):
    """What has been read is not known for ever."""
    pieces = parts(LONG)
    await text_parts(world, pieces)
    await world.gateway._upkeep.sweep()
    assert world.rows("SELECT count(*) FROM inbound_read") == [(3,)]
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE inbound_read SET at = 1"))
    await world.gateway._upkeep.sweep()
    assert world.rows("SELECT count(*) FROM inbound_read") == [(0,)]


async def test_a_reference_again(world, app):
    """Another text under the reference of one that is incomplete: each is read for itself."""
    await text_parts(world, parts("STOP" + " " * 200)[:1])
    await text_parts(world, parts(LONG[:200]))
    assert [effect for _, effect in heard(world)] == ["opted_out", "repeated"]


async def test_two_numbers(world, app):
    """Parts of different numbers under one reference never meet."""
    one, two = parts("STOP" + "." * 200)
    await text(world, one, esm_class=UDHI)
    await text(world, two, OTHER_FRENCH, esm_class=UDHI)
    assert heard(world) == []


@pytest.mark.parametrize("data_coding", [8, 0])
async def test_long_ucs2(world, app, data_coding):
    """Parts in UCS-2, also those that claim to be in another alphabet, are read as what they are."""
    await text_parts(world, parts("Arrêtez ✋ " + LONG[:150], alphabet=Alphabet.UCS2, size=67), data_coding=data_coding)
    [(_, effect)] = heard(world)
    assert effect in {"opted_out", "held"}


async def test_sar(world, app):
    """Parts with sar_* parameters are parts, too."""
    for place, piece in enumerate(("ST", "OP"), 1):
        tlvs = tlv(0x020C, b"\x01\x02") + tlv(0x020E, b"\x02") + tlv(0x020F, bytes([place]))
        fields = smpp.encode_body(smpp.DELIVER_SM, deliver_sm(piece.encode())) + tlvs
        answer = await world.orange.ask(world.orange.links[0], smpp.DELIVER_SM, fields)
        assert answer.status == status.ESME_ROK
    assert ledger(world) == [("shop", FRENCH)]


def deliver_sm(octets):
    """Return the fields of a text to the code."""
    zeros = ("esm_class", "protocol_id", "priority_flag", "registered_delivery", "replace_if_present_flag")
    more = ("data_coding", "sm_default_msg_id", "dest_addr_ton", "dest_addr_npi")
    return {
        **dict.fromkeys((*zeros, *more), 0),
        **dict.fromkeys(("service_type", "schedule_delivery_time", "validity_period"), ""),
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": FRENCH,
        "destination_addr": SHORT_CODE,
        "short_message": octets,
    }


async def test_data_sm(world, app):
    """A STOP in a data_sm is one."""
    fields = deliver_sm(b"")
    body = smpp.encode_body(smpp.DATA_SM, fields) + tlv(0x0424, b"STOP")
    answer = await world.orange.ask(world.orange.links[0], smpp.DATA_SM, body)
    assert answer.status == status.ESME_ROK
    assert ledger(world) == [("shop", FRENCH)]
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT


@pytest.mark.parametrize("octets", [b"STOP" + b" " * 300, b"STOP\n" * 60, ("STOP. " + "x" * 600).encode()])
async def test_message_payload(world, app, octets):
    """A long text may come in one piece."""
    await text(world, octets)
    [(_, effect)] = heard(world)
    assert effect == "opted_out"


@pytest.mark.parametrize(
    "octets",
    [
        b"\x05\x00\x03\x07\x02",  # cut short
        b"\x05\x00\x03\x07\x02\x00STOP",  # place 0 of 2
        b"\x05\x00\x03\x07\x01\x01STOP",  # the one part that there is
        b"\xff\x00STOP",
    ],
)
async def test_headers_that_cannot_be(world, app, octets):
    """A header that makes no sense costs no text: it is read as it stands, at once."""
    await text(world, octets, esm_class=UDHI)
    assert len(heard(world)) == 1
    assert world.rows("SELECT count(*) FROM inbound") == [(0,)]


async def test_many_at_once(world, app):
    """Hundreds of numbers that text at the same time are each opted out, billed and confirmed, once."""
    numbers = [f"336{number:08}" for number in range(200)]
    async with trio.open_nursery() as nursery:
        for number in (*numbers, *numbers):
            nursery.start_soon(text, world, b"STOP", number)
    await world.settled()
    assert sorted(number for _, number in ledger(world)) == sorted(numbers)
    assert {pdu.fields["destination_addr"] for _, pdu in world.orange.taken[1:]} == set(numbers)
    assert len(world.orange.taken) == 1 + len(numbers)


async def test_a_flood_from_one_number(world, app):
    """A flood from one number is acknowledged and recorded, answered twice at most, and delays nobody's STOP."""

    async def flood():
        for _ in range(20):
            await text(world, b"STOP", OTHER_FRENCH)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(flood)
        await text(world, b"STOP")
    assert (await app.submit(FRENCH)).status == status.OPTED_OUT
    await world.settled()
    assert world.rows(f"SELECT count(*) FROM evidence WHERE number = '{OTHER_FRENCH}' AND source = 'sms'") == [(100,)]
    assert len(world.orange.taken) == 3

"""Messages that apps cut themselves: parts wait durably for each other and go out as one message, decided once."""

from itertools import permutations

import pytest

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.text import Alphabet, encode_text
from gateway.submissions import bundles
from tests.flows.peers import tlv
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

UDHI = 0x40
MENTION = " STOP 36034"
LONG = "Soldes! " * 40  # 320 characters
QUIET = {"shop": {"forward_mo": False}}


SUBMIT_MULTI = {
    "service_type": "",
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "SHOP",
    "esm_class": UDHI,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 1,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
}


def cut(text, size=153):
    """Cut a text as apps do."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def with_header(piece, reference, total, number, alphabet=Alphabet.GSM7):
    """Write one part with a header of 8 bits."""
    return bytes((5, 0, 3, reference, total, number)) + encode_text(piece, alphabet)


def with_wide_header(piece, reference, total, number):
    """Write one part with a header of 16 bits."""
    return bytes((6, 8, 4, *reference.to_bytes(2, "big"), total, number)) + encode_text(piece, Alphabet.GSM7)


def sar(reference, total, number):
    """Write the sar_* parameters of one part."""
    return tlv(0x020C, reference.to_bytes(2, "big")) + tlv(0x020E, bytes([total])) + tlv(0x020F, bytes([number]))


async def submit_part(app, octets, to=FRENCH, **fields):
    """Submit one part that has a header; returns its message_id."""
    return await app.accepted(to, octets, esm_class=UDHI, **fields)


async def submit_parts(app, text, reference=7, to=FRENCH, **fields):
    """Submit a whole text in parts; returns the message_ids."""
    pieces = cut(text)
    return [
        await submit_part(app, with_header(piece, reference, len(pieces), number), to, **fields)
        for number, piece in enumerate(pieces, 1)
    ]


async def states(app, count):
    """Return the state of each message in the first ``count`` receipts."""
    return {each.message_id: each.stat for each in await app.receipts(count)}


async def sent(world, count=1):
    """Return the first ``count`` texts that the operator took."""
    return [text.text for text in await world.orange.texts(count)]


def sweep(world):
    """Look for what is too old, as happens every few seconds."""
    world.nursery.start_soon(world.gateway._upkeep.sweep)


@pytest.fixture
async def app(world):
    """Start everything and bind an app that gets nothing but receipts."""
    await world.start(accounts=QUIET)
    return await world.app()


async def test_parts_become_one_message(world, app):
    """Parts are answered one by one, go out together with the mention at the end, and each gets the one state."""
    ids = await submit_parts(app, LONG)
    assert await sent(world) == [LONG.rstrip() + MENTION]
    assert len(set(ids)) == 3
    assert await states(app, 3) == dict.fromkeys(ids, "DELIVRD")
    assert world.rows("SELECT count(*) FROM held") == [(0,)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_any_order(world, app, order):
    """Parts may come in any order."""
    pieces = cut(LONG)
    for each in order:
        await submit_part(app, with_header(pieces[each], 9, 3, each + 1))
    assert await sent(world) == [LONG.rstrip() + MENTION]


async def test_wide_references_and_sar(world, app):
    """A header with a reference of 16 bits and the sar_* parameters cut a message as well."""
    pieces = cut(LONG)
    for number, piece in enumerate(pieces, 1):
        await submit_part(app, with_wide_header(piece, 0x1234, 3, number))
    for number, piece in enumerate(pieces, 1):
        await app.accepted(GERMAN, piece, tlvs=sar(0x1234, 3, number))
    assert await sent(world, 2) == [LONG.rstrip() + MENTION, LONG.rstrip() + " no-sms.eu"]
    assert all(tag not in {0x020C, 0x020E, 0x020F} for _, pdu in world.orange.taken for tag, _ in pdu.tlvs)


async def test_any_session(world, app):
    """Parts of one message may come over several sessions of the account."""
    other = await world.app()
    pieces = cut(LONG)
    for number, (each, piece) in enumerate(zip((app, other, app), pieces, strict=True), 1):
        await submit_part(each, with_header(piece, 9, 3, number))
    assert await sent(world) == [LONG.rstrip() + MENTION]


async def test_full_last_part(world, app):
    """Whether the last part has room makes no difference: the whole is cut again into the fewest segments."""
    text = "x" * (3 * 153)
    await submit_parts(app, text)
    assert await sent(world) == [text + MENTION]
    assert len(world.orange.taken) == 4


async def test_wasteful_parts(world, app):
    """A message that was cut into more parts than it takes goes out in the fewest segments."""
    pieces = ["Bonjour, ", "nos soldes ", "commencent demain."]
    ids = [await submit_part(app, with_header(piece, 1, 3, number)) for number, piece in enumerate(pieces, 1)]
    assert await sent(world) == ["".join(pieces) + MENTION]
    assert len(world.orange.taken) == 1
    assert await states(app, 3) == dict.fromkeys(ids, "DELIVRD")


async def test_parts_in_different_alphabets(world, app):
    """Parts in different alphabets are one text."""
    await submit_part(app, with_header("Prix: 10", 1, 2, 1))
    await submit_part(app, with_header(" \u20ac\u00ea", 1, 2, 2, Alphabet.UCS2), data_coding=8)
    assert await sent(world) == ["Prix: 10 \u20ac\u00ea" + MENTION]


async def test_cut_through_characters(world, app):
    """A text that its app cut by octets, through a surrogate pair, is whole again."""
    text = "Soldes \U0001f600 !"
    octets = text.encode("utf-16-be")
    for number, piece in enumerate((octets[:16], octets[16:]), 1):
        await submit_part(app, bytes((5, 0, 3, 9, 2, number)) + piece, data_coding=8)
    assert await sent(world) == [text + MENTION]


async def test_place_beside_a_header(world, app):
    """Parts with their place in sar_* parameters, and a header with other elements, are joined; the header stays."""
    for number, piece in enumerate((b"Adi\x1b\x6fs, ", b"ma\x1b\x75ana"), 1):
        tables = bytes((3, 0x24, 1, 2))
        await submit_part(app, tables + piece, tlvs=sar(9, 2, number))
    [(_, pdu)] = await world.eventually(lambda: world.orange.taken)
    assert pdu.fields["short_message"] == bytes((3, 0x24, 1, 2)) + b"Adi\x1b\x6fs, ma\x1b\x75ana STOP 36034"


async def test_submit_multi_in_parts(world, app):
    """A submit_multi in parts is one message for each destination, with its own mention and a receipt for each part."""
    destinations = [smpp.Sme(1, 1, number) for number in (FRENCH, GERMAN)]
    ids = []
    for number, piece in enumerate(("Soldes ", "demain."), 1):
        fields = SUBMIT_MULTI | {"dest_address": destinations, "short_message": with_header(piece, 9, 2, number)}
        answer = await app.ask(app.links[0], smpp.SUBMIT_MULTI, smpp.encode_body(smpp.SUBMIT_MULTI, fields))
        assert (answer.status, answer.fields["unsuccess_sme"]) == (status.ESME_ROK, [])
        ids.append(answer.fields["message_id"])
    texts = {text.destination: text.text for text in await world.orange.texts(2)}
    assert texts == {FRENCH: "Soldes demain. STOP 36034", GERMAN: "Soldes demain. no-sms.eu"}
    assert sorted(told.message_id for told in await app.receipts(4)) == sorted(ids * 2)


async def test_same_part_again(world, app):
    """A part that is sent again while others are missing is answered, shares the state, and doubles nothing."""
    first, second, third = (with_header(piece, 9, 3, number) for number, piece in enumerate(cut(LONG), 1))
    ids = [await submit_part(app, octets) for octets in (second, first, second, third)]
    assert await sent(world) == [LONG.rstrip() + MENTION]
    assert await states(app, 4) == dict.fromkeys(ids, "DELIVRD")
    assert world.rows("SELECT count(*) FROM held") == [(0,)]


async def test_reference_used_again_meanwhile(world, app):
    """A second message under the reference of one that is incomplete is told from it, and both go out."""
    one, two = "a" * 200, "b" * 200
    first, second = cut(one), cut(two)
    await submit_part(app, with_header(first[0], 9, 2, 1))
    await submit_part(app, with_header(second[0], 9, 2, 1))
    await submit_part(app, with_header(first[1], 9, 2, 2))
    await submit_part(app, with_header(second[1], 9, 2, 2))
    assert await sent(world, 2) == [one + MENTION, two + MENTION]


async def test_reference_of_two_workers(world, app):
    """Messages of two sessions under one reference, sent at the same time, are told apart by their sessions."""
    other = await world.app()
    one, two = cut("a" * 200), cut("b" * 200)
    order = [(app, one, 1), (other, two, 1), (other, two, 2), (app, one, 2)]
    for each, pieces, number in order:
        await submit_part(each, with_header(pieces[number - 1], 9, 2, number))
    assert sorted(await sent(world, 2)) == ["a" * 200 + MENTION, "b" * 200 + MENTION]


async def test_interleaved_messages(world, app):
    """Messages to other numbers, from other senders, or with other totals or widths do not mix."""
    a, b = with_header("a", 9, 2, 1), with_header("b", 9, 2, 2)
    await submit_part(app, a)
    await submit_part(app, a, OTHER_FRENCH)
    await submit_part(app, a, source="OTHER")
    await submit_part(app, with_header("a", 9, 3, 1))
    await submit_part(app, with_wide_header("a", 9, 2, 1))
    await submit_part(app, b, OTHER_FRENCH)
    assert [text.destination for text in await world.orange.texts(1)] == [OTHER_FRENCH]
    await submit_part(app, with_header("b", 9, 3, 2))
    await submit_part(app, b)
    assert await sent(world, 2) == ["ab" + MENTION] * 2
    assert world.rows("SELECT count(*) FROM held") == [(4,)]


async def test_references_do_not_collide(world, app):
    """What goes out under one number gets a reference of its own, whatever the app's was."""
    await submit_parts(app, LONG, 7)
    await submit_parts(app, LONG, 7)
    await sent(world, 2)
    references = {pdu.fields["short_message"][3] for _, pdu in world.orange.taken}
    assert len(world.orange.taken) == 2 * len(cut(LONG + MENTION))
    assert len(references) == 2


async def test_notification_without_mention(world):
    """Parts of a notification pass one by one, octet for octet, as they come."""
    await world.start()
    app = await world.app("bank")
    octets = with_header("Bonjour", 9, 2, 1)
    await submit_part(app, octets)
    [(_, pdu)] = await world.eventually(lambda: world.orange.taken)
    assert (pdu.fields["short_message"], pdu.fields["esm_class"]) == (octets, UDHI)


async def test_notification_with_mention(world):
    """Parts of a notification that wants the mention are held like any others."""
    await world.start(accounts={"bank": {"mention": True}})
    await submit_parts(await world.app("bank"), LONG)
    assert await sent(world) == [LONG.rstrip() + MENTION]


async def test_overdue_parts(world):
    """A part whose others do not come in time is not sent: it ends EXPIRED and says so, and so does a late one."""
    await world.start(accounts=QUIET, delivery={"held_parts": "1ms"})
    app = await world.app()
    for number in (1, 2):
        part = await submit_part(app, with_header("x", 9, 2, number))
        await world.eventually(lambda: sweep(world) or len(app.requests) >= number)  # noqa: B023 (awaited here)
        assert (await states(app, number))[part] == "EXPIRED"
    assert world.orange.taken == []
    assert world.rows("SELECT count(*) FROM held") == [(0,)]


async def test_bundle_ends_as_one(world):
    """All parts of a bundle have the time that its first one has, however late they came."""
    await world.start(accounts=QUIET)
    app = await world.app()
    for number in (1, 3, 2):
        await submit_part(app, with_header("x", 9, 4, number))
    assert len(set(world.rows("SELECT bundle, until FROM held"))) == 1


async def test_parts_survive_a_restart(world, app):
    """What was held when the gateway stopped is joined with what comes afterwards."""
    first, second, third = (with_header(piece, 9, 3, number) for number, piece in enumerate(cut(LONG), 1))
    ids = [await submit_part(app, first), await submit_part(app, second)]
    world.ask_to_stop()
    await world.stopped()
    await world.start_gateway({"orange": world.orange}, accounts=QUIET)
    await world.usable("orange")
    again = await world.app()
    ids.append(await submit_part(again, third))
    assert await sent(world) == [LONG.rstrip() + MENTION]
    assert await states(again, 3) == dict.fromkeys(ids, "DELIVRD")


async def test_stop_meanwhile(world, app):
    """A STOP ends the parts that are held for that number, and refuses those that come later."""
    ids = [await submit_part(app, with_header("x", 9, 3, number)) for number in (1, 2)]
    await app.accepted(FRENCH, "so that the number has a sender")
    assert (await world.orange.deliver(FRENCH, b"STOP")).status == status.ESME_ROK
    late = await app.submit(FRENCH, with_header("x", 9, 3, 3), esm_class=UDHI)
    assert late.status == status.OPTED_OUT
    found = await states(app, 3)
    assert {found[each] for each in ids} == {"REJECTD"}
    assert world.rows("SELECT count(*) FROM held") == [(0,)]


async def test_refused_whole(world):
    """Where the whole is refused, the part that completed it is, and the others end REJECTD with that status."""
    await world.start(accounts={"shop": {"max_segments": 2, "forward_mo": False}})
    app = await world.app()
    pieces = cut("x" * 306)
    first = await submit_part(app, with_header(pieces[0], 9, 2, 1))
    last = await app.submit(FRENCH, with_header(pieces[1], 9, 2, 2), esm_class=UDHI, registered_delivery=1)
    assert last.status == status.MENTION_DOES_NOT_FIT
    [told] = await app.receipts(1)
    assert (told.message_id, told.stat, told.err) == (first, "REJECTD", "411")


async def test_refused_at_once(world, app):
    """A part that can never carry the mention is refused at once, not held."""
    binary = await app.submit(FRENCH, with_header("x", 9, 2, 1), esm_class=UDHI, data_coding=4)
    unwilling = await app.submit(FRENCH, with_header("x", 9, 2, 1), esm_class=UDHI, tlvs=tlv(0x1534, b"\0"))
    ported = await app.submit(FRENCH, "x", tlvs=sar(9, 2, 1) + tlv(0x020B, b"\x0b\x84"))
    assert [binary.status, unwilling.status] == [status.NOT_TEXT, status.MENTION_REQUIRED]
    assert ported.status == status.NOT_TEXT
    assert world.rows("SELECT count(*) FROM held") == [(0,)]


async def test_parts_without_end(world, app, monkeypatch):
    """Where very many parts wait under one reference, one that completes none of their messages is put off."""
    monkeypatch.setattr(bundles, "_MOST_WAITING", 3)
    for text in ("one", "two", "two"):
        await submit_part(app, with_header(text, 9, 2, 1))
    more = [await app.submit(FRENCH, with_header(text, 9, 2, 1), esm_class=UDHI) for text in ("three", "two")]
    assert [each.status for each in more] == [status.ESME_RTHROTTLED] * 2
    await submit_part(app, with_header("other", 10, 2, 1))
    await submit_part(app, with_header("!", 9, 2, 2))
    assert await sent(world) == ["one!" + MENTION]


async def test_only_some_want_receipts(world, app):
    """Only the parts that asked for a receipt get one, and the operator is asked for one."""
    await submit_part(app, with_header("a", 9, 2, 1), registered_delivery=0)
    wanted = await submit_part(app, with_header("b", 9, 2, 2))
    await world.settled()
    await world.eventually(lambda: world.rows("SELECT state FROM message") == [(2,), (2,)])
    assert await states(app, 1) == {wanted: "DELIVRD"}


@pytest.mark.parametrize("number", [1, 2])
async def test_failed_message(world, app, number):
    """When one segment fails, all parts that the app submitted end in that state."""
    world.orange.answer = lambda pdu: status.ESME_RINVDSTADR if pdu.fields["short_message"][5] == number else 0
    ids = await submit_parts(app, "x" * 250)
    assert await states(app, 2) == dict.fromkeys(ids, "REJECTD")


def about(message_id, source="SHOP", **fields):
    """Write the fields of a request about a message."""
    address = {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": source}
    nowhere = {"dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": ""}
    return {"message_id": message_id, "service_type": "", **address, **nowhere, **fields}


async def request(app, command, message_id, **fields):
    """Ask something about a message; returns the response."""
    return await app.ask(app.links[0], command, smpp.encode_body(command, about(message_id, **fields)))


async def test_query(world, app):
    """A part can be asked about: it is ENROUTE while others are missing, and ends as the whole does."""
    first = await submit_part(app, with_header("a", 9, 2, 1))
    assert (await request(app, smpp.QUERY_SM, first)).fields["message_state"] == 1
    await submit_part(app, with_header("b", 9, 2, 2))
    await app.receipts(2)
    assert (await request(app, smpp.QUERY_SM, first)).fields["message_state"] == 2


async def test_cancel_one_part(world, app):
    """A part that is held can be cancelled; the others wait on."""
    first = await submit_part(app, with_header("a", 9, 2, 1))
    assert (await request(app, smpp.CANCEL_SM, first)).status == status.ESME_ROK
    assert await states(app, 1) == {first: "DELETED"}
    await submit_part(app, with_header("b", 9, 2, 2))
    assert world.rows("SELECT place FROM held") == [(2,)]


@pytest.mark.parametrize("which", [0, 1])
async def test_cancel_joined(world, app, which):
    """Cancelling any part of a message that is joined and waits cancels it, and every part says so."""
    ids = [
        await submit_part(app, with_header("x", 9, 2, number), schedule_delivery_time="000000010000000R")
        for number in (1, 2)
    ]
    assert (await request(app, smpp.CANCEL_SM, ids[which])).status == status.ESME_ROK
    assert await states(app, 2) == dict.fromkeys(ids, "DELETED")
    assert world.rows("SELECT count(*) FROM spool WHERE lane LIKE 'operator/%'") == [(0,)]


async def test_cancel_by_number(world, app):
    """Parts are among what a cancel_sm for a number means."""
    first = await submit_part(app, with_header("a", 9, 2, 1))
    response = await request(app, smpp.CANCEL_SM, "", destination_addr=FRENCH, dest_addr_ton=1)
    assert response.status == status.ESME_ROK
    assert await states(app, 1) == {first: "DELETED"}


async def test_replace_part(world, app):
    """A part cannot be replaced: there is no saying what would become of the others."""
    first = await submit_part(app, with_header("a", 9, 2, 1))
    new = {
        "schedule_delivery_time": "",
        "validity_period": "",
        "registered_delivery": 1,
        "sm_default_msg_id": 0,
        "short_message": b"new",
    }
    assert (await request(app, smpp.REPLACE_SM, first, **new)).status == status.ESME_RREPLACEFAIL

"""Any text, in any alphabet, cut anyhow, to any operator: what the handset shows, and in how few segments.

An example (:mod:`tests.fuzz.example`) goes through the real intake (:mod:`tests.fuzz.intake`); the oracle, which shares
no code with the gateway, reads what came out as a handset does and counts what would have done. Each promise that is
broken is an AssertionError.
"""

from __future__ import annotations

import atexit
import random
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gateway.rules.number import canonical
from gateway.rules.transliterate import transliterate
from gateway.smpp import status
from gateway.store.messages import ENROUTE
from gateway.submissions.previews import Previews, Wish
from tests import oracle
from tests.fuzz import intake
from tests.fuzz.example import FAMILY, PAYLOAD, SAR, Example


class Found(NamedTuple):
    """What came out of an example: a status, and if it was sent a reason, the text shown, and its segments."""

    status: int
    reason: str
    shown: str
    segments: int


def check(example, place):
    """Send an example through the intake and hold what comes out to every promise; returns what was found."""
    requests = example.requests()
    batches = [requests] if example.dice.random() < 0.5 else [[each] for each in requests]
    sent = place.round(example.config, batches)
    if not example.wanted and _has_a_form(requests[0]) and example.account["kind"] == "notification":
        return _untouched(requests, sent)
    found = _found(example, sent)
    if found.status == status.ESME_ROK:
        _shown(example, found)
    else:
        _refused(example, found)
    _previewed(example, found)
    return found


def _has_a_form(request):
    return request.fields["esm_class"] & 0x40 or any(tag in SAR for tag, _ in request.tlvs)


def _untouched(requests, sent):
    """A notification without the mention passes in the form that its app gave it, octet for octet."""
    assert [code for code, _ in sent.answers] == [status.ESME_ROK] * len(requests)
    assert {row[0] for row in sent.messages.values()} == {"not_text"}
    for request, (_, pdu) in zip(requests, sent.pdus, strict=True):
        assert _octets(pdu) == _octets(request)
        assert [tlv for tlv in pdu.tlvs if tlv[0] in SAR] == [tlv for tlv in request.tlvs if tlv[0] in SAR]
        assert all(pdu.fields[name] == request.fields[name] for name in ("esm_class", "data_coding", "source_addr"))
    return Found(status.ESME_ROK, "not_text", "", 0)


def _octets(pdu):
    payload = pdu.tlv(PAYLOAD)
    return pdu.fields["short_message"] if payload is None else payload


def _found(example, sent):
    final = [code for code, _ in sent.answers if code != status.ESME_ROK]
    if final:
        assert not sent.pdus
        assert len(final) == 1 or len(final) == len(sent.answers)
        assert all(row[1] != ENROUTE for row in sent.messages.values())
        return Found(final[0], "", "", 0)
    reasons = {row[0] for row in sent.messages.values()}
    assert len(reasons) == 1
    assert len({message for message, _ in sent.pdus}) == 1
    shown, segments = _on_the_handset(example, [pdu for _, pdu in sent.pdus])
    return Found(status.ESME_ROK, reasons.pop(), shown, segments)


def _on_the_handset(example, pdus):
    """Return the text that a handset shows for these submit_sm, and in how many segments it got it."""
    latin1 = example.operator["default_alphabet"] == "latin1" and not example.sending.message_class
    segments = []
    for pdu in pdus:
        _nothing_else_changed(example, pdu)
        payload, octets = pdu.tlv(PAYLOAD), _octets(pdu)
        udhi = bool(pdu.fields["esm_class"] & 0x40)
        coding = pdu.fields["data_coding"]
        three = coding == 3 and example.operator["data_coding_3"] == "gsm"
        segments.append((oracle.handset(octets, coding, udhi=udhi, latin1=latin1 and not three), pdu, payload))
    if len(segments) == 1 and segments[0][2] is not None and not segments[0][0].header:
        [(only, _, _)] = segments
        assert example.operator["long_messages"] == "payload"
        return only.text, oracle.optimum(only.text, example.way)
    places = []
    for number, (shown, pdu, _) in enumerate(segments, 1):
        values = {tag: int.from_bytes(value, "big") for tag, value in pdu.tlvs if tag in SAR}
        place = shown.place or (tuple(values[tag] for tag in SAR) if values else None)
        beside = shown.header or (7 if values else 0)
        room = (140 - beside) // 2 if shown.ucs2 else 160 - (8 * beside + 6) // 7
        assert shown.units <= room, (shown.units, room)
        assert shown.kept == example.sending.elements
        assert place is None if len(segments) == 1 else place[1:] == (len(segments), number)
        places.append(place)
    assert len({place[0] for place in places if place}) <= 1
    return "".join(shown.text for shown, _, _ in segments), len(segments)


def _nothing_else_changed(example, pdu):
    for name, value in example.fields.items():
        assert pdu.fields[name] == value
    assert pdu.fields["destination_addr"] == example.to
    assert pdu.fields["esm_class"] & ~0x40 == 0
    assert [tlv for tlv in pdu.tlvs if tlv[0] not in (*SAR, PAYLOAD)] == [(0x1400, b"vendor")]
    coding, message_class = pdu.fields["data_coding"], example.sending.message_class
    if message_class:
        assert coding & 3 == message_class & 3
        assert coding & 0xF0 in (0x10, 0xF0)
    else:
        assert coding in (0, 3, 8)


def _shown(example, found):
    """Hold the text that is shown to what its reason says, and its segments to the optimum."""
    text, mention, separator = example.text, example.mention, example.separator
    before, after = oracle.optimum(text, example.way), oracle.optimum(text + mention, example.way)
    joined = text + (separator if text and not text[-1].isspace() else "") + mention
    assert found.segments <= example.account["max_segments"]
    assert found.segments == oracle.optimum(found.shown, example.way)
    if not example.wanted:
        assert (found.reason, found.shown) == ("not_wanted", text)
        return
    assert found.segments <= after
    if found.reason == "already_there":
        assert found.shown == text
        assert "stop" in text.casefold() or mention in text
        return
    assert found.shown.endswith(mention)
    if found.reason == "appended":
        assert found.shown == joined
        assert found.segments == before
    elif found.reason == "appended_without_separator":
        assert found.shown == text + mention
        assert found.segments == before < oracle.optimum(joined, example.way)
    elif found.reason == "transliterated":
        assert found.segments <= before < oracle.optimum(joined, example.way)
        assert "transliterate" in example.account["fit"]
        _spelled(text, found.shown)
    elif found.reason == "extended":
        assert found.shown in (joined, text + mention)
        assert found.segments == after > before
        assert example.account["overflow"] == "extend"
        _nothing_would_do(example, before)
    else:
        assert found.reason == "truncated"
        assert found.segments == before < after
        assert example.account["overflow"] == "truncate"
        _nothing_would_do(example, before)
        _truncated(example, found.shown, before)


def _spelled(text, shown):
    """Whatever GSM-7 has stays, in its order."""
    left = iter(shown)
    composed = set("eaonuAOUN\u0301")  # with a combining accent they may become another letter
    assert all(character in left for character in text if oracle.gsm(character) and character not in composed)
    assert oracle.gsm(shown)


def _nothing_would_do(example, before):
    if "transliterate" in example.account["fit"]:
        spelled = transliterate(example.text)
        assert spelled is None or oracle.optimum(spelled + example.mention, example.way) > before


def _truncated(example, shown, before):
    """What is left begins as the text does, and one word more would not fit."""
    text, mention = example.text, example.mention
    body = shown[: -len(mention)].removesuffix(example.separator)
    assert body.endswith("...")
    kept = body.removesuffix("...")
    assert kept
    assert text.startswith(kept)
    longer = next(
        (
            end
            for end in range(len(kept) + 1, len(text))
            if text[end - 1 : end + 1].isascii() and text[end - 1] not in " \n\r\f"
        ),
        None,
    )
    if longer is not None:
        more = text[:longer] + "..." + example.separator + mention
        assert oracle.optimum(more, example.way) > before


def _refused(example, found):
    """A refusal is right only where nothing could be sent."""
    way, most = example.way, example.account["max_segments"]
    before = oracle.optimum(example.text, way)
    if found.status == status.MENTION_REQUIRED:
        assert example.account["kind"] == "marketing"
        assert example.tlv == 0
    elif found.status == status.ESME_RINVMSGLEN:
        assert before > most
    else:
        assert found.status == status.MENTION_DOES_NOT_FIT
        after, overflow = oracle.optimum(example.text + example.mention, way), example.account["overflow"]
        assert before < after
        _nothing_would_do(example, before)
        assert (
            after > most
            if overflow == "extend"
            else overflow == "reject" or len(example.text) < 40 or FAMILY in example.text
        )


def _previewed(example, found):
    """What a preview says is what is sent, wherever a preview can know: no header, no class."""
    sending = example.sending
    if sending.tables != oracle.Tables() or sending.elements or sending.message_class:
        return
    wish = Wish("shop", canonical(example.to), example.text, example.tlv)
    shown = Previews(example.config).preview(wish, 0)
    if found.status != status.ESME_ROK:
        assert shown.refusal is not None
        assert shown.refusal.status == found.status
        return
    assert (shown.refusal, shown.reason, shown.text) == (None, found.reason, found.shown)
    assert shown.after.segments == len(shown.segments) == found.segments
    assert shown.before.segments == oracle.optimum(example.text, example.way)


@cache
def rooms():
    """Return an intake on a database that lasts as long as the process."""
    folder = tempfile.TemporaryDirectory()
    found = intake.Intake(Path(folder.name))
    atexit.register(lambda: (found.close(), folder.cleanup()))
    return found


def budget(data):
    """Try the example that octets stand for; returns what was found."""
    return check(Example(random.Random(data)), rooms())

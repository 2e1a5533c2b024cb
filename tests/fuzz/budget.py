"""Any text, in any alphabet, cut anyhow, to any operator: what the handset shows, and in how few segments.

`Example` throws the dice for one message: an account, an operator, a text, how its app writes and cuts it. It goes
through the real intake (:mod:`tests.fuzz.intake`); the oracle, which shares no code with the gateway, reads what came
out as a handset does and counts what would have done. Each promise that is broken is an AssertionError.
"""

from __future__ import annotations

import atexit
import random
import tempfile
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gateway.previews import Previews, Wish
from gateway.rules.number import canonical
from gateway.rules.transliterate import transliterate
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store.messages import ENROUTE
from tests import oracle
from tests.fuzz import intake

FRANCE, GERMANY = "33612345678", "4915112345678"
MENTION = {FRANCE: "STOP 36034", GERMANY: "no-sms.eu"}
GRIN, FAMILY, FRENCH_FLAG = "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1eb\U0001f1f7"
GSM = sorted(oracle.OCTETS)
PALETTES = [
    list("abcdefghijklmnop rstuvw 0123456789 éèà."),
    [*"abc é@", "€", "[", "~", "\f"],
    GSM,
    [*"abc \u2019\u00ab\u00a0\u0153\u00ea\u00e7\u2026"],
    [*"ab ж", GRIN, FAMILY, FRENCH_FLAG, "e\u0301", "\u2764\ufe0f"],
    [*"abc \u00ea\u00fb", "\u0436"],
    [*"abc ", *oracle.NATIONAL[oracle.SINGLE, 2].values()],
    [*"abc €", *oracle.NATIONAL[oracle.SINGLE, 1].values(), *oracle.NATIONAL[oracle.LOCKING, 1].values()],
    [*"abc €", *oracle.NATIONAL[oracle.SINGLE, 3].values(), *oracle.NATIONAL[oracle.LOCKING, 3].values()],
]
TABLES = [tables for tables in oracle.ALL_TABLES if any(tables)]
CLASSES = (0x10, 0x11, 0xF0, 0xF1, 0xF3)
PLACES = {"udh8": 5, "udh16": 6, "sar": 6, "payload": 5}
SAR = (0x020C, 0x020E, 0x020F)
PAYLOAD, OPTOUT = 0x0424, 0x1534
EXTRA = ((0x22, b"\x01\x02"), (0x0A, b"\x00\x05\x10"))
FITS = ((), ("separator",), ("transliterate",), ("separator", "transliterate"), ("transliterate", "separator"))
OTHER = {
    "service_type": ("", "CMT"),
    "protocol_id": (0, 0x41),
    "priority_flag": (0, 2),
    "source_addr": ("SHOP", "36034"),
}


_MOST_IN_PARTS = 8_000  # characters, so that there are never more than 255


class Sending(NamedTuple):
    """How an app writes a message: octets and data_coding of each part, and what every header bears."""

    parts: list[tuple[bytes, int]]
    tables: oracle.Tables
    elements: tuple[tuple[int, bytes], ...]
    message_class: int


class Example:
    """One message, all of it chosen by ``dice``."""

    def __init__(self, dice):
        self.dice = dice
        kind, mention, tlv = dice.choice(
            [("marketing", True, None)] * 4
            + [("marketing", True, 1), ("marketing", True, 0), ("notification", True, None), ("notification", False, 1)]
            + [("notification", False, None), ("notification", True, 0)]
        )
        self.account = {
            "kind": kind,
            "mention": mention,
            "default_alphabet": dice.choice(("gsm", "gsm", "latin1")),
            "data_coding_3": dice.choice(("latin1", "latin1", "gsm")),
            "max_segments": dice.choice((1, 2, 3, 4, 8, 8, 255)),
            "fit": dice.choice(FITS),
            "overflow": dice.choice(("extend", "extend", "reject", "truncate")),
        }
        self.operator = {
            "long_messages": dice.choice(tuple(PLACES)),
            "default_alphabet": dice.choice(("gsm", "gsm", "gsm", "latin1")),
            "data_coding_3": dice.choice(("latin1", "latin1", "gsm")),
        }
        self.separator = dice.choice((" ", " ", "", "\n", " - "))
        self.tlv = tlv
        self.wanted = mention if tlv is None else bool(tlv)
        self.to = dice.choice((FRANCE, FRANCE, GERMANY))
        self.mention = MENTION[self.to]
        self.text = self._text()
        self.cut = dice.random() < 0.5
        self.sending = self._sending()
        self.fields = {name: dice.choice(values) for name, values in OTHER.items()}
        self.config = intake.configured(
            tuple(sorted(self.account.items())), tuple(sorted(self.operator.items())), self.separator
        )

    # The text, and how its app writes it

    def _text(self):
        dice, palette = self.dice, self.dice.choice(PALETTES)
        some = palette if dice.random() < 0.5 else [dice.choice(palette)] * 8 + palette
        text = "".join(dice.choices(some, k=dice.randint(0, 200)))
        if dice.random() < 0.01:  # about as long as messages are
            text = "".join(dice.choices(some, k=16_000))[: dice.choice((9_000, 12_000, 16_000))]
        elif dice.random() < 0.6:  # about as long as segments are
            text = "".join(dice.choices(some, k=600))
            most, way = dice.choice((1, 1, 2, 2, 3)), oracle.Way(PLACES[self.operator["long_messages"]])
            longest = bisect_right(range(len(text)), most, key=lambda length: oracle.optimum(text[:length], way)) - 1
            text = text[: max(0, longest - dice.randint(0, 13))]
        ends = ["", "", "", "", " ", "\n", ". " + self.mention, " Stop au 36034 !", " STOP", " STOP PUB 36034"]
        return text + dice.choice(ends) if dice.random() < 0.4 else text

    def _sending(self):
        dice, text = self.dice, self.text
        elements = EXTRA[: dice.randint(1, 2)] if dice.random() < 0.1 and self.wanted else ()
        fitting = [each for each in TABLES if all(character in each.spelled() for character in text)]
        tables = dice.choice(fitting) if fitting and dice.random() < 0.6 and self.wanted else oracle.Tables()
        message_class = dice.choice(CLASSES) if dice.random() < 0.1 else 0
        chunks = self._chunks() if self.cut and self.wanted else [text]
        parts = [self._written(chunk, tables, message_class) for chunk in chunks]
        if len({coding for _, coding in parts}) == 1 and len(parts) > 1 and dice.random() < 0.3:  # through characters
            octets = b"".join(octets for octets, _ in parts)
            places = sorted(dice.randint(0, len(octets)) for _ in parts[1:])
            cuts = zip([0, *places], [*places, len(octets)], strict=True)
            parts = [(octets[start:end], parts[0][1]) for start, end in cuts]
        return Sending(parts, tables, elements, message_class)

    def _chunks(self):
        dice, text = self.dice, self.text
        number = dice.choice((1, 2, 2, 3, 3, 4, 7))
        if len(text) > _MOST_IN_PARTS:
            return [text]
        if dice.random() < 0.5:  # as a good app would, all but the last alike
            size = max(1 + len(text) // 250, dice.choice((153, 152, 67, 66, 134, -(-len(text) // number))))
            return [text[start : start + size] for start in range(0, len(text), size)] or [""]
        places = sorted(dice.randint(0, len(text)) for _ in range(number - 1))
        return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]

    def _written(self, chunk, tables, message_class):
        """Write a chunk in any alphabet that has it; returns octets and data_coding."""
        ways = [(chunk.encode("utf-16-be"), 0x18 | message_class & 3 if message_class else 8)] * 2
        spelled = tables.spelled()
        if all(character in spelled for character in chunk):
            septets = b"".join(spelled[character] for character in chunk)
            gsm = [0] if self.account["default_alphabet"] == "gsm" else []
            gsm += [3] if self.account["data_coding_3"] == "gsm" else []
            ways += [(septets, message_class)] * 4 if message_class else [(septets, coding) for coding in gsm] * 3
            if tables != oracle.Tables():
                ways = [(septets, coding) for _, coding in ways if coding not in (8, 0x18, 0x19, 0x1A, 0x1B)] or ways
        if not message_class and tables == oracle.Tables() and all(ord(character) < 0x100 for character in chunk):
            latin1 = [0] if self.account["default_alphabet"] == "latin1" else []
            latin1 += [3] if self.account["data_coding_3"] == "latin1" else []
            ways += [(chunk.encode("latin-1"), coding) for coding in latin1] * 3
        return self.dice.choice(ways)

    # The requests

    def requests(self):
        """Return the requests that the app makes, in its order."""
        sending, total = self.sending, len(self.sending.parts)
        elements = b"".join(bytes((identifier, len(data))) + data for identifier, data in sending.elements)
        elements += sending.tables.elements()
        way = self.dice.choice(("udh8", "udh16", "sar")) if total > 1 or (self.cut and self.wanted) else ""
        reference = self.dice.randint(0, 255)
        made = []
        for number, (octets, coding) in enumerate(sending.parts, 1):
            place = {
                "": b"",
                "udh8": bytes((0x00, 3, reference, total, number)),
                "udh16": bytes((0x08, 4, 7, reference, total, number)),
                "sar": b"",
            }[way]
            header = place + elements if self.dice.random() < 0.5 else elements + place
            header = bytes((len(header),)) + header if header else b""
            tlvs = [(SAR[0], bytes((0, reference))), (SAR[1], bytes((total,))), (SAR[2], bytes((number,)))]
            made.append(self._request(header, octets, coding, tlvs if way == "sar" else []))
        self.dice.shuffle(made)
        if total > 1 and self.dice.random() < 0.2:  # one of them again, before all are here
            made.insert(self.dice.randint(1, len(made) - 1), made[0])
        return made

    def _request(self, header, octets, coding, tlvs):
        whole = header + octets
        tlvs = [*tlvs, (0x1400, b"vendor")] + ([] if self.tlv is None else [(OPTOUT, bytes((self.tlv,)))])
        payload = len(whole) > 254 or self.dice.random() < 0.1
        fields = {
            "source_addr_ton": 5,
            "source_addr_npi": 0,
            "dest_addr_ton": 1,
            "dest_addr_npi": 1,
            "destination_addr": self.to,
            "esm_class": 0x40 if header else 0,
            "schedule_delivery_time": "",
            "validity_period": "",
            "registered_delivery": 1,
            "replace_if_present_flag": 0,
            "data_coding": coding,
            "sm_default_msg_id": 0,
            "short_message": b"" if payload else whole,
            **self.fields,
        }
        return smpp.Pdu(smpp.SUBMIT_SM, fields=fields, tlvs=[*tlvs, (PAYLOAD, whole)] if payload else tlvs)

    @property
    def way(self):
        """What the oracle needs to know of the way out."""
        elements = sum(2 + len(data) for _, data in self.sending.elements)
        latin1 = self.operator["default_alphabet"] == "latin1" and self.operator["data_coding_3"] == "latin1"
        latin1 = latin1 and not self.sending.message_class
        return oracle.Way(PLACES[self.operator["long_messages"]], elements, latin1, self.sending.tables)


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
    found = _found(example, sent)
    if found.status == status.ESME_ROK:
        _shown(example, found)
    else:
        _refused(example, found)
    _previewed(example, found)
    return found


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
    untouched = not example.wanted and example.sending.tables != oracle.Tables()
    assert not untouched
    segments = []
    for pdu in pdus:
        _nothing_else_changed(example, pdu)
        payload = pdu.tlv(PAYLOAD)
        octets = pdu.fields["short_message"] if payload is None else payload
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

"""One message, all of it chosen by dice: an account, an operator, a text, and how its app writes and cuts it."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from gateway.smpp import pdu as smpp
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
PORTS = (0x05, b"\x0b\x84\x0b\x84")
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
        kept = (*EXTRA, PORTS) if self.account["kind"] == "notification" else EXTRA
        elements = tuple(dice.sample(kept, dice.randint(1, len(kept)))) if dice.random() < 0.1 else ()
        fitting = [each for each in TABLES if all(character in each.spelled() for character in text)]
        tables = dice.choice(fitting) if fitting and dice.random() < 0.6 else oracle.Tables()
        message_class = dice.choice(CLASSES) if dice.random() < 0.1 else 0
        chunks = self._chunks() if self.cut else [text]
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
        way = self.dice.choice(("udh8", "udh16", "sar")) if total > 1 or self.cut else ""
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

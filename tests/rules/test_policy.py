"""What becomes of a submission, and why."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.carriage import Long
from gateway.rules.mention import Budget, Overflow
from gateway.rules.number import Number, canonical
from gateway.rules.policy import (
    WEB,
    Case,
    Forward,
    Kind,
    Mentions,
    Outlet,
    Profile,
    Refuse,
    Submission,
    Swallow,
    choose,
    decide,
    place,
)
from gateway.rules.reading import Piece
from gateway.smpp import status
from gateway.smpp.text import USUAL, Alphabet, Meanings, alphabet_of, decode_text
from gateway.smpp.udh import Concatenation, split_udh

MENTIONS = Mentions("36034", "STOP 36034", "no-sms.eu", frozenset({"FR"}))
FRANCE = canonical("33612345678")
REUNION = canonical("262692123456")
GERMANY = canonical("4915112345678")

MARKETING = Profile("shop", Kind.MARKETING, True, USUAL, Budget(3), False)
NOTIFICATION = MARKETING._replace(account="bank", kind=Kind.NOTIFICATION, mention=False)


def submission(octets=b"Soldes", **changes):
    """Return a submission to a French mobile, in GSM-7 unless said otherwise."""
    text = {name: changes.pop(name) for name in ("data_coding", "esm_class", "tlvs") if name in changes}
    return Submission(FRANCE, (Piece(octets, **text),))._replace(**changes)


def judge(submission, profile=MARKETING, *, opted_out=False):
    """Decide with the reference 77."""
    return decide(Case(profile, submission, opted_out), MENTIONS, lambda: 77)


def text_of(verdict):
    """Return the text that goes out, joined."""
    texts = []
    for part in verdict.parts:
        octets = split_udh(part.octets)[1] if part.udhi else part.octets
        texts.append(decode_text(octets, alphabet_of(part.data_coding)))
    return "".join(texts)


@pytest.mark.parametrize(
    ("number", "mention", "code"),
    [
        (FRANCE, "STOP 36034", "36034"),
        (REUNION, "no-sms.eu", WEB),
        (canonical("33692123456"), "no-sms.eu", WEB),  # Réunion again, spelled as in metropolitan France
        (canonical("377612345678"), "no-sms.eu", WEB),
        (GERMANY, "no-sms.eu", WEB),
        (Number("88212345678", "ZZ"), "no-sms.eu", WEB),
    ],
)
def test_mention_of_the_territory(number, mention, code):
    """Metropolitan France is told the short code, everybody else the web address, and the verdict says which."""
    verdict = judge(submission(destination=number))
    assert text_of(verdict) == f"Soldes {mention}"
    assert (verdict.reason, verdict.code) == ("appended", code)


@pytest.mark.parametrize("tlv", [None, 1])
def test_marketing_always_has_it(tlv):
    """Marketing carries the mention, asked for or not."""
    assert text_of(judge(submission(optout_mention=tlv))).endswith("STOP 36034")


def test_marketing_cannot_leave_it_out():
    """A marketing account that asks to leave the mention out is refused."""
    assert judge(submission(optout_mention=0)) == Refuse(0x412, "mention_required")


@pytest.mark.parametrize(
    ("setting", "tlv", "mentioned"),
    [(False, None, False), (True, None, True), (False, 1, True), (True, 0, False), (True, 1, True), (False, 0, False)],
)
def test_notification_chooses(setting, tlv, mentioned):
    """A notification has the mention as its account says, unless the message itself says otherwise."""
    verdict = judge(submission(optout_mention=tlv), NOTIFICATION._replace(mention=setting))
    assert text_of(verdict) == ("Soldes STOP 36034" if mentioned else "Soldes")
    assert verdict.code == ("36034" if mentioned else "")


def test_already_there():
    """A text that ends with the mention is sent as it is, and still counts as marketing through that code."""
    verdict = judge(submission(b"Soldes STOP 36034"))
    assert text_of(verdict) == "Soldes STOP 36034"
    assert (verdict.reason, verdict.code) == ("already_there", "36034")


@pytest.mark.parametrize("profile", [MARKETING, NOTIFICATION])
def test_opted_out(profile):
    """A number that refuses this account is refused, or swallowed for a receipt where the account prefers that."""
    assert judge(submission(), profile, opted_out=True) == Refuse(0x410, "opted_out")
    swallowing = profile._replace(receipt_when_opted_out=True)
    assert judge(submission(), swallowing, opted_out=True) == Swallow("opted_out")


def test_opted_out_comes_first():
    """Whatever else is wrong with a message, that its number opted out is what the account is told."""
    assert judge(submission(b"\xff", data_coding=4, optout_mention=0), opted_out=True).status == status.OPTED_OUT


NOT_TEXT = [
    {"data_coding": 4},
    {"data_coding": 2},
    {"data_coding": 0xF5},
    {"data_coding": 8, "octets": b"\0S\0"},
    {"data_coding": 8, "octets": b"\xd8\x3d"},
    {"octets": b"\xff"},
    {"esm_class": 0x40, "octets": b"\x06\x05\x04\x0b\x84\x23\xf0x"},
    {"esm_class": 0x04},
    {"esm_class": 0x08},
    {"octets": b"", "canned": 5},
]


@pytest.mark.parametrize("changes", NOT_TEXT)
def test_marketing_that_is_not_text(changes):
    """Marketing that cannot carry the mention is refused."""
    assert judge(submission(**changes)) == Refuse(0x413, "not_text")


@pytest.mark.parametrize("changes", NOT_TEXT)
def test_notification_that_is_not_text(changes):
    """A notification that is not text passes untouched, header and data_coding included."""
    given_in = submission(**changes)
    [part] = judge(given_in, NOTIFICATION).parts
    assert (part.octets, part.data_coding) == (given_in.first.octets, given_in.first.data_coding)
    assert part.udhi == (given_in.first.esm_class == 0x40)


@pytest.mark.parametrize(("octets", "data_coding", "text"), [(b"\xc1\xda\xd8", 6, "Ски"), (b"\xf9\xec", 7, "של")])
def test_cyrillic_and_hebrew(octets, data_coding, text):
    """A text in Cyrillic or Hebrew is a text, and goes out in UCS-2; one that GSM-7 can hold goes out in that."""
    found = judge(submission(octets, data_coding=data_coding))
    assert (text_of(found), found.parts[0].data_coding) == (f"{text} STOP 36034", 8)
    plain = judge(submission(b"Sale", data_coding=data_coding))
    assert (text_of(plain), plain.parts[0].data_coding) == ("Sale STOP 36034", 0)


@pytest.mark.parametrize(
    ("octets", "data_coding", "esm_class", "segments"),
    [
        (b"x" * 140, 4, 0, 1),
        (b"x" * 141, 4, 0, 2),
        (b"x" * 134 * 10, 4, 0, 10),
        (b"x" * 65_000, 4, 0, 486),
        (b"\x06\x05\x04\x0b\x84\x0b\x84" + b"x" * 133, 4, 0x40, 1),
        (b"\x06\x05\x04\x0b\x84\x0b\x84" + b"x" * 257, 4, 0x40, 3),
        (b"\x05\0\3\7\2\1" + b"x" * 153, 0, 0x40, 1),
        (b"\x05\0\3\7\2\1" + b"x" * 154, 0, 0x40, 2),
        (b"\xff" * 140, 0, 0x40, 1),
        (b"", 4, 0x40, 1),
    ],
)
def test_what_passes_untouched_is_counted(octets, data_coding, esm_class, segments):
    """What passes untouched costs as many segments as its operator makes of it."""
    sent = submission(octets, data_coding=data_coding, esm_class=esm_class)
    found = judge(sent, NOTIFICATION._replace(mention=False))
    assert (found.reason, found.segments, [part.octets for part in found.parts]) == ("not_text", segments, [octets])


def test_port_beside_the_text():
    """A text with a port in its TLVs is no marketing; a notification is the text that it was."""
    ported = submission()._replace(ported=True)
    assert judge(ported) == Refuse(0x413, "not_text")
    assert text_of(judge(ported, NOTIFICATION)) == text_of(judge(submission(), NOTIFICATION))


@pytest.mark.parametrize("mode", [0x00, 0x01, 0x02, 0x03])
def test_messaging_mode_is_no_header(mode):
    """The messaging mode in esm_class leaves a text a text."""
    assert text_of(judge(submission(esm_class=mode))) == "Soldes STOP 36034"


@pytest.mark.parametrize(
    ("default", "data_coding", "octets", "text"),
    [
        (Alphabet.GSM7, 0, b"\x00", "@"),
        (Alphabet.LATIN1, 0, b"\xe9", "é"),
        (Alphabet.GSM7, 3, b"\xe9", "é"),
        (Alphabet.GSM7, 1, b"@", "@"),
        (Alphabet.GSM7, 1, b"\x05t\x05", "été"),
        (Alphabet.GSM7, 8, b"\x04\x36", "ж"),
        (Alphabet.GSM7, 8, b"\x00S", "S"),
    ],
)
def test_alphabets(default, data_coding, octets, text):
    """A text is read in the alphabet that it came in, data_coding 0 as the account means it."""
    profile = MARKETING._replace(meanings=Meanings(default))
    assert text_of(judge(submission(octets, data_coding=data_coding), profile)) == f"{text} STOP 36034"


def test_several_segments():
    """A long text goes out in parts that share the reference; it is asked for once."""
    asked = []
    verdict = decide(Case(MARKETING, submission(b"x" * 160), False), MENTIONS, lambda: asked.append(1) or 77)
    headers = [split_udh(part.octets)[0] for part in verdict.parts]
    assert asked == [1]
    assert [tuple(part.octets[:6]) for part in verdict.parts] == [(5, 0, 3, 77, 2, 1), (5, 0, 3, 77, 2, 2)]
    assert all(part.udhi for part in verdict.parts)
    assert len(headers) == 2
    assert verdict.reason == "extended"


def test_single_segment_has_no_reference():
    """A text of one segment uses up no reference."""
    verdict = decide(Case(MARKETING, submission(b"x" * 150), False), MENTIONS, pytest.fail)
    assert [part.udhi for part in verdict.parts] == [False]


def test_too_long():
    """A text that is too long even alone is told apart from one that only the mention makes too long."""
    assert judge(submission(b"x" * 460)) == Refuse(status.ESME_RINVMSGLEN, "too_long")
    assert judge(submission(b"x" * 459)) == Refuse(0x411, "does_not_fit")
    assert len(judge(submission(b"x" * 449)).parts) == 3


def test_overflow_rejects():
    """An account that wants no extra segment is refused where the mention would cost one."""
    strict = MARKETING._replace(budget=Budget(3, overflow=Overflow.REJECT))
    assert judge(submission(b"x" * 151), strict) == Refuse(0x411, "does_not_fit")
    assert isinstance(judge(submission(b"x" * 150), strict), Forward)


octets = st.one_of(
    st.binary(max_size=300), st.text("abcé€ж\U0001f600", max_size=150).map(lambda t: t.encode("utf-16-be"))
)
submissions = st.builds(
    Submission,
    st.sampled_from([FRANCE, REUNION, GERMANY]),
    st.tuples(
        st.builds(
            Piece,
            octets,
            st.one_of(st.sampled_from([0, 1, 3, 4, 8, 0x18, 0xF1]), st.integers(0, 255)),
            st.one_of(st.just(0), st.integers(0, 255)),
        )
    ),
    st.sampled_from([None, 0, 1]),
)


@given(submissions, st.sampled_from(Overflow))
def test_marketing_never_leaves_without_the_mention(given_in, overflow):
    """Whatever a marketing account hands in is refused, or ends with the mention, within the budget."""
    profile = MARKETING._replace(budget=Budget(3, overflow=overflow))
    verdict = judge(given_in, profile)
    assert isinstance(verdict, Forward | Refuse)
    if isinstance(verdict, Forward):
        mention = "STOP 36034" if given_in.destination == FRANCE else "no-sms.eu"
        assert text_of(verdict).rstrip(" \r\n@").casefold().endswith(mention.casefold())
        assert 1 <= len(verdict.parts) <= 3
        assert all(len(part.octets) <= (140 if part.data_coding else 160) for part in verdict.parts)
        assert verdict.code == ("36034" if given_in.destination == FRANCE else WEB)


ROUTES = [
    (["33"], ["orange", "sfr"]),
    (["336", "337"], ["mobile"]),
    (["262", "33692"], ["ocean", "orange"]),
    (["33"], ["never"]),
]


@pytest.mark.parametrize(
    ("number", "operators"),
    [
        ("33145678901", ["orange", "sfr"]),
        ("33612345678", ["mobile"]),
        ("33692123456", ["ocean", "orange"]),
        ("262692123456", ["ocean", "orange"]),
        ("4915112345678", []),
        ("", []),
    ],
)
def test_longest_prefix(number, operators):
    """The longest prefix names the operators; of equal prefixes the first does, and without one there are none."""
    assert choose(number, ROUTES, {"orange", "sfr", "mobile", "ocean", "never"}) == operators


def test_default_route():
    """An empty prefix stands for every number that no other matches."""
    assert choose("4915112345678", [*ROUTES, ([""], ["world"])], ()) == ["world"]


@pytest.mark.parametrize(
    ("usable", "order"),
    [((), ["c", "a", "b"]), (("b", "a"), ["a", "b", "c"]), (("c", "b"), ["c", "b", "a"]), (("x",), ["c", "a", "b"])],
)
def test_usable_first(usable, order):
    """Operators that are up come before those that are down, each group as configured."""
    assert choose("33612345678", [(["33"], ["c", "a", "b"])], usable) == order


def cut(octets=b"\x05\x00\x03\x07\x02\x01Soldes", **changes):
    """Return the first of two parts of a message."""
    return submission(octets, **{"esm_class": 0x40, **changes})


SAR = ((0x020C, b"\0\7"), (0x020E, b"\2"), (0x020F, b"\1"))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (cut(), Concatenation(7, 2, 1, wide=False)),
        (cut(b"\x06\x08\x04\x01\x07\x02\x01Soldes"), Concatenation(0x107, 2, 1, wide=True)),
        (submission(tlvs=SAR), Concatenation(7, 2, 1, wide=True)),
        (submission(), None),
        (submission(tlvs=SAR[:2]), None),
        (cut(b"\x05\x00\x03\x07\x01\x01Soldes"), None),
        (cut(b"\x05\x00\x03\x07\x02\x03Soldes"), None),
        (cut(b"\x09\x00\x03"), None),
        (cut(data_coding=4), None),
        (cut(b"\x05\x00\x03\x07\x02\x01\xe9"), None),
        (cut(b"\x05\x00\x03\x07\x02\x01\x1b"), Concatenation(7, 2, 1, wide=False)),
        (cut(b"\x05\x00\x03\x07\x02\x01\xd8", data_coding=8), Concatenation(7, 2, 1, wide=False)),
        (cut(optout_mention=0), None),
    ],
)
def test_place(part, expected):
    """A part of a text that is to carry the mention has a place; what is whole, or cannot carry it, has none."""
    assert place(MARKETING, part) == expected


def test_notification_has_a_place_where_it_wants_the_mention():
    """A part of a notification waits for others only where the whole is to carry the mention."""
    assert place(NOTIFICATION, cut()) is None
    assert place(NOTIFICATION, cut(optout_mention=1)) == Concatenation(7, 2, 1, wide=False)


def test_joined():
    """Parts are joined in their order, each read in its own alphabet and without its header."""
    pieces = (Piece(b"\x05\x00\x03\x07\x02\x01Prix ", 0, 0x40), Piece("2 \u20ac".encode("utf-16-be"), 8, 0, SAR))
    assert text_of(judge(submission()._replace(pieces=pieces))) == "Prix 2 \u20ac STOP 36034"


def test_header_of_a_single_part():
    """A message that says that it is the only part of itself loses that header."""
    assert text_of(judge(cut(b"\x05\x00\x03\x07\x01\x01Soldes"))) == "Soldes STOP 36034"


def test_part_of_a_notification_passes_untouched():
    """A part of a notification that wants no mention keeps its octets and its sar_* parameters."""
    octets = b"\x05\x00\x03\x07\x02\x01Soldes"
    assert judge(cut(octets), NOTIFICATION).parts == [(octets, 0, True, (), False)]
    assert judge(submission(tlvs=SAR), NOTIFICATION).parts == [(b"Soldes", 0, False, SAR, False)]


WANTING = NOTIFICATION._replace(mention=True)
PORTS = b"\x06\x05\x04\x0b\x84\x23\xf0"


def test_ports_of_a_notification_are_kept():
    """A notification for a port that wants the mention gets it, and keeps the port in every segment."""
    [part] = judge(submission(PORTS + b"Bonjour", esm_class=0x40), WANTING).parts
    assert part.octets == PORTS + b"Bonjour STOP 36034"
    parts = judge(submission(PORTS + b"x" * 150, esm_class=0x40), WANTING).parts
    headers = ["0b00034d020105040b8423f0", "0b00034d020205040b8423f0"]
    assert [part.octets[:12].hex() for part in parts] == headers
    assert len(parts[0].octets) == 12 + 146


def test_ports_beside_a_place():
    """A part that has ports and a place waits for the others where that is no marketing."""
    part = submission(b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\x02\x01x", esm_class=0x40)
    assert place(WANTING, part) == Concatenation(7, 2, 1, wide=False)
    assert (place(MARKETING, part), judge(part)) == (None, Refuse(0x413, "not_text"))


@pytest.mark.parametrize("element", ["0a0100", "0102800f"])
def test_other_elements_are_kept(element):
    """Other information elements of marketing stay in its header."""
    octets = bytes.fromhex(f"{len(element) // 2:02x}{element}")
    [part] = judge(submission(octets + b"Soldes", esm_class=0x40)).parts
    assert part.octets == octets + b"Soldes STOP 36034"


def test_data_for_the_sim_card_is_no_text():
    """What is for the SIM card is refused as marketing, and passes untouched as a notification."""
    command = submission(b"\x02\x70\x00data", esm_class=0x40)
    assert judge(command) == Refuse(0x413, "not_text")
    assert judge(command, WANTING).parts[0].octets == b"\x02\x70\x00data"


TURKISH = b"\x03\x24\x01\x01"


def test_national_tables_are_kept_where_that_costs_less():
    """Text in national tables goes out in them when GSM-7 lacks a letter and UCS-2 would take more segments."""
    [part] = judge(submission(TURKISH + b"\x1b\x73" * 60, esm_class=0x40)).parts
    assert part.octets == TURKISH + b"\x1b\x73" * 60 + b" STOP 36034"
    assert len(judge(submission(TURKISH + b"\x1b\x73" * 72 + b"x", esm_class=0x40)).parts) == 1


def test_national_tables_that_nothing_needs():
    """Text that plain GSM-7 has goes out in that, whatever tables it came in."""
    [part] = judge(submission(TURKISH + b"Soldes", esm_class=0x40)).parts
    assert (part.octets, part.udhi) == (b"Soldes STOP 36034", False)


def test_unknown_national_tables():
    """Text in tables that are not known is refused as marketing: no mention could be put behind it."""
    assert judge(submission(b"\x03\x25\x01\x06abc", esm_class=0x40)) == Refuse(0x413, "not_text")


def test_latin1_operator_gets_no_national_tables():
    """An operator that reads Latin-1 gets UCS-2 for what Latin-1 lacks."""
    case = Case(MARKETING, submission(TURKISH + b"\x1b\x73", esm_class=0x40), False, Outlet(Alphabet.LATIN1))
    [part] = decide(case, MENTIONS, lambda: 77).parts
    assert (part.data_coding, part.udhi) == (8, False)


@pytest.mark.parametrize(
    ("long", "lengths", "segments"),
    [
        (Long.UDH8, [159, 159], 2),
        (Long.UDH16, [159, 159, 10], 3),
        (Long.SAR, [152, 152, 3], 3),
        (Long.PAYLOAD, [306], 2),
    ],
)
def test_long_messages(long, lengths, segments):
    """Each way of long messages has its own room, and what it costs is counted in segments."""
    case = Case(MARKETING, submission(b"x" * 296), False, Outlet(long=long))
    verdict = decide(case, MENTIONS, lambda: 77)
    assert [len(part.octets) for part in verdict.parts] == lengths
    assert (verdict.segments, verdict.parts[0].payload) == (segments, long is Long.PAYLOAD)


def test_operator_without_tlvs():
    """Towards an operator that takes no TLVs a part keeps its place in a header; what is too long is refused."""
    case = Case(NOTIFICATION, submission(tlvs=SAR), False, Outlet(tlvs=False))
    [part] = decide(case, MENTIONS, lambda: 77).parts
    assert (part.octets, part.udhi, part.tlvs) == (bytes.fromhex("060804000702 01") + b"Soldes", True, ())
    long = Case(NOTIFICATION, submission(b"x" * 255, data_coding=4), False, Outlet(tlvs=False))
    assert decide(long, MENTIONS, lambda: 77) == Refuse(status.ESME_RINVMSGLEN, "too_long_for_operator")


def test_data_coding_3_as_the_account_means_it():
    """What an account means by data_coding 3 decides how its text is read."""
    accented = submission(b"caf\x05", data_coding=3)
    assert (
        text_of(judge(accented, MARKETING._replace(meanings=Meanings(three=Alphabet.GSM7)))) == "caf\u00e9 STOP 36034"
    )
    assert text_of(judge(submission(b"caf\xe9", data_coding=3))) == "caf\u00e9 STOP 36034"


@pytest.mark.parametrize("coding", [0xC8, 0xD8, 0xE8])
def test_message_waiting_is_no_marketing(coding):
    """Indications that a message waits are refused as marketing and pass untouched otherwise."""
    waiting = submission(b"2 messages", data_coding=coding)
    assert judge(waiting) == Refuse(0x413, "not_text")
    assert judge(waiting, NOTIFICATION).parts[0][:2] == (b"2 messages", coding)


PAGE = Path(__file__).parents[2] / "docs" / "mention.md"


def examples():
    """Return the table of examples on the page about the mention."""
    table = PAGE.read_text(encoding="utf-8").partition("## Examples")[2].partition("##")[0]
    rows = [line.strip("|\n ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    return [(text, int(segments), reason) for text, segments, reason in rows]


@pytest.mark.parametrize(("text", "segments", "reason"), examples())
def test_examples_of_the_page(text, segments, reason):
    """Each example on the page about the mention is what really happens."""
    letter, _, count = text.partition(" \u00d7 ")
    words = letter * int(count or 1)
    mentions = MENTIONS._replace(codes=("36034",))
    profile = MARKETING._replace(budget=Budget(6))
    case = Case(profile, submission(words.encode("utf-16-be"), data_coding=8), opted_out=False)
    verdict = decide(case, mentions, lambda: 77)
    assert (verdict.segments, verdict.reason) == (segments, reason)


def sent_by(octets, outlet, **fields):
    """Return (data_coding, segments) of a marketing text that goes to an operator."""
    verdict = decide(Case(MARKETING, submission(octets, **fields), False, outlet), MENTIONS, lambda: 77)
    return {part.data_coding for part in verdict.parts}, verdict.segments


def test_a_class_says_what_gsm_7_is():
    """A message class survives at an operator whose data_coding 0 is Latin-1: its data_coding says GSM-7 by itself."""
    latin1 = Outlet(Alphabet.LATIN1)
    assert sent_by(b"\x1b\x65" * 70, latin1, data_coding=0x10) == ({0x10}, 1)
    assert sent_by(b"\x1b\x65" * 70, latin1, data_coding=0xF1) == ({0xF1}, 1)
    assert sent_by(b"\x1b\x65" * 70, latin1) == ({8}, 2)


def test_gsm_7_under_another_data_coding():
    """Where only data_coding 3 means GSM-7 at an operator, texts in GSM-7 go out under it, and classes as ever."""
    three = Outlet(coding=3)
    assert sent_by(b"\x1b\x65" * 70, three) == ({3}, 1)
    assert sent_by("\u0436".encode("utf-16-be"), three, data_coding=8) == ({8}, 1)
    assert sent_by(b"x", three, data_coding=0x10) == ({0x10}, 1)


def test_tables_that_are_not_needed_cost_nothing():
    """Of two national tables that a text came with, only those go out that save segments."""
    both = bytes((6, 0x24, 1, 2, 0x25, 1, 1))
    spanish = submission(both + b"x" * 143 + b"\x1b\x61", esm_class=0x40)
    case = Case(MARKETING, spanish, False)
    verdict = decide(case, MENTIONS, lambda: 77)
    assert (verdict.segments, verdict.reason) == (1, "appended_without_separator")
    assert verdict.parts[0].octets[:4] == bytes((3, 0x24, 1, 2))
